//! Settings as a source of serde's: a struct's fields are looked up by name, and each value is read from its text.

use std::fmt;

use serde::de::value::{SeqDeserializer, StrDeserializer};
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::get;

/// What is wrong, as a sentence.
#[derive(Debug)]
pub(super) struct ReadError(String);

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ReadError {}

impl de::Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }

    fn missing_field(field: &'static str) -> Self {
        Self(format!("config `{field}` is not set"))
    }
}

/// The whole of the settings. Only structs can be read from it: the host answers by key and lists none.
pub(super) struct Settings;

impl<'de> Deserializer<'de> for Settings {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, ReadError> {
        Err(de::Error::custom("settings are read into a struct with named fields"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_map(Fields { keys: fields.iter(), value: None })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq tuple
        tuple_struct map enum identifier ignored_any
    }
}

/// The fields that are set, one after another.
struct Fields {
    keys: std::slice::Iter<'static, &'static str>,
    value: Option<Setting>,
}

impl<'de> MapAccess<'de> for Fields {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ReadError> {
        let set = self.keys.find_map(|&key| get(key).map(|text| Setting { key, text }));
        let Some(setting) = set else { return Ok(None) };
        let key: StrDeserializer<'_, ReadError> = setting.key.into_deserializer();
        self.value = Some(setting);
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ReadError> {
        let setting = self.value.take().expect("serde asks for a value after its key");
        let (key, text) = (setting.key, setting.text.clone());
        seed.deserialize(setting)
            .map_err(|error| ReadError(format!("config `{key}` has the value `{text}`, which does not fit: {error}")))
    }
}

/// One value.
struct Setting {
    key: &'static str,
    text: String,
}

impl Setting {
    fn parse<T: std::str::FromStr>(&self, expected: &str) -> Result<T, ReadError> {
        self.text.trim().parse().map_err(|_| ReadError(format!("expected {expected}")))
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty, $expected:literal;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            visitor.$visit(self.parse::<$type>($expected)?)
        })*
    };
}

impl<'de> Deserializer<'de> for Setting {
    type Error = ReadError;

    numbers! {
        deserialize_bool visit_bool bool, "true or false";
        deserialize_i8 visit_i8 i8, "a whole number from -128 to 127";
        deserialize_i16 visit_i16 i16, "a whole number of 16 bits";
        deserialize_i32 visit_i32 i32, "a whole number of 32 bits";
        deserialize_i64 visit_i64 i64, "a whole number of 64 bits";
        deserialize_i128 visit_i128 i128, "a whole number of 128 bits";
        deserialize_u8 visit_u8 u8, "a whole number from 0 to 255";
        deserialize_u16 visit_u16 u16, "a whole number from 0 to 65535";
        deserialize_u32 visit_u32 u32, "a whole number from 0 on, of 32 bits";
        deserialize_u64 visit_u64 u64, "a whole number from 0 on, of 64 bits";
        deserialize_u128 visit_u128 u128, "a whole number from 0 on, of 128 bits";
        deserialize_f32 visit_f32 f32, "a number";
        deserialize_f64 visit_f64 f64, "a number";
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_string(self.text)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let variant: StrDeserializer<'_, ReadError> = self.text.as_str().into_deserializer();
        variant.deserialize_enum(name, variants, visitor)
    }

    /// An empty value is an empty list.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let items = self.text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let items: Vec<_> = items.map(|item| Self { key: self.key, text: item.to_owned() }).collect();
        visitor.visit_seq(SeqDeserializer::new(items.into_iter()))
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, ReadError> for Setting {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use crate::testing::Host;
    use crate::{Error, ErrorKind, config};

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Mode {
        Fast,
        VerySlow,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Config {
        base_url: String,
        #[serde(default)]
        live: bool,
        decimals: Option<u8>,
        #[serde(default)]
        shares: Vec<f64>,
        mode: Mode,
    }

    fn host() -> Host {
        Host::new().config("base_url", "https://a.b").config("mode", "very_slow")
    }

    fn read(host: &Host) -> Result<Config, Error> {
        host.run(config::read)
    }

    #[test]
    fn fields_are_read_from_text() {
        let host = host().config("live", "true").config("decimals", "6").config("shares", "0.5, 1");
        let expected = Config {
            base_url: "https://a.b".to_owned(),
            live: true,
            decimals: Some(6),
            shares: vec![0.5, 1.0],
            mode: Mode::VerySlow,
        };
        assert_eq!(read(&host), Ok(expected));
    }

    #[test]
    fn what_may_be_left_out_is_left_out() {
        let config = read(&host()).expect("what is needed is set");
        assert_eq!((config.live, config.decimals, config.shares), (false, None, Vec::new()));
    }

    #[test]
    fn faults_name_the_key() {
        let cases = [
            (Host::new(), "config `base_url` is not set"),
            (host().config("live", "maybe"), "config `live` has the value `maybe`, which does not fit: expected true"),
            (host().config("decimals", "256"), "config `decimals` has the value `256`, which does not fit"),
            (
                host().config("shares", "1,x"),
                "config `shares` has the value `1,x`, which does not fit: expected a number",
            ),
            (host().config("mode", "slow"), "expected `fast` or `very_slow`"),
        ];
        for (host, message) in cases {
            let error = read(&host).expect_err(message);
            assert_eq!(error.kind(), ErrorKind::Failed);
            assert!(error.to_string().contains(message), "{error}");
        }
    }

    #[test]
    fn required_key_is_parsed() {
        let read = |host: Host| host.run(|| config::require::<u64>("n"));
        assert_eq!(read(Host::new().config("n", "7")), Ok(7));
        assert_eq!(read(Host::new()), Err(Error::failed("config `n` is not set")));
        assert!(read(Host::new().config("n", "x")).is_err());
    }
}
