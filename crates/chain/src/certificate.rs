//! Certificates as the ServiceManager takes them: packed, because calldata costs more than the arithmetic that it saves.
//!
//! | bytes | content |
//! |---|---|
//! | 1 | how signers are named: 0 everyone, 1 everyone but those in the bitmap, 2 those in the bitmap |
//! | 1 | r, number of roots |
//! | 4 | epoch |
//! | 64 | sum of the signatures |
//! | 32 · r | the hint's roots |
//! | 128 | sum of the signers' G2 keys; not with 0 |
//! | 32 · ⌈n / 256⌉ | bitmap; not with 0 |

use tandem_crypto::{Certified, KeyTable, Statement};
use tandem_types::{SignerBitmap, U256};

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
    let roots = keys.hint(statement).roots;
    let (kind, bitmap) = if signers.len() == operators {
        (EVERYONE, None)
    } else if 2 * signers.len() > operators {
        (WITHOUT, Some(absent(&signers, operators)))
    } else {
        (ONLY, Some(certificate.signers.clone()))
    };
    let mut packed =
        vec![kind, u8::try_from(roots.len()).expect("256 x in a row that are not on the curve are never met")];
    packed.extend(certificate.epoch.0.to_be_bytes());
    packed.extend(certificate.sigma.0);
    packed.extend(words(&roots));
    if let Some(bitmap) = bitmap {
        packed.extend(certificate.apk.0);
        packed.extend(words(bitmap.words()));
    }
    packed
}

fn absent(signers: &[usize], operators: usize) -> SignerBitmap {
    let absent = (0..operators).filter(|position| signers.binary_search(position).is_err());
    SignerBitmap::from_positions(operators, absent).expect("positions are below the number of operators")
}

fn words(words: &[U256]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes::<32>()).collect()
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

    fn packed(signers: &[u8]) -> (Vec<u8>, usize) {
        let keys = keys();
        let share = |&index: &u8| Share {
            position: index.into(),
            signature: secret(index).sign_batch(keys.domain(), Epoch(9), ROOT),
        };
        let shares: Vec<_> = signers.iter().map(share).collect();
        let certified = keys.aggregate(ROOT, &shares).expect("the shares are honest");
        (pack(&certified, ROOT, &keys), keys.hint(ROOT).roots.len())
    }

    #[test]
    fn the_fewer_are_named() {
        let cases: [(&[u8], u8, Option<u64>); 4] = [
            (&[0, 1, 2, 3, 4], EVERYONE, None),
            (&[0, 1, 2, 4], WITHOUT, Some(0b01000)),
            (&[0, 1, 2], WITHOUT, Some(0b11000)),
            (&[1, 3], ONLY, Some(0b01010)),
        ];
        for (signers, kind, bitmap) in cases {
            let (bytes, roots) = packed(signers);
            assert_eq!((bytes[0], usize::from(bytes[1])), (kind, roots));
            assert_eq!(bytes[2..6], 9_u32.to_be_bytes());
            let head = 70 + 32 * roots;
            match bitmap {
                None => assert_eq!(bytes.len(), head),
                Some(bitmap) => {
                    assert_eq!(bytes.len(), head + 128 + 32);
                    assert_eq!(U256::from_be_slice(&bytes[head + 128..]), U256::from(bitmap));
                }
            }
        }
    }
}
