//! What the demo prints: lines as things happen, a summary, or one JSON object. Only words; nothing here decides anything.

use std::fmt;
use std::io::{IsTerminal, Write as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use tandem_chain::TransactionOutcome;
use tandem_chain::admin::{CreatedTask, Score};
use tandem_protocol::quorum;
use tandem_types::{Address, PerToken, Quorum, SignerBitmap, Task, Weight};

use crate::Failure;
use crate::local::{Network, Operator, Progress, TOKEN, short};

/// Width of what stands before the text of a step.
const INDENT: &str = "                     ";

/// Signed stake, all stake, and who signed.
pub(super) type Certificate = (PerToken<Weight>, PerToken<Weight>, SignerBitmap);

/// A delivered task.
pub(super) struct Delivered {
    pub(super) task: CreatedTask,
    pub(super) took: Duration,
    pub(super) submitter: Option<usize>,
    pub(super) outcome: TransactionOutcome,
    pub(super) signers: Vec<usize>,
    pub(super) operators: usize,
    pub(super) signed: PerToken<Weight>,
    pub(super) total: PerToken<Weight>,
    pub(super) score: Score,
    pub(super) board: Address,
}

/// A task that expired, and how much stake stood behind its result.
pub(super) struct Shortage {
    pub(super) quorum: Quorum,
    pub(super) attested: PerToken<f64>,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { quorum, attested } = self;
        let token = |name, percent: f64, threshold: tandem_types::Bps| {
            let relation = if percent < f64::from(threshold.get()) / 100.0 { "<" } else { "≥" };
            format!("{name} {percent:.1} % {relation} {threshold}")
        };
        let native = token("native", attested.native, quorum.native);
        write!(f, "quorum not reached: {native}, {}", token("ETH", attested.external, quorum.external))
    }
}

/// Tells the story of one demo.
pub(super) struct Story {
    started: Instant,
    json: bool,
    steps: Vec<Value>,
    spinner: ProgressBar,
}

impl Story {
    pub(super) fn new(json: bool) -> Self {
        let spinner = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if json || !std::io::stderr().is_terminal() {
            spinner.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style = ProgressStyle::with_template("           {spinner} {msg}").expect("the template is valid");
        spinner.set_style(style);
        spinner.enable_steady_tick(Duration::from_millis(100));
        let story = Self { started: Instant::now(), json, steps: Vec::new(), spinner };
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
                let text = format!(
                    "epoch {epoch}; native and ETH must each reach {} ({} gas)",
                    Network::QUORUM.native,
                    thousands(u128::from(*gas)),
                );
                self.step("table", &text, json!({ "epoch": epoch, "gas": gas }));
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

    /// Shows how far the operators are.
    pub(super) fn waiting(&mut self, task: &Task, attested: PerToken<f64>) {
        let left = task.deadline.saturating_sub(crate::local::unix_seconds());
        self.busy(&format!(
            "attested: native {:.1} %, ETH {:.1} %; {left} s to the deadline",
            attested.native, attested.external
        ));
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
        let numbers: Vec<_> = delivered.signers.iter().map(ToString::to_string).collect();
        self.print(&format!("\nsigners    {} ({} of {})", numbers.join(", "), numbers.len(), delivered.operators));
        for (name, signed, total, threshold) in shares(delivered) {
            self.print(&format!(
                "{name:<10} {:.2} % of the stake signed, {threshold} needed",
                quorum::percent(signed, total)
            ));
        }
        self.print(&format!("\n{}", headline(&score.json)));
        self.print(&format!("read from ScoreBoard {board}:\n{}", score.json.replace(",\"", ",\n \"")));
    }

    /// True when the failure has been told already.
    pub(super) fn no_quorum(&mut self, shortage: &Shortage) -> bool {
        self.step("expired", "the deadline has passed", json!({}));
        if self.json {
            self.print_json(&json!({
                "delivered": false,
                "error": shortage.to_string(),
                "attested_percent": shortage.attested,
                "quorum_bps": shortage.quorum,
            }));
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

fn shares(delivered: &Delivered) -> [(&'static str, Weight, Weight, tandem_types::Bps); 2] {
    let Delivered { signed, total, task, .. } = delivered;
    let quorum = task.task.quorum;
    [("native", signed.native, total.native, quorum.native), ("ETH", signed.external, total.external, quorum.external)]
}

fn delivered_json(delivered: &Delivered) -> Value {
    let Delivered { task, took, submitter, outcome, signers, operators, signed, total, score, board } = delivered;
    json!({
        "delivered": true,
        "task_id": task.task_id,
        "seconds": took.as_secs_f64(),
        "submitter": submitter,
        "tx_hash": outcome.tx_hash,
        "gas": outcome.gas_used,
        "signers": signers,
        "operators": operators,
        "signed": signed,
        "total": total,
        "signed_percent": signed.zip_with(*total, quorum::percent),
        "quorum_bps": task.task.quorum,
        "score_board": board,
        "score": serde_json::from_str::<Value>(&score.json).unwrap_or(Value::String(score.json.clone())),
    })
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
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1 000"), (1_234_567, "1 234 567")] {
            assert_eq!(thousands(number), text);
        }
    }

    #[test]
    fn shortage_names_both_tokens() {
        let shortage = Shortage { quorum: Network::QUORUM, attested: PerToken { native: 50.0, external: 75.0 } };
        assert_eq!(shortage.to_string(), "quorum not reached: native 50.0 % < 66.67 %, ETH 75.0 % ≥ 66.67 %");
    }
}
