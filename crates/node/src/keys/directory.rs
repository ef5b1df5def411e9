//! The keystores of one directory: how they are written and replaced, so that whenever that is interrupted, every key that counts opens.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tandem_chain::{Account, Password, random_bytes};
use tandem_crypto::{Entropy, Keystore, SecretKey, SecretKeyError, Strength};
use zeroize::Zeroizing;

use super::{KeyKind, KeysError, OperatorKeys, Registered, Standing, random_bls};
use crate::transport::TransportKey;

const TRANSACTION_FILE: &str = "transaction.json";

/// Names and description of a key's keystores.
impl KeyKind {
    fn file(self) -> &'static str {
        match self {
            Self::Bls => "bls.json",
            Self::Transport => "transport.json",
        }
    }

    fn previous(self) -> &'static str {
        match self {
            Self::Bls => "bls.previous.json",
            Self::Transport => "transport.previous.json",
        }
    }

    /// A key on its way in: nobody knows it yet.
    fn next(self) -> &'static str {
        match self {
            Self::Bls => "bls.next.json",
            Self::Transport => "transport.next.json",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::Bls => "Tandem BLS key on BN254",
            Self::Transport => "Tandem transport key, Ed25519",
        }
    }

    fn random(self) -> Zeroizing<[u8; 32]> {
        match self {
            Self::Bls => random_bls(),
            Self::Transport => random_bytes::<32>(),
        }
    }

    /// The public half as keystores write it.
    fn public(self, secret: &[u8; 32]) -> Result<String, SecretKeyError> {
        Ok(match self {
            Self::Bls => hex(&SecretKey::from_bytes(secret)?.public_key().g1().0),
            Self::Transport => hex(TransportKey::from_seed(secret).public().0.as_slice()),
        })
    }
}

/// Where an operator's keystores are, and how new ones are sealed.
#[derive(Clone, Copy)]
pub struct KeyDirectory<'a> {
    /// The directory.
    pub path: &'a Path,
    /// The password of all its keystores.
    pub password: &'a Password,
    /// How hard it is to guess.
    pub strength: Strength,
}

/// An operator's keys while this process alone changes them.
pub struct LockedKeys<'a> {
    directory: KeyDirectory<'a>,
    /// The keys.
    pub keys: OperatorKeys,
    /// Released when the file is closed, also by the process's end.
    _lock: File,
}

/// Opens the keystores in `directory`.
pub(super) fn open(directory: &Path, password: &Password) -> Result<OperatorKeys, KeysError> {
    let bls = |name| {
        let path = directory.join(name);
        let secret = unseal(&path, password)?;
        SecretKey::from_bytes(&secret).map_err(|source| KeysError::Bls { path, source })
    };
    let transport = |name| Ok::<_, KeysError>(TransportKey::from_seed(&*unseal(&directory.join(name), password)?));
    let exists = |name: &&str| directory.join(name).exists();
    Ok(OperatorKeys {
        bls: bls(KeyKind::Bls.file())?,
        previous_bls: Some(KeyKind::Bls.previous()).filter(exists).map(bls).transpose()?,
        transport: transport(KeyKind::Transport.file())?,
        previous_transport: Some(KeyKind::Transport.previous()).filter(exists).map(transport).transpose()?,
        account: Account::load(&directory.join(TRANSACTION_FILE), password)?,
    })
}

impl<'a> KeyDirectory<'a> {
    /// Opens the keys, for this process alone to change.
    ///
    /// # Errors
    /// [`KeysError::Busy`] when another process does so, otherwise as [`OperatorKeys::open`].
    pub fn lock(self) -> Result<LockedKeys<'a>, KeysError> {
        let lock = File::open(self.path).map_err(|source| failed(self.path, source))?;
        match lock.try_lock() {
            Ok(()) => Ok(LockedKeys { directory: self, keys: open(self.path, self.password)?, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(KeysError::Busy(self.path.into())),
            Err(TryLockError::Error(source)) => Err(failed(self.path, source)),
        }
    }

    pub(super) fn create(&self) -> Result<OperatorKeys, KeysError> {
        std::fs::create_dir_all(self.path).map_err(|source| failed(self.path, source))?;
        for path in [KeyKind::Bls.file(), KeyKind::Transport.file(), TRANSACTION_FILE].map(|name| self.path.join(name))
        {
            if path.exists() {
                return Err(KeysError::Exists(path));
            }
        }
        let (secret, seed, account) = (random_bls(), random_bytes::<32>(), Account::random());
        self.write(KeyKind::Bls.file(), KeyKind::Bls, &secret)?;
        self.write(KeyKind::Transport.file(), KeyKind::Transport, &seed)?;
        account.store(&self.path.join(TRANSACTION_FILE), self.password)?;
        self.sync()?;
        let bls = SecretKey::from_bytes(&secret).expect("they are the bytes of a key");
        let transport = TransportKey::from_seed(&seed);
        Ok(OperatorKeys { bls, previous_bls: None, transport, previous_transport: None, account })
    }

    /// Makes the keystore of a new key, beside the present one.
    fn make_next(&self, kind: KeyKind) -> Result<Zeroizing<[u8; 32]>, KeysError> {
        self.remove(kind.next())?;
        let secret = kind.random();
        self.write(kind.next(), kind, &secret)?;
        Ok(secret)
    }

    /// Makes the present keystore the previous one as well.
    fn keep(&self, kind: KeyKind) -> Result<(), KeysError> {
        let present = self.path.join(kind.file());
        let bytes = std::fs::read(&present).map_err(|source| failed(&present, source))?;
        let draft = format!("{}.draft", kind.previous());
        self.remove(&draft)?;
        self.write_file(&draft, &bytes)?;
        self.rename(&draft, kind.previous())
    }

    fn take_next(&self, kind: KeyKind) -> Result<(), KeysError> {
        self.rename(kind.next(), kind.file())
    }

    fn write(&self, name: &str, kind: KeyKind, secret: &[u8; 32]) -> Result<(), KeysError> {
        let public = kind.public(secret).map_err(|source| KeysError::Bls { path: self.path.join(name), source })?;
        let entropy = Entropy { salt: *random_bytes(), iv: *random_bytes(), uuid: *random_bytes() };
        let protection = (self.password.as_str(), self.strength);
        let keystore = Keystore::encrypt(secret, protection, (public, kind.description()), &entropy);
        self.write_file(name, keystore.to_json().as_bytes())
    }

    /// Writes a file that is not there yet, for its owner only.
    fn write_file(&self, name: &str, bytes: &[u8]) -> Result<(), KeysError> {
        let path = self.path.join(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(&path).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
        written.map_err(|source| failed(&path, source))
    }

    /// Removes what an interruption left.
    fn remove(&self, name: &str) -> Result<(), KeysError> {
        let path = self.path.join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(&path, error)),
            _ => Ok(()),
        }
    }

    /// Moves a file into place in one step, for good.
    fn rename(&self, from: &str, to: &str) -> Result<(), KeysError> {
        let to = self.path.join(to);
        std::fs::rename(self.path.join(from), &to).map_err(|source| failed(&to, source))?;
        self.sync()
    }

    fn sync(&self) -> Result<(), KeysError> {
        let synced = File::open(self.path).and_then(|directory| directory.sync_all());
        synced.map_err(|source| failed(self.path, source))
    }
}

impl LockedKeys<'_> {
    /// Sees to it that of each of `kinds` there is a key which the chain does not have yet, and keeps the one that it has as the previous
    /// one. When an earlier change did not get as far as the chain, its key is taken and none is made; so it can be called again after any
    /// failure.
    ///
    /// The new keystore is on disk before anything is replaced, and each file is replaced in one step: whenever this is interrupted, the
    /// key that the chain has still opens. What was the previous key is lost: call it when nobody honours that any more.
    ///
    /// # Errors
    /// [`KeysError::Foreign`] when the chain has a key that is not here; then nothing is changed. [`KeysError::File`].
    pub fn rotate(&mut self, kinds: &[KeyKind], registered: &Registered) -> Result<(), KeysError> {
        let standing = |kind: &KeyKind| Ok((*kind, self.keys.standing(*kind, registered)?));
        let standings = kinds.iter().map(standing).collect::<Result<Vec<_>, KeysError>>()?;
        for (kind, _) in standings.into_iter().filter(|(_, standing)| *standing == Standing::InForce) {
            let secret = self.directory.make_next(kind)?;
            self.directory.keep(kind)?;
            self.directory.take_next(kind)?;
            self.keys.push(kind, &secret);
        }
        Ok(())
    }

    /// Makes a new key in place of one that cannot be registered, as it was before. The previous one stays.
    ///
    /// # Errors
    /// [`KeysError::File`].
    pub fn replace(&mut self, kind: KeyKind) -> Result<(), KeysError> {
        let secret = self.directory.make_next(kind)?;
        self.directory.take_next(kind)?;
        self.keys.put(kind, &secret);
        Ok(())
    }

    /// Puts a new key in place of one, in memory only: for showing what would be done with it.
    pub fn imagine(&mut self, kind: KeyKind) {
        self.keys.put(kind, &kind.random());
    }
}

impl OperatorKeys {
    /// Puts a key in place of the present one.
    fn put(&mut self, kind: KeyKind, secret: &[u8; 32]) {
        match kind {
            KeyKind::Bls => self.bls = SecretKey::from_bytes(secret).expect("they are the bytes of a key"),
            KeyKind::Transport => self.transport = TransportKey::from_seed(secret),
        }
    }

    /// Puts a key in place of the present one, which becomes the previous one.
    fn push(&mut self, kind: KeyKind, secret: &[u8; 32]) {
        match kind {
            KeyKind::Bls => {
                let fresh = SecretKey::from_bytes(secret).expect("they are the bytes of a key");
                self.previous_bls = Some(std::mem::replace(&mut self.bls, fresh));
            }
            KeyKind::Transport => {
                let fresh = TransportKey::from_seed(secret);
                self.previous_transport = Some(std::mem::replace(&mut self.transport, fresh));
            }
        }
    }
}

fn failed(path: &Path, source: io::Error) -> KeysError {
    KeysError::File { path: PathBuf::from(path), source }
}

fn unseal(path: &Path, password: &Password) -> Result<Zeroizing<[u8; 32]>, KeysError> {
    let bytes = std::fs::read(path).map_err(|source| failed(path, source))?;
    let decrypted = Keystore::from_json(&bytes).and_then(|keystore| keystore.decrypt(password.as_str()));
    decrypted.map_err(|source| KeysError::Keystore { path: path.into(), source })
}

/// Lower-case hexadecimal without prefix, as keystores write it.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
