//! Time and randomness under the determinism profile `strict`: both are a function of the task, so that whoever runs it again sees the same.
//!
//! Clocks stand still at the time of the task's block, and every timer has elapsed when it is made. Random bytes are the key stream of ChaCha20 under a
//! key that is a hash of the task's id: anyone can compute them, so they are good for hash tables and sampling and useless for secrets. Nothing here
//! reads a clock or the system's randomness, and nothing depends on how wasmtime draws bytes.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng as _, SeedableRng as _};
use tandem_types::{TaskId, keccak256};
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

use crate::pool;
use crate::state::State;
use crate::work::Work;

/// What `random` draws from; each interface has a stream of its own.
const SECURE: &[u8] = b"tandem strict random v1";
/// What `insecure` draws from.
const INSECURE: &[u8] = b"tandem strict insecure random v1";
/// What `insecure-seed` is.
const SEED: &[u8] = b"tandem strict insecure seed v1";

/// The task's time and randomness. Streams begin when they are first drawn from.
pub(crate) struct Strict {
    task: TaskId,
    block_time: u64,
    secure: Option<Box<ChaCha20Rng>>,
    insecure: Option<Box<ChaCha20Rng>>,
}

impl Strict {
    /// `block_time` is in Unix seconds.
    pub(crate) fn new(task: TaskId, block_time: u64) -> Self {
        Self { task, block_time, secure: None, insecure: None }
    }

    fn hash(&self, domain: &[u8]) -> [u8; 32] {
        keccak256([domain, self.task.0.as_slice()].concat()).0
    }

    fn secure(&mut self) -> &mut ChaCha20Rng {
        let key = self.hash(SECURE);
        self.secure.get_or_insert_with(|| Box::new(ChaCha20Rng::from_seed(key)))
    }

    fn insecure(&mut self) -> &mut ChaCha20Rng {
        let key = self.hash(INSECURE);
        self.insecure.get_or_insert_with(|| Box::new(ChaCha20Rng::from_seed(key)))
    }
}

fn bytes(stream: &mut ChaCha20Rng, work: &Work, len: u64) -> wasmtime::Result<Vec<u8>> {
    if len > pool::RANDOM_BYTES {
        wasmtime::bail!("asked for {len} random bytes at once, {} are given", pool::RANDOM_BYTES);
    }
    let mut bytes = vec![0; usize::try_from(len)?];
    stream.fill_bytes(&mut bytes);
    work.bytes(bytes.len());
    Ok(bytes)
}

/// Eight bytes of the stream, so that it does not matter in which way a component draws.
fn word(stream: &mut ChaCha20Rng) -> u64 {
    let mut word = [0; 8];
    stream.fill_bytes(&mut word);
    u64::from_le_bytes(word)
}

/// Puts the task's time and randomness in the place of the machine's.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    wall_clock::add_to_linker::<_, Access>(linker, State::strict)?;
    monotonic_clock::add_to_linker::<_, Access>(linker, State::strict)?;
    random::add_to_linker::<_, Access>(linker, State::strict)?;
    insecure::add_to_linker::<_, Access>(linker, State::strict)?;
    insecure_seed::add_to_linker::<_, Access>(linker, State::strict)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// How the linker gets at [`StrictView`].
struct Access;

impl HasData for Access {
    type Data<'a> = StrictView<'a>;
}

/// The part of the state that this capability uses.
pub(crate) struct StrictView<'a> {
    pub(crate) strict: &'a mut Strict,
    pub(crate) work: &'a Work,
    pub(crate) table: &'a mut ResourceTable,
}

impl wall_clock::Host for StrictView<'_> {
    fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        Ok(wall_clock::Datetime { seconds: self.strict.block_time, nanoseconds: 0 })
    }

    fn resolution(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        Ok(wall_clock::Datetime { seconds: 1, nanoseconds: 0 })
    }
}

impl monotonic_clock::Host for StrictView<'_> {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(self.strict.block_time.saturating_mul(1_000_000_000))
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(1_000_000_000)
    }

    fn subscribe_instant(&mut self, _when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let elapsed = self.table.push(Elapsed)?;
        subscribe(self.table, elapsed)
    }

    fn subscribe_duration(&mut self, _duration: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let elapsed = self.table.push(Elapsed)?;
        subscribe(self.table, elapsed)
    }
}

/// A timer. Which of several timers elapsed first would depend on the machine, so all of them have.
struct Elapsed;

#[wasmtime_wasi::async_trait]
impl Pollable for Elapsed {
    async fn ready(&mut self) {}
}

impl random::Host for StrictView<'_> {
    fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        bytes(self.strict.secure(), self.work, len)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(word(self.strict.secure()))
    }
}

impl insecure::Host for StrictView<'_> {
    fn get_insecure_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        bytes(self.strict.insecure(), self.work, len)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(word(self.strict.insecure()))
    }
}

impl insecure_seed::Host for StrictView<'_> {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        let hash = self.strict.hash(SEED);
        let half = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| hash[at + byte]));
        Ok((half(0), half(8)))
    }
}

#[cfg(test)]
mod tests {
    use tandem_types::B256;

    use super::*;

    fn strict(task: u8) -> Strict {
        Strict::new(TaskId(B256::repeat_byte(task)), 1_700_000_000)
    }

    /// RFC 8439's block function is what the crate computes: the key stream of an all-zero key begins with these bytes.
    #[test]
    fn stream_is_chacha20s() {
        let mut stream = ChaCha20Rng::from_seed([0; 32]);
        assert_eq!(
            bytes(&mut stream, &Work::default(), 8).expect("8 bytes are few"),
            [0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90]
        );
    }

    #[test]
    fn words_and_bytes_are_one_stream() {
        let expected = bytes(strict(1).secure(), &Work::default(), 16).expect("16 bytes are few");
        let mut again = strict(1);
        let words = [word(again.secure()), word(again.secure())].map(u64::to_le_bytes).concat();
        assert_eq!(words, expected);
    }

    #[test]
    fn tasks_and_interfaces_have_streams_of_their_own() {
        let mut first = strict(1);
        let words = [word(first.secure()), word(first.insecure()), word(strict(2).secure())];
        assert!(words[0] != words[1] && words[0] != words[2] && words[1] != words[2], "{words:?}");
    }

    #[test]
    fn too_many_bytes_at_once_are_refused() {
        let work = Work::default();
        assert!(bytes(strict(1).secure(), &work, pool::RANDOM_BYTES).is_ok());
        assert!(bytes(strict(1).secure(), &work, pool::RANDOM_BYTES + 1).is_err());
        assert_eq!(work.fuel(), pool::RANDOM_BYTES);
    }
}
