//! Certificates as the ServiceManager takes them: packed, because calldata costs more than the arithmetic that it saves.
//!
//! | bytes | content |
//! |---|---|
//! | 1 | how signers are named: 0 everyone, 1 everyone but those in the bitmap, 2 those in the bitmap |
//! | 1 | how many abscissas the hash to the curve passed over |
//! | 4 | epoch |
//! | 32 | ordinate of the hash to the curve |
//! | 128 | sum of the signers' G2 keys; not with 0 |
//! | 64 | sum of the signatures |
//! | ⌈n / 8⌉ | bitmap over the table's n operators; not with 0 |

use tandem_crypto::{Certified, KeyTable, Statement};
use tandem_types::SignerBitmap;

const EVERYONE: u8 = 0;
const WITHOUT: u8 = 1;
const ONLY: u8 = 2;

/// Packs a certificate over `statement`, made under the table of `keys`. The contract adds the fewer keys: those of the signers, or those
/// of the absent, which it takes away.
///
/// # Panics
/// When the certificate was not made under that table.
pub(crate) fn pack<S: Statement>(certified: &Certified<S>, statement: S, keys: &KeyTable) -> Vec<u8> {
    let certificate = certified.certificate();
    let operators = keys.table().entries().len();
    let signers = certificate.signers.positions(operators).expect("a certified bitmap fits its table");
    let hint = keys.hint(statement);
    let named = if signers.len() == operators {
        None
    } else if 2 * signers.len() > operators {
        Some((WITHOUT, absent(&signers, operators)))
    } else {
        Some((ONLY, certificate.signers.clone()))
    };
    let mut packed = vec![named.as_ref().map_or(EVERYONE, |(kind, _)| *kind), hint.passed];
    packed.extend(certificate.epoch.0.to_be_bytes());
    packed.extend(&hint.point().0[32..]);
    if named.is_some() {
        packed.extend(certificate.apk.0);
    }
    packed.extend(certificate.sigma.0);
    if let Some((_, bitmap)) = named {
        packed.extend(bitmap_bytes(&bitmap, operators));
    }
    packed
}

fn absent(signers: &[usize], operators: usize) -> SignerBitmap {
    let absent = (0..operators).filter(|position| signers.binary_search(position).is_err());
    SignerBitmap::from_positions(operators, absent).expect("positions are below the number of operators")
}

/// The words, big-endian; the last one without the leading bytes in which it has no operators.
fn bitmap_bytes(bitmap: &SignerBitmap, operators: usize) -> Vec<u8> {
    let mut bytes: Vec<_> = bitmap.words().iter().flat_map(|word| word.to_be_bytes::<32>()).collect();
    let last = bytes.len() - 32;
    bytes.drain(last..last + bytes.len() - operators.div_ceil(8));
    bytes
}

#[cfg(test)]
mod tests {
    use tandem_crypto::{SecretKey, Share};
    use tandem_types::{
        Address, B256, BatchRoot, Domain, Epoch, OperatorEntry, OperatorId, OperatorTable, PerToken, Weight,
    };

    use super::*;

    const ROOT: BatchRoot = BatchRoot(B256::repeat_byte(7));
    const OPERATORS: u8 = 5;

    fn secret(index: u8) -> SecretKey {
        SecretKey::from_random(&[1 + index; 48]).expect("not zero")
    }

    fn keys() -> KeyTable {
        let weight = PerToken { native: Weight::from(1), external: Weight::from(1) };
        let entry = |index| {
            let key = secret(index).public_key();
            let operator = OperatorId(Address::repeat_byte(index));
            OperatorEntry { operator, key_g1: key.g1(), key_g2: key.g2(), weight }
        };
        let table = OperatorTable::new(Epoch(9), (0..OPERATORS).map(entry).collect()).expect("ascending");
        KeyTable::new(Domain { chain_id: 1, verifying_contract: Address::ZERO }, table).expect("the keys are points")
    }

    fn packed(signers: &[u8]) -> Vec<u8> {
        let keys = keys();
        let share = |&index: &u8| Share {
            position: index.into(),
            signature: secret(index).sign_batch(keys.domain(), Epoch(9), ROOT),
        };
        let shares: Vec<_> = signers.iter().map(share).collect();
        pack(&keys.aggregate(ROOT, &shares).expect("the shares are honest"), ROOT, &keys)
    }

    #[test]
    fn the_fewer_are_named() {
        let cases: [(&[u8], u8, Option<u8>); 4] = [
            (&[0, 1, 2, 3, 4], EVERYONE, None),
            (&[0, 1, 2, 4], WITHOUT, Some(0b01000)),
            (&[0, 1, 2], WITHOUT, Some(0b11000)),
            (&[1, 3], ONLY, Some(0b01010)),
        ];
        for (signers, kind, bitmap) in cases {
            let bytes = packed(signers);
            assert_eq!(bytes[0], kind);
            assert_eq!(bytes[2..6], 9_u32.to_be_bytes());
            let bytes_of_bitmap = bitmap.map_or(0, |_| 128 + 1);
            assert_eq!(bytes.len(), 102 + bytes_of_bitmap);
            assert_eq!(bitmap.map(|_| bytes[bytes.len() - 1]), bitmap);
        }
    }

    #[test]
    fn last_word_of_a_bitmap_is_cut_where_it_has_no_operators() {
        for (operators, bytes) in [(1, 1), (8, 1), (9, 2), (256, 32), (257, 33), (300, 38), (512, 64), (1_000, 125)] {
            let bitmap = SignerBitmap::from_positions(operators, [0, operators - 1]).expect("inside the table");
            let packed = bitmap_bytes(&bitmap, operators);
            assert_eq!(packed.len(), bytes);
            let last_word = 32 * ((operators - 1) / 256);
            let top = if operators > 256 { &packed[last_word..] } else { &packed[..] };
            assert_eq!(top[0] >> ((operators - 1) % 8) & 1, 1, "{operators}");
        }
    }
}
