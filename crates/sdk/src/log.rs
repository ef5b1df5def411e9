//! Lines for the operator's log. Not part of the result; bounded in size and number.

use crate::bindings::tandem::service::logging::Level;
use crate::host::log;

/// What helps the author.
pub fn debug(message: &str) {
    log(Level::Debug, message);
}

/// What an operator may want to know.
pub fn info(message: &str) {
    log(Level::Info, message);
}

/// Something is wrong, and was dealt with.
pub fn warn(message: &str) {
    log(Level::Warn, message);
}

/// Something is wrong.
pub fn error(message: &str) {
    log(Level::Error, message);
}
