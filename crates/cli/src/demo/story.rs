//! What the demo prints: lines as things happen, a summary, or one JSON object. Only words; nothing here decides anything.

use std::fmt;
use std::io::{IsTerminal, Write as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use tandem_chain::TransactionOutcome;
use tandem_chain::admin::{CreatedTask, Score};
use tandem_protocol::policy::{Verdict, percent};
use tandem_types::{Address, Bps, PerToken, Policy, Task, Token, Weight};

use super::verdict::{self, Scales};
use crate::Failure;
use crate::local::{Operator, Progress, TOKEN, short};

/// Width of what stands before the text of a step.
const INDENT: &str = "                     ";

/// What a certificate weighs, and the numbers of those who signed it.
pub(super) struct Certificate {
    pub(super) signed: PerToken<Weight>,
    pub(super) total: PerToken<Weight>,
    pub(super) signers: Vec<usize>,
}

/// A delivered task.
pub(super) struct Delivered {
    pub(super) task: CreatedTask,
    pub(super) took: Duration,
    pub(super) submitter: Option<usize>,
    pub(super) outcome: TransactionOutcome,
    pub(super) signers: Vec<usize>,
    pub(super) operators: usize,
    pub(super) scales: Scales,
    /// Whether its result had to wait for vetoes.
    pub(super) waited: bool,
    pub(super) score: Score,
    pub(super) board: Address,
}

/// A task without delivery.
pub(super) enum Refused {
    /// It expired; this much stake stood behind one result.
    Short(Scales),
    /// Operators stopped its result.
    Vetoed { policy: Policy, veto: Certificate },
}

impl Refused {
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::Short(_) => {
                "too little stake stood behind one result; the task has expired and nothing was delivered"
            }
            Self::Vetoed { .. } => "operators with another result stopped this one; it will never be delivered",
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short(scales) => write!(f, "quorum not reached: {}", shortage(scales)),
            Self::Vetoed { policy, veto } => {
                let threshold = policy.veto_threshold().map(|bps| bps.to_string()).unwrap_or_default();
                let share = percent(veto.signed.external, veto.total.external);
                write!(f, "vetoed: ETH {share:.1} % ≥ {threshold}, by operators {}", list(&veto.signers))
            }
        }
    }
}

/// What stake lacks, in the policy's words.
fn shortage(scales: &Scales) -> String {
    let Verdict::Refused(refusal) = scales.verdict() else {
        return "no certificate came in time".to_owned();
    };
    let token = |token: Token, threshold: Bps| {
        let share = scales.percent(token);
        let relation = if share < f64::from(threshold.get()) / 100.0 { "<" } else { "≥" };
        format!("{} {share:.1} % {relation} {threshold}", verdict::name(token))
    };
    match scales.policy {
        Policy::Both { native, external } | Policy::Either { native, external } => {
            format!("{}, {}", token(Token::Native, native), token(Token::External, external))
        }
        Policy::BothOrFallback(of) => {
            format!("{}, {}", token(Token::Native, of.native()), token(Token::External, of.external()))
        }
        Policy::Veto { native, .. } => token(Token::Native, native),
        Policy::Single { token: one, threshold } => token(one, threshold),
        Policy::Combined { .. } => refusal.to_string(),
    }
}

fn list(numbers: &[usize]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Tells the story of one demo.
pub(super) struct Story {
    started: Instant,
    json: bool,
    policy: Policy,
    steps: Vec<Value>,
    spinner: ProgressBar,
}

impl Story {
    pub(super) fn new(json: bool, policy: Policy) -> Self {
        let spinner = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if json || !std::io::stderr().is_terminal() {
            spinner.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style = ProgressStyle::with_template("           {spinner} {msg}").expect("the template is valid");
        spinner.set_style(style);
        spinner.enable_steady_tick(Duration::from_millis(100));
        let story = Self { started: Instant::now(), json, policy, steps: Vec::new(), spinner };
        if !story.json {
            story.print("Tandem demo: operators staked in two tokens answer a question from a contract.\n");
        }
        story.busy("starting a local chain");
        story
    }

    pub(super) fn progress(&mut self, progress: &Progress<'_>) {
        match progress {
            Progress::Chain(anvil) => {
                self.step("chain", &format!("Anvil at {}", anvil.url()), json!({}));
                self.busy("deploying the contracts");
            }
            Progress::Deployed(deployment, gas) => {
                let text = format!(
                    "deployed ({} gas)\n{INDENT}RestakingManager {}\n{INDENT}ServiceManager   {}\n{INDENT}ScoreBoard       {}",
                    thousands(u128::from(*gas)),
                    deployment.restaking_manager,
                    deployment.service_manager,
                    deployment.score_board,
                );
                self.step("contracts", &text, json!({ "deployment": deployment, "gas": gas }));
                self.busy("starting the operators");
            }
            Progress::Staked(operator) => self.staked(operator),
            Progress::Table(epoch, gas) => {
                let text = format!("epoch {epoch} ({} gas)\n{INDENT}{}", thousands(u128::from(*gas)), self.policy);
                let policy = self.policy;
                self.step("table", &text, json!({ "epoch": epoch, "gas": gas, "policy": policy }));
                self.busy("waiting for the operators to connect");
            }
            Progress::Connected => self.step("connected", "every operator with every other", json!({})),
        }
    }

    fn staked(&mut self, operator: &Operator) {
        let PerToken { native, external } = operator.stake.map(|units| thousands(units / TOKEN));
        let (number, pid) = (operator.number(), operator.pid().unwrap_or_default());
        let text =
            format!("{number}: {}, process {pid}, staked {native} native and {external} ETH", short(operator.id.0));
        let stake = operator.stake.map(|units| units.to_string());
        self.step("operator", &text, json!({ "number": number, "operator": operator.id, "pid": pid, "stake": stake }));
    }

    pub(super) fn killed(&mut self, operator: &Operator, how: &str) {
        let number = operator.number();
        self.step("killed", &format!("operator {number} {how}"), json!({ "number": number }));
    }

    pub(super) fn asked(&mut self, game: &str, task: &CreatedTask) {
        let text = format!(
            "score of game {game}?\n{INDENT}task {} in block {} ({} gas)",
            task.task.number,
            task.outcome.block_number,
            thousands(task.outcome.gas_used.into()),
        );
        let details = json!({
            "game": game,
            "task_id": task.task_id,
            "deadline": task.task.deadline,
            "block": task.outcome.block_number,
            "gas": task.outcome.gas_used,
        });
        self.step("request", &text, details);
        self.busy("waiting for the operators");
    }

    pub(super) fn misled(&mut self, operator: &Operator) {
        let number = operator.number();
        self.step("misled", &format!("operator {number} is told another score"), json!({ "number": number }));
    }

    /// Something that happened to the network.
    pub(super) fn happened(&mut self, name: &str, text: &str) {
        self.step(name, text, json!({}));
    }

    /// A result was certified, and waits for vetoes.
    pub(super) fn pending(&mut self, certificate: Option<&Certificate>, policy: Policy) {
        let Policy::Veto { veto_seconds, .. } = policy else {
            return;
        };
        let signers = certificate.map(|certificate| certificate.signers.as_slice()).unwrap_or_default();
        let text = format!("certified by {}; it waits {veto_seconds} s for vetoes", list(signers));
        let signed = certificate.map(|certificate| certificate.signed);
        self.step("pending", &text, json!({ "signers": signers, "signed": signed, "seconds": veto_seconds }));
        self.busy("waiting for vetoes");
    }

    /// Shows how far the operators are.
    pub(super) fn waiting(&mut self, task: &Task, attested: &Scales) {
        let left = task.deadline.saturating_sub(crate::local::unix_seconds());
        let [native, external] = Token::ALL.map(|token| attested.percent(token));
        self.busy(&format!("attested: native {native:.1} %, ETH {external:.1} %; {left} s to the deadline"));
    }

    /// Takes the spinner away.
    pub(super) fn pause(&self) {
        self.spinner.finish_and_clear();
    }

    pub(super) fn delivered(&mut self, delivered: &Delivered) {
        let Delivered { took, submitter, outcome, score, board, .. } = delivered;
        let who = submitter.map_or("someone else".to_owned(), |number| format!("operator {number}"));
        let text = format!(
            "by {who} in block {} ({} gas), {:.2} s after the request",
            outcome.block_number,
            thousands(outcome.gas_used.into()),
            took.as_secs_f64(),
        );
        self.step("delivered", &text, json!({}));
        if self.json {
            return self.print_json(&delivered_json(delivered));
        }
        let (signers, operators) = (&delivered.signers, delivered.operators);
        self.print(&format!("\nsigners    {} ({} of {operators})", list(signers), signers.len()));
        delivered.scales.lines("signed").iter().for_each(|line| self.print(line));
        self.print(&format!("\n{}", headline(&score.json)));
        self.print(&format!("read from ScoreBoard {board}:\n{}", score.json.replace(",\"", ",\n \"")));
    }

    /// True when the failure has been told already.
    pub(super) fn refused(&mut self, refused: &Refused) -> bool {
        match refused {
            Refused::Short(scales) => {
                self.step("expired", "the deadline has passed", json!({}));
                if !self.json {
                    self.print("");
                    scales.lines("attested").iter().for_each(|line| self.print(line));
                }
            }
            Refused::Vetoed { veto, .. } => {
                let text = format!("by operators {}", list(&veto.signers));
                self.step("vetoed", &text, json!({ "signers": veto.signers }));
            }
        }
        if self.json {
            self.print_json(&refused_json(refused));
        }
        self.json
    }

    /// Ends the story when something failed.
    pub(super) fn interrupted(&mut self, failure: Failure) -> Failure {
        self.pause();
        if self.json {
            self.print_json(&json!({ "delivered": false, "error": format!("{:#}", failure.error) }));
        }
        failure
    }

    fn step(&mut self, name: &str, text: &str, details: Value) {
        let seconds = self.started.elapsed().as_secs_f64();
        if self.json {
            self.steps.push(json!({ "step": name, "seconds": seconds, "details": details }));
        } else {
            self.print(&format!("{seconds:6.2} s  {name:<10} {text}"));
        }
    }

    fn busy(&self, text: &str) {
        self.spinner.set_message(text.to_owned());
    }

    /// A reader that has gone away is no reason to stop.
    fn print(&self, line: &str) {
        self.spinner.suspend(|| {
            let _ = writeln!(std::io::stdout(), "{line}");
        });
    }

    fn print_json(&self, end: &Value) {
        let mut page = json!({ "steps": self.steps });
        if let (Some(page), Some(end)) = (page.as_object_mut(), end.as_object()) {
            page.extend(end.clone());
        }
        self.print(&page.to_string());
    }
}

fn delivered_json(delivered: &Delivered) -> Value {
    let Delivered { task, took, submitter, outcome, signers, operators, scales, waited, score, board } = delivered;
    let page = json!({
        "delivered": true,
        "verdict": "final",
        "waited": waited,
        "task_id": task.task_id,
        "seconds": took.as_secs_f64(),
        "submitter": submitter,
        "tx_hash": outcome.tx_hash,
        "gas": outcome.gas_used,
        "signers": signers,
        "operators": operators,
        "score_board": board,
        "score": serde_json::from_str::<Value>(&score.json).unwrap_or(Value::String(score.json.clone())),
    });
    joined(page, scales_json(scales, "signed"))
}

fn refused_json(refused: &Refused) -> Value {
    let error = refused.to_string();
    match refused {
        Refused::Short(scales) => {
            joined(json!({ "delivered": false, "verdict": "refused", "error": error }), scales_json(scales, "attested"))
        }
        Refused::Vetoed { policy, veto } => json!({
            "delivered": false,
            "verdict": "vetoed",
            "error": error,
            "policy": policy,
            "signers": veto.signers,
            "vetoed": veto.signed.external,
            "total": veto.total.external,
            "vetoed_percent": percent(veto.signed.external, veto.total.external),
        }),
    }
}

fn scales_json(scales: &Scales, verb: &str) -> Value {
    let Scales { policy, conditions, stake } = scales;
    let prices = conditions.prices.map(|prices| prices.map(|price| price.to_string()));
    let mut page = json!({
        "policy": policy,
        "total": stake.total,
        "prices": prices,
        "fallback": conditions.fallback,
    });
    page[verb] = json!(stake.signed);
    page[format!("{verb}_percent")] = json!(stake.signed.zip_with(stake.total, percent));
    page
}

/// One object with the fields of both.
fn joined(mut page: Value, more: Value) -> Value {
    if let (Some(page), Value::Object(more)) = (page.as_object_mut(), more) {
        page.extend(more);
    }
    page
}

/// The score as a sentence, or as it is when it is of another shape.
fn headline(score: &str) -> String {
    let parsed: Value = serde_json::from_str(score).unwrap_or_default();
    let text =
        |key: &str| parsed[key].as_str().map(str::to_owned).or_else(|| parsed[key].as_u64().map(|n| n.to_string()));
    match (text("home_team"), text("home_score"), text("away_score"), text("away_team"), text("status")) {
        (Some(home), Some(points), Some(against), Some(away), Some(status)) => {
            format!("{home} {points} – {against} {away} ({status})")
        }
        _ => score.to_owned(),
    }
}

/// A number with narrow gaps between thousands.
fn thousands(number: u128) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(" ")
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use tandem_protocol::policy::Conditions;

    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1 000"), (1_234_567, "1 234 567")] {
            assert_eq!(thousands(number), text);
        }
    }

    fn scales(policy: Policy) -> Scales {
        let (half, all) = (Weight::from(50), Weight::from(100));
        let signed = PerToken { native: half, external: Weight::from(75) };
        let stake = verdict::stake(signed, PerToken { native: all, external: all });
        Scales { policy, conditions: Conditions::default(), stake }
    }

    #[test]
    fn shortage_is_told_in_the_policys_words() {
        let (native, external) = (Bps::TWO_THIRDS, Bps::TWO_THIRDS);
        let short = |policy| Refused::Short(scales(policy)).to_string();
        let both = "quorum not reached: native 50.0 % < 66.67 %, ETH 75.0 % ≥ 66.67 %";
        assert_eq!(short(Policy::Both { native, external }), both);
        let single = Policy::Single { token: Token::Native, threshold: native };
        assert_eq!(short(single), "quorum not reached: native 50.0 % < 66.67 %");
        let combined = Policy::Combined { threshold: native, native_cap: Bps::TWO_THIRDS };
        assert_eq!(short(combined), "quorum not reached: price of the native token is not known");
        assert_eq!(short(Policy::Either { native, external }), "quorum not reached: no certificate came in time");
    }

    #[test]
    fn vetoes_name_their_signers() {
        let policy = Policy::Veto { native: Bps::TWO_THIRDS, veto: Bps::TWO_THIRDS, veto_seconds: NonZeroU32::MIN };
        let Scales { stake, .. } = scales(policy);
        let veto = Certificate { signed: stake.signed, total: stake.total, signers: vec![1, 4] };
        let told = Refused::Vetoed { policy, veto }.to_string();
        assert_eq!(told, "vetoed: ETH 75.0 % ≥ 66.67 %, by operators 1, 4");
    }
}
