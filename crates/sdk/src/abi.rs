//! Solidity's ABI, as far as inputs and outputs of services need it: what `abi.encode(a, b, …)` writes and `abi.decode` reads, without a dependency.
//!
//! ```
//! use tandem_sdk::abi::{Reader, Value, encode};
//!
//! // In Solidity: abi.encode(uint256(7), "seven")
//! let bytes = encode(&[Value::from(7u64), Value::from("seven")]);
//!
//! let mut reader = Reader::new(&bytes);
//! assert_eq!((reader.uint::<u64>()?, reader.text()?), (7, "seven"));
//! # Ok::<(), tandem_sdk::Error>(())
//! ```

use crate::Error;
use crate::keccak::keccak256;

/// Bytes of a word.
const WORD: usize = 32;

/// A value to encode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// One word: a number, `bool`, `address` or `bytesN` in the form that Solidity gives it. `From` makes most of them.
    Word([u8; 32]),
    /// `bytes` or `string`.
    Bytes(&'a [u8]),
    /// A dynamic array, `T[]`.
    List(Vec<Value<'a>>),
    /// A struct, or a static array.
    Tuple(Vec<Value<'a>>),
}

impl Value<'_> {
    /// An `address`.
    pub fn address(address: [u8; 20]) -> Self {
        Self::Word(word(&address))
    }

    fn is_dynamic(&self) -> bool {
        match self {
            Self::Word(_) => false,
            Self::Bytes(_) | Self::List(_) => true,
            Self::Tuple(values) => values.iter().any(Self::is_dynamic),
        }
    }

    /// Bytes that the value takes where it stands: itself, or the offset of where it is.
    fn head_bytes(&self) -> usize {
        match self {
            Self::Tuple(values) if !self.is_dynamic() => values.iter().map(Self::head_bytes).sum(),
            _ => WORD,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Word(word) => out.extend_from_slice(word),
            Self::Bytes(bytes) => {
                out.extend_from_slice(&length(bytes.len()));
                out.extend_from_slice(bytes);
                // Everything before is whole words.
                out.resize(out.len().next_multiple_of(WORD), 0);
            }
            Self::List(values) => {
                out.extend_from_slice(&length(values.len()));
                out.extend(encode(values));
            }
            Self::Tuple(values) => out.extend(encode(values)),
        }
    }
}

impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Self::Word(word(&number.to_be_bytes()))
    }
}

impl From<u128> for Value<'_> {
    fn from(number: u128) -> Self {
        Self::Word(word(&number.to_be_bytes()))
    }
}

impl From<i128> for Value<'_> {
    /// Two's complement, as Solidity's `int256`.
    fn from(number: i128) -> Self {
        let mut word = if number < 0 { [0xff; WORD] } else { [0; WORD] };
        word[WORD / 2..].copy_from_slice(&number.to_be_bytes());
        Self::Word(word)
    }
}

impl From<bool> for Value<'_> {
    fn from(truth: bool) -> Self {
        Self::from(u64::from(truth))
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Bytes(text.as_bytes())
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

/// What `abi.encode` writes for `values`.
pub fn encode(values: &[Value<'_>]) -> Vec<u8> {
    let head_bytes: usize = values.iter().map(Value::head_bytes).sum();
    let (mut head, mut tail) = (Vec::with_capacity(head_bytes), Vec::new());
    for value in values {
        if value.is_dynamic() {
            head.extend_from_slice(&length(head_bytes + tail.len()));
            value.write(&mut tail);
        } else {
            value.write(&mut head);
        }
    }
    head.append(&mut tail);
    head
}

/// The first four bytes of the hash of a function's or an error's signature, such as `transfer(address,uint256)`: types as the ABI has them, no names, no spaces.
pub fn selector(signature: &str) -> [u8; 4] {
    let [a, b, c, d, ..] = keccak256(signature.as_bytes());
    [a, b, c, d]
}

/// What `abi.encodeWithSignature` writes.
pub fn encode_call(signature: &str, arguments: &[Value<'_>]) -> Vec<u8> {
    [selector(signature).as_slice(), &encode(arguments)].concat()
}

/// `bytes` at the right of a word.
fn word(bytes: &[u8]) -> [u8; WORD] {
    let mut word = [0; WORD];
    word[WORD - bytes.len()..].copy_from_slice(bytes);
    word
}

fn length(bytes: usize) -> [u8; WORD] {
    word(&(bytes as u64).to_be_bytes())
}

/// Reads values in their order. Whatever does not fit is an error of the input, for that is where encoded bytes mostly come from.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads what `abi.encode(a, b, …)` wrote.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next word as it is, such as a `bytes32`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) when the input ends before.
    pub fn word(&mut self) -> Result<[u8; 32], Error> {
        let word = word_at(self.bytes, self.at)?;
        self.at += WORD;
        Ok(word)
    }

    /// The next word as an unsigned number.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) when the input ends before, or the number does not fit.
    pub fn uint<T: TryFrom<u128>>(&mut self) -> Result<T, Error> {
        let at = self.at;
        let number = small(&self.word()?).and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| Error::invalid_input(format!("the number at byte {at} of the input is too large")))
    }

    /// The next word as a `bool`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) when the input ends before, or the word is neither 0 nor 1.
    pub fn bool(&mut self) -> Result<bool, Error> {
        match self.uint::<u8>()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Error::invalid_input(format!("the word at byte {} of the input is no bool", self.at - WORD))),
        }
    }

    /// The next word as an `address`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) when the input ends before, or the word is longer than an address.
    pub fn address(&mut self) -> Result<[u8; 20], Error> {
        let word = self.word()?;
        let (zeros, address) = word.split_at(WORD - 20);
        match (zeros.iter().all(|&byte| byte == 0), <[u8; 20]>::try_from(address)) {
            (true, Ok(address)) => Ok(address),
            _ => Err(Error::invalid_input(format!("the word at byte {} of the input is no address", self.at - WORD))),
        }
    }

    /// The next value as `bytes`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) when it leads out of the input.
    pub fn bytes(&mut self) -> Result<&'a [u8], Error> {
        let offset = self.uint::<usize>()?;
        let length = small(&word_at(self.bytes, offset)?).and_then(|length| usize::try_from(length).ok());
        let range =
            length.and_then(|length| Some(offset.checked_add(WORD)?..offset.checked_add(WORD)?.checked_add(length)?));
        range.and_then(|range| self.bytes.get(range)).ok_or_else(|| out_of_input(offset))
    }

    /// The next value as a `string`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) when it leads out of the input, or is not UTF-8.
    pub fn text(&mut self) -> Result<&'a str, Error> {
        let at = self.at;
        std::str::from_utf8(self.bytes()?)
            .map_err(|_| Error::invalid_input(format!("the string at byte {at} of the input is not UTF-8")))
    }
}

fn word_at(bytes: &[u8], at: usize) -> Result<[u8; WORD], Error> {
    let word = at.checked_add(WORD).and_then(|end| bytes.get(at..end)).and_then(|word| word.try_into().ok());
    word.ok_or_else(|| out_of_input(at))
}

fn out_of_input(at: usize) -> Error {
    Error::invalid_input(format!("the input ends before the value at byte {at}"))
}

/// The number in a word, if it has no more than 128 bits.
fn small(word: &[u8; WORD]) -> Option<u128> {
    let (high, low) = word.split_at(WORD / 2);
    let low = <[u8; WORD / 2]>::try_from(low).ok()?;
    high.iter().all(|&byte| byte == 0).then(|| u128::from_be_bytes(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn number(number: u64) -> String {
        format!("{number:064x}")
    }

    /// The example of the ABI's specification: `f(uint256,uint32[],bytes10,bytes)` of `(0x123, [0x456, 0x789], "1234567890", "Hello, world!")`.
    #[test]
    fn example_of_the_specification_is_encoded() {
        let mut ten = [0; 32];
        ten[..10].copy_from_slice(b"1234567890");
        let values = [
            Value::from(0x123u64),
            Value::List(vec![Value::from(0x456u64), Value::from(0x789u64)]),
            Value::Word(ten),
            Value::from("Hello, world!"),
        ];
        let text = format!("{:0<64}", hex(b"Hello, world!"));
        let words = [number(0x123), number(0x80), format!("{:0<64}", hex(b"1234567890")), number(0xe0)];
        let tail = [number(2), number(0x456), number(0x789), number(0xd), text];
        assert_eq!(hex(&encode(&values)), words.concat() + &tail.concat());
    }

    #[test]
    fn structs_lie_in_place_unless_they_are_dynamic() {
        let pair = |second| Value::Tuple(vec![Value::from(1u64), second]);
        assert_eq!(hex(&encode(&[pair(Value::from(true))])), number(1) + &number(1));
        let dynamic = encode(&[pair(Value::from("a"))]);
        let text = format!("{:0<64}", hex(b"a"));
        assert_eq!(hex(&dynamic), number(0x20) + &number(1) + &number(0x40) + &number(1) + &text);
    }

    #[test]
    fn what_is_written_is_read() {
        let address = [0xab; 20];
        let long = vec![b'x'; 33];
        let values = [
            Value::from(u128::MAX),
            Value::from(true),
            Value::address(address),
            Value::from(long.as_slice()),
            Value::from(""),
            Value::from(-1i128),
        ];
        let bytes = encode(&values);
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.uint(), Ok(u128::MAX));
        assert_eq!(reader.bool(), Ok(true));
        assert_eq!(reader.address(), Ok(address));
        assert_eq!(reader.bytes(), Ok(long.as_slice()));
        assert_eq!(reader.text(), Ok(""));
        assert_eq!(reader.word(), Ok([0xff; 32]));
        assert_eq!(bytes.len() % WORD, 0);
    }

    /// From ERC-20.
    #[test]
    fn call_is_selector_and_arguments() {
        let call = encode_call("balanceOf(address)", &[Value::address([0x11; 20])]);
        assert_eq!(hex(&call), format!("70a08231{:0>64}", "11".repeat(20)));
    }

    #[test]
    fn hostile_input_is_an_error() {
        let huge = [0xff; 32];
        let beyond = encode(&[Value::from(64u64)]);
        let long = [encode(&[Value::from(32u64), Value::from(u64::MAX)]), vec![0; 32]].concat();
        for bytes in [&[] as &[u8], &[0; 31], &huge, &beyond, &long] {
            assert!(Reader::new(bytes).text().is_err(), "{}", hex(bytes));
        }
        assert!(Reader::new(&huge).uint::<u64>().is_err());
        assert!(Reader::new(&huge).bool().is_err());
        assert!(Reader::new(&huge).address().is_err());
        assert!(Reader::new(&encode(&[Value::from(256u64)])).uint::<u8>().is_err());
    }
}
