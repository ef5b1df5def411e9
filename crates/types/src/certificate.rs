//! Certificates as they travel: an aggregated signature, who signed, and under which table. Nothing here says that one is valid.

use alloy_primitives::U256;
use serde::{Deserialize, Serialize};

use crate::{Epoch, G1Point, G2Point};

/// Which operators of a table signed: bit `i mod 256` of word `i / 256` for the operator at position `i`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SignerBitmap(Vec<U256>);

/// Why a bitmap does not fit its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BitmapError {
    /// Wrong number of words.
    #[error("{found} words of signers, a table of this size has {expected}")]
    Length {
        /// Words that the table calls for.
        expected: usize,
        /// Words that were there.
        found: usize,
    },
    /// A bit beyond the last operator.
    #[error("signer {0} is not in the table")]
    OutOfTable(usize),
}

impl SignerBitmap {
    /// Sets the bits of `positions` in a table of `operators`.
    ///
    /// # Errors
    /// [`BitmapError::OutOfTable`] for a position beyond the table.
    pub fn from_positions(operators: usize, positions: impl IntoIterator<Item = usize>) -> Result<Self, BitmapError> {
        let mut words = vec![U256::ZERO; operators.div_ceil(256)];
        for position in positions {
            if position >= operators {
                return Err(BitmapError::OutOfTable(position));
            }
            words[position / 256].set_bit(position % 256, true);
        }
        Ok(Self(words))
    }

    /// The bitmap with these words, which [`positions`](Self::positions) will check against a table.
    pub fn from_words(words: Vec<U256>) -> Self {
        Self(words)
    }

    /// The positions that are set, ascending, once the bitmap is known to fit a table of `operators`.
    ///
    /// # Errors
    /// [`BitmapError`] when the number of words is wrong or a bit lies beyond the table.
    pub fn positions(&self, operators: usize) -> Result<Vec<usize>, BitmapError> {
        let expected = operators.div_ceil(256);
        if self.0.len() != expected {
            return Err(BitmapError::Length { expected, found: self.0.len() });
        }
        let set: Vec<_> = (0..256 * expected).filter(|at| self.0[at / 256].bit(at % 256)).collect();
        match set.last() {
            Some(&last) if last >= operators => Err(BitmapError::OutOfTable(last)),
            _ => Ok(set),
        }
    }

    /// The words, as on chain.
    pub fn words(&self) -> &[U256] {
        &self.0
    }
}

/// An aggregated signature over a batch root, or over a veto.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Table under which it was made.
    pub epoch: Epoch,
    /// Who signed.
    pub signers: SignerBitmap,
    /// Sum of the signatures.
    pub sigma: G1Point,
    /// Sum of the signers' keys in G2; all zeros when every operator signed, for the table has that sum.
    pub apk: G2Point,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_survive_the_bitmap() {
        for positions in [vec![], vec![0], vec![0, 255, 256, 277], (0..278).collect::<Vec<_>>()] {
            let bitmap = SignerBitmap::from_positions(278, positions.clone()).expect("inside the table");
            assert_eq!(bitmap.positions(278), Ok(positions));
        }
    }

    #[test]
    fn bitmaps_of_another_table_are_refused() {
        let bitmap = SignerBitmap::from_positions(4, [3]).expect("inside the table");
        assert_eq!(bitmap.positions(3), Err(BitmapError::OutOfTable(3)));
        assert_eq!(bitmap.positions(257), Err(BitmapError::Length { expected: 2, found: 1 }));
        assert_eq!(SignerBitmap::from_positions(4, [4]), Err(BitmapError::OutOfTable(4)));
    }
}
