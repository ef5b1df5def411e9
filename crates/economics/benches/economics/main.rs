//! `make bench-economics`: how long the sizes take that the library is meant for, on networks and scenarios that a seed draws.
//!
//! `BENCH_ARGS`: `--only=certify|cut|attack|cascade|paths`, `--seconds=60` for each search of attacks. It refuses to fail on a missed bar: figures are for people to judge, and depend on the machine.

#![allow(clippy::print_stdout, reason = "a program whose result is a table")]

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use tandem_economics::network::{Network, Rule, Service, best_attack, certify, loads, simulate};
use tandem_economics::number::{Fraction, Ratio, rounded, whole};
use tandem_economics::policy::Policy;
use tandem_economics::random::Dice;
use tandem_economics::spiral::{Model, Oracle, Parameters, Scenario, Simulation, Weather};
use tandem_economics::{Effort, Operator, Operators, Prices};

/// What a network for measuring is drawn from.
struct Shape {
    services: usize,
    operators: usize,
    /// Services of each operator, at least one, at most twice this.
    services_each: usize,
    thresholds: &'static [(u32, u32)],
    /// The largest stake over the smallest.
    spread: u64,
    /// Most that a prize is of the stake that must be corrupted, in percent.
    prize_percent: u64,
}

/// Stakes have a heavy tail and 18 digits, as those on a chain.
fn network(shape: &Shape, seed: u64) -> Network {
    let mut dice = Dice::new(seed, 0);
    let stake = |dice: &mut Dice| 1_000_000_000_000_000_000 / (1 + dice.below(shape.spread)) + dice.below(1_000_000);
    let stakes: Vec<u64> = (0..shape.operators).map(|_| stake(&mut dice)).collect();
    let mut of_service = vec![Vec::new(); shape.services];
    for operator in 0..shape.operators {
        for _ in 0..1 + dice.below(2 * shape.services_each as u64) {
            let of: &mut Vec<usize> = &mut of_service[dice.below(shape.services as u64) as usize];
            if of.last() != Some(&operator) {
                of.push(operator);
            }
        }
    }
    let services = of_service.into_iter().enumerate().map(|(position, of)| {
        let (numerator, denominator) = shape.thresholds[dice.below(shape.thresholds.len() as u64) as usize];
        let share = Fraction::of(numerator, denominator).expect("a share");
        let behind: u128 = of.iter().map(|operator| u128::from(stakes[*operator])).sum();
        let percent = dice.below(shape.prize_percent) + 1;
        Service {
            id: format!("service {position}"),
            prize: Ratio::from_integer(behind.into()) * share.get() * Ratio::new(percent.into(), 100.into()),
            rule: Rule::Fraction(share),
            operators: of.into_iter().map(|operator| format!("operator {operator}")).collect(),
        }
    });
    let services = services.collect();
    let operators = stakes.into_iter().enumerate();
    let operators = operators.map(|(position, stake)| {
        Operator::with_stake(format!("operator {position}"), Ratio::from_integer(stake.into()))
    });
    Network::new(Operators::new(operators.collect()).expect("valid"), services, Prices::ones()).expect("valid")
}

/// What some work took, by the clock and of the processors.
struct Took {
    clock: Duration,
    /// Of all threads; none where the system does not say.
    processors: Option<Duration>,
}

fn timed<T>(work: impl FnOnce() -> T) -> (Took, T) {
    let (start, before) = (Instant::now(), processor_time());
    let outcome = work();
    let processors = processor_time().zip(before).map(|(after, before)| after.saturating_sub(before));
    (Took { clock: start.elapsed(), processors }, outcome)
}

/// User and system time of this process, in the hundredths of a second that Linux counts.
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(10 * ticks))
}

fn row(what: &str, took: Took, bar: &str, outcome: &str) {
    let processors = took.processors.map_or("?".to_owned(), |time| format!("{:.2}", time.as_secs_f64()));
    println!("{what:<62} {:>7.2} s  {processors:>7} s of processors  {bar:<22} {outcome}", took.clock.as_secs_f64());
}

fn certificates(_: u64) {
    let shape = Shape {
        services: 4_096,
        operators: 16_384,
        services_each: 4,
        thresholds: &[(1, 3), (1, 2), (2, 3)],
        spread: 1_000,
        prize_percent: 20,
    };
    let (built, network) = timed(|| network(&shape, 1));
    row("build, 4,096 services × 16,384 operators", built, "", "");
    let (took, certificate) = timed(|| certify(&network));
    let slack = certificate.slack.map(|slack| rounded(&slack, 6)).unwrap_or_default();
    row("certify, 4,096 services × 16,384 operators", took, "≤ 5 s", &format!("γ* = {slack}"));
    let (took, _) = timed(|| loads(&network));
    row("exact load of every operator", took, "", "");
}

fn unanimous(_: u64) {
    let shape = Shape {
        services: 4_096,
        operators: 16_384,
        services_each: 4,
        thresholds: &[(1, 1)],
        spread: 1_000,
        prize_percent: 40,
    };
    let network = network(&shape, 2);
    let (took, found) = timed(|| best_attack(&network, &Effort::default(), &mut |_| true));
    row(
        "minimum cut, 4,096 services × 16,384 operators",
        took,
        "",
        &format!("{} services fall", found.attack.services.len()),
    );
}

/// Exact attacks at 200 services × 2,000 operators, at several prizes: from nothing to gain to much.
fn attacks(seconds: u64) {
    for (prize_percent, services_each, spread) in [
        (20, 2, 1_000),
        (40, 2, 1_000),
        (60, 2, 1_000),
        (100, 2, 1_000),
        (40, 4, 1_000),
        (40, 2, 10),
        (80, 2, 10),
        (100, 2, 10),
    ] {
        let shape = Shape {
            services: 200,
            operators: 2_000,
            services_each,
            thresholds: &[(1, 3), (1, 2), (2, 3)],
            spread,
            prize_percent,
        };
        let network = network(&shape, 3);
        let effort = Effort { nodes: 5_000, gap: Ratio::new(1.into(), 100.into()) };
        let start = Instant::now();
        let mut within = |_: &_| start.elapsed() < Duration::from_secs(seconds);
        let (took, found) = timed(|| best_attack(&network, &effort, &mut within));
        let gap = rounded(&(found.gap() * whole(100)), 3);
        let profit = rounded(&(found.attack.profit() / network.total_value() * whole(100)), 3);
        let what = format!("attack, 200 × 2,000, {services_each} each, stakes 1:{spread}, prizes to {prize_percent} %");
        let most = rounded(&(&found.at_most / network.total_value() * whole(100)), 3);
        let fall = found.attack.services.len();
        let outcome = format!("gap {gap} %: {profit} to {most} % of stake, {fall} fall, {} nodes", found.nodes);
        row(&what, took, "≤ 60 s or gap ≤ 1 %", &outcome);
    }
}

fn cascades(_: u64) {
    let shape = Shape {
        services: 40,
        operators: 200,
        services_each: 2,
        thresholds: &[(1, 2)],
        spread: 1_000,
        prize_percent: 45,
    };
    let network = network(&shape, 4);
    let effort = Effort { nodes: 200, gap: Ratio::new(1.into(), 100.into()) };
    let (took, cascade) = timed(|| simulate(&network, &[0], &effort, &mut |_| true));
    row("cascade, 40 × 200", took, "", &format!("{} rounds", cascade.rounds.len()));
}

fn paths(_: u64) {
    let two_thirds = Fraction::of(2, 3).expect("a share");
    let policy = Policy::Both { native: two_thirds.clone(), external: two_thirds };
    for threads in [1, 2] {
        let parameters = Parameters { external_share: 0.3, ..Parameters::default() };
        let model = Model::new(&policy, parameters, Oracle::Live).expect("valid");
        let scenario = Scenario::new(365, Vec::new()).expect("valid");
        let simulation = Simulation::new(model, scenario, Weather::default()).expect("valid");
        let (took, tally) = timed(|| simulation.run(1, 100_000, NonZeroUsize::new(threads).expect("not zero")));
        let bar = if threads == 2 { "≤ 10 s" } else { "" };
        row(
            &format!("100,000 paths × 365 days, {threads} threads"),
            took,
            bar,
            &format!("{} collapse", tally.collapsed),
        );
    }
}

/// A section of the table: its name and what measures it.
type Section = (&'static str, fn(u64));

const SECTIONS: [Section; 5] =
    [("certify", certificates), ("cut", unanimous), ("attack", attacks), ("cascade", cascades), ("paths", paths)];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let only = arguments.iter().find_map(|argument| argument.strip_prefix("--only="));
    let seconds = arguments.iter().find_map(|argument| argument.strip_prefix("--seconds=")?.parse().ok()).unwrap_or(60);
    for (name, measure) in SECTIONS {
        if only.is_none_or(|only| only == name) {
            measure(seconds);
        }
    }
}
