//! A chain: blocks every so often, transactions that wait for one, reorganisations, and what each endpoint shows of it.

mod contract;
mod reader;

use std::rc::Rc;

use tandem_types::{B256, keccak256};

pub(crate) use contract::{Call, Contract, Entry, Event, Evidence, Memory, Status, TaskRequest, Terms};
pub(crate) use reader::{Reader, Span};

use crate::random::Random;

/// A transaction's number in its run.
pub(crate) type TxId = u64;

/// A block, with the state after it.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) number: u64,
    pub(crate) hash: B256,
    /// In Unix seconds.
    pub(crate) time: u64,
    pub(crate) parent: Option<Rc<Block>>,
    pub(crate) transactions: Vec<(TxId, Rc<Call>)>,
    pub(crate) events: Vec<Event>,
    pub(crate) state: Rc<Contract>,
}

impl Block {
    /// The block of that number on the way back from this one.
    pub(crate) fn at(self: &Rc<Self>, number: u64) -> Option<Rc<Self>> {
        ancestry(self).find(|block| block.number <= number).filter(|block| block.number == number)
    }

    pub(crate) fn holds(self: &Rc<Self>, transaction: TxId) -> bool {
        ancestry(self).any(|block| block.transactions.iter().any(|(id, _)| *id == transaction))
    }
}

/// The block and those before it, newest first.
pub(crate) fn ancestry(tip: &Rc<Block>) -> impl Iterator<Item = Rc<Block>> {
    std::iter::successors(Some(tip.clone()), |block| block.parent.clone())
}

#[derive(Debug)]
struct Pooled {
    id: TxId,
    call: Rc<Call>,
    from_ms: u64,
}

/// The chain as it is; endpoints may show less.
#[derive(Debug)]
pub(crate) struct Chain {
    heads: Vec<(u64, Rc<Block>)>,
    pool: Vec<Pooled>,
    transactions: TxId,
    forks: u64,
    pub(crate) memory: Memory,
}

impl Chain {
    pub(crate) fn new(contract: Contract, now: u64) -> Self {
        let genesis = Block {
            number: 0,
            hash: keccak256("genesis"),
            time: now / 1_000,
            parent: None,
            transactions: Vec::new(),
            events: Vec::new(),
            state: Rc::new(contract),
        };
        let heads = vec![(0, Rc::new(genesis))];
        Self { heads, pool: Vec::new(), transactions: 0, forks: 0, memory: Memory::default() }
    }

    pub(crate) fn head(&self) -> &Rc<Block> {
        &self.heads.last().expect("there is a first block").1
    }

    /// The head as it was then.
    pub(crate) fn head_at(&self, ms: u64) -> &Rc<Block> {
        let first = &self.heads[0];
        &self.heads.iter().rev().find(|(since, _)| *since <= ms).unwrap_or(first).1
    }

    /// Has a transaction wait for the first block from that time on.
    pub(crate) fn send(&mut self, call: Call, from_ms: u64) -> TxId {
        self.transactions += 1;
        self.pool.push(Pooled { id: self.transactions, call: Rc::new(call), from_ms });
        self.transactions
    }

    /// Whether no transaction waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.pool.is_empty()
    }

    /// Mines the next block with what waits, in some order.
    pub(crate) fn mine(&mut self, now: u64, random: &mut Random) -> Rc<Block> {
        let (mut ready, waiting): (Vec<_>, Vec<_>) = self.pool.drain(..).partition(|pooled| pooled.from_ms <= now);
        self.pool = waiting;
        random.shuffle(&mut ready);
        let parent = self.head().clone();
        let time = parent.time.max(now / 1_000);
        let mut state = (*parent.state).clone();
        let (mut events, mut transactions) = (Vec::new(), Vec::new());
        for Pooled { id, call, .. } in ready {
            if let Ok(emitted) = state.execute(&call, time, &mut self.memory) {
                events.extend(emitted);
            }
            transactions.push((id, call));
        }
        let number = parent.number + 1;
        let ids: Vec<_> = transactions.iter().map(|(id, _)| *id).collect();
        let hash = keccak256(format!("{} {number} {ids:?} {}", parent.hash, self.forks));
        let block = Block { number, hash, time, parent: Some(parent), transactions, events, state: Rc::new(state) };
        let block = Rc::new(block);
        self.heads.push((now, block.clone()));
        block
    }

    /// Takes the last blocks back; their transactions wait again, each for some time of its own.
    pub(crate) fn take_back(&mut self, depth: u64, now: u64, random: &mut Random) {
        let mut tip = self.head().clone();
        for _ in 0..depth {
            let Some(parent) = tip.parent.clone() else { break };
            for (id, call) in &tip.transactions {
                let from_ms = now + if random.per_mille(700) { 0 } else { random.within(0..=4_000) };
                self.pool.push(Pooled { id: *id, call: call.clone(), from_ms });
            }
            tip = parent;
        }
        self.forks += 1;
        self.heads.push((now, tip));
    }

    /// A tip that is not there: the head with its last blocks replaced by inventions that say every open task was delivered.
    pub(crate) fn forged_head(&mut self, tip: &Rc<Block>, depth: u64) -> Rc<Block> {
        let root = tip.at(tip.number.saturating_sub(depth)).unwrap_or_else(|| tip.clone());
        let mut forged = root.clone();
        for number in root.number + 1..=tip.number {
            let open = root.state.entries.values().filter(|entry| entry.status == Status::Open);
            let lie = |task_id| tandem_types::BatchEntry { task_id, leaf: tandem_types::ResultLeaf(B256::ZERO) };
            let events = open.map(|entry| Event::Delivered { entry: lie(entry.task_id), evidence: None }).collect();
            forged = Rc::new(Block {
                number,
                hash: keccak256(format!("forged {} {number}", tip.hash)),
                time: tip.time,
                parent: Some(forged),
                transactions: Vec::new(),
                events,
                state: root.state.clone(),
            });
        }
        forged
    }
}
