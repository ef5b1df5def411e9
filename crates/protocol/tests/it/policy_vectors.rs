//! `vectors/policies.json` is what this code decides; Solidity reads the same file. `UPDATE_VECTORS=1` writes it anew.
//!
//! Every case names the verdict that is expected of it, so that a change of the arithmetic fails here and not only as a difference.

use std::path::PathBuf;

use serde_json::{Value, json};
use tandem_protocol::policy::{Conditions, Rule, Stake, Verdict, stops};
use tandem_types::{BothOrFallback, Bps, PerToken, Policy, Requirement, Token, Weight};

const REFUSED: u8 = 0;
const PENDING: u8 = 1;
const FINAL: u8 = 2;
const MAX: u128 = (1 << 96) - 1;
const DEAREST: u128 = u128::MAX;

/// One judgement, and whether a veto with the same stake behind it stops a result.
struct Case {
    name: String,
    rule: Rule,
    stake: Stake,
    verdict: u8,
    stops: bool,
}

fn bps(bps: u16) -> Bps {
    Bps::new(bps).expect("in range")
}

fn weights(native: u128, external: u128) -> PerToken<Weight> {
    PerToken { native, external }.map(|units| Weight::new(units).expect("fits 96 bits"))
}

fn stake(native: (u128, u128), external: (u128, u128)) -> Stake {
    Stake { signed: weights(native.0, external.0), total: weights(native.1, external.1) }
}

fn both(native: u16, external: u16) -> Policy {
    Policy::Both { native: bps(native), external: bps(external) }
}

fn either(native: u16, external: u16) -> Policy {
    Policy::Either { native: bps(native), external: bps(external) }
}

fn single(token: Token, threshold: u16) -> Policy {
    Policy::Single { token, threshold: bps(threshold) }
}

fn combined(threshold: u16, native_cap: u16) -> Policy {
    Policy::Combined { threshold: bps(threshold), native_cap: bps(native_cap) }
}

fn veto(native: u16, veto: u16) -> Policy {
    Policy::Veto { native: bps(native), veto: bps(veto), veto_seconds: 600.try_into().expect("not zero") }
}

fn fallback(native: u16, external: u16, fallback: u16) -> Policy {
    let of = BothOrFallback::new(bps(native), bps(external), bps(fallback));
    Policy::BothOrFallback(of.expect("above the external threshold"))
}

fn every_policy() -> [Policy; 7] {
    [
        both(6_667, 6_667),
        combined(6_667, 10_000),
        veto(6_667, 3_333),
        fallback(6_667, 6_667, 8_500),
        either(6_667, 6_667),
        single(Token::Native, 6_667),
        single(Token::External, 6_667),
    ]
}

fn kind(policy: &Policy) -> (u8, &'static str) {
    match policy {
        Policy::Both { .. } => (0, "both"),
        Policy::Combined { .. } => (1, "combined"),
        Policy::Veto { .. } => (2, "veto"),
        Policy::BothOrFallback(_) => (3, "both-or-fallback"),
        Policy::Either { .. } => (4, "either"),
        Policy::Single { token: Token::Native, .. } => (5, "single native"),
        Policy::Single { token: Token::External, .. } => (5, "single external"),
    }
}

impl Case {
    /// A case at equal prices, without fallback and without a requirement.
    fn new(name: impl Into<String>, policy: Policy, stake: Stake, verdict: u8) -> Self {
        let conditions = Conditions { prices: Some(PerToken { native: 1, external: 1 }), fallback: false };
        let rule = Rule { policy, requirement: Requirement::NONE, conditions };
        Self { name: name.into(), rule, stake, verdict, stops: false }
    }

    fn at_prices(mut self, native: u128, external: u128) -> Self {
        self.rule.conditions.prices = Some(PerToken { native, external });
        self
    }

    fn in_fallback(mut self) -> Self {
        self.rule.conditions.fallback = true;
        self
    }

    fn requiring(mut self, native: u16, external: u16, combined: u16) -> Self {
        self.rule.requirement = Requirement::new(native, external, combined).expect("in range");
        self
    }

    fn stopping(mut self) -> Self {
        self.stops = true;
        self
    }

    fn to_json(&self) -> Value {
        let Rule { policy, requirement, conditions } = &self.rule;
        let prices = conditions.prices.unwrap_or_default();
        json!({
            "externalPrice": prices.external.to_string(),
            "inFallback": conditions.fallback,
            "name": self.name,
            "nativePrice": prices.native.to_string(),
            "policy": policy_json(policy),
            "requirement": {
                "combinedBps": requirement.combined,
                "externalBps": requirement.external,
                "nativeBps": requirement.native,
            },
            "signedExternal": self.stake.signed.external,
            "signedNative": self.stake.signed.native,
            "stops": self.stops,
            "totalExternal": self.stake.total.external,
            "totalNative": self.stake.total.native,
            "verdict": self.verdict,
        })
    }
}

/// The policy as Solidity's struct: fields that its kind does not use are zero.
fn policy_json(policy: &Policy) -> Value {
    let [mut native, mut external, mut combined, mut cap, mut fallback, mut veto, mut veto_seconds] = [0; 7];
    match *policy {
        Policy::Both { native: n, external: e } | Policy::Either { native: n, external: e } => {
            (native, external) = (n.get(), e.get());
        }
        Policy::Combined { threshold, native_cap } => (combined, cap) = (threshold.get(), native_cap.get()),
        Policy::Veto { native: n, veto: v, veto_seconds: s } => {
            (native, veto) = (n.get(), v.get());
            veto_seconds = u16::try_from(s.get()).expect("small in the vectors");
        }
        Policy::BothOrFallback(of) => {
            (native, external, fallback) = (of.native().get(), of.external().get(), of.fallback().get());
        }
        Policy::Single { token: Token::Native, threshold } => native = threshold.get(),
        Policy::Single { token: Token::External, threshold } => external = threshold.get(),
    }
    json!({
        "combinedBps": combined,
        "externalBps": external,
        "fallbackBps": fallback,
        "kind": kind(policy).0,
        "nativeBps": native,
        "nativeCapBps": cap,
        "vetoBps": veto,
        "vetoSeconds": veto_seconds,
    })
}

/// The truth table: 30 native and 100 external by value, thresholds of two thirds, a veto of one third, nobody vetoes.
fn truth_table() -> Vec<Case> {
    let (no, wait, yes) = (REFUSED, PENDING, FINAL);
    let rows = [
        // native, external: both, combined, veto, fallback off and on, either, single native and external; stops
        ((30, 0), [no, no, wait, no, no, yes, yes, no], false),
        ((0, 100), [no, yes, no, no, yes, yes, no, yes], true),
        ((21, 60), [no, no, wait, no, no, yes, yes, no], true),
        ((21, 70), [yes, yes, yes, yes, yes, yes, yes, yes], true),
        ((15, 72), [no, yes, no, no, no, yes, no, yes], true),
        ((0, 0), [no, no, no, no, no, no, no, no], false),
        ((30, 100), [yes, yes, yes, yes, yes, yes, yes, yes], true),
    ];
    let [both, combined, veto, fallback, either, native, external] = every_policy();
    let columns = [
        (both, false),
        (combined, false),
        (veto, false),
        (fallback, false),
        (fallback, true),
        (either, false),
        (native, false),
        (external, false),
    ];
    let mut cases = Vec::new();
    for ((n, e), verdicts, stops) in rows {
        for ((policy, active), verdict) in columns.into_iter().zip(verdicts) {
            let name = format!("truth table, {n} of 30 and {e} of 100, {}", kind(&policy).1);
            let case = Case::new(name, policy, stake((n, 30), (e, 100)), verdict);
            let case = if active { case.in_fallback() } else { case };
            cases.push(Case { stops: stops && policy.veto_threshold().is_some(), ..case });
        }
    }
    cases
}

fn zero_stake() -> Vec<Case> {
    let judge = |name: &str, stake: Stake, verdicts: [u8; 7]| -> Vec<Case> {
        let of = every_policy().into_iter().zip(verdicts);
        of.map(|(policy, verdict)| Case::new(format!("{name}, {}", kind(&policy).1), policy, stake, verdict)).collect()
    };
    let (no, wait, yes) = (REFUSED, PENDING, FINAL);
    let mut cases = judge("no stake at all", stake((0, 0), (0, 0)), [no; 7]);
    cases.extend(judge("no native stake", stake((0, 0), (9, 9)), [no, yes, no, no, yes, no, yes]));
    cases.extend(judge("no external stake", stake((9, 9), (0, 0)), [no, yes, wait, no, yes, yes, no]));
    for case in &mut cases {
        case.stops = case.rule.policy.veto_threshold().is_some() && case.stake.signed.external > Weight::ZERO;
    }
    cases.push(Case::new("a veto of everyone without external stake", veto(1, 10_000), stake((9, 9), (0, 0)), PENDING));
    cases.push(Case::new("a cap without external stake", combined(1, 2_500), stake((9, 9), (0, 0)), REFUSED));
    cases.push(Case::new("a cap without native stake", combined(10_000, 2_500), stake((0, 0), (9, 9)), FINAL));
    cases.push(
        Case::new("fallback without external stake", fallback(1, 1, 2), stake((9, 9), (0, 0)), REFUSED).in_fallback(),
    );
    cases.push(
        Case::new("fallback without native stake", fallback(1, 1, 2), stake((0, 0), (9, 9)), FINAL).in_fallback(),
    );
    cases
}

fn boundaries() -> Vec<Case> {
    let full = (1, 1);
    let native = |signed, total, bps, verdict| {
        let name = format!("{signed} of {total} at {bps}");
        Case::new(name, single(Token::Native, bps), stake((signed, total), (0, 0)), verdict)
    };
    let mut cases = vec![
        native(2, 3, 6_667, REFUSED),
        native(2, 3, 6_666, FINAL),
        native(6_666, 10_000, 6_667, REFUSED),
        native(6_667, 10_000, 6_667, FINAL),
        native(0, 1, 1, REFUSED),
        native(1, 10_000, 1, FINAL),
        native(1, 10_001, 1, REFUSED),
        native(MAX, MAX, 10_000, FINAL),
        native(MAX - 1, MAX, 10_000, REFUSED),
        native(MAX - 1, MAX, 9_999, FINAL),
        native(MAX / 3 * 2, MAX, 6_667, REFUSED),
        native(1, MAX, 1, REFUSED),
        native(MAX / 10_000 + 1, MAX, 1, FINAL),
        native(MAX / 10_000, MAX, 1, REFUSED),
    ];
    let both_at =
        |name, native, external, verdict| Case::new(name, both(6_667, 5_000), stake(native, external), verdict);
    cases.extend([
        both_at("both, native short by one part", (2, 3), full, REFUSED),
        both_at("both, each exactly at its threshold", (6_667, 10_000), (1, 2), FINAL),
        both_at("both, external one below its threshold", (6_667, 10_000), (4_999, 10_000), REFUSED),
        both_at("both, native one below its threshold", (6_666, 10_000), (5_000, 10_000), REFUSED),
    ]);
    let either_at =
        |name, native, external, verdict| Case::new(name, either(6_667, 5_000), stake(native, external), verdict);
    cases.extend([
        either_at("either, each one below its threshold", (6_666, 10_000), (4_999, 10_000), REFUSED),
        either_at("either, external exactly at its threshold", (0, 10_000), (5_000, 10_000), FINAL),
        either_at("either, native exactly at its threshold", (6_667, 10_000), (0, 10_000), FINAL),
    ]);
    cases
}

fn vetoes() -> Vec<Case> {
    let at = |name, policy, native, external, verdict| Case::new(name, policy, stake(native, external), verdict);
    let third = veto(6_667, 3_333);
    vec![
        at("veto, native exactly, nobody else", third, (6_667, 10_000), (0, 10_000), PENDING),
        at("veto, native one below", third, (6_666, 10_000), (10_000, 10_000), REFUSED).stopping(),
        at("veto, external exactly at 1 − ν is not final", third, (10, 10), (6_667, 10_000), PENDING).stopping(),
        at("veto, external one above 1 − ν is final", third, (10, 10), (6_668, 10_000), FINAL).stopping(),
        at("veto, one below ν stops nothing", third, (10, 10), (3_332, 10_000), PENDING),
        at("veto, exactly ν stops", third, (10, 10), (3_333, 10_000), PENDING).stopping(),
        at("veto, ν of everyone: any approval is final", veto(6_667, 10_000), (10, 10), (1, MAX), FINAL),
        at("veto, ν of everyone: nobody's is not", veto(6_667, 10_000), (10, 10), (0, MAX), PENDING),
        at("veto, ν of everyone: all but one do not stop", veto(6_667, 10_000), (10, 10), (MAX - 1, MAX), FINAL),
        at("veto, ν of everyone: all stop", veto(6_667, 10_000), (10, 10), (MAX, MAX), FINAL).stopping(),
        at("veto, ν of one part: all approve", veto(6_667, 1), (10, 10), (MAX, MAX), FINAL).stopping(),
        at("veto, ν of one part: one missing, yet too few", veto(6_667, 1), (10, 10), (MAX - 1, MAX), FINAL).stopping(),
        at("veto, ν of one part: exactly that part is missing", veto(6_667, 1), (10, 10), (9_999, 10_000), PENDING)
            .stopping(),
        at("veto, extremes", third, (MAX, MAX), (MAX / 3, MAX), PENDING).stopping(),
    ]
}

fn caps() -> Vec<Case> {
    // With a cap of a quarter the native token may be worth a third of the external one: 100 of 300.
    let quarter = combined(6_000, 2_500);
    let at = |name, native, external, verdict| Case::new(name, quarter, stake(native, external), verdict);
    let mut cases = vec![
        at("cap binds exactly, at the threshold", (100, 100), (140, 300), FINAL),
        at("cap binds exactly, one below the threshold", (100, 100), (139, 300), REFUSED),
        at("one below the cap, at the threshold", (99, 99), (141, 300), FINAL),
        at("one below the cap, one below the threshold", (99, 99), (140, 300), REFUSED),
        at("one above the cap, at the threshold", (101, 101), (140, 300), FINAL),
        at("one above the cap, one below the threshold", (101, 101), (139, 300), REFUSED),
        at("far above the cap, native alone", (1_000_000, 1_000_000), (0, 300), REFUSED),
        at("far above the cap, at the threshold", (1_000_000, 1_000_000), (140, 300), FINAL),
        at("far above the cap, external alone", (0, 1_000_000), (240, 300), FINAL),
        at("far above the cap, external alone, one below", (0, 1_000_000), (239, 300), REFUSED),
        at("far above the cap, half of native", (500_000, 1_000_000), (190, 300), FINAL),
        at("far above the cap, less than half of native", (499_999, 1_000_000), (190, 300), REFUSED),
        Case::new("no cap, native alone", combined(6_000, 10_000), stake((1_000_000, 1_000_000), (0, 300)), FINAL),
        Case::new("a cap of one part", combined(5_000, 1), stake((9, 9), (4_999, 10_000)), REFUSED),
        Case::new("a cap of one part, at the threshold", combined(5_000, 1), stake((9, 9), (5_000, 10_000)), FINAL),
        Case::new("a cap of all but one part", combined(9_999, 9_999), stake((MAX, MAX), (0, 1)), FINAL),
        Case::new("a cap of all but one part, all asked", combined(10_000, 9_999), stake((MAX, MAX), (0, 1)), REFUSED),
    ];
    cases.extend([
        at("cap binds by the price", (50, 50), (140, 300), FINAL).at_prices(3, 1),
        at("cap binds by the price, one below", (50, 50), (139, 300), REFUSED).at_prices(3, 1),
        at("the external price lifts the cap", (0, 100), (239, 300), FINAL).at_prices(1, 2),
        at("the external price lifts the cap, one below", (0, 100), (209, 300), REFUSED).at_prices(1, 2),
    ]);
    cases
}

fn prices() -> Vec<Case> {
    let open = combined(6_667, 10_000);
    let quarter = combined(6_667, 2_500);
    let all = stake((30, 30), (100, 100));
    let max = stake((MAX, MAX), (MAX, MAX));
    let short = stake((MAX - 1, MAX), (MAX, MAX));
    let at = |name, policy, stake, verdict| Case::new(name, policy, stake, verdict);
    vec![
        at("native price not known", open, all, REFUSED).at_prices(0, 1),
        at("external price not known", open, all, REFUSED).at_prices(1, 0),
        at("no price known", open, all, REFUSED).at_prices(0, 0),
        at("native price not known, capped", quarter, all, REFUSED).at_prices(0, 1),
        at("external price not known, capped", quarter, all, REFUSED).at_prices(1, 0),
        at("other policies do without prices", both(6_667, 6_667), all, FINAL).at_prices(0, 0),
        at("a worthless native token", open, stake((0, 30), (67, 100)), FINAL).at_prices(1, 1_000_000_000_000),
        at("a dear native token", open, stake((30, 30), (0, 100)), FINAL).at_prices(7, 1),
        at("a dear native token, just not enough", open, stake((30, 30), (0, 100)), REFUSED).at_prices(6, 1),
        at("all extremes", combined(10_000, 10_000), max, FINAL).at_prices(DEAREST, DEAREST),
        at("all extremes, one unit short", combined(10_000, 10_000), short, REFUSED).at_prices(DEAREST, DEAREST),
        at("all extremes, capped", combined(10_000, 2_500), max, FINAL).at_prices(DEAREST, DEAREST),
        at("all extremes, capped, one unit short", combined(10_000, 2_500), short, REFUSED).at_prices(DEAREST, DEAREST),
        at("native extreme", combined(10_000, 5_000), short, REFUSED).at_prices(DEAREST, 1),
        at("external extreme, one cheap unit short", combined(10_000, 5_000), short, REFUSED).at_prices(1, DEAREST),
        at("external extreme, a little less asked", combined(9_999, 5_000), short, FINAL).at_prices(1, DEAREST),
    ]
}

fn fallbacks() -> Vec<Case> {
    let policy = fallback(6_667, 6_667, 8_500);
    let at = |name, native, external, verdict| Case::new(name, policy, stake(native, external), verdict);
    vec![
        at("fallback off, external alone", (0, 100), (100, 100), REFUSED),
        at("fallback on, external exactly", (0, 100), (85, 100), FINAL).in_fallback(),
        at("fallback on, external one below", (0, 100), (84, 100), REFUSED).in_fallback(),
        at("fallback on, both still do", (67, 100), (67, 100), FINAL).in_fallback(),
        at("fallback on, native alone does not", (100, 100), (66, 100), REFUSED).in_fallback(),
        at("fallback off, both", (67, 100), (67, 100), FINAL),
        Case::new("the flag is for this policy only", both(6_667, 6_667), stake((0, 9), (9, 9)), REFUSED).in_fallback(),
    ]
}

fn requirements() -> Vec<Case> {
    let mut cases = Vec::new();
    let signed = stake((80, 100), (90, 100));
    for policy in every_policy() {
        let mut at = |name: &str, requirement: [u16; 3], verdict| {
            let [native, external, combined] = requirement;
            let case = Case::new(format!("{name}, {}", kind(&policy).1), policy, signed, verdict);
            let case = case.requiring(native, external, combined);
            cases.push(Case { stops: policy.veto_threshold().is_some(), ..case });
        };
        let is_combined = policy.needs_prices();
        let if_combined = if is_combined { FINAL } else { REFUSED };
        at("nothing required", [0, 0, 0], FINAL);
        at("native required exactly", [8_000, 0, 0], FINAL);
        at("native required and missed", [8_001, 0, 0], REFUSED);
        at("external required exactly", [0, 9_000, 0], FINAL);
        at("external required and missed", [0, 9_001, 0], REFUSED);
        at("each required exactly", [8_000, 9_000, 0], FINAL);
        at("each required, one missed", [8_000, 9_001, 0], REFUSED);
        at("combined required", [0, 0, 8_500], if_combined);
        at("combined required and missed", [0, 0, 8_501], REFUSED);
        at("least requirements", [1, 1, 0], FINAL);
        at("a requirement below the policy's loosens nothing", [1, 0, 0], FINAL);
    }
    let weak = stake((60, 100), (60, 100));
    cases.extend(every_policy().map(|policy| {
        let case = Case::new(format!("low requirements do not help, {}", kind(&policy).1), policy, weak, REFUSED);
        let case = case.requiring(1, 1, if policy.needs_prices() { 1 } else { 0 });
        Case { stops: policy.veto_threshold().is_some(), ..case }
    }));
    let capped = stake((1_000, 1_000), (90, 100));
    let third = veto(6_667, 3_333);
    let no_external = stake((9, 9), (0, 0));
    cases.extend([
        Case::new("pending stays pending", third, stake((8, 10), (2, 10)), PENDING).requiring(8_000, 2_000, 0),
        Case::new("pending and short of a requirement", third, stake((8, 10), (2, 10)), REFUSED).requiring(0, 2_001, 0),
        Case::new("required of a token without stake", single(Token::Native, 1), no_external, REFUSED)
            .requiring(0, 1, 0),
        Case::new("fallback and native required", fallback(1, 1, 2), stake((0, 9), (9, 9)), REFUSED)
            .requiring(1, 0, 0)
            .in_fallback(),
        Case::new("combined requirement under the cap", combined(1, 2_500), capped, FINAL).requiring(0, 0, 9_250),
        Case::new("combined requirement under the cap, missed", combined(1, 2_500), capped, REFUSED)
            .requiring(0, 0, 9_251),
    ]);
    cases
}

fn verdict_of(rule: &Rule, stake: &Stake) -> u8 {
    match rule.judge(stake) {
        Verdict::Refused(_) => REFUSED,
        Verdict::Pending => PENDING,
        Verdict::Final => FINAL,
    }
}

#[test]
fn policies_judge_as_the_committed_vectors_say() {
    let groups = [truth_table(), zero_stake(), boundaries(), vetoes(), caps(), prices(), fallbacks(), requirements()];
    let cases: Vec<_> = groups.into_iter().flatten().collect();
    for case in &cases {
        assert_eq!(verdict_of(&case.rule, &case.stake), case.verdict, "{}", case.name);
        assert_eq!(stops(&case.rule.policy, &case.stake), case.stops, "{}", case.name);
    }
    let rows = cases.iter().map(Case::to_json).collect();
    let text = serde_json::to_string_pretty(&Value::Array(rows)).expect("JSON serialises") + "\n";
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors/policies.json");
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        std::fs::write(&path, &text).expect("vectors/ is writable");
    }
    assert!(
        std::fs::read_to_string(&path).expect("the vectors are committed") == text,
        "vectors/policies.json differs"
    );
}
