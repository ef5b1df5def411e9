//! The seam between this crate and whoever hosts it: the imports of `wit/` in a component, the [`testing`](crate::testing) host everywhere else.

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::testing::{
    call, chain_balance, chain_call, chain_id, chain_storage, config, log, secret, send, task_block,
};

#[cfg(target_arch = "wasm32")]
pub(crate) use crate::bindings::tandem::service::chain::{
    balance as chain_balance, call as chain_call, chain_id, storage as chain_storage, task_block,
};
#[cfg(target_arch = "wasm32")]
pub(crate) use crate::bindings::tandem::service::components::call;
#[cfg(target_arch = "wasm32")]
pub(crate) use crate::bindings::tandem::service::{config::get as config, logging::log, secrets::get as secret};
#[cfg(target_arch = "wasm32")]
pub(crate) use crate::http::wire::send;
