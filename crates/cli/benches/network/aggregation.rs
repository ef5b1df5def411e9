//! Signatures of a hundred operators become one certificate: honest ones, and with forged ones among them. Beside it the algorithm of eigen-services-blsaggregation
//! 2.0.0 with plain calls of ark-bn254: two pairings for each signature, one after another, then the sums of those that hold. Both have points decoded and in
//! the group; the message's point is given to the other and hashed by Tandem. Nothing here waits, so that time on a processor is what is measured.

use std::hint::black_box;
use std::time::Duration;

use ark_bn254::{Bn254, Fq, Fq2, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::AffineRepr;
use ark_ec::pairing::Pairing;
use ark_ff::{PrimeField, Zero};
use rustix::time::{ClockId, clock_gettime};
use tandem_crypto::{KeyTable, SecretKey, Share, SharesError};
use tandem_types::{
    Address, B256, BatchRoot, Domain, Epoch, OperatorEntry, OperatorId, OperatorTable, PerToken, U256, Weight,
};

use crate::options::Effort;
use crate::table::{Bar, Row, Table, median};

/// Signatures that are aggregated.
const SIGNATURES: usize = 100;
const FORGED: usize = 10;
/// Operators of the table in which some do not sign.
const OPERATORS: usize = 120;
const ROOT: BatchRoot = BatchRoot(B256::repeat_byte(7));
/// What forgers sign instead.
const OTHER: BatchRoot = BatchRoot(B256::repeat_byte(8));

pub(crate) fn measure(table: &mut Table, effort: Effort) {
    let rounds = effort.pick(5, 25);
    let (signers, of_more) = (Signers::new(SIGNATURES), Signers::new(OPERATORS));
    let mut random = fastrand::Rng::with_seed(1);
    let mut forged: Vec<Vec<usize>> = (0..rounds).map(|_| random.choose_multiple(0..SIGNATURES, FORGED)).collect();
    forged.iter_mut().for_each(|positions| positions.sort_unstable());
    let apart: Vec<_> = (0..SIGNATURES).step_by(SIGNATURES / FORGED).collect();
    let mut push = |what: &str, (tandem, beside): (f64, Option<f64>), bar| {
        table.push(Row { what: what.to_owned(), unit: "ms", tandem, beside, bar });
    };
    let honest = signers.compare(&vec![Vec::new(); rounds]);
    push("100 signatures aggregated and checked", honest, Bar::AtMost(1.2));
    let absent = (0..rounds).map(|_| of_more.by_tandem(&[]));
    push("  of 120 operators, the others being absent", (median(absent.collect()), None), Bar::None);
    push("  with 10 forged, anywhere", signers.compare(&forged), Bar::AtMost(20.0));
    push("  with 10 forged, as far apart as can be", signers.compare(&vec![apart; rounds]), Bar::None);
    let check = (0..rounds).map(|_| signers.one_check());
    push("  a pairing check of ark-bn254 by itself", (median(check.collect()), None), Bar::None);
    let tandem = signers.worst_search(effort.pick(3, 9));
    let what = "one forged among 100 found, by time, wherever it is".to_owned();
    table.push(Row { what, unit: "pairing checks", tandem, beside: None, bar: Bar::AtMost(15.0) });
}

/// The first hundred operators of a table, who sign.
struct Signers {
    keys: KeyTable,
    shares: Vec<Share>,
    /// What the first hundred sign when they forge.
    forgeries: Vec<Share>,
    /// The same as plain points: the message, and keys in G2.
    message: G1Affine,
    plain_keys: Vec<G2Affine>,
}

impl Signers {
    fn new(operators: usize) -> Self {
        let secret = |position| SecretKey::from_random(&[byte(position); 48]).expect("it is not zero");
        let secrets: Vec<_> = (0..operators).map(secret).collect();
        let entry = |(position, secret): (usize, &SecretKey)| {
            let (operator, key) = (OperatorId(Address::repeat_byte(byte(position))), secret.public_key());
            let weight = PerToken { native: Weight::from(1), external: Weight::from(1) };
            OperatorEntry { operator, key_g1: key.g1(), key_g2: key.g2(), weight }
        };
        let entries: Vec<_> = secrets.iter().enumerate().map(entry).collect();
        let plain_keys = entries.iter().take(SIGNATURES).map(|entry| plain_g2(&entry.key_g2.to_words())).collect();
        let table = OperatorTable::new(Epoch(1), entries).expect("positions ascend");
        let domain = Domain { chain_id: 1, verifying_contract: Address::ZERO };
        let keys = KeyTable::new(domain, table).expect("the keys are points");
        let sign = |root| {
            let share = |(position, secret): (usize, &SecretKey)| Share {
                position,
                signature: secret.sign_batch(keys.domain(), Epoch(1), root),
            };
            secrets.iter().take(SIGNATURES).enumerate().map(share).collect()
        };
        let (shares, forgeries) = (sign(ROOT), sign(OTHER));
        let message = plain_g1(&keys.hint(ROOT).point().to_words());
        Self { keys, shares, forgeries, message, plain_keys }
    }

    /// The shares, those at some positions forged.
    fn signed(&self, forged: &[usize]) -> Vec<Share> {
        let of = |position| if forged.contains(&position) { self.forgeries[position] } else { self.shares[position] };
        (0..SIGNATURES).map(of).collect()
    }

    /// Milliseconds of both, with these positions forged in each round.
    fn compare(&self, forged: &[Vec<usize>]) -> (f64, Option<f64>) {
        let (ours, theirs) = forged.iter().map(|forged| (self.by_tandem(forged), self.one_by_one(forged))).unzip();
        (median(ours), Some(median(theirs)))
    }

    fn by_tandem(&self, forged: &[usize]) -> f64 {
        let shares = self.signed(forged);
        let (outcome, ms) = timed(|| self.keys.aggregate(ROOT, black_box(&shares)));
        match outcome {
            Ok(_) => assert!(forged.is_empty()),
            Err(error) => assert_eq!(error, SharesError::Faulty(forged.to_vec())),
        }
        ms
    }

    fn one_by_one(&self, forged: &[usize]) -> f64 {
        let signatures = self.signed(forged).into_iter().map(|share| plain_g1(&share.signature.encode().to_words()));
        let signatures: Vec<_> = signatures.collect();
        let (refused, ms) = timed(|| {
            let (mut refused, mut sigma, mut key) = (Vec::new(), G1Projective::zero(), G2Projective::zero());
            for (position, (&signature, &of)) in black_box(&signatures).iter().zip(&self.plain_keys).enumerate() {
                if Bn254::pairing(signature, G2Affine::generator()) == Bn254::pairing(self.message, of) {
                    (sigma, key) = (sigma + signature, key + of);
                } else {
                    refused.push(position);
                }
            }
            let _ = black_box((sigma, key));
            refused
        });
        assert_eq!(refused, forged);
        ms
    }

    /// Milliseconds of checking one signature with both pairings at once.
    fn one_check(&self) -> f64 {
        let signature = plain_g1(&self.shares[0].signature.encode().to_words());
        let (points, keys) = ([signature, self.message], [-G2Affine::generator(), self.plain_keys[0]]);
        let (holds, ms) = timed(|| Bn254::multi_pairing(black_box(points), black_box(keys)).is_zero());
        assert!(holds);
        ms
    }

    /// How many checks the search of one forged signature takes as long as, at the position where it takes longest.
    fn worst_search(&self, rounds: usize) -> f64 {
        let at = |position| {
            let (searches, checks) = (0..rounds).map(|_| (self.by_tandem(&[position]), self.one_check())).unzip();
            median(searches) / median(checks)
        };
        (0..SIGNATURES).map(at).fold(0.0, f64::max)
    }
}

fn byte(position: usize) -> u8 {
    u8::try_from(position + 1).expect("there are fewer than 256 operators")
}

/// What `work` returns, and its milliseconds on a processor: what else the machine does is no part of it.
fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let began = on_processor();
    let result = work();
    (result, (on_processor() - began).as_secs_f64() * 1e3)
}

fn on_processor() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).expect("it is not negative")
}

fn plain(word: U256) -> Fq {
    Fq::from_be_bytes_mod_order(&word.to_be_bytes::<32>())
}

fn plain_g1(words: &[U256; 2]) -> G1Affine {
    let [x, y] = words.map(plain);
    G1Affine::new(x, y)
}

fn plain_g2(words: &[U256; 4]) -> G2Affine {
    let [x1, x0, y1, y0] = words.map(plain);
    G2Affine::new(Fq2::new(x0, x1), Fq2::new(y0, y1))
}
