//! An operator's three keys in one directory, each in an encrypted keystore under one password: the BLS key that signs results, the
//! key of the transport, and the account that sends transactions. They are made at random, never overwritten, and never printed.
//!
//! The first two can be changed. Until the chain knows the new one the old one is still needed, and tables that were taken before need it
//! longer; so it stays beside the new one, as `*.previous.json`, until the next change.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use tandem_chain::{Account, AccountError, Password, random_bytes};
use tandem_crypto::{Entropy, KeyRing, Keystore, KeystoreError, PublicKey, SecretKey, SecretKeyError, Strength};
use tandem_types::{B256, G1Point, OperatorId};
use zeroize::Zeroizing;

use crate::transport::{PeerKey, TransportKey};

const TRANSACTION_FILE: &str = "transaction.json";

/// A key that can be changed, and its keystores' names and descriptions.
struct Kind {
    file: &'static str,
    previous: &'static str,
    /// A key on its way in: nobody knows it yet.
    next: &'static str,
    description: &'static str,
}

const BLS: Kind = Kind {
    file: "bls.json",
    previous: "bls.previous.json",
    next: "bls.next.json",
    description: "Tandem BLS key on BN254",
};
const TRANSPORT: Kind = Kind {
    file: "transport.json",
    previous: "transport.previous.json",
    next: "transport.next.json",
    description: "Tandem transport key, Ed25519",
};

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
    /// The chain has a key that is neither the present one nor the one before.
    #[error("the chain has another key for this operator than {0} and the one before it")]
    Foreign(PathBuf),
    /// The account's keystore does not open.
    #[error(transparent)]
    Account(#[from] AccountError),
}

/// An operator's keys, opened.
pub struct OperatorKeys {
    /// Signs results.
    pub bls: SecretKey,
    /// Signed results before, and does still under tables that have it.
    pub previous_bls: Option<SecretKey>,
    /// Proves who this node is to the others.
    pub transport: TransportKey,
    /// Did so before, and does still while the chain names it.
    pub previous_transport: Option<TransportKey>,
    /// Sends transactions; its address is the operator's.
    pub account: Account,
}

/// The keys that the chain has for an operator, public halves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registered {
    /// Its BLS key in G1.
    pub bls: G1Point,
    /// Its transport key.
    pub transport: B256,
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
        for path in [BLS.file, TRANSPORT.file, TRANSACTION_FILE].map(|name| directory.join(name)) {
            if path.exists() {
                return Err(KeysError::Exists(path));
            }
        }
        let sealed = Sealed { directory, password, strength };
        let (secret, seed) = (random_bls(), random_bytes::<32>());
        sealed.write(BLS.file, &BLS, &secret)?;
        sealed.write(TRANSPORT.file, &TRANSPORT, &seed)?;
        account.store(&directory.join(TRANSACTION_FILE), password)?;
        let bls = SecretKey::from_bytes(&secret).expect("they are the bytes of a key");
        let transport = TransportKey::from_seed(&seed);
        Ok(Self { bls, previous_bls: None, transport, previous_transport: None, account })
    }

    /// Sees to it that there are keys which the chain does not have yet, and keeps those that it has as the previous ones. When an earlier
    /// change did not get as far as the chain, its keys are taken and none are made; so it can be called again after any failure.
    ///
    /// The new keystore is on disk before anything is replaced, and each file is replaced in one step: whenever this is interrupted, the
    /// key that the chain has still opens.
    ///
    /// # Errors
    /// [`KeysError::Foreign`] when the chain has a key that is not here, [`KeysError`] otherwise as for [`open`](Self::open).
    pub fn rotate(
        directory: &Path,
        password: &Password,
        strength: Strength,
        registered: &Registered,
    ) -> Result<Self, KeysError> {
        let sealed = Sealed { directory, password, strength };
        let keys = Self::open(directory, password)?;
        let [bls, previous_bls] = [Some(&keys.bls), keys.previous_bls.as_ref()].map(|key| Some(key?.public_key().g1()));
        sealed.rotate(&BLS, (bls == Some(registered.bls), previous_bls == Some(registered.bls)), random_bls)?;
        let transport = [Some(&keys.transport), keys.previous_transport.as_ref()];
        let [is_current, is_previous] =
            transport.map(|key| key.is_some_and(|key| key.public().0 == registered.transport));
        sealed.rotate(&TRANSPORT, (is_current, is_previous), random_bytes::<32>)?;
        Self::open(directory, password)
    }

    /// Opens the keystores in `directory`.
    ///
    /// # Errors
    /// [`KeysError`] when one is missing, damaged, or under another password.
    pub fn open(directory: &Path, password: &Password) -> Result<Self, KeysError> {
        let bls = |name| {
            let path = directory.join(name);
            let secret = open(&path, password)?;
            SecretKey::from_bytes(&secret).map_err(|source| KeysError::Bls { path, source })
        };
        let transport = |name| Ok::<_, KeysError>(TransportKey::from_seed(&*open(&directory.join(name), password)?));
        let exists = |name: &&str| directory.join(name).exists();
        Ok(Self {
            bls: bls(BLS.file)?,
            previous_bls: Some(BLS.previous).filter(exists).map(bls).transpose()?,
            transport: transport(TRANSPORT.file)?,
            previous_transport: Some(TRANSPORT.previous).filter(exists).map(transport).transpose()?,
            account: Account::load(&directory.join(TRANSACTION_FILE), password)?,
        })
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

/// What a running node makes of its operator's keys.
pub(crate) struct NodeKeys {
    pub(crate) ring: KeyRing,
    pub(crate) transport: TransportKey,
    pub(crate) account: Account,
}

impl OperatorKeys {
    /// Both BLS keys, for tables say which of them signs; and the transport key that the chain names, which is the new one before the
    /// operator is registered.
    pub(crate) fn for_node(self, named: Option<PeerKey>) -> NodeKeys {
        let Self { bls, previous_bls, transport, previous_transport, account } = self;
        let ring = match previous_bls {
            Some(previous) => KeyRing::rotating(bls, previous),
            None => KeyRing::from(bls),
        };
        let transport = match previous_transport {
            Some(previous) if named == Some(previous.public()) => previous,
            _ => transport,
        };
        NodeKeys { ring, transport, account }
    }
}

fn random_bls() -> Zeroizing<[u8; 32]> {
    SecretKey::from_random(&random_bytes::<48>()).expect("48 random bytes do not reduce to zero").to_bytes()
}

struct Sealed<'a> {
    directory: &'a Path,
    password: &'a Password,
    strength: Strength,
}

impl Sealed<'_> {
    /// `registered`: whether the chain has the present key, and whether it has the one before.
    fn rotate(
        &self,
        kind: &Kind,
        (is_current, is_previous): (bool, bool),
        random: impl FnOnce() -> Zeroizing<[u8; 32]>,
    ) -> Result<(), KeysError> {
        let path = |name| self.directory.join(name);
        if is_previous && !is_current {
            return Ok(());
        }
        if !is_current {
            return Err(KeysError::Foreign(path(kind.file)));
        }
        let next = path(kind.next);
        if next.exists() {
            std::fs::remove_file(&next).map_err(|source| KeysError::File { path: next.clone(), source })?;
        }
        self.write(kind.next, kind, &random())?;
        let draft = path(kind.previous).with_extension("draft");
        let failed = |source| KeysError::File { path: draft.clone(), source };
        std::fs::copy(path(kind.file), &draft).and_then(|_| File::open(&draft)?.sync_all()).map_err(failed)?;
        self.replace(&draft, &path(kind.previous))?;
        self.replace(&next, &path(kind.file))
    }

    /// Moves `from` to `to` in one step, for good.
    fn replace(&self, from: &Path, to: &Path) -> Result<(), KeysError> {
        let moved = std::fs::rename(from, to).and_then(|()| File::open(self.directory)?.sync_all());
        moved.map_err(|source| KeysError::File { path: to.into(), source })
    }

    fn write(&self, name: &str, kind: &Kind, secret: &[u8; 32]) -> Result<(), KeysError> {
        let path = self.directory.join(name);
        let public = kind.public(secret).map_err(|source| KeysError::Bls { path: path.clone(), source })?;
        let entropy = Entropy { salt: *random_bytes(), iv: *random_bytes(), uuid: *random_bytes() };
        let protection = (self.password.as_str(), self.strength);
        let keystore = Keystore::encrypt(secret, protection, (public, kind.description), &entropy);
        let failed = |source| KeysError::File { path: path.clone(), source };
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(failed)?;
        file.write_all(keystore.to_json().as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
    }
}

impl Kind {
    /// The public half as keystores write it.
    fn public(&self, secret: &[u8; 32]) -> Result<String, SecretKeyError> {
        if self.file == BLS.file {
            return Ok(hex(&SecretKey::from_bytes(secret)?.public_key().g1().0));
        }
        Ok(hex(TransportKey::from_seed(secret).public().0.as_slice()))
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

    fn registered(keys: &OperatorKeys) -> Registered {
        Registered { bls: keys.public_key().g1(), transport: keys.transport_public() }
    }

    fn rotate(directory: &Path, registered: &Registered) -> Result<OperatorKeys, KeysError> {
        OperatorKeys::rotate(directory, &password("right"), Strength::Light, registered)
    }

    fn created(directory: &Path) -> OperatorKeys {
        OperatorKeys::create(directory, &password("right"), Strength::Light).expect("it is empty")
    }

    #[test]
    fn rotation_keeps_what_the_chain_has_however_often_it_is_asked_for() {
        let directory = tempfile::tempdir().expect("there is room for a directory");
        let first = created(directory.path());
        let in_force = registered(&first);
        let second = rotate(directory.path(), &in_force).expect("the chain has the present keys");
        assert_eq!(second.operator(), first.operator());
        assert_ne!(registered(&second), in_force);
        for _ in 0..2 {
            // The chain does not have the second keys yet, so there is no third.
            let again = rotate(directory.path(), &in_force).expect("the chain has the previous keys");
            assert_eq!(registered(&again), registered(&second));
            assert_eq!(again.previous_bls.map(|key| key.public_key().g1()), Some(in_force.bls));
            assert_eq!(again.previous_transport.map(|key| key.public().0), Some(in_force.transport));
        }
        let third = rotate(directory.path(), &registered(&second)).expect("the chain has the second keys");
        assert_eq!(third.previous_bls.map(|key| key.public_key().g1()), Some(registered(&second).bls));
        assert!(matches!(rotate(directory.path(), &in_force), Err(KeysError::Foreign(_))));
    }

    #[test]
    fn each_key_is_rotated_from_where_the_chain_is() {
        let directory = tempfile::tempdir().expect("there is room for a directory");
        let first = registered(&created(directory.path()));
        let second = registered(&rotate(directory.path(), &first).expect("both are in force"));
        // The chain took the new BLS key and not yet the new transport key.
        let half = Registered { bls: second.bls, ..first };
        let third = rotate(directory.path(), &half).expect("each is here");
        assert_ne!(third.public_key().g1(), second.bls);
        assert_eq!(third.transport_public(), second.transport);
    }

    /// Every state that an interruption can leave, made of the files that there are before and after each step.
    #[test]
    fn interrupted_rotation_loses_no_key_and_can_be_repeated() {
        let directory = tempfile::tempdir().expect("there is room for a directory");
        let path = |name: &str| directory.path().join(name);
        let in_force = registered(&created(directory.path()));
        let steps: [&[(&str, &str)]; 3] = [
            &[("transport.json", "bls.next.json")],
            &[("bls.json", "bls.previous.draft"), ("transport.json", "transport.next.json")],
            &[("bls.json", "bls.previous.json")],
        ];
        for copies in steps {
            copies.iter().for_each(|(from, to)| _ = std::fs::copy(path(from), path(to)).expect("it is writable"));
            let opened = OperatorKeys::open(directory.path(), &password("right")).expect("the files are whole");
            assert_eq!(registered(&opened), in_force);
        }
        let rotated = rotate(directory.path(), &in_force).expect("it goes on");
        assert_ne!(registered(&rotated), in_force);
        assert_eq!(rotated.previous_bls.map(|key| key.public_key().g1()), Some(in_force.bls));
        assert!(!path("bls.next.json").exists() && !path("bls.previous.draft").exists());
    }

    #[test]
    fn node_speaks_with_the_key_that_the_chain_names() {
        let directory = tempfile::tempdir().expect("there is room for a directory");
        let first = registered(&created(directory.path()));
        let rotated = || rotate(directory.path(), &first).expect("it is in force");
        let second = PeerKey(rotated().transport_public());
        let first = PeerKey(first.transport);
        for (named, spoken) in [(Some(first), first), (Some(second), second), (None, second)] {
            assert_eq!(rotated().for_node(named).transport.public(), spoken);
        }
    }
}
