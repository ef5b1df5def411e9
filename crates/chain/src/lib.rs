//! Tandem on an EVM chain: what operators, services and people read from it and send to it.
//!
//! | to | use |
//! |---|---|
//! | reach a chain | [`ChainClient::connect`], which refuses another chain than the expected one |
//! | reach it through several endpoints, believed by some | [`ChainClient::open`]; [`ChainClient::endpoints`] says how they do |
//! | read the state after one block, by its hash | [`ChainClient::call_at`], [`ChainClient::balance_at`], [`ChainClient::storage_at`] |
//! | know a service | [`ServiceReader`]: policy, operator tables, manifests, peers |
//! | follow its events | [`EventReader::read`] with the [`Cursor`] that the last read returned; [`HeadWatch`] to be woken |
//! | follow any logs | [`LogReader::read`], likewise |
//! | see what a manifest's triggers fire | [`FiringReader::read`] with the [`TriggerCursor`] that the last read returned |
//! | send transactions | [`TransactionManager`], one per key: fees, nonces, replacement, confirmation |
//! | deliver a certified batch, veto, finalize | [`Delivery`], then [`Delivery::submit`] |
//! | read stake, operators and allocations, change them | [`staking`]: a reader, and actions to look at, estimate or send |
//! | deploy, stake, register, ask | the functions of [`admin`], which name the gas they used |
//! | keep a transaction key | [`Account`] and its keystores |
//! | have a local chain | [`Anvil`] |
//!
//! Everything public speaks `tandem-types`; alloy's own types end here. What an endpoint says is bounded in size, and checked where it can be
//! checked: a task's identity is recomputed, a table's parts must fit together, a cursor's block must still be canonical. What cannot be
//! checked is believed: one endpoint is one witness, and blocks and logs can be asked of more. Errors say whether trying again may help (`is_retryable`) and what a person can do
//! (`hint`); they and the logs never hold credentials of an RPC URL, keys or passwords.
//!
//! The crate stores nothing, retries nothing but what a transaction needs to be mined, and knows nothing of agreement between
//! operators.

mod abi;
mod accounts;
pub mod admin;
mod ahead;
mod anvil;
mod bindings;
mod caller;
mod certificate;
mod checkpoints;
mod client;
mod correction;
mod delivery;
mod endpoint;
mod endpoints;
mod error;
mod event;
mod excess;
mod firings;
mod log;
mod oracle;
mod pinned;
mod policy;
mod progress;
mod range;
mod reader;
mod refresh;
mod registry;
mod revert;
mod scan;
mod service;
mod source;
pub mod staking;
mod stretch;
mod table;
mod transport;
mod tx;
mod wake;
mod walk;
mod websocket;

pub use abi::{Contract, DecodedCall, DecodedEvent, Field, Value, error_names};
pub use accounts::{Account, AccountError, Password, random_bytes};
pub use anvil::{ANVIL_CHAIN_ID, ANVIL_VARIABLE, Anvil, AnvilError, Mining};
pub use bindings::ConversionError;
pub use caller::{CallerError, verify_caller};
pub use client::{BlockHeader, ChainClient, ClientConfig};
pub use correction::TableCorrection;
pub use delivery::{Delivery, DeliveryError, FINALIZED_MAX, TaskOutput};
pub use endpoint::Endpoint;
pub use endpoints::{
    Contradiction, ENDPOINTS_MAX, EndpointConfig, EndpointState, EndpointStatus, EndpointsConfig, EndpointsStatus,
};
pub use error::{RpcError, RpcFailure};
pub use event::{EventPlace, PlacedEvent, Rejection, Route, ServiceEvent, SkipReason};
pub use firings::{
    Anchor, AnchorReader, Depth, Fired, FiringReader, FiringSpan, FiringsConfig, ManifestWindow, TriggerCursor,
};
pub use oracle::{FallbackInfo, FeedInfo, OracleInfo};
pub use pinned::{CallOutcome, PinnedCall};
pub use policy::Conditions;
pub use progress::{CatchUp, Progress, ProgressWatch};
pub use reader::{ChainLog, Cursor, EventReader, LogQuery, LogReader, LogSpan, ReadError, ReaderConfig, Rewind, Span};
pub use refresh::{Due, RefreshError, TableRefresh};
pub use revert::Revert;
pub use service::{AnnouncedManifest, Peer, ServiceError, ServiceReader, TableInfo, TableTerms};
pub use table::TableRowsError;
pub use tx::{
    Call, SendError, TransactionConfig, TransactionManager, TransactionOutcome, TransactionStatus, UNDER_WAY_MAX,
};
pub use wake::HeadWatch;
