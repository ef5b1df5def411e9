//! Many operators in this process: the agreement that ships, with messages as they travel and signatures that are checked, on a network, a clock, disks and a
//! chain that only keep time. Nothing is lost and nobody lies; what happens then is `make sim`'s to show. Times are those of its good network.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::rc::Rc;
use std::sync::Arc;

use tandem_crypto::{KeyTable, SecretKey};
use tandem_protocol::{Agreement, Effect, Input, Message, OwnResult, Settings, Timestamp};
use tandem_types::{
    Address, Batch, BatchEntry, Bps, Domain, Epoch, OperatorEntry, OperatorId, OperatorTable, PerToken, Policy,
    Requirement, ResultLeaf, TaskId, Weight, keccak256,
};

const POLICY: Policy = Policy::Both { native: Bps::TWO_THIRDS, external: Bps::TWO_THIRDS };
/// Time between two looks at the clock, as in a node.
const TICK_MS: u64 = 25;
/// How long a certified batch takes to the chain and back.
const BLOCK_MS: u64 = 1_000;
/// When a run begins: at the beginning of a slot.
const BEGAN: Timestamp = Timestamp(1_800_000_000_000);

/// Operators with equal stakes.
pub(crate) struct Crowd {
    secrets: Vec<SecretKey>,
    keys: Arc<KeyTable>,
}

/// What operators sent each other until all tasks were settled.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Traffic {
    tasks: u64,
    messages: u64,
    bytes: u64,
    /// Messages of the operator that sent most.
    busiest: u64,
    /// From the request to the last certificate.
    took_ms: u64,
}

impl Traffic {
    pub(crate) fn messages_per_task(&self) -> f64 {
        self.messages as f64 / self.tasks as f64
    }

    pub(crate) fn busiest_per_task(&self) -> f64 {
        self.busiest as f64 / self.tasks as f64
    }

    pub(crate) fn kib_per_task(&self) -> f64 {
        self.bytes as f64 / 1024.0 / self.tasks as f64
    }

    pub(crate) fn messages_per_second(&self) -> f64 {
        self.messages as f64 / self.seconds()
    }

    pub(crate) fn kib_per_second(&self) -> f64 {
        self.bytes as f64 / 1024.0 / self.seconds()
    }

    fn seconds(&self) -> f64 {
        self.took_ms as f64 / 1_000.0
    }
}

impl Crowd {
    pub(crate) fn new(operators: usize) -> Self {
        let secret = |place| SecretKey::from_random(&[byte(place); 48]).expect("it is not zero");
        let secrets: Vec<_> = (0..operators).map(secret).collect();
        let entry = |(place, secret): (usize, &SecretKey)| {
            let (key, weight) = (secret.public_key(), PerToken::default().map(|_: Weight| Weight::from(1_000)));
            OperatorEntry { operator: operator(place), key_g1: key.g1(), key_g2: key.g2(), weight }
        };
        let entries = secrets.iter().enumerate().map(entry).collect();
        let table = OperatorTable::new(Epoch(1), entries).expect("places ascend");
        let domain = Domain { chain_id: 1, verifying_contract: Address::ZERO };
        Self { secrets, keys: Arc::new(KeyTable::new(domain, table).expect("the keys are points")) }
    }

    /// Has all operators agree on so many tasks that are asked for at the same moment.
    pub(crate) fn agree(&self, tasks: u64) -> Traffic {
        Run::new(self, tasks).finish()
    }
}

fn byte(place: usize) -> u8 {
    u8::try_from(place + 1).expect("there are fewer than 256 operators")
}

fn operator(place: usize) -> OperatorId {
    OperatorId(Address::repeat_byte(byte(place)))
}

/// What comes to an operator.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Tick,
    Executed(u64),
    /// From the operator at this place.
    Arrival(usize, Rc<[u8]>),
    Settled(TaskId),
}

/// What comes, by when and then by the order in which it was sent.
type Due = Reverse<(u64, u64, usize, Event)>;

struct Run<'a> {
    crowd: &'a Crowd,
    nodes: Vec<Agreement>,
    agenda: BinaryHeap<Due>,
    random: fastrand::Rng,
    now_ms: u64,
    order: u64,
    open: BTreeSet<TaskId>,
    sent: Vec<u64>,
    traffic: Traffic,
}

impl<'a> Run<'a> {
    fn new(crowd: &'a Crowd, tasks: u64) -> Self {
        let operators = crowd.secrets.len();
        let mut run = Self {
            crowd,
            nodes: (0..operators).map(|place| Agreement::new(operator(place), POLICY, Settings::default())).collect(),
            agenda: BinaryHeap::new(),
            random: fastrand::Rng::with_seed(tasks),
            now_ms: 0,
            order: 0,
            open: (0..tasks).map(|number| entry(number).task_id).collect(),
            sent: vec![0; operators],
            traffic: Traffic { tasks, ..Traffic::default() },
        };
        for place in 0..operators {
            run.input(place, Input::Table(crowd.keys.clone()));
            let first_tick = run.random.u64(0..TICK_MS);
            run.put(first_tick, place, Event::Tick);
            for number in 0..tasks {
                let execution_ms = run.random.u64(10..=400);
                run.put(execution_ms, place, Event::Executed(number));
            }
        }
        run
    }

    fn finish(mut self) -> Traffic {
        while !self.open.is_empty() {
            let Reverse((at, _, place, event)) = self.agenda.pop().expect("clocks tick on");
            self.now_ms = at;
            self.happen(place, event);
        }
        self.traffic.busiest = self.sent.into_iter().max().unwrap_or_default();
        self.traffic
    }

    fn put(&mut self, in_ms: u64, place: usize, event: Event) {
        self.order += 1;
        self.agenda.push(Reverse((self.now_ms + in_ms, self.order, place, event)));
    }

    fn happen(&mut self, place: usize, event: Event) {
        let input = match event {
            Event::Tick => {
                self.put(TICK_MS, place, Event::Tick);
                Input::Tick
            }
            Event::Executed(number) => Input::Executed(result(number)),
            Event::Arrival(from, bytes) => {
                let message = Message::decode(&bytes).expect("what an operator encodes decodes");
                Input::Received { from: operator(from), message }
            }
            Event::Settled(task) => {
                self.open.remove(&task);
                Input::Settled(task)
            }
        };
        self.input(place, input);
    }

    fn input(&mut self, place: usize, input: Input) {
        for effect in self.nodes[place].step(BEGAN.plus_ms(self.now_ms), input) {
            self.perform(place, effect);
        }
    }

    fn perform(&mut self, place: usize, effect: Effect) {
        match effect {
            Effect::Send { to, message } => self.send((place, 0), to, &message.encode().into()),
            Effect::Broadcast(message) => {
                let bytes = message.encode().into();
                let others = (0..self.nodes.len()).filter(|other| *other != place);
                others.for_each(|other| self.send((place, 0), operator(other), &bytes));
            }
            Effect::Vote { to, epoch, batch } => {
                let (root, domain) = (batch.root(), self.crowd.keys.domain());
                let share = self.crowd.secrets[place].sign_batch(domain, epoch, root).encode();
                let journal_ms = self.random.u64(1..=8);
                self.send((place, journal_ms), to, &Message::Vote { epoch, root, share }.encode().into());
            }
            Effect::Deliver { batch, .. } => self.deliver(&batch),
            other => panic!("nothing goes wrong here, and nothing is vetoed: {other:?}"),
        }
    }

    /// Hands a message to the network after some time. What an operator sends itself is no traffic.
    fn send(&mut self, (from, after_ms): (usize, u64), to: OperatorId, bytes: &Rc<[u8]>) {
        let to = self.crowd.keys.table().position(to).expect("receivers are in the table");
        if to == from {
            return self.put(after_ms, to, Event::Arrival(from, bytes.clone()));
        }
        self.sent[from] += 1;
        self.traffic.messages += 1;
        self.traffic.bytes += bytes.len() as u64;
        let latency_ms = self.random.u64(1..=60);
        self.put(after_ms + latency_ms, to, Event::Arrival(from, bytes.clone()));
    }

    fn deliver(&mut self, batch: &Batch) {
        self.traffic.took_ms = self.now_ms;
        for place in 0..self.nodes.len() {
            let ms = BLOCK_MS + self.random.u64(0..=500);
            batch.entries().iter().for_each(|entry| self.put(ms, place, Event::Settled(entry.task_id)));
        }
    }
}

fn entry(number: u64) -> BatchEntry {
    let task_id = TaskId(keccak256(number.to_be_bytes()));
    BatchEntry { task_id, leaf: ResultLeaf(keccak256(task_id.0)) }
}

fn result(number: u64) -> OwnResult {
    let deadline = BEGAN.plus_ms(3_600_000);
    OwnResult { entry: entry(number), requirement: Requirement::NONE, deadline, payload_bytes: 200 }
}
