//! What authors of Tandem components import.
//!
//! A component is a function from a [`Task`] to bytes. Everything that it may reach goes through this crate, and only as far as the service's manifest
//! grants it: [`config`] and [`secrets`] by name, [`http`] to listed hosts, [`log`] for the operator's eyes, the service's [`store`] for what must last, its [`chain`] for what contracts
//! and accounts have, and the [`components`] of the service's other workflows.
//! There is no file system but `/scratch` where that is granted, no environment and no socket, and nothing else is kept from one task to the next.
//!
//! All honest operators must return the same bytes. Time, randomness, secrets and whatever a server changes its mind about must not find a way into
//! the output.
//!
//! ```
//! use tandem_sdk::{Error, Task};
//!
//! fn run(task: Task) -> Result<Vec<u8>, Error> {
//!     let name = task.text()?;
//!     Ok(format!("Hello, {name}").into_bytes())
//! }
//!
//! tandem_sdk::export!(run);
//! ```
//!
//! Build it as a `cdylib` for `wasm32-wasip2`; `tandem exec` runs it.

pub mod abi;
#[doc(hidden)]
pub mod bindings;
pub mod chain;
pub mod components;
pub mod config;
mod error;
mod host;
pub mod http;
mod keccak;
pub mod log;
pub mod secrets;
pub mod store;
mod task;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use error::{Error, ErrorKind};
pub use task::{Task, to_json};

/// Makes a function the component's `run`: `fn(Task) -> Result<impl Into<Vec<u8>>, Error>`. Once per component.
#[macro_export]
macro_rules! export {
    ($run:path) => {
        const _: () = {
            struct Component;

            impl $crate::bindings::Guest for Component {
                fn run(
                    task: $crate::bindings::Task,
                ) -> ::core::result::Result<$crate::bindings::Output, $crate::bindings::Error> {
                    match $run($crate::Task::from(task)) {
                        Ok(payload) => Ok($crate::bindings::Output { payload: payload.into() }),
                        Err(error) => Err($crate::Error::from(error).into()),
                    }
                }
            }

    $crate::bindings::export_service!(Component with_types_in $crate::bindings);
        };
    };
}
