//! Bounds on a component's code, checked before it is compiled: the compiler cannot be stopped, and takes time and memory in proportion. It refuses to judge
//! anything else; what is not WebAssembly is the compiler's to refuse.

use tandem_types::ComponentDigest;
use wasmparser::{Parser, Payload};

use crate::LoadError;

/// Most bytes of a component.
pub const COMPONENT_BYTES_MAX: u64 = 64 << 20;
/// Most functions of a component, over all of its modules.
pub const COMPONENT_FUNCTIONS_MAX: u64 = 100_000;
/// Most bytes of one function.
pub const FUNCTION_BYTES_MAX: u64 = 1 << 20;

/// Checks the bytes of a component.
pub(crate) fn check(digest: ComponentDigest, bytes: &[u8]) -> Result<(), LoadError> {
    let above =
        |what, found, most| if found > most { Err(LoadError::TooLarge { digest, what, found, most }) } else { Ok(()) };
    above("bytes", bytes.len() as u64, COMPONENT_BYTES_MAX)?;
    let mut functions = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload {
            Ok(Payload::CodeSectionStart { count, .. }) => functions += u64::from(count),
            Ok(Payload::CodeSectionEntry(body)) => {
                above("bytes in one function", body.range().len() as u64, FUNCTION_BYTES_MAX)?;
            }
            Ok(_) => {}
            Err(_) => break,
        }
        above("functions", functions, COMPONENT_FUNCTIONS_MAX)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<(), LoadError> {
        let bytes = wat::parse_str(text).expect("the text is valid");
        check(ComponentDigest::of(&bytes), &bytes)
    }

    fn found(text: &str) -> (&'static str, u64) {
        match checked(text) {
            Err(LoadError::TooLarge { what, found, .. }) => (what, found),
            other => panic!("expected too much code, not {other:?}"),
        }
    }

    /// Over all modules, those of components inside the component included.
    #[test]
    fn functions_are_counted_wherever_they_are() {
        let functions = "(func)".repeat(50_001);
        let one = format!("(core module {functions})");
        assert!(checked(&format!("(component {one})")).is_ok());
        assert_eq!(found(&format!("(component {one} (component {one}))")), ("functions", 100_002));
    }

    #[test]
    fn function_of_a_mebibyte_is_the_largest() {
        let function = |nops: usize| format!("(component (core module (func {})))", "nop ".repeat(nops));
        assert!(checked(&function((1 << 20) - 2)).is_ok());
        assert_eq!(found(&function(1 << 20)).0, "bytes in one function");
    }

    #[test]
    fn what_is_no_component_is_not_judged() {
        assert_eq!(check(ComponentDigest::of(b"text"), b"text"), Ok(()));
    }
}
