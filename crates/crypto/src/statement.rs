//! What certificates are over: a batch of results, or the veto of one. A type says which, so that neither can be taken for the other.

use std::fmt;

use tandem_types::{BatchRoot, Domain, Epoch, ResultLeaf, SigningDigest};

mod sealed {
    pub trait Sealed {}
    impl Sealed for tandem_types::BatchRoot {}
    impl Sealed for tandem_types::ResultLeaf {}
}

/// Something that operators of a table sign together: the root of a batch, or the leaf of a result that they veto.
pub trait Statement: sealed::Sealed + Copy + Eq + fmt::Debug {
    /// What is signed for it under the table of `epoch`.
    fn digest(&self, domain: &Domain, epoch: Epoch) -> SigningDigest;
}

/// The batch with this root is what the signers' components returned.
impl Statement for BatchRoot {
    fn digest(&self, domain: &Domain, epoch: Epoch) -> SigningDigest {
        domain.batch(epoch, *self)
    }
}

/// The result with this leaf is not what the signers' components returned.
impl Statement for ResultLeaf {
    fn digest(&self, domain: &Domain, epoch: Epoch) -> SigningDigest {
        domain.veto(epoch, *self)
    }
}
