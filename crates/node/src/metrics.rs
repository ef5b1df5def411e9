//! What the node counts, in OpenMetrics form. Labels are closed sets, so that no outsider can make the page grow.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use tandem_chain::{EndpointState, EndpointsStatus};

use crate::journal::TaskCounts;

type Gauge64 = Gauge<u64, AtomicU64>;
type GaugeFloat = Gauge<f64, AtomicU64>;

/// What became of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum ExecutionOutcome {
    /// A result.
    Result,
    /// The task asked for what cannot be computed.
    Task,
    /// The component failed.
    Component,
    /// A source failed.
    Source,
    /// This node failed.
    Host,
}

/// What became of a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum SubmissionOutcome {
    /// Mined: a certificate.
    Delivered,
    /// Mined: a veto.
    Vetoed,
    /// Mined: results whose time for vetoes was over.
    Finalized,
    /// Not sent: another operator was first.
    Superseded,
    /// Refused by the contract or the endpoint.
    Failed,
}

/// One label.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Execution {
    /// Its outcome.
    pub outcome: ExecutionOutcome,
}

/// One label.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Submission {
    /// Its outcome.
    pub outcome: SubmissionOutcome,
}

/// Where an open task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum OpenState {
    /// Not executed yet.
    Waiting,
    /// Executed, with a result.
    Executed,
    /// Executed, without one.
    Failed,
    /// Certified, and waiting for vetoes.
    Pending,
}

/// One label.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Open {
    /// Where the tasks stand.
    pub state: OpenState,
}

/// A chain of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Chain {
    /// EIP-155 id.
    pub chain: u64,
}

/// An endpoint of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ChainEndpoint {
    /// EIP-155 id of its chain.
    pub chain: u64,
    /// Its place among those of its chain: 0 is `rpc`, the others are `access.more` in their order.
    pub endpoint: u64,
    /// Scheme, host and port.
    pub host: String,
}

/// The node's metrics; cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    /// Tasks found on chain.
    pub tasks: Counter,
    /// Executions by outcome.
    pub executions: Family<Execution, Counter>,
    /// Seconds that executions took.
    pub execution_seconds: Histogram,
    /// Votes that left this node.
    pub votes: Counter,
    /// Vetoes that left this node; one that is sent again counts again.
    pub vetoes: Counter,
    /// Tasks whose result was vetoed.
    pub vetoed: Counter,
    /// Batches that this node saw certified.
    pub certificates: Counter,
    /// Submissions by outcome.
    pub submissions: Family<Submission, Counter>,
    /// Gas paid for submissions.
    pub submission_gas: Counter,
    /// Tasks that passed their deadline.
    pub expired: Counter,
    /// Faults of other operators.
    pub faults: Counter,
    /// Messages from other operators that were refused.
    pub messages_refused: Counter,
    /// Firings that callers signed, and were taken in.
    pub calls: Counter,
    /// Failed requests to the chain's endpoint.
    pub rpc_failures: Counter,
    /// Spans that the collector took.
    pub spans: Counter,
    /// Spans that it did not take, or not in time.
    pub spans_dropped: Counter,
    /// Last block that was read.
    pub block: Gauge64,
    /// Number of the newest operator table.
    pub epoch: Gauge64,
    /// Latest block that the endpoint knows.
    pub head: Gauge64,
    /// Block up to which all that fired on a chain was taken.
    pub triggers_block: Family<Chain, Gauge64>,
    /// Latest block of a chain with triggers.
    pub triggers_head: Family<Chain, Gauge64>,
    /// What an endpoint is good for: the number of its state, 0 the best.
    pub endpoint_state: Family<ChainEndpoint, Gauge64>,
    /// Blocks that an endpoint is behind the foremost of its chain.
    pub endpoint_lag_blocks: Family<ChainEndpoint, Gauge64>,
    /// Seconds that an endpoint takes for an answer, on average.
    pub endpoint_latency_seconds: Family<ChainEndpoint, GaugeFloat>,
    /// Requests to an endpoint.
    pub endpoint_requests: Family<ChainEndpoint, Counter>,
    /// Requests to an endpoint that failed.
    pub endpoint_failures: Family<ChainEndpoint, Counter>,
    /// How often an endpoint said something else than others.
    pub endpoint_contradictions: Family<ChainEndpoint, Counter>,
    /// Open tasks by state.
    pub open: Family<Open, Gauge64>,
    /// Whether the node serves: 1, or 0.
    pub healthy: Gauge64,
    /// What the account has that pays for deliveries, in the chain's own token.
    pub balance_ether: GaugeFloat,
    /// Number of the last task that is never signed anew.
    pub floor: Gauge64,
    /// Operator tables that this node wrote.
    pub tables: Counter,
    /// Operators that are connected.
    pub peers_connected: Gauge64,
    /// Operators of the table besides this one.
    pub peers: Gauge64,
    /// Workflows that wait for their component.
    pub components_awaited: Gauge64,
    /// Workflows whose component cannot run on this node.
    pub components_unusable: Gauge64,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("tandem");
        let mut metrics = Self {
            registry: Arc::default(),
            tasks: Counter::default(),
            executions: Family::default(),
            execution_seconds: Histogram::new(exponential_buckets(0.001, 2.0, 16)),
            votes: Counter::default(),
            vetoes: Counter::default(),
            vetoed: Counter::default(),
            certificates: Counter::default(),
            submissions: Family::default(),
            submission_gas: Counter::default(),
            expired: Counter::default(),
            faults: Counter::default(),
            messages_refused: Counter::default(),
            calls: Counter::default(),
            rpc_failures: Counter::default(),
            spans: Counter::default(),
            spans_dropped: Counter::default(),
            block: Gauge::default(),
            epoch: Gauge::default(),
            head: Gauge::default(),
            triggers_block: Family::default(),
            triggers_head: Family::default(),
            endpoint_state: Family::default(),
            endpoint_lag_blocks: Family::default(),
            endpoint_latency_seconds: Family::default(),
            endpoint_requests: Family::default(),
            endpoint_failures: Family::default(),
            endpoint_contradictions: Family::default(),
            open: Family::default(),
            healthy: Gauge::default(),
            balance_ether: Gauge::default(),
            floor: Gauge::default(),
            tables: Counter::default(),
            peers_connected: Gauge::default(),
            peers: Gauge::default(),
            components_awaited: Gauge::default(),
            components_unusable: Gauge::default(),
        };
        metrics.register(&mut registry);
        metrics.registry = Arc::new(registry);
        metrics
    }
}

impl Metrics {
    fn register(&self, registry: &mut Registry) {
        registry.register("tasks", "Tasks found on chain", self.tasks.clone());
        registry.register("executions", "Executions by outcome", self.executions.clone());
        registry.register("execution_seconds", "Duration of executions", self.execution_seconds.clone());
        registry.register("votes", "Votes that left this node", self.votes.clone());
        registry.register("vetoes", "Vetoes that left this node", self.vetoes.clone());
        registry.register("vetoed", "Tasks whose result was vetoed", self.vetoed.clone());
        registry.register("certificates", "Batches seen certified", self.certificates.clone());
        registry.register("submissions", "Submissions by outcome", self.submissions.clone());
        registry.register("submission_gas", "Gas paid for submissions", self.submission_gas.clone());
        registry.register("expired", "Tasks that passed their deadline", self.expired.clone());
        registry.register("faults", "Faults of other operators", self.faults.clone());
        registry.register("messages_refused", "Messages that were refused", self.messages_refused.clone());
        registry.register("calls", "Firings that callers signed and were taken in", self.calls.clone());
        registry.register("rpc_failures", "Failed requests to the chain", self.rpc_failures.clone());
        registry.register("spans", "Spans that the collector took", self.spans.clone());
        registry.register("spans_dropped", "Spans that the collector did not take", self.spans_dropped.clone());
        registry.register("block", "Last block that was read", self.block.clone());
        registry.register("epoch", "Newest operator table", self.epoch.clone());
        registry.register("head", "Latest block that the endpoint knows", self.head.clone());
        let triggers_block = self.triggers_block.clone();
        registry.register("triggers_block", "Block up to which all that fired was taken", triggers_block);
        registry.register("triggers_head", "Latest block of a chain with triggers", self.triggers_head.clone());
        self.register_endpoints(registry);
        registry.register("open", "Open tasks by state", self.open.clone());
        registry.register("healthy", "Whether the node serves", self.healthy.clone());
        registry.register("balance_ether", "What the account has that pays for deliveries", self.balance_ether.clone());
        registry.register("floor", "Number of the last task that is never signed anew", self.floor.clone());
        registry.register("tables", "Operator tables that this node wrote", self.tables.clone());
        registry.register("peers_connected", "Operators that are connected", self.peers_connected.clone());
        registry.register("peers", "Operators of the table besides this one", self.peers.clone());
        let awaited = self.components_awaited.clone();
        registry.register("components_awaited", "Workflows that wait for their component", awaited);
        let unusable = self.components_unusable.clone();
        registry.register("components_unusable", "Workflows whose component cannot run on this node", unusable);
    }

    fn register_endpoints(&self, registry: &mut Registry) {
        let state = "What an endpoint is good for: 0 healthy, 1 slow, 2 behind, 3 doubted, 4 unknown, 5 paused";
        registry.register("endpoint_state", state, self.endpoint_state.clone());
        let lag = self.endpoint_lag_blocks.clone();
        registry.register("endpoint_lag_blocks", "Blocks behind the foremost endpoint of the chain", lag);
        let latency = self.endpoint_latency_seconds.clone();
        registry.register("endpoint_latency_seconds", "Time for an answer, on average", latency);
        registry.register("endpoint_requests", "Requests to an endpoint", self.endpoint_requests.clone());
        registry.register("endpoint_failures", "Requests that failed", self.endpoint_failures.clone());
        let contradictions = self.endpoint_contradictions.clone();
        registry.register("endpoint_contradictions", "Answers that contradict other endpoints", contradictions);
    }

    /// Takes over how far triggers are read: block and head by chain. Chains without triggers disappear.
    pub(crate) fn set_triggers(&self, chains: impl IntoIterator<Item = (u64, u64, u64)>) {
        self.triggers_block.clear();
        self.triggers_head.clear();
        for (chain, block, head) in chains {
            self.triggers_block.get_or_create(&Chain { chain }).set(block);
            self.triggers_head.get_or_create(&Chain { chain }).set(head);
        }
    }

    /// Takes over how the endpoints of a chain are doing. What is not known has no sample.
    pub(crate) fn set_endpoints(&self, status: &EndpointsStatus) {
        for (place, endpoint) in (0..).zip(&status.endpoints) {
            let labels = ChainEndpoint { chain: status.chain_id, endpoint: place, host: endpoint.url.clone() };
            self.endpoint_state.get_or_create(&labels).set(state_number(endpoint.state));
            if let Some(lag) = endpoint.lag_blocks {
                self.endpoint_lag_blocks.get_or_create(&labels).set(lag);
            }
            if let Some(latency) = endpoint.latency_ms {
                self.endpoint_latency_seconds.get_or_create(&labels).set(latency / 1_000.0);
            }
            let counts = [
                (&self.endpoint_requests, endpoint.requests),
                (&self.endpoint_failures, endpoint.failures),
                (&self.endpoint_contradictions, endpoint.contradictions),
            ];
            for (family, count) in counts {
                family.get_or_create(&labels).inner().store(count, Ordering::Relaxed);
            }
        }
    }

    /// Counts an execution.
    pub fn executed(&self, outcome: ExecutionOutcome) {
        self.executions.get_or_create(&Execution { outcome }).inc();
    }

    /// Counts a submission.
    pub fn submitted(&self, outcome: SubmissionOutcome) {
        self.submissions.get_or_create(&Submission { outcome }).inc();
    }

    /// Takes over how many tasks are open.
    pub fn set_open(&self, counts: TaskCounts) {
        let TaskCounts { waiting, executed, failed, pending, .. } = counts;
        for (state, tasks) in [
            (OpenState::Waiting, waiting),
            (OpenState::Executed, executed),
            (OpenState::Failed, failed),
            (OpenState::Pending, pending),
        ] {
            self.open.get_or_create(&Open { state }).set(tasks);
        }
    }

    /// The page that a scraper reads.
    pub fn encode(&self) -> String {
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &self.registry)
            .expect("writing to a string does not fail");
        page
    }
}

/// The number that a graph shows for a state.
fn state_number(state: EndpointState) -> u64 {
    match state {
        EndpointState::Healthy => 0,
        EndpointState::Slow => 1,
        EndpointState::Behind => 2,
        EndpointState::Doubted => 3,
        EndpointState::Unknown => 4,
        EndpointState::Paused => 5,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tandem_chain::EndpointStatus;

    use super::*;

    const GUIDE: &str = include_str!("../../../docs/guide/operator.md");
    const ALERTS: &str = include_str!("../../../deploy/prometheus/alerts.yml");
    const DASHBOARD: &str = include_str!("../../../deploy/grafana/tandem-operator.json");

    fn endpoints(state: EndpointState) -> EndpointsStatus {
        let endpoint = EndpointStatus {
            url: "https://rpc.example:8545".to_owned(),
            state,
            head: Some(90),
            lag_blocks: Some(2),
            latency_ms: Some(125.0),
            requests: 7,
            failures: 3,
            contradictions: 1,
            last_error: None,
            last_error_age_s: None,
        };
        EndpointsStatus { chain_id: 10, witnesses: 1, endpoints: vec![endpoint.clone(), endpoint] }
    }

    /// Names of all samples that a scraper can get.
    fn samples() -> BTreeSet<String> {
        let metrics = Metrics::default();
        metrics.executed(ExecutionOutcome::Result);
        metrics.submitted(SubmissionOutcome::Delivered);
        metrics.set_open(TaskCounts::default());
        metrics.set_triggers([(1, 2, 3)]);
        metrics.set_endpoints(&endpoints(EndpointState::Healthy));
        let page = metrics.encode();
        let samples = page.lines().filter(|line| !line.starts_with('#'));
        samples.filter_map(|line| Some(line.split(['{', ' ']).next()?.to_owned())).collect()
    }

    /// What looks like a metric's name in a text.
    fn named(text: &str) -> BTreeSet<String> {
        let words = text.split(|char: char| !(char.is_ascii_lowercase() || char == '_'));
        words.filter(|word| word.starts_with("tandem_")).map(str::to_owned).collect()
    }

    /// A histogram is described by its own name.
    fn without_suffix(name: &str) -> &str {
        ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name)
    }

    #[test]
    fn endpoints_have_samples_of_their_own() {
        let metrics = Metrics::default();
        metrics.set_endpoints(&endpoints(EndpointState::Healthy));
        metrics.set_endpoints(&endpoints(EndpointState::Paused));
        let page = metrics.encode();
        for (name, value) in [
            ("state", "5"),
            ("lag_blocks", "2"),
            ("latency_seconds", "0.125"),
            ("requests_total", "7"),
            ("failures_total", "3"),
            ("contradictions_total", "1"),
        ] {
            for place in ["0", "1"] {
                let labels = format!("{{chain=\"10\",endpoint=\"{place}\",host=\"https://rpc.example:8545\"}}");
                assert!(page.contains(&format!("tandem_endpoint_{name}{labels} {value}\n")), "{name}: {page}");
            }
        }
    }

    #[test]
    fn chain_whose_triggers_are_over_has_no_sample() {
        let metrics = Metrics::default();
        metrics.set_triggers([(1, 7, 9), (2, 3, 4)]);
        assert!(metrics.encode().contains("tandem_triggers_head{chain=\"1\"} 9\n"));
        metrics.set_triggers([(2, 3, 4)]);
        let page = metrics.encode();
        assert!(!page.contains("chain=\"1\"") && page.contains("tandem_triggers_block{chain=\"2\"} 3\n"), "{page}");
    }

    #[test]
    fn guide_describes_every_metric_and_no_other() {
        let described: BTreeSet<_> = named(GUIDE);
        let known: BTreeSet<_> = samples().iter().map(|name| without_suffix(name).to_owned()).collect();
        assert_eq!(described, known);
    }

    #[test]
    fn alerts_and_dashboard_ask_for_metrics_that_there_are() {
        let known = samples();
        for (file, text) in [("alerts", ALERTS), ("dashboard", DASHBOARD)] {
            let asked = named(text);
            assert!(asked.len() > 10, "{file}");
            let missing: Vec<_> = asked.difference(&known).collect();
            assert!(missing.is_empty(), "{file}: {missing:?}");
        }
    }

    #[test]
    fn dashboard_is_one_of_grafana() {
        let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).expect("it is JSON");
        let panels = dashboard["panels"].as_array().expect("it has panels");
        let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64()).collect();
        assert_eq!(ids.len(), panels.len(), "every panel has an id of its own");
        for panel in panels {
            let targets = panel["targets"].as_array().expect("it has targets");
            assert!(!targets.is_empty() && targets.iter().all(|target| target["expr"].is_string()), "{panel}");
        }
    }

    #[test]
    fn every_alert_says_how_bad_it_is_and_what_to_do() {
        let alerts: Vec<_> = ALERTS.split("- alert:").skip(1).collect();
        assert!(alerts.len() > 5);
        for alert in alerts {
            for part in ["expr:", "severity:", "summary:", "action:"] {
                assert!(alert.contains(part), "{part} of {alert}");
            }
        }
    }
}
