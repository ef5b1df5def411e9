//! Transaction keys: made at random, kept in encrypted Web3 (version 3) keystores. Keys and passwords are never printed, and wiped from
//! memory when dropped. BLS keys have keystores of their own in `tandem-crypto`.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use alloy::signers::local::{LocalSignerError, PrivateKeySigner};
use rand_core::{OsRng, RngCore};
use serde::Deserialize;
use tandem_types::Address;
use zeroize::Zeroizing;

/// Largest keystore that is read, in bytes.
const FILE_BYTES_MAX: u64 = 64 << 10;
/// Most memory that deriving a key may take, in bytes.
const SCRYPT_BYTES_MAX: u64 = 1 << 30;
/// Most rounds of PBKDF2.
const PBKDF2_ROUNDS_MAX: u64 = 10_000_000;

/// Why a transaction key could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The file could not be read or written.
    #[error("keystore {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is a file already; keys are never overwritten.
    #[error("keystore {0} exists already")]
    Exists(PathBuf),
    /// The file is no keystore of version 3, or asks for more work than is reasonable.
    #[error("{path} is no Web3 keystore: {reason}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The password does not open it.
    #[error("wrong password for keystore {0}")]
    WrongPassword(PathBuf),
    /// The bytes are no secp256k1 key.
    #[error("not a secp256k1 secret key")]
    NotAKey,
}

impl AccountError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::WrongPassword(_) => Some("check the password, or the password file for a stray character"),
            Self::Exists(_) => Some("choose another path, or move the existing keystore away"),
            _ => None,
        }
    }
}

/// A keystore's password; wiped when dropped, never printed.
pub struct Password(Zeroizing<String>);

impl Password {
    /// The password's characters, for opening a keystore and nothing else.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Password {
    fn from(password: String) -> Self {
        Self(Zeroizing::new(password))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// A key that signs transactions.
#[derive(Clone)]
pub struct Account(PrivateKeySigner);

impl Account {
    /// A new key from the system's randomness.
    pub fn random() -> Self {
        Self(PrivateKeySigner::random())
    }

    /// The key with these bytes, big-endian.
    ///
    /// # Errors
    /// [`AccountError::NotAKey`].
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, AccountError> {
        PrivateKeySigner::from_slice(bytes).map(Self).map_err(|_| AccountError::NotAKey)
    }

    /// Opens a keystore: scrypt or PBKDF2, whatever tool wrote it. Takes up to a second.
    ///
    /// # Errors
    /// [`AccountError::WrongPassword`], [`AccountError::Format`], [`AccountError::File`].
    pub fn load(path: &Path, password: &Password) -> Result<Self, AccountError> {
        check(path)?;
        PrivateKeySigner::decrypt_keystore(path, password.as_str()).map(Self).map_err(|error| refusal(path, error))
    }

    /// Writes the key to a new keystore, readable by its owner only. Scrypt with n = 8192, which `geth` and `cast` read.
    ///
    /// # Errors
    /// [`AccountError::Exists`], [`AccountError::File`].
    pub fn store(&self, path: &Path, password: &Password) -> Result<(), AccountError> {
        let (Some(directory), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
            return Err(AccountError::File { path: path.into(), source: io::ErrorKind::InvalidInput.into() });
        };
        reserve(path)?;
        let key = Zeroizing::new(self.0.to_bytes().0);
        let stored =
            PrivateKeySigner::encrypt_keystore(directory, &mut OsRng, key.as_slice(), password.as_str(), Some(name));
        stored.map(drop).map_err(|error| refusal(path, error))
    }

    /// The account's address.
    pub fn address(&self) -> Address {
        self.0.address()
    }

    pub(crate) fn signer(&self) -> &PrivateKeySigner {
        &self.0
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({})", self.address())
    }
}

/// Random bytes from the system, for the keys that other crates make from them.
pub fn random_bytes<const N: usize>() -> Zeroizing<[u8; N]> {
    let mut bytes = Zeroizing::new([0; N]);
    OsRng.fill_bytes(bytes.as_mut_slice());
    bytes
}

/// Creates the file before anything secret is written to it.
fn reserve(path: &Path) -> Result<(), AccountError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(AccountError::Exists(path.into())),
        Err(source) => Err(AccountError::File { path: path.into(), source }),
    }
}

/// The parts of a keystore that could make the reader run out of bounds, memory or time.
#[derive(Deserialize)]
struct Outline {
    version: u64,
    crypto: Crypto,
}

#[derive(Deserialize)]
struct Crypto {
    ciphertext: String,
    cipherparams: CipherParams,
    kdfparams: KdfParams,
}

#[derive(Deserialize)]
struct CipherParams {
    iv: String,
}

#[derive(Deserialize)]
struct KdfParams {
    dklen: u64,
    c: Option<u64>,
    n: Option<u64>,
    r: Option<u64>,
    p: Option<u64>,
}

impl Outline {
    fn problem(&self) -> Option<&'static str> {
        let kdf = &self.crypto.kdfparams;
        let [n, r, p] = [kdf.n, kdf.r, kdf.p].map(|parameter| parameter.unwrap_or(1));
        let memory = n.saturating_mul(r).saturating_mul(128).saturating_mul(p);
        if self.version != 3 {
            Some("its version is not 3")
        } else if kdf.dklen != 32 || self.crypto.cipherparams.iv.len() != 32 || self.crypto.ciphertext.len() != 64 {
            Some("its key, initialisation vector or ciphertext has an unusual length")
        } else if memory > SCRYPT_BYTES_MAX || kdf.c.unwrap_or(1) > PBKDF2_ROUNDS_MAX || !n.is_power_of_two() {
            Some("its key derivation asks for too much work")
        } else {
            None
        }
    }
}

fn check(path: &Path) -> Result<(), AccountError> {
    let failed = |source| AccountError::File { path: path.into(), source };
    let mut text = String::new();
    File::open(path).map_err(failed)?.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
    let outline = serde_json::from_str::<Outline>(&text);
    let problem = outline.map_or_else(|error| Some(error.to_string()), |outline| outline.problem().map(str::to_owned));
    problem.map_or(Ok(()), |reason| Err(AccountError::Format { path: path.into(), reason }))
}

fn refusal(path: &Path, error: LocalSignerError) -> AccountError {
    let path = path.to_path_buf();
    match error {
        LocalSignerError::EcdsaError(_) => AccountError::NotAKey,
        LocalSignerError::IoError(source) => AccountError::File { path, source },
        // The keystore crate's own error type is not exported; a failed MAC is its only complaint about a well-formed file.
        error if error.to_string() == "Mac Mismatch" => AccountError::WrongPassword(path),
        error => AccountError::Format { path, reason: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        text.to_owned().into()
    }

    #[test]
    fn stored_key_is_loaded_with_its_password_only() {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let path = directory.path().join("transaction.json");
        let account = Account::random();
        account.store(&path, &password("right")).expect("the file is new");
        let loaded = Account::load(&path, &password("right")).expect("the password is right");
        assert_eq!(loaded.address(), account.address());
        let wrong = Account::load(&path, &password("wrong"));
        assert!(matches!(wrong, Err(AccountError::WrongPassword(_))), "{wrong:?}");
    }

    #[test]
    fn existing_file_is_not_overwritten() {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let path = directory.path().join("key.json");
        std::fs::write(&path, "precious").expect("the file can be written");
        let stored = Account::random().store(&path, &password("any"));
        assert!(matches!(stored, Err(AccountError::Exists(_))));
        assert_eq!(std::fs::read_to_string(&path).expect("the file is there"), "precious");
    }

    #[cfg(unix)]
    #[test]
    fn keystore_is_readable_by_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a directory can be made");
        let path = directory.path().join("key.json");
        Account::random().store(&path, &password("any")).expect("the file is new");
        let mode = std::fs::metadata(&path).expect("the file is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn hostile_keystores_are_refused_before_any_work() {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let path = directory.path().join("key.json");
        Account::random().store(&path, &password("any")).expect("the file is new");
        let good = std::fs::read_to_string(&path).expect("the file is there");
        let changes =
            [("\"n\":8192", "\"n\":1073741824"), ("\"dklen\":32", "\"dklen\":1"), ("\"version\":3", "\"version\":9")];
        for (from, to) in changes {
            assert!(good.contains(from), "{from}");
            std::fs::write(&path, good.replace(from, to)).expect("the file can be written");
            let loaded = Account::load(&path, &password("any"));
            assert!(matches!(loaded, Err(AccountError::Format { .. })), "{loaded:?}");
        }
    }

    #[test]
    fn nothing_secret_is_printed() {
        let account = Account::from_bytes(&[7; 32]).expect("the bytes are a key");
        assert_eq!(format!("{account:?}"), format!("Account({})", account.address()));
        assert!(!format!("{:?}", password("hunter2")).contains("hunter2"));
    }
}
