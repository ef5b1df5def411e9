//! `make sim`: runs seeds, shows how far it is, and says in one line how to replay each that fails.

#![expect(clippy::print_stdout, reason = "what this program says is its output")]

mod arguments;

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use arguments::{Arguments, USAGE};
use tandem_sim::{Report, Totals, run_all, run_aloud};

/// Widest line of the summary.
const COLUMNS: usize = 100;
/// Failing seeds that are spelled out.
const SPELLED_OUT_MAX: usize = 10;

fn main() -> ExitCode {
    match Arguments::parse(std::env::args().skip(1)) {
        Ok(None) => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        Ok(Some(arguments)) => simulate(&arguments),
        Err(error) => {
            eprintln!("error: {error}\n\nhint: --help lists the options");
            ExitCode::from(2)
        }
    }
}

fn simulate(arguments: &Arguments) -> ExitCode {
    let began = Instant::now();
    let summary = if arguments.is_aloud { one_aloud(arguments) } else { many(arguments) };
    let seconds = began.elapsed();
    if arguments.is_json {
        println!("{}", summary.json(arguments, seconds));
    } else {
        summary.print(arguments, seconds);
    }
    if summary.failing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs the first seed, and prints its audit log.
fn one_aloud(arguments: &Arguments) -> Summary {
    let listener = Box::new(|line: &str| println!("{line}"));
    let report = run_aloud(arguments.seeds.start, arguments.scale, arguments.sabotage, listener);
    let mut summary = Summary::default();
    summary.add(report);
    summary
}

fn many(arguments: &Arguments) -> Summary {
    let mut summary = Summary::default();
    let mut progress = Progress::new(arguments);
    run_all(arguments.seeds.clone(), arguments.threads, (arguments.scale, arguments.sabotage), |report| {
        summary.add(report);
        progress.show(&summary);
        !arguments.stops_early || summary.failing.is_empty()
    });
    progress.end();
    summary
}

/// What all runs came to.
#[derive(Default)]
struct Summary {
    runs: u64,
    by_power: BTreeMap<&'static str, u64>,
    totals: Totals,
    simulated_ms: u64,
    longest_calm: (u64, u64),
    failing: Vec<Report>,
    /// Of all audit hashes, in no order.
    hash: [u8; 32],
}

impl Summary {
    fn add(&mut self, report: Report) {
        self.runs += 1;
        *self.by_power.entry(report.power.as_str()).or_default() += 1;
        self.totals.add(&report.totals);
        self.simulated_ms += report.simulated_ms;
        self.longest_calm = self.longest_calm.max((report.calm_ms, report.seed));
        self.hash.iter_mut().zip(report.hash.0).for_each(|(sum, byte)| *sum ^= byte);
        if !report.violations.is_empty() {
            self.failing.push(report);
        }
    }

    fn hash(&self) -> String {
        self.hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn print(&self, arguments: &Arguments, took: Duration) {
        let Totals { tasks, delivered, vetoed, expired, crashes, reorgs, messages, signatures, certificates, .. } =
            self.totals;
        let powers: Vec<_> = self.by_power.iter().map(|(power, runs)| format!("{power} {runs}")).collect();
        let seconds = took.as_secs_f64();
        let simulated = self.simulated_ms as f64 / 1_000.0;
        println!(
            "seeds         {} in {seconds:.1} s on {} threads; adversaries: {}",
            self.runs,
            arguments.threads,
            powers.join(", ")
        );
        println!("simulated     {:.1} h, {:.0} times real time", simulated / 3_600.0, simulated / seconds.max(0.001));
        println!("tasks         {tasks}: {delivered} delivered, {expired} expired, {vetoed} vetoed");
        println!("faults        {crashes} crashes, {reorgs} reorganisations, and what else each seed holds");
        println!("work          {messages} messages, {signatures} signatures, {certificates} certificates");
        let (calm_ms, seed) = self.longest_calm;
        println!("slowest end   {:.1} s after the last fault, seed {seed}", calm_ms as f64 / 1_000.0);
        println!("audit hash    {}", self.hash());
        println!("violations    {} of {} seeds", self.failing.len(), self.runs);
        let mut failing: Vec<_> = self.failing.iter().collect();
        failing.sort_by_key(|report| report.seed);
        for report in failing.iter().take(SPELLED_OUT_MAX) {
            println!("\nseed {} broke:", report.seed);
            for violation in &report.violations {
                println!("{}", wrapped(&format!("{}: {violation}", violation.property())));
            }
            println!("  replay: {}", arguments.replay(report.seed));
        }
        if failing.len() > SPELLED_OUT_MAX {
            let rest: Vec<_> = failing.iter().skip(SPELLED_OUT_MAX).map(|report| report.seed.to_string()).collect();
            println!("\nand seeds\n{}", wrapped(&rest.join(" ")));
        }
    }

    fn json(&self, arguments: &Arguments, took: Duration) -> serde_json::Value {
        let failing = self.failing.iter().map(|report| {
            let violations = report.violations.iter().map(
                |violation| serde_json::json!({ "property": violation.property(), "what": violation.to_string() }),
            );
            serde_json::json!({
                "seed": report.seed,
                "violations": violations.collect::<Vec<_>>(),
                "replay": arguments.replay(report.seed),
            })
        });
        let totals = &self.totals;
        serde_json::json!({
            "seeds": self.runs,
            "seconds": took.as_secs_f64(),
            "simulated_seconds": self.simulated_ms / 1_000,
            "adversaries": self.by_power,
            "tasks": { "all": totals.tasks, "delivered": totals.delivered, "vetoed": totals.vetoed, "expired": totals.expired },
            "crashes": totals.crashes,
            "reorganisations": totals.reorgs,
            "messages": totals.messages,
            "signatures": totals.signatures,
            "certificates": totals.certificates,
            "audit_hash": self.hash(),
            "failing": failing.collect::<Vec<_>>(),
        })
    }
}

/// The words on lines that fit a terminal, indented by two, and by four after the first.
fn wrapped(text: &str) -> String {
    let mut lines = vec![" ".to_owned()];
    for word in text.split(' ') {
        if lines.last().is_some_and(|line| line.len() + 1 + word.len() > COLUMNS) {
            lines.push("   ".to_owned());
        }
        lines.iter_mut().next_back().into_iter().for_each(|line| *line += &format!(" {word}"));
    }
    lines.join("\n")
}

/// Says on a terminal how far it is, several times a second; elsewhere every ten seconds.
struct Progress {
    total: u64,
    began: Instant,
    shown: Instant,
    is_terminal: bool,
    is_quiet: bool,
}

impl Progress {
    fn new(arguments: &Arguments) -> Self {
        let (now, is_terminal) = (Instant::now(), std::io::stderr().is_terminal());
        let total = arguments.seeds.end - arguments.seeds.start;
        Self { total, began: now, shown: now, is_terminal, is_quiet: arguments.is_json }
    }

    fn show(&mut self, summary: &Summary) {
        let pause = if self.is_terminal { Duration::from_millis(200) } else { Duration::from_secs(10) };
        if self.is_quiet || self.shown.elapsed() < pause {
            return;
        }
        self.shown = Instant::now();
        let (runs, failing) = (summary.runs, summary.failing.len());
        let rate = runs as f64 / self.began.elapsed().as_secs_f64();
        let left = (self.total - runs) as f64 / rate;
        let line = format!("{runs} of {} seeds, {rate:.1}/s, {left:.0} s left, {failing} failing", self.total);
        if self.is_terminal {
            eprint!("\r{line}\x1b[K");
            let _ = std::io::stderr().flush();
        } else {
            eprintln!("{line}");
        }
    }

    fn end(&self) {
        if self.is_terminal && !self.is_quiet {
            eprint!("\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn violations_fit_a_terminal() {
        let hash = format!("0x{}", "7".repeat(64));
        let text = format!("a property: operator {} signed {hash} and {hash} for task {hash}", &hash[..42]);
        let lines = wrapped(&text);
        assert!(lines.lines().all(|line| line.len() <= COLUMNS), "{lines}");
        assert_eq!(lines.split_whitespace().collect::<Vec<_>>(), text.split(' ').collect::<Vec<_>>());
    }
}
