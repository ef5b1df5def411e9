//! Why input is not taken, with what it was about: who reads a file adds the file, the line and the key.

use crate::number::NumberError;

/// Input that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// A number that is not taken.
    #[error("{what} of `{id}`: {error}")]
    Number {
        /// The field.
        what: &'static str,
        /// Whose field it is.
        id: String,
        /// Why not.
        #[source]
        error: NumberError,
    },
    /// An id that is empty or longer than [`ID_BYTES_MAX`].
    #[error("an id has {bytes} bytes: expected 1 to {ID_BYTES_MAX}")]
    Id {
        /// Its length.
        bytes: usize,
    },
    /// Two operators, or two services, with one id.
    #[error("there are two {what}s with the id `{id}`")]
    Duplicate {
        /// Operator or service.
        what: &'static str,
        /// The id.
        id: String,
    },
    /// A reference to what is not there.
    #[error("`{by}` names the {what} `{id}`, which does not exist")]
    Unknown {
        /// Operator or service.
        what: &'static str,
        /// The id.
        id: String,
        /// Who refers to it.
        by: String,
    },
    /// Nothing to analyse.
    #[error("there is no {what}")]
    Empty {
        /// Operator or service.
        what: &'static str,
    },
    /// More of something than is taken.
    #[error("{count} {what}, more than {max}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        count: usize,
        /// Most that are taken.
        max: usize,
    },
    /// An operator allocates more to one service than it has.
    #[error("`{operator}` allocates to `{service}` more than its stake")]
    Overallocated {
        /// The operator.
        operator: String,
        /// The service.
        service: String,
    },
}

/// Most bytes of an id.
pub const ID_BYTES_MAX: usize = 256;

impl InputError {
    /// For mapping a [`NumberError`] to the field that it came from.
    pub(crate) fn number(what: &'static str, id: &str) -> impl FnOnce(NumberError) -> Self {
        move |error| Self::Number { what, id: id.to_owned(), error }
    }

    pub(crate) fn check_id(id: &str) -> Result<(), Self> {
        let fits = (1..=ID_BYTES_MAX).contains(&id.len());
        if fits { Ok(()) } else { Err(Self::Id { bytes: id.len() }) }
    }
}
