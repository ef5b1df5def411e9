//! Encrypted keystores (ERC-2335) for 32-byte secrets: the BLS key, and the key of the transport between operators.
//!
//! Reads scrypt and PBKDF2, writes scrypt. Work factors are bounded before any work is done, so that a hostile file cannot exhaust
//! memory or time. Password and secret never appear in an error.

use aes::Aes128;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Largest `log2(n)` that is read.
const SCRYPT_LOG_N_MAX: u8 = 20;
/// Largest `r · p` that is read.
const SCRYPT_RP_MAX: u32 = 16;
/// Most rounds of PBKDF2 that are read.
const PBKDF2_ROUNDS_MAX: u32 = 10_000_000;
/// Largest keystore file in bytes.
const FILE_BYTES_MAX: usize = 16 * 1024;

type Cipher = Ctr128BE<Aes128>;

/// Why a keystore could not be read or opened.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// Larger than any keystore.
    #[error("keystore of {0} bytes is larger than {FILE_BYTES_MAX}")]
    TooLarge(usize),
    /// Not the JSON of a keystore.
    #[error("not an ERC-2335 keystore: {0}")]
    Json(#[from] serde_json::Error),
    /// Not version 4.
    #[error("keystore version {0}, expected 4")]
    Version(u32),
    /// A field is not hexadecimal or has the wrong length.
    #[error("keystore field `{0}` is malformed")]
    Field(&'static str),
    /// The work factors of the key derivation are out of bounds.
    #[error("keystore asks for key derivation beyond the supported bounds")]
    WorkFactor,
    /// The password is wrong, or the file is damaged.
    #[error("wrong password, or damaged keystore")]
    Password,
}

/// How much work a new keystore makes of every guess at its password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// scrypt with n = 2^18, as ERC-2335 suggests: 256 MiB and about a second.
    Standard,
    /// scrypt with n = 2^12: milliseconds. For local networks whose keys guard nothing.
    Light,
}

impl Strength {
    fn n(self) -> u64 {
        match self {
            Self::Standard => 1 << 18,
            Self::Light => 1 << 12,
        }
    }
}

/// Randomness for one new keystore; never used twice.
pub struct Entropy {
    /// Salt of the key derivation.
    pub salt: [u8; 32],
    /// Initial counter block.
    pub iv: [u8; 16],
    /// Becomes the file's UUID.
    pub uuid: [u8; 16],
}

/// An encrypted secret of 32 bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Keystore {
    crypto: Crypto,
    #[serde(default)]
    description: String,
    /// Public key in hexadecimal, readable without the password.
    pub pubkey: String,
    /// Derivation path; empty, for keys here are not derived.
    path: String,
    uuid: String,
    version: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Crypto {
    kdf: Kdf,
    checksum: Module<Empty>,
    cipher: Module<CipherParams>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "function", rename_all = "lowercase")]
enum Kdf {
    Scrypt { params: ScryptParams, message: String },
    Pbkdf2 { params: Pbkdf2Params, message: String },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct ScryptParams {
    dklen: usize,
    n: u64,
    p: u32,
    r: u32,
    salt: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Pbkdf2Params {
    dklen: usize,
    c: u32,
    prf: String,
    salt: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Module<P> {
    function: String,
    params: P,
    message: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Empty {}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct CipherParams {
    iv: String,
}

impl Keystore {
    /// Encrypts `secret` under `password`. The public key and the description stay readable without it.
    pub fn encrypt(
        secret: &[u8; 32],
        (password, strength): (&str, Strength),
        (pubkey, description): (String, &str),
        entropy: &Entropy,
    ) -> Self {
        let params = ScryptParams { dklen: 32, n: strength.n(), p: 1, r: 8, salt: hex::encode(entropy.salt) };
        let kdf = Kdf::Scrypt { params, message: String::new() };
        let key = kdf.derive(password).expect("our own work factors are within bounds");
        let mut message = secret.to_vec();
        apply_cipher(&key, &entropy.iv, &mut message);
        let checksum = hex::encode(checksum(&key, &message));
        let cipher = Module {
            function: "aes-128-ctr".to_owned(),
            params: CipherParams { iv: hex::encode(entropy.iv) },
            message: hex::encode(message),
        };
        let checksum = Module { function: "sha256".to_owned(), params: Empty {}, message: checksum };
        Self {
            crypto: Crypto { kdf, checksum, cipher },
            description: description.to_owned(),
            pubkey,
            path: String::new(),
            uuid: uuid_v4(entropy.uuid),
            version: 4,
        }
    }

    /// Reads a keystore file.
    ///
    /// # Errors
    /// [`KeystoreError`] when the file is too large, no keystore, or of another version.
    pub fn from_json(bytes: &[u8]) -> Result<Self, KeystoreError> {
        if bytes.len() > FILE_BYTES_MAX {
            return Err(KeystoreError::TooLarge(bytes.len()));
        }
        let keystore: Self = serde_json::from_slice(bytes)?;
        if keystore.version == 4 { Ok(keystore) } else { Err(KeystoreError::Version(keystore.version)) }
    }

    /// The keystore file.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a keystore holds strings and numbers only")
    }

    /// Decrypts the secret.
    ///
    /// # Errors
    /// [`KeystoreError::Password`] for a wrong password; other variants for a malformed file.
    pub fn decrypt(&self, password: &str) -> Result<Zeroizing<[u8; 32]>, KeystoreError> {
        let Crypto { kdf, checksum: expected, cipher } = &self.crypto;
        if cipher.function != "aes-128-ctr" {
            return Err(KeystoreError::Field("cipher.function"));
        }
        if expected.function != "sha256" {
            return Err(KeystoreError::Field("checksum.function"));
        }
        let iv: [u8; 16] = unhex(&cipher.params.iv, "cipher.params.iv")?;
        let mut secret = Zeroizing::new(unhex::<32>(&cipher.message, "cipher.message")?);
        let expected: [u8; 32] = unhex(&expected.message, "checksum.message")?;
        let key = kdf.derive(password)?;
        if checksum(&key, secret.as_slice()) != expected {
            return Err(KeystoreError::Password);
        }
        apply_cipher(&key, &iv, secret.as_mut_slice());
        Ok(secret)
    }
}

impl Kdf {
    fn derive(&self, password: &str) -> Result<Zeroizing<[u8; 32]>, KeystoreError> {
        let password = normalise(password);
        let mut key = Zeroizing::new([0; 32]);
        match self {
            Self::Scrypt { params, .. } => {
                let salt: [u8; 32] = unhex(&params.salt, "kdf.params.salt")?;
                let scrypt = params.checked()?;
                scrypt::scrypt(password.as_bytes(), &salt, &scrypt, key.as_mut_slice())
                    .map_err(|_| KeystoreError::WorkFactor)?;
            }
            Self::Pbkdf2 { params, .. } => {
                let salt: [u8; 32] = unhex(&params.salt, "kdf.params.salt")?;
                let in_bounds = params.dklen == 32 && (1..=PBKDF2_ROUNDS_MAX).contains(&params.c);
                if !in_bounds || params.prf != "hmac-sha256" {
                    return Err(KeystoreError::WorkFactor);
                }
                pbkdf2::pbkdf2::<hmac::Hmac<Sha256>>(password.as_bytes(), &salt, params.c, key.as_mut_slice());
            }
        }
        Ok(key)
    }
}

impl ScryptParams {
    fn checked(&self) -> Result<scrypt::Params, KeystoreError> {
        let log_n = u8::try_from(self.n.trailing_zeros()).map_err(|_| KeystoreError::WorkFactor)?;
        let in_bounds = self.dklen == 32
            && self.n.is_power_of_two()
            && (1..=SCRYPT_LOG_N_MAX).contains(&log_n)
            && self.r.checked_mul(self.p).is_some_and(|rp| (1..=SCRYPT_RP_MAX).contains(&rp));
        if !in_bounds {
            return Err(KeystoreError::WorkFactor);
        }
        scrypt::Params::new(log_n, self.r, self.p).map_err(|_| KeystoreError::WorkFactor)
    }
}

/// NFKD without control characters, as ERC-2335 asks.
fn normalise(password: &str) -> Zeroizing<String> {
    Zeroizing::new(password.nfkd().filter(|character| !character.is_control()).collect())
}

fn checksum(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(&key[16..]).chain_update(message).finalize().into()
}

fn apply_cipher(key: &[u8; 32], iv: &[u8; 16], message: &mut [u8]) {
    let mut half = Zeroizing::new([0; 16]);
    half.copy_from_slice(&key[..16]);
    Cipher::new((&*half).into(), iv.into()).apply_keystream(message);
}

fn unhex<const N: usize>(text: &str, field: &'static str) -> Result<[u8; N], KeystoreError> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| KeystoreError::Field(field))?;
    Ok(bytes)
}

fn uuid_v4(mut random: [u8; 16]) -> String {
    random[6] = (random[6] & 0x0f) | 0x40;
    random[8] = (random[8] & 0x3f) | 0x80;
    let text = hex::encode(random);
    [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = "𝔱𝔢𝔰𝔱𝔭𝔞𝔰𝔰𝔴𝔬𝔯𝔡🔑";
    const SECRET: &str = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";
    /// The two test cases of ERC-2335.
    const SCRYPT: &str = r#"{"crypto":{"kdf":{"function":"scrypt","params":{"dklen":32,"n":262144,"p":1,"r":8,
        "salt":"d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3"},"message":""},
        "checksum":{"function":"sha256","params":{},
        "message":"d2217fe5f3e9a1e34581ef8a78f7c9928e436d36dacc5e846690a5581e8ea484"},
        "cipher":{"function":"aes-128-ctr","params":{"iv":"264daa3f303d7259501c93d997d84fe6"},
        "message":"06ae90d55fe0a6e9c5c3bc5b170827b2e5cce3929ed3f116c2811e6366dfe20f"}},
        "pubkey":"","path":"m/12381/60/3141592653/589793238","uuid":"1d85ae20-35c5-4611-98e8-aa14a633906f","version":4}"#;
    const PBKDF2: &str = r#"{"crypto":{"kdf":{"function":"pbkdf2","params":{"dklen":32,"c":262144,"prf":"hmac-sha256",
        "salt":"d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3"},"message":""},
        "checksum":{"function":"sha256","params":{},
        "message":"8a9f5d9912ed7e75ea794bc5a89bca5f193721d30868ade6f73043c6ea6febf1"},
        "cipher":{"function":"aes-128-ctr","params":{"iv":"264daa3f303d7259501c93d997d84fe6"},
        "message":"cee03fde2af33149775b7223e7845e4fb2c8ae1792e5f99fe9ecf474cc8c16ad"}},
        "pubkey":"","path":"","uuid":"64625def-3331-4eea-ab6f-782f3ed16a83","version":4}"#;

    fn open(json: &str, password: &str) -> Result<String, KeystoreError> {
        Ok(hex::encode(*Keystore::from_json(json.as_bytes())?.decrypt(password)?))
    }

    #[test]
    fn published_keystores_open() {
        assert_eq!(open(SCRYPT, PASSWORD).expect("the password is right"), SECRET);
        assert_eq!(open(PBKDF2, PASSWORD).expect("the password is right"), SECRET);
    }

    #[test]
    fn secret_survives_its_keystore() {
        let entropy = Entropy { salt: [1; 32], iv: [2; 16], uuid: [3; 16] };
        for strength in [Strength::Standard, Strength::Light] {
            let keystore = Keystore::encrypt(&[9; 32], ("pass", strength), ("ab".to_owned(), "a test"), &entropy);
            let json = keystore.to_json();
            assert_eq!(open(&json, "pass").expect("the password is right"), hex::encode([9; 32]));
            assert!(matches!(open(&json, "wrong"), Err(KeystoreError::Password)));
            assert!(json.contains("03030303-0303-4303-8303-030303030303"));
        }
    }

    #[test]
    fn hostile_files_are_refused_before_work() {
        let cases = [
            (SCRYPT.replace("262144", "4294967296"), "bounds"),
            (SCRYPT.replace("262144", "262145"), "bounds"),
            (SCRYPT.replace("\"p\":1", "\"p\":1000"), "bounds"),
            (SCRYPT.replace("\"r\":8", "\"r\":4294967295"), "bounds"),
            (PBKDF2.replace("262144", "4000000000"), "bounds"),
            (PBKDF2.replace("hmac-sha256", "hmac-md5"), "bounds"),
            (SCRYPT.replace("264daa3f", "264d"), "cipher.params.iv"),
            (SCRYPT.replace("aes-128-ctr", "rot13"), "cipher.function"),
            (SCRYPT.replace("\"version\":4", "\"version\":3"), "version 3"),
            (SCRYPT.replace("\"kdf\"", "\"kdx\""), "not an ERC-2335 keystore"),
            (" ".repeat(FILE_BYTES_MAX + 1), "larger than"),
        ];
        for (json, message) in cases {
            let error = open(&json, PASSWORD).expect_err(message).to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
