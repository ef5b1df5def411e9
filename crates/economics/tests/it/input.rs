//! Bad input is a typed error where it enters.

use tandem_economics::number::NumberError;
use tandem_economics::{InputError, Operator, Operators, Prices};

use crate::r;

fn operator(id: &str, stake: &str) -> Operator {
    Operator::with_stake(id, r(stake))
}

#[test]
fn operators_that_are_not_taken() {
    assert_eq!(Operators::new(Vec::new()), Err(InputError::Empty { what: "operator" }));
    let twice = vec![operator("a", "1"), operator("b", "1"), operator("a", "2")];
    assert_eq!(Operators::new(twice), Err(InputError::Duplicate { what: "operator", id: "a".into() }));
    let negative = InputError::Number { what: "stake", id: "a".into(), error: NumberError::Negative(r("-1")) };
    assert_eq!(Operators::new(vec![operator("a", "-1")]), Err(negative));
    assert_eq!(Operators::new(vec![operator("", "1")]), Err(InputError::Id { bytes: 0 }));
    let huge = Operator::with_stake("a", power(10, 80));
    assert!(matches!(Operators::new(vec![huge]), Err(InputError::Number { error: NumberError::TooLarge { .. }, .. })));
    let many = (0..16_385).map(|position| operator(&position.to_string(), "1")).collect();
    assert!(matches!(Operators::new(many), Err(InputError::TooMany { count: 16_385, max: 16_384, .. })));
}

#[test]
fn prices_that_are_not_taken() {
    assert!(matches!(Prices::fair(r("-1"), r("1")), Err(InputError::Number { what: "price", .. })));
}

fn power(base: i64, exponent: u32) -> tandem_economics::number::Ratio {
    (0..exponent).fold(r("1"), |power, _| power * r(&base.to_string()))
}
