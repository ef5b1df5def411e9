//! What the operator shows to its registries. Never printed: `Debug` says whose password it is and not which.

use std::fmt;

use zeroize::Zeroizing;

/// A name and a password for one registry.
#[derive(Clone)]
pub struct Credential {
    /// Host of the registry, with its port if it has one, as sources name it.
    pub registry: String,
    /// The name.
    pub username: String,
    /// The password, or a token that serves as one.
    pub password: Zeroizing<String>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("registry", &self.registry).finish_non_exhaustive()
    }
}

/// The operator's credentials, at most one for each registry.
#[derive(Debug, Clone, Default)]
pub struct Credentials(Vec<Credential>);

impl Credentials {
    /// What `registry` is shown; nothing to registries that are not listed.
    pub(super) fn of(&self, registry: &str) -> Option<&Credential> {
        self.0.iter().find(|credential| credential.registry.eq_ignore_ascii_case(registry))
    }
}

impl FromIterator<Credential> for Credentials {
    fn from_iter<I: IntoIterator<Item = Credential>>(credentials: I) -> Self {
        Self(credentials.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_is_not_printed() {
        let password = Zeroizing::new("hunter2".to_owned());
        let credential = Credential { registry: "a.example".to_owned(), username: "me".to_owned(), password };
        let credentials: Credentials = [credential].into_iter().collect();
        let text = format!("{credentials:?}");
        assert!(text.contains("a.example") && !text.contains("hunter2") && !text.contains("me\""), "{text}");
        assert!(credentials.of("A.example").is_some() && credentials.of("b.example").is_none());
    }
}
