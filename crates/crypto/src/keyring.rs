//! The keys of one operator: one, or two while it changes from one to the other. Which of them signs is the operator table's to say, for
//! certificates are checked with the key that stands there.
//!
//! Two keys are still one operator: whoever signs has to keep its word over both. The same leaf under two epochs is one statement; two
//! leaves for one task are two, whichever keys sign them.

use ark_bn254::G1Affine;
use tandem_types::{BatchRoot, Epoch, ResultLeaf};

use crate::key::{SecretKey, Signature};
use crate::table::KeyTable;

/// The secret keys that stand for one operator in old and new tables.
pub struct KeyRing {
    current: Held,
    other: Option<Held>,
}

/// A secret key beside its public half, so that looking it up takes no curve arithmetic.
struct Held {
    public: G1Affine,
    secret: SecretKey,
}

/// The table holds a key at this position that is not on the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the table of epoch {epoch} holds another key at position {position} than this operator has")]
pub struct ForeignKey {
    /// The table.
    pub epoch: Epoch,
    /// Where this operator stands in it, or is thought to.
    pub position: usize,
}

impl From<SecretKey> for Held {
    fn from(secret: SecretKey) -> Self {
        Self { public: secret.public_key().g1, secret }
    }
}

impl From<SecretKey> for KeyRing {
    fn from(secret: SecretKey) -> Self {
        Self { current: secret.into(), other: None }
    }
}

impl KeyRing {
    /// The ring of an operator that changes its key: tables hold one or the other.
    pub fn rotating(current: SecretKey, other: SecretKey) -> Self {
        Self { current: current.into(), other: Some(other.into()) }
    }

    /// Signs a batch root with the key that stands at `position` of `table`.
    ///
    /// # Errors
    /// [`ForeignKey`] when that key is not on the ring.
    pub fn sign_batch(&self, table: &KeyTable, position: usize, root: BatchRoot) -> Result<Signature, ForeignKey> {
        let key = self.key_at(table, position)?;
        Ok(key.sign_batch(table.domain(), table.table().epoch(), root))
    }

    /// Signs the veto of a result with the key that stands at `position` of `table`.
    ///
    /// # Errors
    /// [`ForeignKey`] when that key is not on the ring.
    pub fn sign_veto(&self, table: &KeyTable, position: usize, leaf: ResultLeaf) -> Result<Signature, ForeignKey> {
        let key = self.key_at(table, position)?;
        Ok(key.sign_veto(table.domain(), table.table().epoch(), leaf))
    }

    /// Whether the key that stands at `position` of `table` is on the ring.
    pub fn holds(&self, table: &KeyTable, position: usize) -> bool {
        self.key_at(table, position).is_ok()
    }

    fn key_at(&self, table: &KeyTable, position: usize) -> Result<&SecretKey, ForeignKey> {
        let stands_there = |held: &&Held| table.g1_at(position) == Some(held.public);
        let held = [Some(&self.current), self.other.as_ref()].into_iter().flatten().find(stands_there);
        held.map(|held| &held.secret).ok_or(ForeignKey { epoch: table.table().epoch(), position })
    }
}

#[cfg(test)]
mod tests {
    use tandem_types::{Address, B256, Domain, OperatorEntry, OperatorId, OperatorTable, PerToken, Weight};

    use super::*;
    use crate::Share;

    const ROOT: BatchRoot = BatchRoot(B256::repeat_byte(7));
    const LEAF: ResultLeaf = ResultLeaf(B256::repeat_byte(7));

    fn secret(index: u8) -> SecretKey {
        SecretKey::from_random(&[index; 48]).expect("not zero")
    }

    /// A table of one operator, with the key of `index`.
    fn table(epoch: u32, index: u8) -> KeyTable {
        let key = secret(index).public_key();
        let weight = PerToken { native: Weight::from(1), external: Weight::from(1) };
        let entry = OperatorEntry { operator: OperatorId(Address::ZERO), key_g1: key.g1(), key_g2: key.g2(), weight };
        let table = OperatorTable::new(Epoch(epoch), vec![entry]).expect("one operator is a table");
        KeyTable::new(Domain { chain_id: 1, verifying_contract: Address::ZERO }, table).expect("the key is a point")
    }

    #[test]
    fn the_table_chooses_the_key() {
        let ring = KeyRing::rotating(secret(1), secret(2));
        for table in [table(1, 1), table(2, 2)] {
            let batch = Share { position: 0, signature: ring.sign_batch(&table, 0, ROOT).expect("on the ring") };
            assert!(table.aggregate(ROOT, &[batch]).is_ok());
            let veto = Share { position: 0, signature: ring.sign_veto(&table, 0, LEAF).expect("on the ring") };
            assert!(table.aggregate(LEAF, &[veto]).is_ok());
        }
    }

    #[test]
    fn keys_that_are_not_on_the_ring_do_not_sign() {
        let error = ForeignKey { epoch: Epoch(3), position: 0 };
        assert_eq!(KeyRing::from(secret(1)).sign_batch(&table(3, 2), 0, ROOT), Err(error));
        assert_eq!(KeyRing::rotating(secret(1), secret(2)).sign_veto(&table(3, 4), 0, LEAF), Err(error));
        assert!(!KeyRing::from(secret(1)).holds(&table(1, 1), 1), "beyond the table there is no key");
    }
}
