//! Compiled code on disk, so that a component is compiled once on a machine and not at every start.
//!
//! Compiled code runs outside the sandbox: whoever chooses it commands the node. So an entry counts only if this operator wrote it, for this component and
//! these settings: it carries an HMAC-SHA256 under a key that only this operator can read, and is checked before anything interprets it. An entry that is
//! corrupt, cut off, renamed, from another machine or from another wasmtime is compiled anew and replaced. It refuses a directory that others can write to.
//! What goes wrong here costs time and never a result.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use ring::hmac::{self, HMAC_SHA256};
use ring::rand::{SecureRandom, SystemRandom};
use rustix::fs::OFlags;
use tandem_types::ComponentDigest;
use wasmtime::component::Component as Code;
use zeroize::Zeroizing;

/// Names the purpose and layout of an entry in its tag.
const DOMAIN: &[u8] = b"tandem compiled component 1";
/// Bytes of a tag, and of the key.
const TAG_BYTES: usize = 32;
/// File with the key.
const KEY: &str = "key";
/// Ending of entries.
const ENTRY: &str = "code";
/// Ending of entries and keys that are being written.
const DRAFT: &str = "draft";

/// Where compiled code is kept.
#[derive(Debug, Clone)]
pub struct CacheConfig {
    /// A directory for nothing else; it is created. It has to belong to the user that runs the engine, and to be writable for nobody else.
    pub directory: PathBuf,
    /// Most bytes of all entries together; those that were not used for longest make room for others.
    pub bytes_max: u64,
}

impl CacheConfig {
    /// A cache of at most 1 GiB, which is some thousand components.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), bytes_max: 1 << 30 }
    }
}

/// The cache of one engine.
pub(crate) struct Cache {
    config: CacheConfig,
    key: hmac::Key,
    /// Digest of wasmtime's version and of everything else that compiled code depends on.
    settings: [u8; 32],
}

/// Code whose tag was checked.
struct Authentic<'a>(&'a [u8]);

impl Authentic<'_> {
    #[allow(unsafe_code, reason = "wasmtime cannot check native code; the tag says whose it is")]
    fn code(&self, engine: &wasmtime::Engine) -> wasmtime::Result<Code> {
        // SAFETY: the bytes have to come from `Component::serialize`, unchanged. `Cache::authentic` alone makes an `Authentic`, of bytes whose tag is
        // right under a key that no other user can read; `Cache::store` alone makes tags, and only of what `serialize` gave. The bytes are in this
        // process's memory: unlike a mapped file, nobody can change them between the check and their use.
        unsafe { Code::deserialize(engine, self.0) }
    }
}

impl Cache {
    /// Opens the cache for an engine; creates directory and key when they are missing.
    pub(crate) fn open(config: &CacheConfig, engine: &wasmtime::Engine) -> io::Result<Self> {
        let directory = &config.directory;
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        if !is_ours(&fs::metadata(directory)?, 0o022) {
            return Err(io::Error::other("the directory belongs to, or can be written by, another user"));
        }
        let path = directory.join(KEY);
        let key = match read_key(&path) {
            Some(key) => key,
            None => new_key(directory, &path)?,
        };
        let key = hmac::Key::new(HMAC_SHA256, &*key);
        Ok(Self { config: config.clone(), key, settings: settings(engine) })
    }

    /// The compiled code of a component, if it is here and right.
    pub(crate) fn load(&self, engine: &wasmtime::Engine, digest: ComponentDigest) -> Option<Code> {
        let entry = match self.read(digest) {
            Ok(entry) => entry,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return refused(digest, &error),
        };
        let Some(authentic) = self.authentic(digest, &entry) else {
            return refused(digest, &"it is corrupt, or another node wrote it");
        };
        authentic.code(engine).map_or_else(|error| refused(digest, &error), Some)
    }

    /// Keeps the compiled code of a component, if there is room for it at all.
    pub(crate) fn store(&self, digest: ComponentDigest, code: &Code) {
        let stored = code.serialize().map_err(io::Error::other).and_then(|code| self.write(digest, &code));
        if let Err(error) = stored {
            tracing::warn!(%digest, %error, "compiled code cannot be kept; the component is compiled again at the next start");
        }
    }

    fn path(&self, digest: ComponentDigest) -> PathBuf {
        let [a, b, c, d, ..] = self.settings;
        let settings = u32::from_be_bytes([a, b, c, d]);
        self.config.directory.join(format!("{:x}-{settings:08x}.{ENTRY}", digest.0))
    }

    /// Entries are told apart by their key, so that none can stand in for another.
    fn entry_key(&self, digest: ComponentDigest) -> hmac::Key {
        let mut purpose = hmac::Context::with_key(&self.key);
        for part in [DOMAIN, &self.settings, digest.0.as_slice()] {
            purpose.update(part);
        }
        hmac::Key::new(HMAC_SHA256, purpose.sign().as_ref())
    }

    fn authentic<'a>(&self, digest: ComponentDigest, entry: &'a [u8]) -> Option<Authentic<'a>> {
        let (tag, code) = entry.split_at_checked(TAG_BYTES)?;
        hmac::verify(&self.entry_key(digest), code, tag).ok()?;
        Some(Authentic(code))
    }

    fn read(&self, digest: ComponentDigest) -> io::Result<Vec<u8>> {
        let file = open(&self.path(digest))?;
        let bytes = file.metadata()?.len();
        if bytes > self.config.bytes_max {
            return Err(io::Error::other("it is larger than the cache"));
        }
        let mut entry = Vec::with_capacity(usize::try_from(bytes).unwrap_or_default());
        (&file).take(bytes).read_to_end(&mut entry)?;
        // What cannot be marked as used is evicted early, and nothing worse.
        let _ = file.set_modified(SystemTime::now());
        Ok(entry)
    }

    fn write(&self, digest: ComponentDigest, code: &[u8]) -> io::Result<()> {
        let bytes = (TAG_BYTES + code.len()) as u64;
        if bytes > self.config.bytes_max {
            return Ok(());
        }
        self.evict(self.config.bytes_max - bytes)?;
        let tag = hmac::sign(&self.entry_key(digest), code);
        replace(&self.config.directory, &self.path(digest), &[tag.as_ref(), code])
    }

    /// Removes entries, and drafts that were never finished, until `bytes_max` or less are left. The least recently used go first.
    fn evict(&self, bytes_max: u64) -> io::Result<()> {
        let mut files = Vec::new();
        for file in fs::read_dir(&self.config.directory)? {
            let path = file?.path();
            let is_ours = path.extension().is_some_and(|extension| extension == ENTRY || extension == DRAFT);
            // Another process may evict at the same time: what is gone needs no room.
            if let Some(metadata) = fs::symlink_metadata(&path).ok().filter(|_| is_ours) {
                files.push((metadata.modified()?, metadata.len(), path));
            }
        }
        files.sort();
        let mut total: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, bytes, path) in files {
            if total <= bytes_max {
                break;
            }
            total -= bytes;
            fs::remove_file(path).or_else(gone)?;
        }
        Ok(())
    }
}

fn refused<T>(digest: ComponentDigest, reason: &dyn std::fmt::Display) -> Option<T> {
    tracing::warn!(%digest, %reason, "compiled code in the cache is not used; the component is compiled anew");
    None
}

fn gone(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Whether a file belongs to this user and gives others none of the `forbidden` permissions.
fn is_ours(metadata: &fs::Metadata, forbidden: u32) -> bool {
    metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & forbidden == 0
}

/// Opens a regular file for reading. Never follows a link, never waits for a pipe.
fn open(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let file = OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a file")) }
}

/// The key, unless it is missing, damaged, or was open to others: then nothing that it vouches for counts.
fn read_key(path: &Path) -> Option<Zeroizing<[u8; TAG_BYTES]>> {
    let mut file = open(path).ok()?;
    let metadata = file.metadata().ok()?;
    if metadata.len() != TAG_BYTES as u64 || !is_ours(&metadata, 0o077) {
        return None;
    }
    let mut key = Zeroizing::new([0; TAG_BYTES]);
    file.read_exact(&mut *key).ok()?;
    Some(key)
}

/// Two processes that start at once may both make a key. The later one stays, and what the other wrote is compiled once more.
fn new_key(directory: &Path, path: &Path) -> io::Result<Zeroizing<[u8; TAG_BYTES]>> {
    let mut key = Zeroizing::new([0; TAG_BYTES]);
    SystemRandom::new().fill(&mut *key).map_err(|_| io::Error::other("the system gives no randomness"))?;
    replace(directory, path, &[&*key])?;
    Ok(key)
}

/// Puts a file in place whole or not at all, readable for this user only.
fn replace(directory: &Path, path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    static DRAFTS: AtomicU64 = AtomicU64::new(0);
    let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
    let draft = directory.join(format!("{}-{number}.{DRAFT}", process::id()));
    let written = write_draft(&draft, parts).and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        // The reason that is told is the first.
        let _ = fs::remove_file(&draft);
    }
    written
}

fn write_draft(draft: &Path, parts: &[&[u8]]) -> io::Result<()> {
    // An earlier process of the same number may have died here.
    fs::remove_file(draft).or_else(gone)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    file.sync_all()
}

/// Feeds what wasmtime's compatibility depends on to SHA-256.
struct Fingerprint(ring::digest::Context);

impl Hasher for Fingerprint {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Asked for by the trait; [`settings`] takes the whole digest.
    fn finish(&self) -> u64 {
        let mut first = [0; 8];
        first.copy_from_slice(&self.0.clone().finish().as_ref()[..8]);
        u64::from_be_bytes(first)
    }
}

fn settings(engine: &wasmtime::Engine) -> [u8; 32] {
    let mut fingerprint = Fingerprint(ring::digest::Context::new(&ring::digest::SHA256));
    engine.precompile_compatibility_hash().hash(&mut fingerprint);
    let mut settings = [0; 32];
    settings.copy_from_slice(fingerprint.0.finish().as_ref());
    settings
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
