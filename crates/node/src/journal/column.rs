//! Domain values as SQLite columns, and back. A column that does not hold what its type allows is an error, never a default.

use std::error::Error;

use rusqlite::Row;
use rusqlite::types::{FromSql, Type};
use tandem_types::{Address, B256, Weight};

/// A 64-bit word as SQLite holds it: the same bits, so that any word of the chain fits.
pub(super) fn signed(word: u64) -> i64 {
    word.cast_signed()
}

/// Reads columns by name.
pub(super) struct Columns<'a, 'b>(pub(super) &'a Row<'b>);

impl Columns<'_, '_> {
    pub(super) fn get<T: FromSql>(&self, name: &str) -> rusqlite::Result<T> {
        self.0.get(name)
    }

    pub(super) fn word(&self, name: &str) -> rusqlite::Result<u64> {
        Ok(self.get::<i64>(name)?.cast_unsigned())
    }

    pub(super) fn word_or_null(&self, name: &str) -> rusqlite::Result<Option<u64>> {
        Ok(self.get::<Option<i64>>(name)?.map(i64::cast_unsigned))
    }

    /// A weight, which has 96 bits, as decimal text.
    pub(super) fn weight(&self, name: &str) -> rusqlite::Result<Weight> {
        let units = self.text(name, str::parse::<u128>)?;
        Weight::new(units).map_err(|error| self.refused(name, error))
    }

    pub(super) fn hash(&self, name: &str) -> rusqlite::Result<B256> {
        self.get::<[u8; 32]>(name).map(B256::from)
    }

    pub(super) fn hash_or_null(&self, name: &str) -> rusqlite::Result<Option<B256>> {
        Ok(self.get::<Option<[u8; 32]>>(name)?.map(B256::from))
    }

    pub(super) fn address(&self, name: &str) -> rusqlite::Result<Address> {
        self.get::<[u8; 20]>(name).map(Address::from)
    }

    pub(super) fn text<T, E>(&self, name: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> rusqlite::Result<T>
    where
        E: Error + Send + Sync + 'static,
    {
        parse(&self.get::<String>(name)?).map_err(|error| self.refused(name, error))
    }

    pub(super) fn refused(&self, name: &str, error: impl Error + Send + Sync + 'static) -> rusqlite::Error {
        let index = self.0.as_ref().column_index(name).unwrap_or_default();
        rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(error))
    }
}
