//! A set of positions in an operator table, as bits.

use tandem_types::OPERATORS_PER_TABLE_MAX;

const WORDS: usize = OPERATORS_PER_TABLE_MAX.div_ceil(64);

/// A set of table positions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Positions([u64; WORDS]);

impl Positions {
    pub(crate) fn insert(&mut self, position: usize) {
        self.0[position / 64] |= 1 << (position % 64);
    }

    pub(crate) fn contains(&self, position: usize) -> bool {
        self.0[position / 64] & (1 << (position % 64)) != 0
    }

    pub(crate) fn intersection(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] & other.0[word]))
    }

    pub(crate) fn difference(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] & !other.0[word]))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|&word| word == 0)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        (0..64 * WORDS).filter(|&position| self.contains(position))
    }

    /// The first `count` positions.
    pub(crate) fn first(count: usize) -> Self {
        (0..count).collect()
    }
}

impl FromIterator<usize> for Positions {
    fn from_iter<I: IntoIterator<Item = usize>>(positions: I) -> Self {
        let mut set = Self::default();
        positions.into_iter().for_each(|position| set.insert(position));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_behave_as_sets() {
        let all = Positions::first(OPERATORS_PER_TABLE_MAX);
        let some: Positions = [0, 63, 64, 277].into_iter().collect();
        assert_eq!(all.iter().count(), OPERATORS_PER_TABLE_MAX);
        assert_eq!(some.iter().collect::<Vec<_>>(), [0, 63, 64, 277]);
        assert_eq!(all.intersection(&some), some);
        assert_eq!(all.difference(&some).iter().count(), OPERATORS_PER_TABLE_MAX - 4);
        assert!(some.difference(&all).is_empty());
        assert!(!some.contains(1));
    }
}
