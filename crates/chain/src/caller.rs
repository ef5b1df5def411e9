//! Callers: accounts that sign what is to be run, and send it to an operator. Their keys are those of accounts; what they sign is typed data of the
//! service's domain, so that a wallet can show it and it means nothing anywhere else.

use alloy::primitives::Signature;
use alloy::signers::SignerSync;
use tandem_types::{Address, HttpFiring, ServiceId, SignedFiring};

use crate::accounts::Account;

/// A signature that is not the caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallerError {
    /// The bytes are no signature.
    #[error("the signature is malformed: expected 65 bytes, r, s and 27 or 28")]
    Malformed,
    /// Another account signed, or something else was signed.
    #[error("the signature is of {signer}, and the caller is {caller}")]
    Signer {
        /// Whose key it fits.
        signer: Address,
        /// Who is said to have signed.
        caller: Address,
    },
}

impl Account {
    /// Signs what is to be run. The caller that it names is this account's to be.
    pub fn sign_firing(&self, firing: HttpFiring, service: ServiceId) -> SignedFiring {
        let digest = firing.digest(service);
        let signature = self.signer().sign_hash_sync(&digest).expect("a key in memory signs every digest");
        SignedFiring { firing, signature: signature.as_bytes().to_vec().into() }
    }
}

/// That the caller signed its firing for `service`.
///
/// # Errors
/// [`CallerError`].
pub fn verify_caller(signed: &SignedFiring, service: ServiceId) -> Result<(), CallerError> {
    let signature = Signature::from_raw(&signed.signature).map_err(|_| CallerError::Malformed)?;
    let digest = signed.firing.digest(service);
    let signer = signature.recover_address_from_prehash(&digest).map_err(|_| CallerError::Malformed)?;
    let caller = signed.firing.caller;
    if signer == caller { Ok(()) } else { Err(CallerError::Signer { signer, caller }) }
}

#[cfg(test)]
mod tests {
    use tandem_types::B256;

    use super::*;

    fn service(manager: u8) -> ServiceId {
        ServiceId { chain_id: 31_337, manager: Address::repeat_byte(manager) }
    }

    fn signed() -> SignedFiring {
        let account = Account::from_bytes(&[7; 32]).expect("it is a key");
        let firing = HttpFiring {
            workflow: "score".parse().expect("a name"),
            caller: account.address(),
            key: B256::repeat_byte(1),
            instant: 1_900_000_000,
            input: vec![1, 2, 3].into(),
        };
        account.sign_firing(firing, service(1))
    }

    #[test]
    fn what_the_caller_signed_is_its_own() {
        assert_eq!(signed().signature.len(), 65);
        assert_eq!(verify_caller(&signed(), service(1)), Ok(()));
    }

    #[test]
    fn whatever_was_changed_is_not() {
        type Change = fn(&mut SignedFiring);
        let changes: [Change; 5] = [
            |signed| signed.firing.workflow = "other".parse().expect("a name"),
            |signed| signed.firing.caller = Address::repeat_byte(9),
            |signed| signed.firing.key = B256::ZERO,
            |signed| signed.firing.instant += 1,
            |signed| signed.firing.input = vec![1].into(),
        ];
        for change in changes {
            let mut signed = signed();
            change(&mut signed);
            let caller = signed.firing.caller;
            let error = verify_caller(&signed, service(1)).expect_err("something else was signed");
            assert!(matches!(error, CallerError::Signer { caller: named, .. } if named == caller), "{error}");
        }
        assert!(verify_caller(&signed(), service(2)).is_err(), "it is of another service");
    }

    #[test]
    fn bytes_that_are_no_signature_are_malformed() {
        for bytes in [vec![], vec![0; 64], vec![0; 65], vec![0xff; 65], vec![1; 66]] {
            let signed = SignedFiring { signature: bytes.into(), ..signed() };
            assert_eq!(verify_caller(&signed, service(1)), Err(CallerError::Malformed));
        }
    }
}
