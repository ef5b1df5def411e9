//! What a transaction offers per gas, and by how much a replacement must offer more. Asks nobody for prices.

/// EIP-1559 fees, in wei per gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fees {
    /// Most that is paid in all.
    pub(crate) max: u128,
    /// Of which the block's producer gets at most this.
    pub(crate) tip: u128,
}

impl Fees {
    /// The least that nodes accept as a replacement: an eighth more of both, and at least one wei.
    pub(crate) fn bumped(self) -> Self {
        Self { max: eighth_more(self.max), tip: eighth_more(self.tip) }
    }

    /// Twice as much of both, within `limit`; none when that is no more.
    pub(crate) fn doubled(self, limit: u128) -> Option<Self> {
        let double = |fee: u128| fee.saturating_mul(2).max(1);
        let more = Self { max: double(self.max), tip: double(self.tip) }.capped(limit);
        (more.max > self.max || more.tip > self.tip).then_some(more)
    }

    /// The higher of each.
    pub(crate) fn at_least(self, other: Self) -> Self {
        Self { max: self.max.max(other.max), tip: self.tip.max(other.tip) }
    }

    /// Not above `limit`.
    pub(crate) fn capped(self, limit: u128) -> Self {
        let max = self.max.min(limit);
        Self { max, tip: self.tip.min(max) }
    }

    /// A replacement that offers what the market asks, and enough more than this; none when that exceeds `limit`.
    pub(crate) fn replacement(self, market: Self, limit: u128) -> Option<Self> {
        let least = self.bumped();
        (least.max <= limit).then(|| market.capped(limit).at_least(least)).map(|fees| fees.capped(limit))
    }
}

fn eighth_more(fee: u128) -> u128 {
    fee.saturating_add((fee / 8).saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fees(max: u128, tip: u128) -> Fees {
        Fees { max, tip }
    }

    #[test]
    fn bump_is_at_least_an_eighth_and_one_wei() {
        for fee in [0, 1, 7, 8, 9, 1_000_000_007, 30_000_000_000] {
            let bumped = fees(fee, fee).bumped();
            assert!(bumped.tip > fee && bumped.tip * 8 >= fee * 9, "{fee}");
        }
    }

    #[test]
    fn replacement_follows_the_market_up_but_not_down() {
        assert_eq!(fees(80, 8).replacement(fees(200, 20), 1_000), Some(fees(200, 20)));
        assert_eq!(fees(80, 8).replacement(fees(10, 1), 1_000), Some(fees(91, 10)));
    }

    #[test]
    fn doubling_ends_when_both_are_at_the_limit() {
        assert_eq!(fees(40, 3).doubled(100), Some(fees(80, 6)));
        assert_eq!(fees(80, 6).doubled(100), Some(fees(100, 12)));
        assert_eq!(fees(100, 60).doubled(100), Some(fees(100, 100)));
        assert_eq!(fees(100, 100).doubled(100), None);
    }

    #[test]
    fn replacement_stays_below_the_limit() {
        assert_eq!(fees(80, 8).replacement(fees(200, 20), 100), Some(fees(100, 20)));
        assert_eq!(fees(80, 8).replacement(fees(200, 20), 90), None);
        assert_eq!(fees(80, 70).capped(50), fees(50, 50));
    }
}
