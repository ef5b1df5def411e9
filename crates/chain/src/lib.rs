//! Tandem on an EVM chain: what operators, services and people read from it and send to it.
//!
//! | to | use |
//! |---|---|
//! | reach a chain | [`ChainClient::connect`], which refuses another chain than the expected one |
//! | read the state after one block, by its hash | [`ChainClient::call_at`], [`ChainClient::balance_at`], [`ChainClient::storage_at`] |
//! | know a service | [`ServiceReader`]: policy, operator tables, manifests, peers |
//! | follow its events | [`EventReader::read`] with the [`Cursor`] that the last read returned |
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
//! checked is believed: one endpoint is one witness. Errors say whether trying again may help (`is_retryable`) and what a person can do
//! (`hint`); they and the logs never hold credentials of an RPC URL, keys or passwords.
//!
//! The crate stores nothing, retries nothing but what a transaction needs to be mined, and knows nothing of agreement between
//! operators.

mod abi;
mod accounts;
pub mod admin;
mod anvil;
mod bindings;
mod certificate;
mod client;
mod correction;
mod delivery;
mod endpoint;
mod error;
mod event;
mod firings;
mod log;
mod oracle;
mod pinned;
mod policy;
mod reader;
mod refresh;
mod registry;
mod revert;
mod scan;
mod service;
mod source;
pub mod staking;
mod table;
mod transport;
mod tx;

pub use abi::{Contract, DecodedCall, DecodedEvent, Field, Value, error_names};
pub use accounts::{Account, AccountError, Password, random_bytes};
pub use anvil::{ANVIL_CHAIN_ID, ANVIL_VARIABLE, Anvil, AnvilError, Mining};
pub use bindings::ConversionError;
pub use client::{BlockHeader, ChainClient, ClientConfig};
pub use correction::TableCorrection;
pub use delivery::{Delivery, DeliveryError, FINALIZED_MAX, TaskOutput};
pub use endpoint::Endpoint;
pub use error::{RpcError, RpcFailure};
pub use event::{EventPlace, PlacedEvent, Rejection, Route, ServiceEvent, SkipReason};
pub use firings::{Fired, FiringReader, FiringSpan, FiringsConfig, ManifestWindow, TriggerCursor};
pub use oracle::{FallbackInfo, FeedInfo, OracleInfo};
pub use pinned::{CallOutcome, PinnedCall};
pub use policy::Conditions;
pub use reader::{Cursor, EventReader, ReadError, ReaderConfig, Rewind, Span};
pub use refresh::{Due, RefreshError, TableRefresh};
pub use revert::Revert;
pub use service::{AnnouncedManifest, Peer, ServiceError, ServiceReader, TableInfo, TableTerms};
pub use table::TableRowsError;
pub use tx::{Call, SendError, TransactionConfig, TransactionManager, TransactionOutcome, TransactionStatus};
