//! An operator's three keys in one directory, each in an encrypted keystore under one password: the BLS key that signs results, the
//! key of the transport, and the account that sends transactions. They are made at random, never overwritten, and never printed.

use std::io::Write;
use std::path::{Path, PathBuf};

use tandem_chain::{Account, AccountError, Password, random_bytes};
use tandem_crypto::{Entropy, Keystore, KeystoreError, PublicKey, SecretKey, SecretKeyError, Strength};
use tandem_types::{B256, OperatorId};
use zeroize::Zeroizing;

use crate::transport::TransportKey;

const BLS_FILE: &str = "bls.json";
const TRANSPORT_FILE: &str = "transport.json";
const TRANSACTION_FILE: &str = "transaction.json";

/// Why keys could not be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A file or directory could not be read or written.
    #[error("cannot access {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is a key already.
    #[error("{0} exists already; keys are never overwritten")]
    Exists(PathBuf),
    /// A keystore does not open.
    #[error("cannot open {path}")]
    Keystore {
        /// Which.
        path: PathBuf,
        /// Why.
        source: KeystoreError,
    },
    /// A keystore holds no BLS key.
    #[error("{path} holds no BLS key")]
    Bls {
        /// Which.
        path: PathBuf,
        /// Why.
        source: SecretKeyError,
    },
    /// The account's keystore does not open.
    #[error(transparent)]
    Account(#[from] AccountError),
}

/// An operator's keys, opened.
pub struct OperatorKeys {
    /// Signs results.
    pub bls: SecretKey,
    /// Proves who this node is to the others.
    pub transport: TransportKey,
    /// Sends transactions; its address is the operator's.
    pub account: Account,
}

impl OperatorKeys {
    /// Makes new keys and writes their keystores into `directory`.
    ///
    /// # Errors
    /// [`KeysError::Exists`] when there is one already, [`KeysError::File`].
    pub fn create(directory: &Path, password: &Password, strength: Strength) -> Result<Self, KeysError> {
        Self::write(Account::random(), directory, password, strength)
    }

    /// Makes a new BLS key and a new transport key for the same account, and writes the keystores of all three into `directory`.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn renew(&self, directory: &Path, password: &Password, strength: Strength) -> Result<Self, KeysError> {
        Self::write(self.account.clone(), directory, password, strength)
    }

    fn write(account: Account, directory: &Path, password: &Password, strength: Strength) -> Result<Self, KeysError> {
        std::fs::create_dir_all(directory).map_err(|source| KeysError::File { path: directory.into(), source })?;
        for path in [BLS_FILE, TRANSPORT_FILE, TRANSACTION_FILE].map(|name| directory.join(name)) {
            if path.exists() {
                return Err(KeysError::Exists(path));
            }
        }
        let bls = SecretKey::from_random(&random_bytes::<48>()).expect("48 random bytes do not reduce to zero");
        let seed = random_bytes::<32>();
        let transport = TransportKey::from_seed(&seed);
        let sealed = Sealed { directory, password, strength };
        sealed.write(BLS_FILE, &bls.to_bytes(), hex(&bls.public_key().g1().0), "Tandem BLS key on BN254")?;
        sealed.write(TRANSPORT_FILE, &seed, hex(transport.public().0.as_slice()), "Tandem transport key, Ed25519")?;
        account.store(&directory.join(TRANSACTION_FILE), password)?;
        Ok(Self { bls, transport, account })
    }

    /// Opens the keystores in `directory`.
    ///
    /// # Errors
    /// [`KeysError`] when one is missing, damaged, or under another password.
    pub fn open(directory: &Path, password: &Password) -> Result<Self, KeysError> {
        let path = directory.join(BLS_FILE);
        let secret = open(&path, password)?;
        let bls = SecretKey::from_bytes(&secret).map_err(|source| KeysError::Bls { path, source })?;
        let seed = open(&directory.join(TRANSPORT_FILE), password)?;
        let account = Account::load(&directory.join(TRANSACTION_FILE), password)?;
        Ok(Self { bls, transport: TransportKey::from_seed(&seed), account })
    }

    /// The operator's identity.
    pub fn operator(&self) -> OperatorId {
        OperatorId(self.account.address())
    }

    /// Its BLS public key.
    pub fn public_key(&self) -> PublicKey {
        self.bls.public_key()
    }

    /// Its transport key, as it is registered.
    pub fn transport_public(&self) -> B256 {
        self.transport.public().0
    }
}

struct Sealed<'a> {
    directory: &'a Path,
    password: &'a Password,
    strength: Strength,
}

impl Sealed<'_> {
    fn write(&self, name: &str, secret: &[u8; 32], public: String, description: &str) -> Result<(), KeysError> {
        let entropy = Entropy { salt: *random_bytes(), iv: *random_bytes(), uuid: *random_bytes() };
        let protection = (self.password.as_str(), self.strength);
        let keystore = Keystore::encrypt(secret, protection, (public, description), &entropy);
        let path = self.directory.join(name);
        let failed = |source| KeysError::File { path: path.clone(), source };
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(failed)?;
        file.write_all(keystore.to_json().as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
    }
}

fn open(path: &Path, password: &Password) -> Result<Zeroizing<[u8; 32]>, KeysError> {
    let bytes = std::fs::read(path).map_err(|source| KeysError::File { path: path.into(), source })?;
    let decrypted = Keystore::from_json(&bytes).and_then(|keystore| keystore.decrypt(password.as_str()));
    decrypted.map_err(|source| KeysError::Keystore { path: path.into(), source })
}

/// Lower-case hexadecimal without prefix, as keystores write it.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        text.to_owned().into()
    }

    #[test]
    fn keys_open_with_their_password_only_are_renewed_for_the_same_account_and_never_overwritten() {
        let directory = tempfile::tempdir().expect("there is room for a directory");
        let made = OperatorKeys::create(directory.path(), &password("right"), Strength::Light).expect("it is empty");
        let opened = OperatorKeys::open(directory.path(), &password("right")).expect("the password is right");
        assert_eq!(made.operator(), opened.operator());
        assert_eq!(made.public_key(), opened.public_key());
        assert_eq!(made.transport_public(), opened.transport_public());
        assert!(matches!(OperatorKeys::open(directory.path(), &password("wrong")), Err(KeysError::Keystore { .. })));
        let next = tempfile::tempdir().expect("there is room for a directory");
        let renewed = opened.renew(next.path(), &password("right"), Strength::Light).expect("it is empty");
        assert_eq!(renewed.operator(), made.operator());
        assert_ne!(renewed.public_key(), made.public_key());
        assert_ne!(renewed.transport_public(), made.transport_public());
        let again = OperatorKeys::create(directory.path(), &password("right"), Strength::Light);
        assert!(matches!(again, Err(KeysError::Exists(_))));
    }
}
