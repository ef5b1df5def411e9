//! The tree of files and directories, in memory. Knows neither wasmtime nor the disk; there are no links of any kind, so nothing leads out of it. What a file
//! or directory takes is counted while anything refers to it, open files that were removed included.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{LimitBreach, LimitKind, ScratchLimits};

/// Longest name of a file or directory, in bytes.
const NAME_BYTES_MAX: usize = 255;
/// Longest path, in bytes.
const PATH_BYTES_MAX: usize = 4_096;

/// Why something was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TreeError {
    #[error("no such file or directory")]
    NoEntry,
    #[error("it exists")]
    Exists,
    #[error("it is not a directory")]
    NotDirectory,
    #[error("it is a directory")]
    IsDirectory,
    #[error("the directory is not empty")]
    NotEmpty,
    #[error("the path leads out of the scratch directory")]
    NotPermitted,
    #[error("the name is too long")]
    NameTooLong,
    #[error("it is not possible")]
    Invalid,
    #[error("the scratch directory is full")]
    Full,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is in use, and the first limit that was met.
#[derive(Debug)]
pub(super) struct Account {
    limits: ScratchLimits,
    bytes: AtomicU64,
    files: AtomicU64,
    serial: AtomicU64,
    breach: Mutex<Option<LimitBreach>>,
}

impl Account {
    fn take(&self, used: &AtomicU64, amount: u64, breach: LimitBreach) -> Result<(), TreeError> {
        let after = used.load(Ordering::Relaxed).saturating_add(amount);
        if after > breach.limit {
            lock(&self.breach).get_or_insert(breach);
            return Err(TreeError::Full);
        }
        used.store(after, Ordering::Relaxed);
        Ok(())
    }

    fn take_bytes(&self, amount: u64) -> Result<(), TreeError> {
        self.take(&self.bytes, amount, LimitBreach { kind: LimitKind::ScratchBytes, limit: self.limits.bytes })
    }

    fn place(self: &Arc<Self>) -> Result<Place, TreeError> {
        self.take(&self.files, 1, LimitBreach { kind: LimitKind::ScratchFiles, limit: self.limits.files })?;
        Ok(Place { serial: self.serial.fetch_add(1, Ordering::Relaxed), counts: true, account: Arc::clone(self) })
    }
}

/// The place of one file or directory; given back with it.
#[derive(Debug)]
struct Place {
    serial: u64,
    /// All but the root, which is not the component's.
    counts: bool,
    account: Arc<Account>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.account.files.fetch_sub(u64::from(self.counts), Ordering::Relaxed);
    }
}

/// One file.
#[derive(Debug)]
pub(crate) struct File {
    place: Place,
    content: Mutex<Vec<u8>>,
}

impl File {
    pub(super) fn len(&self) -> u64 {
        lock(&self.content).len() as u64
    }

    /// Up to `len` bytes from `offset`; nothing at the end.
    pub(super) fn read(&self, offset: u64, len: usize) -> Vec<u8> {
        let content = lock(&self.content);
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
        let end = start.saturating_add(len).min(content.len());
        content[start..end].to_vec()
    }

    /// Writes all of `bytes`, or nothing. A gap before `offset` is filled with zeros.
    pub(super) fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), TreeError> {
        if bytes.is_empty() {
            return Ok(());
        }
        let end = offset.checked_add(bytes.len() as u64).ok_or(TreeError::Invalid)?;
        let mut content = lock(&self.content);
        if end > content.len() as u64 {
            self.resize(&mut content, end)?;
        }
        let start = usize::try_from(offset).map_err(|_| TreeError::Invalid)?;
        content[start..start + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    pub(super) fn append(&self, bytes: &[u8]) -> Result<(), TreeError> {
        self.write(self.len(), bytes)
    }

    pub(super) fn set_len(&self, len: u64) -> Result<(), TreeError> {
        self.resize(&mut lock(&self.content), len)
    }

    /// The limit comes first: what is above it is never allocated.
    fn resize(&self, content: &mut Vec<u8>, len: u64) -> Result<(), TreeError> {
        let (account, before) = (&self.place.account, content.len() as u64);
        if len > before {
            account.take_bytes(len - before)?;
        } else {
            account.bytes.fetch_sub(before - len, Ordering::Relaxed);
        }
        content.resize(usize::try_from(len).map_err(|_| TreeError::Invalid)?, 0);
        if content.capacity() / 2 > content.len() {
            content.shrink_to_fit();
        }
        Ok(())
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.place.account.bytes.fetch_sub(self.len(), Ordering::Relaxed);
    }
}

/// One directory.
#[derive(Debug)]
pub(crate) struct Dir {
    place: Place,
    entries: Mutex<BTreeMap<String, Node>>,
}

/// Directories may be nested deeper than a stack is: they are taken apart one after the other.
impl Drop for Dir {
    fn drop(&mut self) {
        let mut nodes: Vec<_> = std::mem::take(&mut *lock(&self.entries)).into_values().collect();
        while let Some(node) = nodes.pop() {
            if let Node::Dir(dir) = node
                && let Some(dir) = Arc::into_inner(dir)
            {
                nodes.extend(std::mem::take(&mut *lock(&dir.entries)).into_values());
            }
        }
    }
}

/// A file or a directory.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    File(Arc<File>),
    Dir(Arc<Dir>),
}

impl Node {
    /// A number of its own in the tree, in the order in which things were made.
    pub(super) fn serial(&self) -> u64 {
        match self {
            Self::File(file) => file.place.serial,
            Self::Dir(dir) => dir.place.serial,
        }
    }

    pub(super) fn dir(&self) -> Result<&Arc<Dir>, TreeError> {
        match self {
            Self::Dir(dir) => Ok(dir),
            Self::File(_) => Err(TreeError::NotDirectory),
        }
    }
}

/// How a path is opened.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Opening {
    pub(super) create: bool,
    pub(super) exclusive: bool,
    pub(super) directory: bool,
    pub(super) truncate: bool,
}

/// Where a path leads: a directory, and a name in it; no name when the path is the directory itself.
struct Spot {
    dir: Arc<Dir>,
    name: Option<String>,
    must_be_dir: bool,
}

impl Dir {
    /// An empty tree.
    pub(super) fn root(limits: ScratchLimits) -> Arc<Self> {
        let (bytes, files, serial) = Default::default();
        let account = Arc::new(Account { limits, bytes, files, serial, breach: Mutex::default() });
        let place = Place { serial: account.serial.fetch_add(1, Ordering::Relaxed), counts: false, account };
        Arc::new(Self { place, entries: Mutex::default() })
    }

    /// The first limit that was met.
    pub(super) fn breach(&self) -> Option<LimitBreach> {
        *lock(&self.place.account.breach)
    }

    /// Names and kinds of what is in it, in the order of their names.
    pub(super) fn list(&self) -> Vec<(String, Node)> {
        lock(&self.entries).iter().map(|(name, node)| (name.clone(), node.clone())).collect()
    }

    fn entry(&self, name: &str) -> Option<Node> {
        lock(&self.entries).get(name).cloned()
    }

    /// Follows `path` to its last name. `..` leads no further up than to where it began.
    fn spot(self: &Arc<Self>, path: &str) -> Result<Spot, TreeError> {
        if path.len() > PATH_BYTES_MAX {
            return Err(TreeError::NameTooLong);
        }
        if path.starts_with('/') {
            return Err(TreeError::NotPermitted);
        }
        if path.is_empty() {
            return Err(TreeError::NoEntry);
        }
        let (mut way, mut name) = (vec![Arc::clone(self)], None::<&str>);
        for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
            if let Some(name) = name.take() {
                let next = way.last().and_then(|dir| dir.entry(name)).ok_or(TreeError::NoEntry)?;
                way.push(Arc::clone(next.dir()?));
            }
            match part {
                ".." if way.len() == 1 => return Err(TreeError::NotPermitted),
                ".." => drop(way.pop()),
                part if part.len() > NAME_BYTES_MAX => return Err(TreeError::NameTooLong),
                part => name = Some(part),
            }
        }
        let must_be_dir = path.ends_with('/') || path.ends_with("/.");
        let dir = way.pop().expect("the way begins with a directory that is never left");
        Ok(Spot { dir, name: name.map(str::to_owned), must_be_dir })
    }

    /// What is at `path`.
    pub(super) fn get(self: &Arc<Self>, path: &str) -> Result<Node, TreeError> {
        let spot = self.spot(path)?;
        let node = match &spot.name {
            Some(name) => spot.dir.entry(name).ok_or(TreeError::NoEntry)?,
            None => Node::Dir(Arc::clone(&spot.dir)),
        };
        if spot.must_be_dir {
            node.dir()?;
        }
        Ok(node)
    }

    pub(super) fn open(self: &Arc<Self>, path: &str, how: Opening) -> Result<Node, TreeError> {
        match self.get(path) {
            Ok(_) if how.exclusive && how.create => Err(TreeError::Exists),
            Ok(Node::Dir(_)) if how.truncate => Err(TreeError::IsDirectory),
            Ok(Node::File(_)) if how.directory => Err(TreeError::NotDirectory),
            Ok(Node::File(file)) if how.truncate => file.set_len(0).map(|()| Node::File(file)),
            Err(TreeError::NoEntry) if how.create && !how.directory => self.create(path),
            outcome => outcome,
        }
    }

    fn create(self: &Arc<Self>, path: &str) -> Result<Node, TreeError> {
        let spot = self.spot(path)?;
        let name = spot.name.filter(|_| !spot.must_be_dir).ok_or(TreeError::IsDirectory)?;
        let file = File { place: self.place.account.place()?, content: Mutex::default() };
        let node = Node::File(Arc::new(file));
        lock(&spot.dir.entries).insert(name, node.clone());
        Ok(node)
    }

    pub(super) fn make_dir(self: &Arc<Self>, path: &str) -> Result<(), TreeError> {
        let spot = self.spot(path)?;
        let name = spot.name.ok_or(TreeError::Exists)?;
        if spot.dir.entry(&name).is_some() {
            return Err(TreeError::Exists);
        }
        let dir = Self { place: self.place.account.place()?, entries: Mutex::default() };
        lock(&spot.dir.entries).insert(name, Node::Dir(Arc::new(dir)));
        Ok(())
    }

    pub(super) fn remove_file(self: &Arc<Self>, path: &str) -> Result<(), TreeError> {
        if let Node::Dir(_) = self.get(path)? {
            return Err(TreeError::IsDirectory);
        }
        self.take(path).map(drop)
    }

    pub(super) fn remove_dir(self: &Arc<Self>, path: &str) -> Result<(), TreeError> {
        if !lock(&self.get(path)?.dir()?.entries).is_empty() {
            return Err(TreeError::NotEmpty);
        }
        self.take(path).map(drop)
    }

    /// Takes what is at `path` out of the tree.
    fn take(self: &Arc<Self>, path: &str) -> Result<Node, TreeError> {
        let spot = self.spot(path)?;
        let name = spot.name.ok_or(TreeError::Invalid)?;
        let taken = lock(&spot.dir.entries).remove(&name);
        taken.ok_or(TreeError::NoEntry)
    }

    /// Moves what is at `path` to `new_path` of `new_dir`, in the place of a file, or of an empty directory, that is there.
    pub(super) fn rename(self: &Arc<Self>, path: &str, new_dir: &Arc<Self>, new_path: &str) -> Result<(), TreeError> {
        let node = self.get(path)?;
        let spot = new_dir.spot(new_path)?;
        let name = spot.name.ok_or(TreeError::Invalid)?;
        if let Node::Dir(dir) = &node
            && dir.holds(&spot.dir)
        {
            return Err(TreeError::Invalid);
        }
        match (&node, spot.dir.entry(&name)) {
            (_, Some(there)) if there.serial() == node.serial() => return Ok(()),
            (Node::File(_), Some(Node::Dir(_))) => return Err(TreeError::IsDirectory),
            (Node::Dir(_), Some(Node::File(_))) => return Err(TreeError::NotDirectory),
            (Node::File(_), _) if spot.must_be_dir => return Err(TreeError::NotDirectory),
            (_, Some(Node::Dir(there))) if !lock(&there.entries).is_empty() => return Err(TreeError::NotEmpty),
            _ => {}
        }
        let node = self.take(path)?;
        let replaced = lock(&spot.dir.entries).insert(name, node);
        drop(replaced);
        Ok(())
    }

    /// Whether `other` is this directory, or somewhere in it.
    fn holds(self: &Arc<Self>, other: &Arc<Self>) -> bool {
        let mut dirs = vec![Arc::clone(self)];
        while let Some(dir) = dirs.pop() {
            if Arc::ptr_eq(&dir, other) {
                return true;
            }
            let entries = lock(&dir.entries);
            dirs.extend(entries.values().filter_map(|node| node.dir().ok()).cloned());
        }
        false
    }
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
