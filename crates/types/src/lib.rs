//! Tandem's words as types: identifiers, tasks, results, batches, certificates, operator tables, policies and manifests, with
//! their canonical encodings and digests.
//!
//! Everything here is plain data. The crate does no I/O, reads no clock, draws no randomness and checks no signature: points of
//! the curve are carried as bytes and become keys only in `tandem-crypto`. The formats are written down in
//! `docs/reference/formats.md` and pinned by `vectors/`.

mod batch;
mod certificate;
mod digest;
mod firing;
mod id;
mod manifest;
mod point;
mod policy;
mod source;
mod table;
mod task;
mod token;

pub use batch::{Batch, BatchEntry, BatchError, RESULTS_PER_BATCH_MAX};
pub use certificate::{BitmapError, Certificate, SignerBitmap};
pub use digest::{Domain, Scheme, SigningDigest};
pub use firing::{BlockFiring, CronFiring, Firing, HttpFiring, LOG_DATA_BYTES_MAX, LogFiring, SignedFiring, is_firing};
pub use id::{
    BatchRoot, ComponentDigest, Epoch, IdError, ManifestHash, OperatorId, ResultLeaf, ServiceId, TaskId, WorkflowId,
};
pub use manifest::{
    BlockTag, BlockTrigger, CALL_DEPTH_MAX, CallChain, ChainGrant, Component, CronTrigger, Delivery, Determinism,
    Finality, HttpGrant, HttpTrigger, Limits, LogTrigger, Manifest, ManifestError, Schedule, ScheduleError,
    ScratchGrant, StoreGrant, Trigger, TriggerError, Workflow,
};
pub use point::{G1Point, G2Point};
pub use policy::{BothOrFallback, FallbackError, Policy, Requirement};
pub use source::{ComponentSource, OciReference, SourceError};
pub use table::{OPERATORS_PER_TABLE_MAX, OperatorEntry, OperatorTable, TableError};
pub use task::{INPUT_BYTES_MAX, PAYLOAD_BYTES_MAX, Task, TaskBlock, TaskResult};
pub use token::{Bps, BpsError, Demand, DemandError, PerToken, Token, Weight, WeightError};

/// Addresses and 32-byte words are alloy's, so that they need no conversion at the chain.
pub use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
