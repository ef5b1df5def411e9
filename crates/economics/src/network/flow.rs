//! Networks in which every service needs all of its operators: choosing services whose prizes exceed the stake of all operators behind them is project
//! selection, a minimum cut (Picard, "Maximal closure of a graph", 1976), so it is exact at any size. The maximum flow is Dinic's.

use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive, Zero};

use super::Network;
use crate::number::{common_denominator, in_units};

/// Bits of capacities that are kept in machine words.
const NARROW_BITS: u64 = 120;

/// The operators of the coalition with the greatest profit; none where nothing pays.
pub(super) fn best_coalition(network: &Network) -> Vec<usize> {
    best_weighed(network, &BigInt::from(1), &BigInt::from(1))
}

/// The operators of the coalition with the greatest `prize factor · π_A − cost factor · σ_B`.
pub(super) fn best_weighed(network: &Network, prize_factor: &BigInt, cost_factor: &BigInt) -> Vec<usize> {
    let prizes = || network.services().iter().map(|service| &service.prize);
    let unit = common_denominator(network.values().iter().chain(prizes()));
    let prizes: Vec<BigInt> = prizes().map(|prize| in_units(prize, &unit) * prize_factor).collect();
    let costs: Vec<BigInt> = network.values().iter().map(|value| in_units(value, &unit) * cost_factor).collect();
    let total: BigInt = prizes.iter().chain(&costs).sum();
    if total.bits() < NARROW_BITS {
        let narrow =
            |values: &[BigInt]| values.iter().map(|value| value.to_i128().unwrap_or(i128::MAX)).collect::<Vec<_>>();
        select(network, &narrow(&prizes), &narrow(&costs))
    } else {
        select(network, &prizes, &costs)
    }
}

/// Operators on the source's side of a minimum cut of: source → services (prizes) → operators (no limit) → sink (costs).
fn select<T: Capacity>(network: &Network, prizes: &[T], costs: &[T]) -> Vec<usize> {
    let (source, sink, first_operator) = (0, 1, 2 + prizes.len());
    let mut graph = Graph::new(first_operator + costs.len());
    let without_limit = prizes.iter().cloned().fold(T::zero(), |sum, prize| sum + prize);
    for (service, prize) in prizes.iter().enumerate() {
        graph.add(source, 2 + service, prize.clone());
        for operator in network.members(service) {
            graph.add(2 + service, first_operator + operator, without_limit.clone());
        }
    }
    for (operator, cost) in costs.iter().enumerate() {
        graph.add(first_operator + operator, sink, cost.clone());
    }
    let cut = graph.source_side(source, sink);
    (0..costs.len()).filter(|operator| cut[first_operator + operator] && costs[*operator] > T::zero()).collect()
}

/// Whole numbers of any width that flow is measured in.
trait Capacity: Clone + Ord + Zero + Signed {}

impl<T: Clone + Ord + Zero + Signed> Capacity for T {}

struct Edge<T> {
    to: usize,
    left: T,
}

/// A flow network; the edge back is at the index with the last bit turned.
struct Graph<T> {
    edges: Vec<Edge<T>>,
    of_node: Vec<Vec<usize>>,
}

impl<T: Capacity> Graph<T> {
    fn new(nodes: usize) -> Self {
        Self { edges: Vec::new(), of_node: vec![Vec::new(); nodes] }
    }

    fn add(&mut self, from: usize, to: usize, capacity: T) {
        self.of_node[from].push(self.edges.len());
        self.edges.push(Edge { to, left: capacity });
        self.of_node[to].push(self.edges.len());
        self.edges.push(Edge { to: from, left: T::zero() });
    }

    /// Pushes as much as it can, and says which nodes the source still reaches.
    fn source_side(mut self, source: usize, sink: usize) -> Vec<bool> {
        loop {
            let levels = self.levels(source);
            if levels[sink] == usize::MAX {
                return levels.into_iter().map(|level| level != usize::MAX).collect();
            }
            let mut next = vec![0; self.of_node.len()];
            while self.push_one_path(source, sink, &levels, &mut next) {}
        }
    }

    fn levels(&self, source: usize) -> Vec<usize> {
        let mut levels = vec![usize::MAX; self.of_node.len()];
        levels[source] = 0;
        let mut queue = std::collections::VecDeque::from([source]);
        while let Some(node) = queue.pop_front() {
            for edge in self.of_node[node].iter().map(|edge| &self.edges[*edge]) {
                if edge.left.is_positive() && levels[edge.to] == usize::MAX {
                    levels[edge.to] = levels[node] + 1;
                    queue.push_back(edge.to);
                }
            }
        }
        levels
    }

    /// Pushes along one path of rising levels; `next` remembers which edges of a node are used up.
    fn push_one_path(&mut self, source: usize, sink: usize, levels: &[usize], next: &mut [usize]) -> bool {
        let mut path: Vec<usize> = Vec::new();
        let mut node = source;
        while node != sink {
            let open = |edge: &Edge<T>| edge.left.is_positive() && levels[edge.to] == levels[node] + 1;
            match self.of_node[node][next[node]..].iter().position(|edge| open(&self.edges[*edge])) {
                Some(offset) => {
                    next[node] += offset;
                    let edge = self.of_node[node][next[node]];
                    path.push(edge);
                    node = self.edges[edge].to;
                }
                None => {
                    next[node] = self.of_node[node].len();
                    let Some(back) = path.pop() else { return false };
                    node = self.edges[back ^ 1].to;
                    next[node] += 1;
                }
            }
        }
        let Some(least) = path.iter().map(|edge| self.edges[*edge].left.clone()).min() else { return false };
        for edge in path {
            self.edges[edge].left = self.edges[edge].left.clone() - least.clone();
            self.edges[edge ^ 1].left = self.edges[edge ^ 1].left.clone() + least.clone();
        }
        true
    }
}
