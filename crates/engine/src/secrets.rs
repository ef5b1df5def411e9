//! Secrets and their redaction. Values are wiped from memory when dropped; `Debug` shows names, and there is no `Serialize`.

use std::collections::BTreeMap;
use std::fmt;

use url::form_urlencoded;
use zeroize::Zeroizing;

/// Named values that an operator supplies to a component.
#[derive(Clone, Default)]
pub struct Secrets(BTreeMap<String, Zeroizing<String>>);

impl Secrets {
    /// Adds a secret, in place of an earlier one of that name.
    pub fn insert(&mut self, name: impl Into<String>, value: Zeroizing<String>) {
        self.0.insert(name.into(), value);
    }

    /// The names, ascending.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Adds the secrets of `others`, in place of those of the same names.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.as_str())
    }
}

impl FromIterator<(String, Zeroizing<String>)> for Secrets {
    fn from_iter<I: IntoIterator<Item = (String, Zeroizing<String>)>>(secrets: I) -> Self {
        Self(secrets.into_iter().collect())
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Blots secrets out of text that leaves the sandbox other than as output.
///
/// Finds a secret as it is and as URLs and JSON spell it. A component that means to smuggle one out can always disguise it; this protects careless
/// authors and operators from each other's logs, the HTTP allow-list protects from the others.
pub(crate) struct Redactor {
    /// What to look for, longest first, with what stands in its place.
    patterns: Vec<(Zeroizing<String>, String)>,
    /// Whether a pattern begins with a byte: most text begins none, and is not compared with any.
    begins: [bool; 256],
    /// Whether a pattern goes on with a byte, or ends before it.
    goes_on: [bool; 256],
}

impl Redactor {
    pub(crate) fn new(secrets: &Secrets) -> Self {
        Self::with(secrets, [])
    }

    /// For a component and those that it calls: they hand each other what they know.
    pub(crate) fn with<'a>(secrets: &Secrets, callees: impl IntoIterator<Item = &'a Self>) -> Self {
        let theirs = callees.into_iter().flat_map(|callee| callee.patterns.iter().cloned());
        let mut patterns: Vec<_> = secrets
            .0
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .flat_map(|(name, value)| spellings(value).map(move |text| (text, format!("[secret {name}]"))))
            .chain(theirs)
            .collect();
        patterns.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.0.cmp(&b.0)));
        patterns.dedup_by(|a, b| a.0 == b.0);
        let (mut begins, mut goes_on) = ([false; 256], [false; 256]);
        for (pattern, _) in &patterns {
            begins[usize::from(pattern.as_bytes()[0])] = true;
            match pattern.as_bytes().get(1) {
                Some(second) => goes_on[usize::from(*second)] = true,
                None => goes_on = [true; 256],
            }
        }
        Self { patterns, begins, goes_on }
    }

    /// Longest text that is one secret: who cuts a text must look this far beyond the cut.
    pub(crate) fn longest(&self) -> usize {
        self.patterns.first().map_or(0, |(pattern, _)| pattern.len())
    }

    /// `text` without secrets, and otherwise as it is.
    pub(crate) fn blot(&self, text: &str) -> String {
        self.patterns.iter().fold(text.to_owned(), |text, (pattern, name)| text.replace(pattern.as_str(), name))
    }

    /// The first `limit` bytes of `text` without secrets, control characters escaped. A secret that straddles the limit is blotted out whole.
    pub(crate) fn redact(&self, text: &str, limit: usize) -> String {
        let mut clean = String::with_capacity(text.len().min(limit));
        let mut rest = text;
        while text.len() - rest.len() < limit {
            let (plain, special) = rest.split_at(self.plain(rest, limit - (text.len() - rest.len())));
            clean.push_str(plain);
            rest = special;
            if text.len() - rest.len() == limit {
                break;
            }
            let Some(next) = rest.chars().next() else { return clean };
            match self.secret_at(rest) {
                Some((pattern, name)) => {
                    clean.push_str(name);
                    rest = &rest[pattern.len()..];
                }
                None => {
                    push_printable(&mut clean, next);
                    rest = &rest[next.len_utf8()..];
                }
            }
        }
        if !rest.is_empty() {
            clean.push('…');
        }
        clean
    }

    /// How many of the first `limit` bytes stay as they are and begin no secret.
    fn plain(&self, text: &str, limit: usize) -> usize {
        let bytes = text.as_bytes();
        let end = bytes.len().min(limit);
        let is_plain = |at: &usize| matches!(bytes[*at], b' '..=b'~') && !self.may_begin(&bytes[*at..]);
        (0..end).take_while(is_plain).count()
    }

    /// Whether the first two bytes are those of a secret, as far as can be told from each by itself.
    fn may_begin(&self, text: &[u8]) -> bool {
        self.begins[usize::from(text[0])] && self.goes_on[usize::from(*text.get(1).unwrap_or(&0))]
    }

    /// The longest secret that `text` begins with.
    fn secret_at(&self, text: &str) -> Option<&(Zeroizing<String>, String)> {
        let begins = |(pattern, _): &&(Zeroizing<String>, String)| text.starts_with(pattern.as_str());
        if self.may_begin(text.as_bytes()) { self.patterns.iter().find(begins) } else { None }
    }
}

/// Control characters could move a terminal's cursor or forge a log line.
fn push_printable(text: &mut String, character: char) {
    if character.is_control() && character != '\t' {
        text.extend(character.escape_default());
    } else {
        text.push(character);
    }
}

/// The ways in which careless code writes a value: as it is, in a URL's path or query, in a form, in JSON.
fn spellings(value: &str) -> impl Iterator<Item = Zeroizing<String>> {
    let form: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
    let json = value.replace('\\', "\\\\").replace('"', "\\\"");
    [
        value.to_owned(),
        percent_encoded(value, |digit| digit),
        percent_encoded(value, |digit| digit.to_ascii_lowercase()),
        form,
        json,
    ]
    .into_iter()
    .map(Zeroizing::new)
}

/// RFC 3986: everything but the unreserved characters is encoded.
fn percent_encoded(value: &str, digit: fn(u8) -> u8) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    value
        .bytes()
        .flat_map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => vec![byte],
            _ => vec![b'%', digit(DIGITS[usize::from(byte >> 4)]), digit(DIGITS[usize::from(byte & 15)])],
        })
        .map(char::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(values: &[(&str, &str)]) -> Secrets {
        values.iter().map(|(name, value)| ((*name).to_owned(), Zeroizing::new((*value).to_owned()))).collect()
    }

    #[test]
    fn debug_shows_names_only() {
        assert_eq!(format!("{:?}", secrets(&[("KEY", "hunter2")])), r#"{"KEY"}"#);
    }

    #[test]
    fn every_spelling_is_blotted_out() {
        let redactor = Redactor::new(&secrets(&[("KEY", "p/s w\"d")]));
        for text in ["p/s w\"d", "p%2Fs%20w%22d", "p%2fs%20w%22d", "p%2Fs+w%22d", "p/s w\\\"d"] {
            assert_eq!(redactor.redact(&format!("a {text} b"), 99), "a [secret KEY] b");
        }
    }

    #[test]
    fn longer_secret_wins_over_its_own_prefix() {
        let redactor = Redactor::new(&secrets(&[("A", "abc"), ("B", "abcdef")]));
        assert_eq!(redactor.redact("abcdefabc", 99), "[secret B][secret A]");
    }

    #[test]
    fn secret_across_the_cut_leaves_no_part() {
        let redactor = Redactor::new(&secrets(&[("KEY", "hunter2")]));
        assert_eq!(redactor.redact("xxhunter2yy", 4), "xx[secret KEY]…");
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(Redactor::new(&Secrets::default()).redact("a\u{1b}[2Jb\n", 99), "a\\u{1b}[2Jb\\n");
    }

    #[test]
    fn empty_secret_is_ignored() {
        assert_eq!(Redactor::new(&secrets(&[("KEY", "")])).redact("text", 99), "text");
    }
}
