//! The directory of components, each under its digest. What is read is checked, what is written is whole or not at all; nobody else's word counts, not even
//! a file's name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tandem_engine::COMPONENT_BYTES_MAX;
use tandem_types::ComponentDigest;

/// Ending of files that are being written.
const DRAFT: &str = "draft";
/// Age at which a draft is taken for abandoned.
const DRAFT_AGE_MAX: Duration = Duration::from_secs(3_600);

/// Why a component cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refuses.
    #[error("cannot use {path}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Larger than any component.
    #[error("{path} has {bytes} bytes, a component may have {COMPONENT_BYTES_MAX}")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size, as far as it was read.
        bytes: u64,
    },
    /// Other content than its name says.
    #[error("{path} holds {found}, not the component that its name says")]
    Digest {
        /// The file.
        path: PathBuf,
        /// Digest of its content.
        found: ComponentDigest,
    },
}

impl StoreError {
    /// Whether the file is there and wrong, so that it may be replaced by the right one.
    pub fn is_corrupt(&self) -> bool {
        matches!(self, Self::TooLarge { .. } | Self::Digest { .. })
    }
}

/// Components on disk. Any number of processes may share one.
#[derive(Debug, Clone)]
pub struct ComponentStore {
    directory: PathBuf,
}

impl ComponentStore {
    /// The store in `directory`, which need not exist before something is kept in it.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// Where a component is kept: under its digest.
    pub fn path(&self, digest: ComponentDigest) -> PathBuf {
        self.directory.join(format!("{:x}.wasm", digest.0))
    }

    /// The component `digest`; none when it is not there.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read or holds something else.
    pub fn read(&self, digest: ComponentDigest) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path(digest);
        let bytes = match read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StoreError::Io { path, source }),
        };
        if bytes.len() as u64 > COMPONENT_BYTES_MAX {
            return Err(StoreError::TooLarge { path, bytes: bytes.len() as u64 });
        }
        match ComponentDigest::of(&bytes) {
            found if found == digest => Ok(Some(bytes)),
            found => Err(StoreError::Digest { path, found }),
        }
    }

    /// Keeps `component` under `digest`, in the place of whatever is there. Once it returns, it is on disk.
    ///
    /// # Errors
    /// [`StoreError`]; bytes of another digest are not written at all.
    pub fn write(&self, digest: ComponentDigest, component: &[u8]) -> Result<(), StoreError> {
        let path = self.path(digest);
        let found = ComponentDigest::of(component);
        if found != digest {
            return Err(StoreError::Digest { path, found });
        }
        self.replace(&path, component).map_err(|source| StoreError::Io { path, source })
    }

    fn replace(&self, path: &Path, component: &[u8]) -> io::Result<()> {
        static DRAFTS: AtomicU64 = AtomicU64::new(0);
        fs::create_dir_all(&self.directory)?;
        self.sweep()?;
        let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
        let draft = self.directory.join(format!("{}-{number}.{DRAFT}", std::process::id()));
        let written = write_draft(&draft, component).and_then(|()| fs::rename(&draft, path));
        if written.is_err() {
            // The reason that is told is the first.
            let _ = fs::remove_file(&draft);
        }
        written.and_then(|()| File::open(&self.directory)?.sync_all())
    }

    /// Removes drafts of processes that died while they wrote.
    fn sweep(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let is_draft = entry.path().extension().is_some_and(|extension| extension == DRAFT);
            let age =
                entry.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|time| time.elapsed().ok());
            if is_draft && age.is_some_and(|age| age > DRAFT_AGE_MAX) {
                // Another process may sweep at the same time.
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }
}

/// At most one byte more than a component may have.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(COMPONENT_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn write_draft(draft: &Path, component: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(draft)?;
    file.write_all(component)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Corruption = fn(&Path) -> io::Result<()>;

    fn store() -> (tempfile::TempDir, ComponentStore) {
        let directory = tempfile::tempdir().expect("there is room for a directory");
        let store = ComponentStore::new(directory.path().join("components"));
        (directory, store)
    }

    fn names(store: &ComponentStore) -> Vec<String> {
        let entries = fs::read_dir(&store.directory).expect("it exists").flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn what_is_kept_is_found_and_nothing_else_is_left() {
        let (_directory, store) = store();
        let digest = ComponentDigest::of(b"component");
        assert!(store.read(digest).expect("a missing directory is an empty store").is_none());
        store.write(digest, b"component").expect("it is writable");
        assert_eq!(store.read(digest).expect("it can be read").as_deref(), Some(&b"component"[..]));
        assert_eq!(names(&store), [format!("{:x}.wasm", digest.0)]);
    }

    #[test]
    fn bytes_of_another_digest_are_not_written() {
        let (_directory, store) = store();
        let error = store.write(ComponentDigest::of(b"a"), b"b").expect_err("it is another component");
        assert!(error.is_corrupt() && !store.directory.exists());
    }

    #[test]
    fn corrupt_and_huge_entries_are_found_and_can_be_replaced() {
        let (_directory, store) = store();
        let digest = ComponentDigest::of(b"component");
        store.write(digest, b"component").expect("it is writable");
        let corrupt: [Corruption; 3] = [
            |path| fs::write(path, b"Component"),
            |path| fs::write(path, b""),
            |path| File::create(path)?.set_len(COMPONENT_BYTES_MAX + 1),
        ];
        for make in corrupt {
            make(&store.path(digest)).expect("it is writable");
            assert!(store.read(digest).expect_err("it is corrupt").is_corrupt());
            store.write(digest, b"component").expect("it is writable");
            assert!(store.read(digest).expect("it can be read").is_some());
        }
    }

    #[test]
    fn abandoned_drafts_are_swept_and_others_are_left() {
        let (_directory, store) = store();
        fs::create_dir_all(&store.directory).expect("it is writable");
        let (old, new) = (store.directory.join("1-1.draft"), store.directory.join("2-1.draft"));
        for path in [&old, &new] {
            fs::write(path, b"half a comp").expect("it is writable");
        }
        let long_ago = std::time::SystemTime::now() - 2 * DRAFT_AGE_MAX;
        File::options().write(true).open(&old).and_then(|file| file.set_modified(long_ago)).expect("it is ours");
        store.write(ComponentDigest::of(b"x"), b"x").expect("it is writable");
        assert!(!old.exists() && new.exists());
    }
}
