# `make demo` and `make test` do all their set-up on a machine with Rust (rustup), Node with npm, make and git; `make test` and `make lint` need Python 3 too.
SHELL := /bin/bash
export PATH := $(CURDIR)/.tools/bin:$(PATH)
CARGO_TEST := $(shell command -v cargo-nextest >/dev/null && echo "nextest run --no-fail-fast" || echo "test --no-fail-fast")

.PHONY: help demo test test-rust test-contracts lint setup components conformance build artifacts bench-gas gas-table slither fuzz deny clean bench-engine bench-economics bench-network sim faults

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "%-16s %s\n", $$1, $$2 }'

demo: components build ## Ask four local operators for a game's score, and read it back from the contract
	target/release/tandem demo $(DEMO_ARGS)

test: test-contracts test-rust ## Run every test: Solidity, Rust, end to end

test-contracts: setup
	scripts/build-artifacts --check
	cd contracts && FORGE_SNAPSHOT_CHECK=true forge test
	@scripts/gas-table | while IFS= read -r line; do grep -qxF -- "$$line" README.md \
		|| { echo "error: README.md lacks: $$line (see make gas-table)" >&2; exit 1; }; done

test-rust: components build conformance
	cargo $(CARGO_TEST) --release --workspace --locked

lint: components ## Check formatting and lints, and what is in deploy/
	scripts/check-deploy --prove
	cargo fmt --all --check
	cargo fmt --manifest-path components/Cargo.toml --check -p conformance -p sports-scores -p twap -p hostile -p scratch -p sockets -p witness -p errand -p hostile-panic -p hostile-scratch-filled -p hostile-scratch-rewritten-for-ever
	cargo clippy --release --workspace --all-targets --locked -- -D warnings
	cargo clippy --manifest-path components/Cargo.toml --release --target wasm32-wasip2 --workspace --locked -- -D warnings
	cd contracts && forge fmt --check

setup: ## Install the pinned Foundry and solc into the project, and the Rust target of components
	@scripts/setup-foundry
	@rustup target list --installed | grep -qx wasm32-wasip2 || rustup target add wasm32-wasip2

components: setup ## Compile the components that ship with Tandem
	cargo build --manifest-path components/Cargo.toml --release --target wasm32-wasip2 --locked

conformance: build ## Build the components in JavaScript and Python that the tests run, as authors do
	@scripts/build-conformance

# With the tests, whose needs change the features of dependencies: so everything is compiled once for both.
build: ## Compile the `tandem` binary
	cargo build --release --workspace --all-targets --locked

artifacts: setup ## Compile the contracts and write crates/chain/artifacts anew
	scripts/build-artifacts

bench-gas: setup ## Measure gas of whole transactions on Anvil, beside the bars and the peers' figures
	@scripts/bench-gas

# With the whole workspace, so that dependencies have the features that `make build` compiled.
bench-engine: components ## Measure the engine beside plain wasmtime (BENCH_ARGS=--help lists the options, --quick takes less than a minute)
	@cargo bench --workspace --locked --bench engine -- $(BENCH_ARGS)

bench-network: setup ## Measure the network of operators beside the plain way (BENCH_ARGS=--only=catch-up, --quick, --check, --json)
	@cargo bench --workspace --locked --bench network -- $(BENCH_ARGS)

bench-economics: ## Measure the analyses at the sizes they are meant for (BENCH_ARGS=--only=certify|cut|attack|cascade|paths, --seconds=60)
	@cargo bench --workspace --locked --bench economics -- $(BENCH_ARGS)

# With the whole workspace, so that dependencies have the features that `make build` compiled.
sim: ## Simulate 1,000 seeds of faults and adversaries (SIM_ARGS=--help lists the options; --seed N -v replays one)
	@cargo build --release --workspace --all-targets --locked --quiet
	@target/release/sim $(SIM_ARGS)

gas-table: ## Print the README's gas table from the committed snapshots
	scripts/gas-table

slither: setup ## Static analysis of the contracts; every finding is mended or argued (needs Python)
	scripts/slither

# How long each target of the engine runs, and where its numbers begin.
faults: export TANDEM_FAULTS_OPERATORS ?= 7
faults: export TANDEM_FAULTS_TASKS ?= 2000
faults: export TANDEM_FAULTS_KILLS ?= 200
faults: export TANDEM_FAULTS_SEED ?= 1
faults: components build ## Kill operators, cut off their chain and take back what it said, while tasks come, at length (TANDEM_FAULTS_*)
	cargo test --release --workspace --locked --test it -- faults:: --nocapture

fuzz: export FUZZ_SECONDS ?= 120
fuzz: export FUZZ_SEED ?= $(shell date +%s)
fuzz: setup components build ## Fuzz manifests, inputs, components (FUZZ_SECONDS, FUZZ_SEED) and the contracts, at length
	@echo "FUZZ_SEED=$(FUZZ_SEED)"
	cargo $(CARGO_TEST) --release --workspace --locked --test fuzz
	cd contracts && FOUNDRY_PROFILE=long forge test

deny: ## Check licences, duplicates and sources of dependencies (needs cargo-deny)
	cargo deny --all-features check bans licenses sources

clean: ## Remove everything that was built or installed into the project
	rm -rf target components/target contracts/out contracts/cache contracts/node_modules .tools
