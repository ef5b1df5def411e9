//! `wasi:filesystem` over a private directory in memory, [`DIRECTORY`]: empty when an execution begins, gone when it ends, within the limits of its workflow.
//! A component that was granted none finds no directory at all.
//!
//! No disk is behind it, so there is nothing to escape to, nothing to clean up after a crash, and nothing that differs between operators: times are the task's
//! block's, the order of entries is that of their names. There are no links, and `..` ends at the directory that a path begins from.

mod account;
mod file;
mod stream;
mod tree;

use std::sync::Arc;

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::{preopens, types};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult};

use crate::state::State;
use crate::work::Work;
use crate::{LimitBreach, ScratchLimits};
use file::File;
use stream::{CHUNK_BYTES, Reader, Writer};
use tree::{Dir, Listing, Node, Opening, TreeError};
use types::{DescriptorFlags, DescriptorType, ErrorCode, Filesize, NewTimestamp, PathFlags};

/// The directory's name, as components see it.
const DIRECTORY: &str = "/scratch";

/// One execution's files.
pub(crate) struct Scratch {
    limits: ScratchLimits,
    block_time: u64,
    /// Made when it is first asked for.
    root: Option<Arc<Dir>>,
}

impl Scratch {
    /// `block_time` is in Unix seconds.
    pub(crate) fn new(limits: ScratchLimits, block_time: u64) -> Self {
        Self { limits, block_time, root: None }
    }

    /// The first limit that was met, if any was.
    pub(crate) fn stopped(&self) -> Option<LimitBreach> {
        self.root.as_ref()?.breach()
    }
}

/// Links the file system, for every profile alike.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    types::add_to_linker::<_, Access>(linker, State::scratch)?;
    preopens::add_to_linker::<_, Access>(linker, State::scratch)
}

/// How the linker gets at [`ScratchView`].
struct Access;

impl HasData for Access {
    type Data<'a> = ScratchView<'a>;
}

/// The part of the state that this capability uses.
pub(crate) struct ScratchView<'a> {
    pub(crate) scratch: &'a mut Scratch,
    pub(crate) work: &'a Work,
    pub(crate) table: &'a mut ResourceTable,
}

/// What is open, and for what. In the table under the number of the descriptor that wasmtime's bindings have.
struct Open {
    node: Node,
    flags: DescriptorFlags,
}

impl From<TreeError> for FsError {
    fn from(error: TreeError) -> Self {
        code(error).into()
    }
}

fn code(error: TreeError) -> ErrorCode {
    match error {
        TreeError::NoEntry => ErrorCode::NoEntry,
        TreeError::Exists => ErrorCode::Exist,
        TreeError::NotDirectory => ErrorCode::NotDirectory,
        TreeError::IsDirectory => ErrorCode::IsDirectory,
        TreeError::NotEmpty => ErrorCode::NotEmpty,
        TreeError::NotPermitted => ErrorCode::NotPermitted,
        TreeError::NameTooLong => ErrorCode::NameTooLong,
        TreeError::Invalid => ErrorCode::Invalid,
        TreeError::Full => ErrorCode::InsufficientSpace,
    }
}

type Descriptor = Resource<types::Descriptor>;

impl ScratchView<'_> {
    fn open(&self, descriptor: &Descriptor) -> FsResult<&Open> {
        Ok(self.table.get(&Resource::<Open>::new_borrow(descriptor.rep()))?)
    }

    fn push(&mut self, node: Node, flags: DescriptorFlags) -> wasmtime::Result<Descriptor> {
        let open = self.table.push(Open { node, flags })?;
        Ok(Resource::new_own(open.rep()))
    }

    fn dir(&self, descriptor: &Descriptor) -> FsResult<Arc<Dir>> {
        Ok(Arc::clone(self.open(descriptor)?.node.dir()?))
    }

    /// The file, if it is open for `purpose`.
    fn file(&self, descriptor: &Descriptor, purpose: DescriptorFlags) -> FsResult<Arc<File>> {
        let Open { node, flags } = self.open(descriptor)?;
        match node {
            Node::File(file) if flags.contains(purpose) => Ok(Arc::clone(file)),
            Node::File(_) => Err(ErrorCode::BadDescriptor.into()),
            Node::Dir(_) => Err(ErrorCode::IsDirectory.into()),
        }
    }

    fn status(&self, node: &Node) -> types::DescriptorStat {
        let size = match node {
            Node::File(file) => file.len(),
            Node::Dir(_) => 0,
        };
        let time = Some(Datetime { seconds: self.scratch.block_time, nanoseconds: 0 });
        types::DescriptorStat {
            type_: kind(node),
            link_count: 1,
            size,
            data_access_timestamp: time,
            data_modification_timestamp: time,
            status_change_timestamp: time,
        }
    }
}

fn kind(node: &Node) -> DescriptorType {
    match node {
        Node::File(_) => DescriptorType::RegularFile,
        Node::Dir(_) => DescriptorType::Directory,
    }
}

fn identity(node: &Node) -> types::MetadataHashValue {
    types::MetadataHashValue { lower: node.serial(), upper: 0 }
}

impl preopens::Host for ScratchView<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Descriptor, String)>> {
        let limits = self.scratch.limits;
        if limits.bytes == 0 {
            return Ok(Vec::new());
        }
        let root = self.scratch.root.get_or_insert_with(|| Dir::root(limits, self.work.clone()));
        let root = Arc::clone(root);
        let flags = DescriptorFlags::READ | DescriptorFlags::MUTATE_DIRECTORY;
        Ok(vec![(self.push(Node::Dir(root), flags)?, DIRECTORY.to_owned())])
    }
}

impl types::Host for ScratchView<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    fn filesystem_error_code(&mut self, error: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        Ok(self.table.get(&error)?.downcast_ref().copied().map(code))
    }
}

impl types::HostDescriptor for ScratchView<'_> {
    fn read_via_stream(&mut self, fd: Descriptor, offset: Filesize) -> FsResult<Resource<DynInputStream>> {
        let reader: DynInputStream = Box::new(Reader { file: self.file(&fd, DescriptorFlags::READ)?, offset });
        Ok(self.table.push(reader)?)
    }

    fn write_via_stream(&mut self, fd: Descriptor, offset: Filesize) -> FsResult<Resource<DynOutputStream>> {
        let file = self.file(&fd, DescriptorFlags::WRITE)?;
        let writer: DynOutputStream = Box::new(Writer { file, offset: Some(offset) });
        Ok(self.table.push(writer)?)
    }

    fn append_via_stream(&mut self, fd: Descriptor) -> FsResult<Resource<DynOutputStream>> {
        let file = self.file(&fd, DescriptorFlags::WRITE)?;
        let writer: DynOutputStream = Box::new(Writer { file, offset: None });
        Ok(self.table.push(writer)?)
    }

    async fn advise(&mut self, fd: Descriptor, _: Filesize, _: Filesize, _: types::Advice) -> FsResult<()> {
        self.file(&fd, DescriptorFlags::empty()).map(drop)
    }

    async fn sync_data(&mut self, fd: Descriptor) -> FsResult<()> {
        self.open(&fd).map(drop)
    }

    async fn sync(&mut self, fd: Descriptor) -> FsResult<()> {
        self.open(&fd).map(drop)
    }

    async fn get_flags(&mut self, fd: Descriptor) -> FsResult<DescriptorFlags> {
        Ok(self.open(&fd)?.flags)
    }

    async fn get_type(&mut self, fd: Descriptor) -> FsResult<DescriptorType> {
        Ok(kind(&self.open(&fd)?.node))
    }

    async fn set_size(&mut self, fd: Descriptor, size: Filesize) -> FsResult<()> {
        Ok(self.file(&fd, DescriptorFlags::WRITE)?.set_len(size)?)
    }

    async fn set_times(&mut self, fd: Descriptor, _: NewTimestamp, _: NewTimestamp) -> FsResult<()> {
        self.open(&fd)?;
        Err(ErrorCode::Unsupported.into())
    }

    async fn set_times_at(
        &mut self,
        fd: Descriptor,
        _: PathFlags,
        path: String,
        _: NewTimestamp,
        _: NewTimestamp,
    ) -> FsResult<()> {
        self.dir(&fd)?.get(&path)?;
        Err(ErrorCode::Unsupported.into())
    }

    async fn read(&mut self, fd: Descriptor, len: Filesize, offset: Filesize) -> FsResult<(Vec<u8>, bool)> {
        let wanted = usize::try_from(len).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
        let bytes = self.file(&fd, DescriptorFlags::READ)?.read(offset, wanted);
        let is_end = bytes.is_empty();
        Ok((bytes, is_end))
    }

    async fn write(&mut self, fd: Descriptor, bytes: Vec<u8>, offset: Filesize) -> FsResult<Filesize> {
        self.file(&fd, DescriptorFlags::WRITE)?.write(offset, &bytes)?;
        Ok(bytes.len() as Filesize)
    }

    async fn read_directory(&mut self, fd: Descriptor) -> FsResult<Resource<types::DirectoryEntryStream>> {
        let listing = self.dir(&fd)?.list();
        Ok(Resource::new_own(self.table.push(listing)?.rep()))
    }

    async fn create_directory_at(&mut self, fd: Descriptor, path: String) -> FsResult<()> {
        Ok(self.dir(&fd)?.make_dir(&path)?)
    }

    async fn stat(&mut self, fd: Descriptor) -> FsResult<types::DescriptorStat> {
        Ok(self.status(&self.open(&fd)?.node))
    }

    async fn stat_at(&mut self, fd: Descriptor, _: PathFlags, path: String) -> FsResult<types::DescriptorStat> {
        Ok(self.status(&self.dir(&fd)?.get(&path)?))
    }

    async fn link_at(&mut self, fd: Descriptor, _: PathFlags, _: String, _: Descriptor, _: String) -> FsResult<()> {
        self.dir(&fd)?;
        Err(ErrorCode::Unsupported.into())
    }

    async fn open_at(
        &mut self,
        fd: Descriptor,
        _: PathFlags,
        path: String,
        open: types::OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Descriptor> {
        use types::OpenFlags as Flag;
        let how = Opening {
            create: open.contains(Flag::CREATE),
            exclusive: open.contains(Flag::EXCLUSIVE),
            directory: open.contains(Flag::DIRECTORY),
            truncate: open.contains(Flag::TRUNCATE),
        };
        if how.truncate && !flags.contains(DescriptorFlags::WRITE) {
            return Err(ErrorCode::Invalid.into());
        }
        let node = self.dir(&fd)?.open(&path, how)?;
        if matches!(node, Node::Dir(_)) && flags.contains(DescriptorFlags::WRITE) {
            return Err(ErrorCode::IsDirectory.into());
        }
        self.push(node, flags).map_err(FsError::trap)
    }

    async fn readlink_at(&mut self, fd: Descriptor, path: String) -> FsResult<String> {
        self.dir(&fd)?.get(&path)?;
        Err(ErrorCode::Invalid.into())
    }

    async fn remove_directory_at(&mut self, fd: Descriptor, path: String) -> FsResult<()> {
        Ok(self.dir(&fd)?.remove_dir(&path)?)
    }

    async fn rename_at(&mut self, fd: Descriptor, path: String, new: Descriptor, new_path: String) -> FsResult<()> {
        Ok(self.dir(&fd)?.rename(&path, &self.dir(&new)?, &new_path)?)
    }

    async fn symlink_at(&mut self, fd: Descriptor, _: String, _: String) -> FsResult<()> {
        self.dir(&fd)?;
        Err(ErrorCode::Unsupported.into())
    }

    async fn unlink_file_at(&mut self, fd: Descriptor, path: String) -> FsResult<()> {
        Ok(self.dir(&fd)?.remove_file(&path)?)
    }

    async fn is_same_object(&mut self, a: Descriptor, b: Descriptor) -> wasmtime::Result<bool> {
        let serial = |descriptor: &Descriptor| {
            let open: &Open = self.table.get(&Resource::new_borrow(descriptor.rep()))?;
            Ok::<_, wasmtime::Error>(open.node.serial())
        };
        Ok(serial(&a)? == serial(&b)?)
    }

    async fn metadata_hash(&mut self, fd: Descriptor) -> FsResult<types::MetadataHashValue> {
        Ok(identity(&self.open(&fd)?.node))
    }

    async fn metadata_hash_at(
        &mut self,
        fd: Descriptor,
        _: PathFlags,
        path: String,
    ) -> FsResult<types::MetadataHashValue> {
        Ok(identity(&self.dir(&fd)?.get(&path)?))
    }

    fn drop(&mut self, fd: Descriptor) -> wasmtime::Result<()> {
        self.table.delete(Resource::<Open>::new_own(fd.rep()))?;
        Ok(())
    }
}

impl types::HostDirectoryEntryStream for ScratchView<'_> {
    async fn read_directory_entry(
        &mut self,
        stream: Resource<types::DirectoryEntryStream>,
    ) -> FsResult<Option<types::DirectoryEntry>> {
        let listing: &mut Listing = self.table.get_mut(&Resource::new_borrow(stream.rep()))?;
        Ok(listing.next().map(|(name, node)| types::DirectoryEntry { type_: kind(&node), name }))
    }

    fn drop(&mut self, stream: Resource<types::DirectoryEntryStream>) -> wasmtime::Result<()> {
        self.table.delete(Resource::<Listing>::new_own(stream.rep()))?;
        Ok(())
    }
}
