//! The guard file: a small file outside of the journal's directory that says how much was ever signed, so that a journal which was put back
//! from a copy is told from the one that it is a copy of.
//!
//! It is written after the journal's commit and before the vote leaves. So it never says more than the journal, however the process or the
//! machine ends; one that does say more has seen signatures that the journal has lost.
//!
//! What it refuses to do: guess. A guard that is missing, damaged or another journal's is a [`Doubt`], which only a person resolves.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use tandem_types::keccak256;

/// Tells a guard from any other file, and its format.
const MAGIC: [u8; 8] = *b"tndmgrd1";
/// The record is written in turns to two places that share no sector, so that a torn write leaves the one before.
const SLOT_BYTES: usize = 512;
const SLOTS: usize = 2;
const RECORD_BYTES: usize = 48;

/// Where a journal is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Directory of the database.
    pub data: PathBuf,
    /// The guard file; best on another disk, and never inside of `data`.
    pub guard: PathBuf,
}

impl Place {
    /// The journal in `data`, with its guard beside the directory.
    pub fn beside(data: &Path) -> Self {
        let mut name = data.file_name().unwrap_or_default().to_owned();
        name.push(".guard");
        Self { data: data.to_owned(), guard: data.with_file_name(name) }
    }
}

/// Why the journal may not know all that was signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Doubt {
    /// The journal is older than its guard.
    #[error("it has {journal} signatures and its guard has seen {guard}: it is an old copy")]
    Behind {
        /// Signatures in the journal.
        journal: u64,
        /// Signatures that the guard has seen.
        guard: u64,
    },
    /// The guard is another journal's: this one was recovered or made anew since the copy was taken.
    #[error("its guard {} is another journal's: this one is a copy from before a recovery, or of another machine", .0.display())]
    OtherLine(PathBuf),
    /// There is no guard beside a journal that had one.
    #[error("its guard {} is missing: it may be a copy", .0.display())]
    NoGuard(PathBuf),
    /// There is a guard and no journal.
    #[error("its guard {} has seen {sequence} signatures, and there is no journal: the directory is not the right one, or its disk is not there", path.display())]
    NoJournal {
        /// The guard.
        path: PathBuf,
        /// Signatures that it has seen.
        sequence: u64,
    },
    /// The guard is not what was written.
    #[error("its guard {} is damaged", .0.display())]
    Damaged(PathBuf),
    /// Something was found while the node ran, or a person said so.
    #[error("{0}")]
    Recorded(String),
}

/// What the guard says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// Which journal it guards.
    pub(super) line: [u8; 16],
    /// Signatures that were ever recorded there.
    pub(super) sequence: u64,
}

/// The open guard file; nobody else has it.
#[derive(Debug)]
pub(super) struct Guard {
    file: File,
    mark: Mark,
    writes: u64,
}

/// What is there.
pub(super) enum Found {
    Nothing,
    Damaged,
    Guard(Guard),
}

impl Guard {
    /// Opens the guard at `path` for this process alone. [`io::ErrorKind::WouldBlock`] when another has it.
    pub(super) fn open(path: &Path) -> io::Result<Found> {
        let file = match File::options().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(error) => return Err(error),
        };
        lock(&file)?;
        Ok(match read(&file)? {
            Some((mark, writes)) => Found::Guard(Self { file, mark, writes }),
            None => Found::Damaged,
        })
    }

    /// Writes a new guard in place of whatever is there.
    pub(super) fn create(path: &Path, mark: Mark) -> io::Result<Self> {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(directory)?;
        let mut draft = path.as_os_str().to_owned();
        draft.push(".new");
        let mut file = File::options().create(true).truncate(true).read(true).write(true).open(&draft)?;
        lock(&file)?;
        let mut bytes = vec![0; SLOT_BYTES * SLOTS];
        bytes[..RECORD_BYTES].copy_from_slice(&encode(mark, 0));
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        File::open(directory)?.sync_all()?;
        Ok(Self { file, mark, writes: 0 })
    }

    pub(super) fn mark(&self) -> Mark {
        self.mark
    }

    /// Has it say `sequence`; on disk when it returns.
    pub(super) fn advance(&mut self, sequence: u64) -> io::Result<()> {
        if sequence <= self.mark.sequence {
            return Ok(());
        }
        let (mark, writes) = (Mark { sequence, ..self.mark }, self.writes + 1);
        let slot = writes % SLOTS as u64;
        self.file.write_all_at(&encode(mark, writes), slot * SLOT_BYTES as u64)?;
        self.file.sync_data()?;
        (self.mark, self.writes) = (mark, writes);
        Ok(())
    }
}

fn lock(file: &File) -> io::Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The newest record that is whole.
fn read(file: &File) -> io::Result<Option<(Mark, u64)>> {
    let mut newest = None;
    for slot in 0..SLOTS {
        let mut bytes = [0; RECORD_BYTES];
        match file.read_exact_at(&mut bytes, (slot * SLOT_BYTES) as u64) {
            Ok(()) => newest = newest.max_by_writes(decode(&bytes)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(error) => return Err(error),
        }
    }
    Ok(newest)
}

trait Newest {
    fn max_by_writes(self, other: Self) -> Self;
}

impl Newest for Option<(Mark, u64)> {
    fn max_by_writes(self, other: Self) -> Self {
        [self, other].into_iter().flatten().max_by_key(|(_, writes)| *writes)
    }
}

/// magic (8) ‖ line (16) ‖ sequence (8) ‖ writes (8) ‖ the first bytes of the hash of all that (8), big-endian.
fn encode(mark: Mark, writes: u64) -> [u8; RECORD_BYTES] {
    let mut bytes = [0; RECORD_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..24].copy_from_slice(&mark.line);
    bytes[24..32].copy_from_slice(&mark.sequence.to_be_bytes());
    bytes[32..40].copy_from_slice(&writes.to_be_bytes());
    let checksum = keccak256(&bytes[..40]);
    bytes[40..].copy_from_slice(&checksum[..8]);
    bytes
}

fn decode(bytes: &[u8; RECORD_BYTES]) -> Option<(Mark, u64)> {
    let word = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    let mark = Mark { line: bytes[8..24].try_into().expect("sixteen bytes"), sequence: word(24) };
    (encode(mark, word(32)) == *bytes).then(|| (mark, word(32)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(sequence: u64) -> Mark {
        Mark { line: [7; 16], sequence }
    }

    fn opened(path: &Path) -> Option<Mark> {
        match Guard::open(path).expect("the file can be read") {
            Found::Guard(guard) => Some(guard.mark()),
            _ => None,
        }
    }

    #[test]
    fn guard_says_what_it_was_last_told_and_never_less() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("disk/guard");
        let mut guard = Guard::create(&path, mark(3)).expect("written");
        for sequence in [4, 9, 5, 10] {
            guard.advance(sequence).expect("written");
        }
        drop(guard);
        assert_eq!(opened(&path), Some(mark(10)));
    }

    #[test]
    fn torn_write_leaves_the_record_before() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("guard");
        let mut guard = Guard::create(&path, mark(1)).expect("written");
        guard.advance(2).expect("written");
        guard.advance(3).expect("written");
        drop(guard);
        let whole = fs::read(&path).expect("read");
        for (at, left) in (0..RECORD_BYTES).map(|at| (at, 2)).chain((0..RECORD_BYTES).map(|at| (SLOT_BYTES + at, 3))) {
            let mut torn = whole.clone();
            torn[at] ^= 0x10;
            fs::write(&path, torn).expect("written");
            assert_eq!(opened(&path), Some(mark(left)), "byte {at}");
        }
    }

    #[test]
    fn what_is_no_guard_is_not_taken_for_one() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("guard");
        assert!(matches!(Guard::open(&path), Ok(Found::Nothing)));
        for bytes in [vec![], vec![0; 20], vec![0xab; 4_096]] {
            fs::write(&path, bytes).expect("written");
            assert!(matches!(Guard::open(&path), Ok(Found::Damaged)));
        }
    }

    #[test]
    fn guard_has_one_holder() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("guard");
        let _guard = Guard::create(&path, mark(1)).expect("written");
        let error = Guard::open(&path).map(|_| ()).expect_err("another one has it");
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn guard_stands_beside_the_directory() {
        let place = Place::beside(Path::new("/srv/tandem/data"));
        assert_eq!(place.guard, Path::new("/srv/tandem/data.guard"));
    }
}
