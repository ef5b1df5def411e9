//! Restaking from end to end, through the binary: two stakers, three operators, two services that share stake under a leverage cap of 150 %, a slash of
//! 30 %, and withdrawals to the last wei. What is expected is computed here from the formulas in docs/reference/staking.md, not read from the contracts.

use serde_json::Value;
use tandem_types::{Address, PerToken, U256};

use crate::world::{Person, WITHDRAWAL_DELAY, World, whole};

const ONE: u128 = 1_000_000_000_000_000_000_000_000_000;
const VIRTUAL: u64 = 1_000;
const EVIDENCE: &str = "0x00000000000000000000000000000000000000000000000000000000000000fa";

/// A strategy's books, kept apart from the contract.
#[derive(Debug, Default, Clone, Copy)]
struct Books {
    assets: U256,
    shares: U256,
}

impl Books {
    fn deposit(&mut self, assets: U256) -> U256 {
        let virtual_units = U256::from(VIRTUAL);
        let shares = assets * (self.shares + virtual_units) / (self.assets + virtual_units);
        self.assets += assets;
        self.shares += shares;
        shares
    }

    fn worth(&self, shares: U256) -> U256 {
        let virtual_units = U256::from(VIRTUAL);
        if self.assets < self.shares {
            shares * self.assets / self.shares
        } else {
            shares * (self.assets + virtual_units) / (self.shares + virtual_units)
        }
    }

    fn withdraw(&mut self, shares: U256) -> U256 {
        let assets = self.worth(shares);
        self.assets -= assets;
        self.shares -= shares;
        assets
    }
}

/// Shares that scaled stake is under a slash factor.
fn shares_of(scaled: U256, factor: u128) -> U256 {
    scaled * U256::from(factor) / U256::from(ONE)
}

/// Scaled stake that `shares` take away, rounded up.
fn scaled_for(shares: U256, factor: u128) -> U256 {
    (shares * U256::from(ONE)).div_ceil(U256::from(factor))
}

fn number(value: &Value) -> U256 {
    value.as_str().expect("large numbers are text").parse().expect("a decimal number")
}

/// A value of an event that the last transaction of a run recorded.
fn recorded(page: &Value, event: &str, name: &str) -> U256 {
    let transactions = page["transactions"].as_array().expect("a list");
    let mut events = transactions.iter().flat_map(|done| done["events"].as_array().expect("a list"));
    let event = events.rfind(|found| found["event"] == event).unwrap_or_else(|| panic!("no {event}: {page}"));
    let values = event["values"].as_array().expect("a list");
    let field = values.iter().find(|field| field["name"] == name).unwrap_or_else(|| panic!("no {name}: {event}"));
    number(&field["value"])
}

/// The stake of `strategy` on a page of `stake show` or `operator show`.
fn stake(page: &Value, strategy: Address) -> &Value {
    let stakes = page["stake"].as_array().expect("a list");
    stakes
        .iter()
        .find(|stake| {
            stake["strategy"] == strategy.to_string().to_lowercase() || stake["strategy"] == strategy.to_string()
        })
        .unwrap_or_else(|| panic!("no stake in {strategy}: {page}"))
}

/// What an operator counts for, on the page of `service show`.
fn weight(page: &Value, operator: &Person) -> PerToken<U256> {
    let operators = page["operators"].as_array().expect("a list");
    let text = operator.address.to_string().to_lowercase();
    let row = operators.iter().find(|row| row["operator"].as_str().is_some_and(|found| found.to_lowercase() == text));
    let weight = &row.unwrap_or_else(|| panic!("{text} does not serve: {page}"))["weight"];
    PerToken { native: number(&weight["native"]["units"]), external: number(&weight["external"]["units"]) }
}

struct Scene {
    world: World,
    alice: Person,
    bob: Person,
    operators: [Person; 3],
    services: [Address; 2],
    native: Books,
    external: Books,
}

impl Scene {
    async fn set() -> Self {
        let world = World::start().await;
        let none = PerToken { native: 0, external: 0 };
        let alice = world.staker("alice", PerToken { native: 5_000, external: 100 }).await;
        let bob = world.staker("bob", PerToken { native: 5_000, external: 100 }).await;
        let operators = [
            world.operator("one", PerToken { native: 1_000, external: 40 }).await,
            world.operator("two", none).await,
            world.operator("three", PerToken { native: 1_000, external: 40 }).await,
        ];
        let services = [world.service().await, world.service().await];
        Self { world, alice, bob, operators, services, native: Books::default(), external: Books::default() }
    }

    fn run(&self, person: &Person, line: &str) -> Value {
        self.world.tandem(person, &format!("{line} --json")).done()
    }

    /// Deposits so many TDM and stETH, with digits behind the point, and gives the shares.
    fn deposit(&mut self, person: &Person, native: &str, external: &str) -> PerToken<U256> {
        let mut shares = PerToken::default();
        for (amount, symbol, books, gained) in [
            (native, "TDM", &mut self.native, &mut shares.native),
            (external, "stETH", &mut self.external, &mut shares.external),
        ] {
            let page = self.world.tandem(person, &format!("stake deposit {amount} {symbol} --json")).done();
            *gained = books.deposit(recorded(&page, "Deposited", "assets"));
            assert_eq!(recorded(&page, "Deposited", "shares"), *gained, "{symbol}");
        }
        shares
    }

    /// Somebody gives the stakers of both strategies what makes prices uneven.
    async fn donate(&mut self) {
        let Self { world, native, external, .. } = self;
        for (token, strategy, books, units) in [
            (world.deployment.native_token, world.deployment.native_strategy, native, 77_777_777_777_777_777u64),
            (world.deployment.external_token, world.deployment.external_strategy, external, 3_333_333_333_333_333),
        ] {
            world.mint(token, strategy, U256::from(units)).await;
            books.assets += U256::from(units);
        }
    }

    fn register_services(&self) {
        let owner = self.world.owner();
        for service in self.services {
            let line = format!(
                "service register --slasher {0} --recipient {0} --veto-window 1h --largest-slash 50% \
                 --operators-max 10 --least-native 100 --least-external 32 --json",
                owner.address
            );
            self.world.run(&owner, service, &line).done();
        }
    }

    fn opt_in(&self, operator: &Person, service: usize, percent: u32) -> crate::world::Run {
        let line = format!("operator opt-in --native {percent}% --external {percent}%");
        self.world.run(operator, self.services[service], &line)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slashed_stake_is_withdrawn_to_the_last_wei() {
    let mut scene = Scene::set().await;
    let (alice, bob, [one, two, three]) = (scene.alice.clone(), scene.bob.clone(), scene.operators.clone());

    // Three operators, one of which has its own stake only.
    for (index, operator) in [&one, &two, &three].into_iter().enumerate() {
        scene.run(operator, &format!("operator register --socket 127.0.0.1:{}", 9_000 + index));
    }
    let alices = scene.deposit(&alice, "1000.000000000000000001", "64.5");
    scene.donate().await;
    let bobs = scene.deposit(&bob, "777.7", "33.3");
    let ones = scene.deposit(&one, "123.456", "10");
    let threes = scene.deposit(&three, "500", "40");
    for (staker, operator) in [(&alice, &one), (&one, &one), (&bob, &two), (&three, &three)] {
        scene.run(staker, &format!("stake delegate {}", operator.address));
    }

    // Two services share the first operator's stake: 100 % and 50 % are the cap.
    scene.register_services();
    scene.opt_in(&one, 0, 100).done_text();
    let refused = scene.opt_in(&one, 1, 60);
    assert!(refused.refusal().contains("would allocate 160 % of its stake in TDM"), "{}", refused.stderr);
    assert!(refused.refusal().ends_with("the leverage cap allows 150 %"), "{}", refused.stderr);
    scene.opt_in(&one, 1, 50).done_text();
    scene.opt_in(&two, 0, 100).done_text();
    scene.opt_in(&three, 0, 100).done_text();
    let page = scene.world.run(&one, scene.services[0], "service show --json").done();
    let behind_one = PerToken { native: alices.native + ones.native, external: alices.external + ones.external };
    assert_eq!(weight(&page, &one).native, scene.native.worth(behind_one.native));
    assert_eq!(weight(&page, &one).external, scene.external.worth(behind_one.external));
    assert_eq!(weight(&page, &two).native, scene.native.worth(bobs.native));
    let table = scene.world.run(&bob, scene.services[0], "service refresh --json").done();
    assert_eq!(table["transactions"][0]["events"][0]["event"], "TableRefreshed");

    // Alice wants some back before the slash, which reaches it nevertheless.
    let wanted = whole(200);
    let queued_shares = least_shares(&scene.native, wanted);
    let queued = scene.run(&alice, "stake withdraw 200 TDM");
    let queued_scaled = scaled_for(queued_shares, ONE);
    assert_eq!(recorded(&queued, "WithdrawalQueued", "scaled"), queued_scaled);
    let early = scene.world.tandem(&alice, "stake complete 1");
    assert!(early.refusal().starts_with("error: NotMature: withdrawal 1 can be completed from "), "{}", early.stderr);

    // 30 % of what the first service can reach is taken from everyone behind the first operator.
    let (owner, fault_at) = (scene.world.owner(), scene.world.now().await);
    let line = format!(
        "service slash {} --native 30% --external 30% --fault-at {fault_at} --evidence {EVIDENCE} --json",
        one.address
    );
    scene.world.run(&owner, scene.services[0], &line).done();
    let early = scene.world.run(&bob, scene.services[0], "service execute-slash 1");
    assert!(early.refusal().contains("slash request 1 can be executed from "), "{}", early.stderr);
    scene.world.wait(3_600).await;
    let executed = scene.world.run(&bob, scene.services[0], "service execute-slash 1 --json").done();
    let factor = ONE / 10 * 7;
    let scaled = behind_one.native;
    let taken = shares_of(scaled, ONE) - (scaled * U256::from(factor)).div_ceil(U256::from(ONE));
    assert_eq!(recorded(&executed, "SlashExecuted", "nativeShares"), taken);

    // What the services can reach of the rest shrinks to the cap: 70 % and 50 % of what was there to 105 % of it, in proportion.
    let page = scene.run(&one, &format!("operator show {}", one.address));
    let strategy = scene.world.deployment.native_strategy;
    assert_eq!(number(&stake(&page, strategy)["slash_factor"]), U256::from(factor));
    let allocations = page["services"].as_array().expect("a list").iter();
    let allocations: Vec<_> = allocations.map(|service| number(&service["allocation"]["native"]["current"])).collect();
    let shrunk = |part: u128| U256::from(part) * U256::from(ONE / 100 * 105) / U256::from(ONE / 10 * 12);
    assert_eq!(allocations, [shrunk(factor), shrunk(ONE / 2)]);

    // Everybody leaves.
    let left = scene.run(&alice, "stake withdraw all TDM");
    assert_eq!(recorded(&left, "WithdrawalQueued", "scaled"), alices.native - queued_scaled);
    scene.run(&one, "stake withdraw all TDM");
    scene.run(&bob, "stake withdraw all TDM");
    scene.run(&three, "stake undelegate");
    scene.world.wait(WITHDRAWAL_DELAY).await;
    let mut books = scene.native;
    let token = scene.world.deployment.native_token;
    let departures = [
        (&alice, 1, shares_of(queued_scaled, factor)),
        (&alice, 2, shares_of(alices.native - queued_scaled, factor)),
        (&one, 3, shares_of(ones.native, factor)),
        (&bob, 4, bobs.native),
        (&three, 5, threes.native),
    ];
    for (person, id, shares) in departures {
        let expected = books.withdraw(shares);
        let before = scene.world.balance(token, person.address).await;
        let page = scene.run(person, &format!("stake complete {id}"));
        assert_eq!(recorded(&page, "WithdrawalCompleted", "assets"), expected, "withdrawal {id}");
        assert_eq!(scene.world.balance(token, person.address).await - before, expected, "withdrawal {id}");
    }
    let rest = scene.world.balance(token, strategy).await;
    assert_eq!(rest, books.assets);
    assert!(books.worth(taken) <= rest, "what was slashed can be paid");
}

/// The least shares that are worth at least that much.
fn least_shares(books: &Books, assets: U256) -> U256 {
    let virtual_units = U256::from(VIRTUAL);
    let shares = assets * (books.shares + virtual_units) / (books.assets + virtual_units);
    if books.worth(shares) >= assets { shares } else { shares + U256::from(1) }
}

#[tokio::test(flavor = "multi_thread")]
async fn stake_below_the_minimum_is_refused_in_units() {
    let scene = Scene::set().await;
    let one = &scene.operators[0];
    scene.run(one, "operator register");
    scene.run(one, "stake deposit 1000 TDM");
    scene.run(one, "stake deposit 12.5 stETH");
    scene.run(one, &format!("stake delegate {}", one.address));
    scene.register_services();
    let refused = scene.opt_in(one, 0, 100);
    let expected = format!("error: StakeTooLow: operator {} has 12.5 stETH, the service needs 32 stETH", one.address);
    assert_eq!(refused.refusal(), expected);
    let page = scene.world.run(one, scene.services[0], "operator opt-in --native 100% --external 100% --json");
    assert_eq!((page.code, page.json()["error"]["name"].as_str()), (Some(3), Some("StakeTooLow")));
    assert_eq!(
        page.json()["error"]["values"][2]["value"],
        whole(12).saturating_add(whole(1) / U256::from(2)).to_string()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn dry_run_shows_calls_with_units_and_gas_and_changes_nothing() {
    let scene = Scene::set().await;
    let (world, alice) = (&scene.world, &scene.alice);
    let before = world.anvil.client().block_number().await.expect("anvil answers");
    let page = scene.run(alice, "stake deposit 12.5 stETH --dry-run");
    let calls = page["calls"].as_array().expect("a list");
    let functions: Vec<_> = calls.iter().map(|call| call["function"].as_str().expect("a name")).collect();
    assert_eq!(functions, ["approve", "deposit"]);
    assert!(calls.iter().all(|call| call["gas"].as_u64().is_some_and(|gas| gas > 21_000)), "{page}");
    assert_eq!(calls[1]["arguments"][1]["text"], "12.5 stETH");
    let shown = world.tandem(alice, "stake deposit 12.5 stETH --dry-run");
    let text = shown.done_text();
    assert!(text.contains("RestakingManager.deposit") && text.contains("amount    12.5 stETH"), "{text}");
    assert!(text.contains("Nothing was sent"), "{text}");
    // Without a keystore, for whoever only wants to look.
    let from = format!("stake deposit 12.5 stETH --dry-run --from {}", alice.address);
    world.tandem(&Person { address: alice.address, keys: "/nowhere".into() }, &from).done_text();
    // What would be refused is refused.
    let refused = world.tandem(alice, "stake withdraw 1 stETH --dry-run");
    assert!(refused.refusal().starts_with("error: InsufficientShares: "), "{}", refused.stderr);
    assert_eq!(world.anvil.client().block_number().await.expect("anvil answers"), before);
    assert_eq!(world.balance(world.deployment.external_token, alice.address).await, whole(100));
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_explained_before_anything_is_sent() {
    let scene = Scene::set().await;
    let (world, alice) = (&scene.world, &scene.alice);
    let cases = [
        ("stake deposit 1 DAI", 2, "no strategy takes `DAI`"),
        ("stake deposit 1.0000000000000000001 TDM", 2, "18 digits behind the point"),
        ("stake deposit -1 TDM", 2, "expected whole tokens in digits"),
        ("stake deposit 5001 TDM", 3, "ERC20InsufficientBalance"),
        ("stake undelegate", 3, "NotDelegated"),
        ("stake complete 9", 3, "there is no withdrawal 9"),
        ("operator opt-in --native 10 --external 10%", 2, "expected 0% to 100%"),
        ("operator opt-out", 3, "NotOptedIn"),
        ("operator set --commission 5%", 3, "is not registered as an operator"),
        ("stake show --chain-id 1", 1, "serves chain 31337, expected chain 1"),
    ];
    for (line, code, words) in cases {
        let run = world.tandem(alice, line);
        assert_eq!(run.code, Some(code), "{line}: {}", run.stderr);
        assert!(run.stderr.contains(words), "{line}: {}", run.stderr);
    }
    let delegate = format!("stake delegate {}", scene.bob.address);
    assert!(world.tandem(alice, &delegate).refusal().starts_with("error: NotAnOperator: "));
}

#[tokio::test(flavor = "multi_thread")]
async fn withdrawal_belongs_to_its_staker() {
    let scene = Scene::set().await;
    scene.run(&scene.alice, "stake deposit 10 TDM");
    scene.run(&scene.alice, "stake withdraw 4 TDM");
    scene.world.wait(WITHDRAWAL_DELAY).await;
    let stranger = scene.world.tandem(&scene.bob, "stake complete 1");
    assert!(
        stranger.refusal().starts_with("error: NotStaker: withdrawal 1 does not belong to "),
        "{}",
        stranger.stderr
    );
    let page = scene.run(&scene.alice, "stake show");
    assert_eq!(
        (&page["withdrawals"][0]["id"], &page["withdrawals"][0]["mature"]),
        (&Value::from(1), &Value::from(true))
    );
    assert_eq!(page["withdrawals"][0]["assets"]["amount"], "4");
    scene.run(&scene.alice, "stake complete 1 --restake");
    let page = scene.run(&scene.alice, "stake show");
    assert_eq!(page["withdrawals"].as_array().map(Vec::len), Some(0));
    assert_eq!(stake(&page, scene.world.deployment.native_strategy)["assets"]["amount"], "10");
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_is_shown_as_it_registered_and_rotated() {
    let scene = Scene::set().await;
    let one = &scene.operators[0];
    scene.run(one, "operator register --socket node.example:9000 --metadata https://example.org/one.json");
    scene.run(one, "operator set --socket node.example:9001 --commission 7.5%");
    let before = scene.run(one, "operator show");
    assert_eq!(before["socket"], "node.example:9001");
    assert_eq!(before["metadata_uri"], "https://example.org/one.json");
    assert_eq!(before["commission_announced"]["bps"], 750);
    scene.run(one, "operator rotate-key");
    let after = scene.run(one, "operator show");
    assert_eq!(after["operator"], before["operator"], "the account stays");
    assert_ne!(after["keys"]["bls"], before["keys"]["bls"]);
    assert_eq!(after["keys"]["previous_bls"]["g1"], before["keys"]["bls"]);
    assert_eq!(after["keys"]["previous_transport"]["key"], before["keys"]["transport"]);
}

#[test]
fn help_fits_a_terminal_and_has_examples() {
    for line in ["stake deposit", "operator opt-in", "operator rotate-key", "service slash"] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_tandem"))
            .args(line.split(' '))
            .arg("--help")
            .output()
            .expect("tandem starts");
        let help = String::from_utf8(output.stdout).expect("help is text");
        assert!(help.contains("Examples") && help.contains(&format!("tandem {line} ")), "{help}");
        assert!(help.contains("Exit codes:"), "{help}");
    }
}
