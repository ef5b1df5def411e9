//! Supplying workflows from a store that is filled after they were loaded.

use std::path::Path;

use tandem_engine::EngineConfig;
use tandem_protocol::Timestamp;
use tandem_types::{Address, ComponentDigest, Manifest, ManifestHash, OperatorId, ServiceId};
use tempfile::TempDir;

use super::*;
use crate::components::FetcherOptions;
use crate::workflows::{Fetch, MissingComponent, Sources};

const SERVICE: ServiceId = ServiceId { chain_id: 1, manager: Address::ZERO };
const BAD: &[u8] = b"no component";

fn errand() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../components/target/wasm32-wasip2/release/errand.wasm");
    std::fs::read(path).expect("run `make components` first")
}

/// Two workflows, one of which calls the other, and a third that stands alone; nobody has their components.
struct Bench {
    _directory: TempDir,
    manifest: ManifestHash,
    supply: Supply,
}

impl Bench {
    fn new(asked: &[u8], called: &[u8], alone: &[u8]) -> Self {
        let workflow = |name: &str, bytes: &[u8], rest: &str| {
            let digest = ComponentDigest::of(bytes);
            let component = format!("{{ digest = \"{digest}\", sources = [\"http://127.0.0.1:1/x\"] }}");
            format!("[[workflow]]\nname = \"{name}\"\ncomponent = {component}\n{rest}\n")
        };
        let text = [
            "name = \"x\"\n",
            &workflow("asked", asked, "trigger = \"request\"\ncalls = [\"called\"]"),
            &workflow("called", called, "trigger = \"call\""),
            &workflow("alone", alone, "trigger = \"request\""),
        ];
        let manifest = Manifest::from_toml(&text.concat()).expect("the manifest is valid");
        let directory = tempfile::tempdir().expect("there is room for a directory");
        std::fs::write(directory.path().join("m.json"), manifest.to_canonical_json()).expect("it is writable");
        let store = ComponentStore::new(directory.path());
        let engine = Engine::new(EngineConfig { concurrent_max: 2, ..EngineConfig::default() }).expect("it starts");
        let sources = Sources {
            service: SERVICE,
            manifests: directory.path(),
            components: &store,
            fetch: Fetch::Named,
            private_hosts: false,
            secrets: &|_| None,
            store: Arc::new(tandem_engine::MemoryStore::default()),
            chain: Arc::new(tandem_engine::MemoryChain::default()),
        };
        let supply = Supply {
            workflows: Arc::new(Workflows::load(&engine, &sources).expect("everything can be fetched")),
            engine,
            fetcher: Arc::new(Fetcher::new(FetcherOptions::default()).expect("the options are valid")),
            store,
            metrics: Metrics::default(),
            status: Status::new((SERVICE, OperatorId(Address::ZERO)), 1_000, Vec::new()),
        };
        Self { _directory: directory, manifest: manifest.hash(), supply }
    }

    fn keep(&self, component: &[u8]) {
        self.supply.store.write(ComponentDigest::of(component), component).expect("it is writable");
    }

    fn missing(&self, workflow: &str) -> Option<MissingComponent> {
        self.supply.workflows.component(self.manifest, &workflow.parse().expect("a name")).err()
    }

    fn awaited(&self, workflow: &str) -> &Awaited {
        let mut awaited = self.supply.workflows.awaited().iter();
        awaited.find(|awaited| awaited.workflow.as_str() == workflow).expect("it waits")
    }

    fn counts(&self) -> (u64, u64) {
        (self.supply.metrics.components_awaited.get(), self.supply.metrics.components_unusable.get())
    }
}

#[tokio::test]
async fn what_cannot_run_is_given_up_with_its_callers_and_nothing_else() {
    let good = errand();
    let bench = Bench::new(&good, BAD, b"nobody has it");
    for component in [good.as_slice(), BAD] {
        bench.keep(component);
    }
    let stop = CancellationToken::new();
    let running = tokio::spawn(bench.supply.clone().run(stop.clone()));
    let settled = async {
        while bench.counts() != (1, 2) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), settled).await.expect("two are given up, and one waits");
    let Some(MissingComponent::Unusable(Unusable { reason, fault })) = bench.missing("asked") else {
        panic!("its callee cannot run")
    };
    assert!(reason.starts_with("it calls `called`, which cannot run here: sha256:"), "{reason}");
    assert_eq!(fault, Fault::Component);
    assert!(matches!(bench.missing("alone"), Some(MissingComponent::Awaited(_))));
    let problems = bench.supply.status.problems(Timestamp(0));
    assert!(problems.contains(&"a workflow's component cannot run here; the log says why"), "{problems:?}");
    assert!(problems.contains(&"a workflow waits for its component; the log says why"), "{problems:?}");
    stop.cancel();
    running.await.expect("it ends");
}

#[test]
fn place_is_held_until_the_component_is_compiled() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build();
    runtime.expect("it starts").block_on(async {
        let good = errand();
        let bench = Bench::new(b"nobody has it", b"nor this", &good);
        bench.keep(&good);
        // The only thread that compiles is busy until it is told otherwise.
        let (free, busy) = std::sync::mpsc::channel::<()>();
        let blocker = tokio::task::spawn_blocking(move || busy.recv());
        let places = Semaphore::new(1);
        let mut settled = std::pin::pin!(bench.supply.until_settled(bench.awaited("alone"), &places));
        let soon = Duration::from_millis(50);
        tokio::time::timeout(soon, settled.as_mut()).await.expect_err("nobody compiles yet");
        assert_eq!(places.available_permits(), 0);
        free.send(()).expect("it waits");
        settled.await;
        assert_eq!((places.available_permits(), bench.missing("alone")), (1, None));
        blocker.await.expect("it ends").expect("it was told");
    });
}

#[tokio::test]
async fn caller_that_waits_holds_no_place() {
    let good = errand();
    let bench = Bench::new(&good, b"nobody has it", b"nor this");
    bench.keep(&good);
    let places = Semaphore::new(1);
    let supplied = bench.supply.attempt(bench.awaited("asked"), &places).await;
    assert_eq!((supplied, places.available_permits()), (Some(Supplied::Waits), 1));
}
