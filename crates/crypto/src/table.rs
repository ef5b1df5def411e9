//! An operator table with its keys decoded: aggregates shares into certificates and checks certificates against the table.

use std::collections::BTreeMap;

use ark_bn254::{G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::CurveGroup;
use ark_ff::Zero;
use tandem_types::{
    BatchRoot, BitmapError, Certificate, Domain, Epoch, G1Point, G2Point, OperatorId, OperatorTable, PerToken,
    ResultLeaf, SignerBitmap, Weight,
};

use crate::curve::{self, CurveError, HashedPoint, hash_to_curve};
use crate::key::{PreparedG2, PublicKey, Residue, Signature, pairing_holds, residue};
use crate::statement::Statement;

/// One operator's signature over a statement, by its position in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Position of the signer in the table.
    pub position: usize,
    /// Its signature.
    pub signature: Signature,
}

/// A certificate that was checked against its table, and what it weighs. Only this module makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certified<S> {
    certificate: Certificate,
    statement: S,
    signed: PerToken<Weight>,
}

/// A batch that operators signed.
pub type CertifiedBatch = Certified<BatchRoot>;
/// A veto that operators signed.
pub type CertifiedVeto = Certified<ResultLeaf>;

impl CertifiedBatch {
    /// The root it certifies.
    pub fn root(&self) -> BatchRoot {
        self.statement
    }
}

impl CertifiedVeto {
    /// The result it vetoes.
    pub fn leaf(&self) -> ResultLeaf {
        self.statement
    }
}

impl<S> Certified<S> {
    /// The certificate, in its shortest form: without the aggregate key when every operator signed.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Weight of its signers per token. Whether that is enough is the policy's to say.
    pub fn signed(&self) -> PerToken<Weight> {
        self.signed
    }
}

/// Why shares did not make a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SharesError {
    /// No shares.
    #[error("no shares to aggregate")]
    Empty,
    /// Some shares are not their senders' signatures over this statement; these are all of them, ascending.
    #[error("shares of the operators at positions {0:?} are not their signatures")]
    Faulty(Vec<usize>),
}

/// Why a certificate is void.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// It names another table.
    #[error("the certificate is of epoch {found}, the table of epoch {expected}")]
    Epoch {
        /// The table's epoch.
        expected: Epoch,
        /// The certificate's epoch.
        found: Epoch,
    },
    /// Its bitmap does not fit the table.
    #[error(transparent)]
    Bitmap(#[from] BitmapError),
    /// Nobody signed.
    #[error("the certificate has no signers")]
    NoSigners,
    /// A point is malformed.
    #[error(transparent)]
    Point(#[from] CurveError),
    /// Its key is not the sum of its signers' keys.
    #[error("the aggregate key is not the sum of the signers' keys")]
    AggregateKey,
    /// The signature does not verify.
    #[error("the aggregate signature does not verify")]
    Signature,
}

/// The aggregate key of a certificate that everybody signed: left out, for the table has it.
const LEFT_OUT: G2Point = G2Point([0; 128]);

/// An operator table whose keys are decoded, for one service.
#[derive(Debug, Clone)]
pub struct KeyTable {
    domain: Domain,
    table: OperatorTable,
    keys: Vec<PublicKey>,
    /// Sum of all keys in G2.
    all: G2Affine,
    /// The same: most certificates are everybody's, or nearly.
    all_prepared: PreparedG2,
}

impl KeyTable {
    /// Decodes the keys of `table`. That the halves of each share a secret is what registration proved on chain.
    ///
    /// # Errors
    /// The operator whose key is malformed, and why.
    pub fn new(domain: Domain, table: OperatorTable) -> Result<Self, (OperatorId, CurveError)> {
        let decode = |entry: &tandem_types::OperatorEntry| {
            PublicKey::decode(&entry.key_g1, &entry.key_g2).map_err(|error| (entry.operator, error))
        };
        let keys = table.entries().iter().map(decode).collect::<Result<Vec<_>, _>>()?;
        let all = keys.iter().fold(G2Projective::zero(), |sum, key| sum + key.g2).into_affine();
        Ok(Self { domain, table, keys, all, all_prepared: all.into() })
    }

    /// The table.
    pub fn table(&self) -> &OperatorTable {
        &self.table
    }

    /// The domain of its service.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The sum of all operators' keys in G2: what a certificate of everybody leaves out.
    pub fn aggregate_key(&self) -> G2Point {
        curve::encode_g2(&self.all)
    }

    pub(crate) fn g1_at(&self, position: usize) -> Option<G1Affine> {
        self.keys.get(position).map(|key| key.g1)
    }

    /// Sums `shares` (one per position; a later one for the same position replaces the earlier) and checks the sum once. Only
    /// when that fails are the faulty ones searched, by halving: one among 100 takes at most 8 pairing checks, that of the sum included.
    ///
    /// # Errors
    /// [`SharesError::Faulty`] with every faulty position, [`SharesError::Empty`] without shares.
    ///
    /// # Panics
    /// When a position is not in the table.
    pub fn aggregate<S: Statement>(&self, statement: S, shares: &[Share]) -> Result<Certified<S>, SharesError> {
        let shares: BTreeMap<usize, Signature> = shares.iter().map(|share| (share.position, share.signature)).collect();
        if shares.is_empty() {
            return Err(SharesError::Empty);
        }
        let message = self.hint(statement).point;
        let ordered: Vec<_> = shares.into_iter().collect();
        let sum = self.sum(&ordered);
        let wrong = residue(sum.sigma, message, self.prepared(&sum.key));
        if !wrong.is_zero() {
            let mut residue_of = |group: &[PositionedShare]| {
                let sum = self.sum(group);
                residue(sum.sigma, message, sum.key)
            };
            return Err(SharesError::Faulty(faulty(&ordered, wrong, &mut residue_of)));
        }
        Ok(self.certified(statement, &ordered, sum))
    }

    /// Checks a certificate over `statement` in full, with or without the aggregate key of everybody, and apart from what it weighs.
    ///
    /// # Errors
    /// [`CertificateError`] says what is void about it; cheap checks come first.
    pub fn verify<S: Statement>(
        &self,
        statement: S,
        certificate: &Certificate,
    ) -> Result<Certified<S>, CertificateError> {
        if certificate.epoch != self.table.epoch() {
            return Err(CertificateError::Epoch { expected: self.table.epoch(), found: certificate.epoch });
        }
        let positions = certificate.signers.positions(self.keys.len())?;
        if positions.is_empty() {
            return Err(CertificateError::NoSigners);
        }
        let sigma = curve::decode_g1(&certificate.sigma)?;
        let everybody = positions.len() == self.keys.len();
        let key = self.sum_keys(&positions).into_affine();
        let is_left_out = everybody && certificate.apk == LEFT_OUT;
        if !is_left_out && certificate.apk != curve::encode_g2(&key) {
            return Err(CertificateError::AggregateKey);
        }
        if !pairing_holds(sigma, self.hint(statement).point, self.prepared(&key)) {
            return Err(CertificateError::Signature);
        }
        let apk = if everybody { LEFT_OUT } else { certificate.apk };
        let signed = self.table.weight_of(positions.into_iter());
        Ok(Certified { certificate: Certificate { apk, ..certificate.clone() }, statement, signed })
    }

    /// The point of `statement`, with the hint that a contract needs to find it.
    pub fn hint<S: Statement>(&self, statement: S) -> HashedPoint {
        hash_to_curve(&statement.digest(&self.domain, self.table.epoch()))
    }

    fn certified<S: Statement>(&self, statement: S, shares: &[PositionedShare], sum: Sum) -> Certified<S> {
        let positions = || shares.iter().map(|&(position, _)| position);
        let signers = SignerBitmap::from_positions(self.keys.len(), positions()).expect("shares come from the table");
        let sigma: G1Point = curve::encode_g1(&sum.sigma);
        let everybody = shares.len() == self.keys.len();
        let apk = if everybody { LEFT_OUT } else { curve::encode_g2(&sum.key) };
        let certificate = Certificate { epoch: self.table.epoch(), signers, sigma, apk };
        Certified { certificate, statement, signed: self.table.weight_of(positions()) }
    }

    fn sum(&self, shares: &[PositionedShare]) -> Sum {
        let positions: Vec<_> = shares.iter().map(|&(position, _)| position).collect();
        let sigma = shares.iter().fold(G1Projective::zero(), |sum, (_, share)| sum + share.0);
        Sum { sigma: sigma.into_affine(), key: self.sum_keys(&positions).into_affine() }
    }

    /// The sum of the keys at `positions`, which ascend. Of more than half of them it is the sum of all without the others.
    fn sum_keys(&self, positions: &[usize]) -> G2Projective {
        if 2 * positions.len() <= self.keys.len() {
            return positions.iter().fold(G2Projective::zero(), |sum, &at| sum + self.keys[at].g2);
        }
        let others = (0..self.keys.len()).filter(|at| positions.binary_search(at).is_err());
        others.fold(self.all.into(), |sum, at| sum - self.keys[at].g2)
    }

    fn prepared(&self, key: &G2Affine) -> PreparedG2 {
        if *key == self.all { self.all_prepared.clone() } else { key.into() }
    }
}

/// A share under its position.
type PositionedShare = (usize, Signature);

/// Sums over a group of shares.
#[derive(Clone, Copy)]
struct Sum {
    sigma: G1Affine,
    key: G2Affine,
}

/// The positions of the faulty shares of a group with this residue. Only left halves are asked about: what is wrong with a group and not with its
/// left half is wrong with the right one.
fn faulty(
    shares: &[PositionedShare],
    wrong: Residue,
    residue_of: &mut impl FnMut(&[PositionedShare]) -> Residue,
) -> Vec<usize> {
    match shares {
        _ if wrong.is_zero() => Vec::new(),
        [(position, _)] => vec![*position],
        _ => {
            let (left, right) = shares.split_at(shares.len() / 2);
            let wrong_left = residue_of(left);
            let mut positions = faulty(left, wrong_left, residue_of);
            positions.extend(faulty(right, wrong - wrong_left, residue_of));
            positions
        }
    }
}

#[cfg(test)]
mod tests {
    use ark_bn254::Fr;
    use ark_ec::PrimeGroup;
    use proptest::prelude::*;
    use tandem_types::{Address, B256, OperatorEntry};

    use super::*;
    use crate::SecretKey;

    const ROOT: BatchRoot = BatchRoot(B256::repeat_byte(0xee));

    fn secret(index: usize) -> SecretKey {
        SecretKey::from_random(&[u8::try_from(index + 1).expect("small"); 48]).expect("not zero")
    }

    fn keys(size: usize) -> KeyTable {
        let entries = (0..size).map(|index| {
            let key = secret(index).public_key();
            let weight = PerToken { native: Weight::from(1), external: Weight::from(10) };
            let operator = OperatorId(Address::repeat_byte(u8::try_from(index + 1).expect("small")));
            OperatorEntry { operator, key_g1: key.g1(), key_g2: key.g2(), weight }
        });
        let table = OperatorTable::new(Epoch(4), entries.collect()).expect("distinct operators make a table");
        let domain = Domain { chain_id: 1, verifying_contract: Address::ZERO };
        KeyTable::new(domain, table).expect("the keys are points")
    }

    fn share(keys: &KeyTable, position: usize, root: BatchRoot) -> Share {
        Share { position, signature: secret(position).sign_batch(keys.domain(), Epoch(4), root) }
    }

    #[test]
    fn honest_shares_make_a_certificate_that_verifies() {
        let keys = keys(7);
        let shares: Vec<_> = [1, 3, 6].map(|at| share(&keys, at, ROOT)).to_vec();
        let certified = keys.aggregate(ROOT, &shares).expect("honest shares verify");
        assert_eq!(certified.signed(), PerToken { native: Weight::from(3), external: Weight::from(30) });
        assert_eq!(keys.verify(ROOT, certified.certificate()), Ok(certified));
    }

    #[test]
    fn every_faulty_share_is_found_and_no_honest_one() {
        let keys = keys(40);
        let other = BatchRoot(B256::ZERO);
        for faulty in [vec![0], vec![39], vec![7, 8], vec![0, 1, 20, 39], (0..40).collect::<Vec<_>>()] {
            let root = |at| if faulty.contains(&at) { other } else { ROOT };
            let shares: Vec<_> = (0..40).map(|at| share(&keys, at, root(at))).collect();
            assert_eq!(keys.aggregate(ROOT, &shares), Err(SharesError::Faulty(faulty)));
        }
    }

    /// How many pairing checks it takes to find the faulty among so many operators, that of the sum of all included. What a check says is a function
    /// of who is faulty, so that none needs a pairing here.
    fn checks(operators: usize, are_faulty: &[usize]) -> usize {
        let signature = share(&keys(1), 0, ROOT).signature;
        let shares: Vec<_> = (0..operators).map(|position| (position, signature)).collect();
        let wrong = |group: &[PositionedShare]| {
            let faults = group.iter().filter(|(position, _)| are_faulty.contains(position)).count();
            Residue::generator() * Fr::from(u64::try_from(faults).expect("small"))
        };
        let mut count = 1;
        let found = faulty(&shares, wrong(&shares), &mut |group| {
            count += 1;
            wrong(group)
        });
        assert_eq!(found, are_faulty);
        count
    }

    #[test]
    fn one_faulty_among_a_hundred_takes_at_most_eight_checks_wherever_it_is() {
        let most = (0..100).map(|position| checks(100, &[position])).max();
        assert_eq!(most, Some(8));
    }

    #[test]
    fn ten_faulty_among_a_hundred_take_at_most_half_as_many_checks_as_there_are_shares() {
        let spread: Vec<_> = (0..100).step_by(10).collect();
        assert!(checks(100, &spread) <= 50, "{}", checks(100, &spread));
    }

    #[test]
    fn the_sum_of_most_keys_is_that_of_all_without_the_others() {
        let keys = keys(7);
        for positions in [&[0, 1, 2, 3, 4, 5, 6][..], &[0, 2, 3, 6], &[1, 2, 4, 5, 6], &[3], &[]] {
            let sum = positions.iter().fold(G2Projective::zero(), |sum, &at| sum + keys.keys[at].g2);
            assert_eq!(keys.sum_keys(positions), sum);
        }
    }

    #[test]
    fn everybody_leaves_the_aggregate_key_out_and_may_give_it() {
        let keys = keys(3);
        let shares: Vec<_> = (0..3).map(|at| share(&keys, at, ROOT)).collect();
        let certified = keys.aggregate(ROOT, &shares).expect("honest shares verify");
        assert_eq!(certified.certificate().apk, LEFT_OUT);
        let given = Certificate { apk: keys.aggregate_key(), ..certified.certificate().clone() };
        assert_eq!(keys.verify(ROOT, &given), Ok(certified.clone()));
        assert_eq!(keys.verify(ROOT, certified.certificate()), Ok(certified.clone()));
        let other = Certificate { apk: secret(0).public_key().g2(), ..given };
        assert_eq!(keys.verify(ROOT, &other), Err(CertificateError::AggregateKey));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn batches_and_vetoes_never_pass_for_each_other(word: [u8; 32], signers in prop::collection::btree_set(0..5usize, 1..=5)) {
            let keys = keys(5);
            let (root, leaf) = (BatchRoot(word.into()), ResultLeaf(word.into()));
            let sign = |veto: bool| -> Vec<_> {
                let signature = |at| {
                    let (secret, epoch) = (secret(at), Epoch(4));
                    if veto { secret.sign_veto(keys.domain(), epoch, leaf) } else { secret.sign_batch(keys.domain(), epoch, root) }
                };
                signers.iter().map(|&position| Share { position, signature: signature(position) }).collect()
            };
            let batch = keys.aggregate(root, &sign(false)).expect("honest shares verify");
            let veto = keys.aggregate(leaf, &sign(true)).expect("honest shares verify");
            prop_assert_eq!(keys.verify(root, batch.certificate()), Ok(batch.clone()));
            prop_assert_eq!(keys.verify(leaf, veto.certificate()), Ok(veto.clone()));
            prop_assert_eq!(keys.verify(leaf, batch.certificate()), Err(CertificateError::Signature));
            prop_assert_eq!(keys.verify(root, veto.certificate()), Err(CertificateError::Signature));
            let all: Vec<_> = signers.iter().copied().collect();
            prop_assert_eq!(keys.aggregate(leaf, &sign(false)), Err(SharesError::Faulty(all)));
        }
    }

    #[test]
    fn no_shares_make_no_certificate() {
        assert_eq!(keys(1).aggregate(ROOT, &[]), Err(SharesError::Empty));
    }

    #[test]
    fn tampered_certificates_are_refused() {
        let keys = keys(5);
        let shares: Vec<_> = [0, 1, 2, 3].map(|at| share(&keys, at, ROOT)).to_vec();
        let good = keys.aggregate(ROOT, &shares).expect("honest shares verify").certificate().clone();
        let bitmap =
            |positions: &[usize]| SignerBitmap::from_positions(5, positions.iter().copied()).expect("inside the table");
        let other_sigma = share(&keys, 0, ROOT).signature.encode();
        let wrong_epoch = CertificateError::Epoch { expected: Epoch(4), found: Epoch(5) };
        let cases = [
            (Certificate { apk: LEFT_OUT, ..good.clone() }, CertificateError::AggregateKey),
            (Certificate { apk: keys.aggregate_key(), ..good.clone() }, CertificateError::AggregateKey),
            (Certificate { epoch: Epoch(5), ..good.clone() }, wrong_epoch),
            (Certificate { signers: bitmap(&[]), ..good.clone() }, CertificateError::NoSigners),
            (Certificate { signers: bitmap(&[0, 1, 2, 3, 4]), ..good.clone() }, CertificateError::AggregateKey),
            (Certificate { signers: bitmap(&[0, 1, 2]), ..good.clone() }, CertificateError::AggregateKey),
            (Certificate { sigma: other_sigma, ..good.clone() }, CertificateError::Signature),
            (Certificate { sigma: G1Point([0; 64]), ..good.clone() }, CertificateError::Point(CurveError::Infinity)),
            (Certificate { sigma: G1Point([1; 64]), ..good.clone() }, CertificateError::Point(CurveError::NotOnCurve)),
        ];
        for (certificate, error) in cases {
            assert_eq!(keys.verify(ROOT, &certificate), Err(error));
        }
        assert_eq!(keys.verify(BatchRoot(B256::ZERO), &good), Err(CertificateError::Signature));
    }
}
