//! The tree of files and directories, in memory. Knows neither wasmtime nor the disk; there are no links of any kind, so nothing leads out of it. What a file
//! or directory takes is counted while anything refers to it, open files that were removed included; its name, while it has one.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::{Arc, Mutex};

use super::account::{Account, Charge, Place, lock};
use super::file::File;
use crate::work::Work;
use crate::{LimitBreach, ScratchLimits};

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

/// One directory.
#[derive(Debug)]
pub(crate) struct Dir {
    place: Place,
    entries: Mutex<BTreeMap<String, Entry>>,
}

/// What a directory has under a name, and the name's bytes.
#[derive(Debug)]
struct Entry {
    node: Node,
    charge: Charge,
}

/// Directories may be nested deeper than a stack is: they are taken apart one after the other.
impl Drop for Dir {
    fn drop(&mut self) {
        let mut entries: Vec<_> = std::mem::take(&mut *lock(&self.entries)).into_values().collect();
        while let Some(entry) = entries.pop() {
            if let Node::Dir(dir) = entry.node
                && let Some(dir) = Arc::into_inner(dir)
            {
                entries.extend(std::mem::take(&mut *lock(&dir.entries)).into_values());
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
    pub(super) fn root(limits: ScratchLimits, work: Work) -> Arc<Self> {
        Arc::new(Self::new(Account::open(limits, work)))
    }

    fn new(place: Place) -> Self {
        Self { place, entries: Mutex::default() }
    }

    /// The first limit that was met.
    pub(super) fn breach(&self) -> Option<LimitBreach> {
        self.place.account.breach()
    }

    pub(super) fn list(self: &Arc<Self>) -> Listing {
        Listing { dir: Arc::clone(self), last: None }
    }

    fn entry(&self, name: &str) -> Option<Node> {
        lock(&self.entries).get(name).map(|entry| entry.node.clone())
    }

    /// Makes what `made` makes of a place, with a name that nothing here has.
    fn insert(&self, name: String, made: impl FnOnce(Place) -> Node) -> Result<Node, TreeError> {
        let account = &self.place.account;
        let (place, charge) = (account.place()?, account.charge(&name)?);
        let node = made(place);
        lock(&self.entries).insert(name, Entry { node: node.clone(), charge });
        Ok(node)
    }

    fn remove(&self, name: &str) -> Option<Entry> {
        lock(&self.entries).remove(name)
    }

    /// Charges an entry for another name.
    fn fit(&self, name: &str, new_name: &str) -> Result<(), TreeError> {
        lock(&self.entries).get_mut(name).ok_or(TreeError::NoEntry)?.charge.fit(new_name)
    }

    /// Follows `path` to its last name. `..` leads no further up than to where it began.
    fn spot(self: &Arc<Self>, path: &str) -> Result<Spot, TreeError> {
        self.place.account.work.bytes(path.len());
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
        spot.dir.insert(name, |place| Node::File(Arc::new(File::new(place))))
    }

    pub(super) fn make_dir(self: &Arc<Self>, path: &str) -> Result<(), TreeError> {
        let spot = self.spot(path)?;
        let name = spot.name.ok_or(TreeError::Exists)?;
        if spot.dir.entry(&name).is_some() {
            return Err(TreeError::Exists);
        }
        spot.dir.insert(name, |place| Node::Dir(Arc::new(Self::new(place)))).map(drop)
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
    fn take(self: &Arc<Self>, path: &str) -> Result<Entry, TreeError> {
        let spot = self.spot(path)?;
        let name = spot.name.ok_or(TreeError::Invalid)?;
        spot.dir.remove(&name).ok_or(TreeError::NoEntry)
    }

    /// Moves what is at `path` to `new_path` of `new_dir`, in the place of a file, or of an empty directory, that is there.
    pub(super) fn rename(self: &Arc<Self>, path: &str, new_dir: &Arc<Self>, new_path: &str) -> Result<(), TreeError> {
        let node = self.get(path)?;
        let (from, spot) = (self.spot(path)?, new_dir.spot(new_path)?);
        let (old_name, name) = from.name.zip(spot.name).ok_or(TreeError::Invalid)?;
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
        // What is replaced gives its name's bytes back first, so that this fails only where nothing was.
        drop(spot.dir.remove(&name));
        from.dir.fit(&old_name, &name)?;
        let entry = from.dir.remove(&old_name).ok_or(TreeError::NoEntry)?;
        lock(&spot.dir.entries).insert(name, entry);
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
            self.place.account.work.steps(entries.len());
            dirs.extend(entries.values().filter_map(|entry| entry.node.dir().ok()).cloned());
        }
        false
    }
}

/// A listing of a directory: a place in it, not a copy. Gives names in their order, each time the first one after the last that it gave; so what is added or
/// removed meanwhile is listed or not according to its name.
#[derive(Debug)]
pub(super) struct Listing {
    dir: Arc<Dir>,
    last: Option<String>,
}

impl Iterator for Listing {
    type Item = (String, Node);

    fn next(&mut self) -> Option<Self::Item> {
        let entries = lock(&self.dir.entries);
        let from = self.last.as_deref().map_or(Unbounded, Excluded);
        let (name, entry) = entries.range::<str, _>((from, Unbounded)).next()?;
        self.last = Some(name.clone());
        Some((name.clone(), entry.node.clone()))
    }
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
