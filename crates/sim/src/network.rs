//! Messages between operators: late, lost, doubled, out of order, and cut off.

use std::ops::RangeInclusive;

use crate::random::Random;

/// How the network treats messages at the moment.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    pub(crate) latency_ms: RangeInclusive<u64>,
    /// Lost, in a thousand.
    pub(crate) loss: u64,
    /// Sent twice, in a thousand.
    pub(crate) doubles: u64,
    /// Side of each operator; messages stay on their side.
    pub(crate) sides: Vec<u8>,
}

impl Network {
    /// A good network.
    pub(crate) fn calm(operators: usize) -> Self {
        Self { latency_ms: 1..=60, loss: 0, doubles: 0, sides: vec![0; operators] }
    }

    /// After how long each copy of a message arrives.
    pub(crate) fn fate(&self, from: usize, to: usize, random: &mut Random) -> Vec<u64> {
        if self.sides[from] != self.sides[to] || random.per_mille(self.loss) {
            return Vec::new();
        }
        let copies = if random.per_mille(self.doubles) { 2 } else { 1 };
        (0..copies).map(|_| random.within(self.latency_ms.clone())).collect()
    }
}
