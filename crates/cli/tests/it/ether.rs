//! Ether as stake, through the binary: what an account pays and gets is what was said, to the wei, gas aside.

use serde_json::{Value, json};
use tandem_types::{Address, PerToken, U256};

use crate::world::{Person, WITHDRAWAL_DELAY, World, whole};

struct Scene {
    world: World,
    alice: Person,
    strategy: Address,
}

fn wei(text: &str) -> U256 {
    text.parse().expect("a decimal number")
}

impl Scene {
    async fn set() -> Self {
        let world = World::start().await;
        let alice = world.staker("alice", PerToken { native: 0, external: 0 }).await;
        let strategy = world.ether_strategy().await;
        Self { world, alice, strategy }
    }

    fn run(&self, line: &str) -> Value {
        self.world.tandem(&self.alice, &format!("{line} --json")).done()
    }

    async fn ether(&self, account: Address) -> U256 {
        let answer = self.world.anvil.control("eth_getBalance", json!([account, "latest"])).await;
        answer.expect("anvil answers").as_str().expect("a quantity").parse().expect("a quantity")
    }

    /// Runs a line and gives what the account's balance fell by, gas aside.
    async fn spent(&self, line: &str) -> U256 {
        let before = self.ether(self.alice.address).await;
        let page = self.run(line);
        let transactions = page["transactions"].as_array().expect("a list").iter();
        let fees: U256 = transactions.map(|done| wei(done["fee_wei"].as_str().expect("text"))).sum();
        before - self.ether(self.alice.address).await - fees
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ether_is_staked_and_paid_out_to_the_wei() {
    let scene = Scene::set().await;
    assert_eq!(scene.spent("stake deposit 2.000000000000000003 ETH").await, wei("2000000000000000003"));
    let page = scene.run("stake show");
    assert_eq!(page["stake"][0]["assets"]["units"], "2000000000000000003");
    assert_eq!(page["stake"][0]["assets"]["symbol"], "ETH");
    // Wrapped while it is held.
    assert_eq!(scene.ether(scene.strategy).await, U256::ZERO);

    assert_eq!(scene.spent("stake withdraw 0.5 ETH").await, U256::ZERO);
    assert_eq!(scene.spent("stake withdraw all ETH").await, U256::ZERO);
    scene.world.wait(WITHDRAWAL_DELAY).await;
    let stranger = Address::repeat_byte(0x77);
    let queued = scene.run("stake show");
    let [first, second] = [0, 1].map(|at| wei(queued["withdrawals"][at]["assets"]["units"].as_str().expect("text")));
    assert_eq!((first, first + second), (whole(1) / U256::from(2), wei("2000000000000000003")));
    assert_eq!(scene.spent(&format!("stake complete 1 --to {stranger}")).await, U256::ZERO);
    assert_eq!(scene.ether(stranger).await, first);
    let before = scene.ether(scene.alice.address).await;
    let page = scene.run("stake complete 2");
    let fee = wei(page["transactions"][0]["fee_wei"].as_str().expect("text"));
    assert_eq!(scene.ether(scene.alice.address).await + fee - before, second);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_no_ether_is_refused_it_and_loses_nothing() {
    let scene = Scene::set().await;
    scene.run("stake deposit 1 ETH");
    scene.run("stake withdraw all ETH");
    scene.world.wait(WITHDRAWAL_DELAY).await;
    // A contract without a function for it.
    let contract = scene.world.deployment.allocation_manager;
    let refused = scene.world.tandem(&scene.alice, &format!("stake complete 1 --to {contract}"));
    let sentence = format!("error: EtherRefused: {contract} does not take 1 ETH in ether");
    assert_eq!(refused.refusal(), sentence);
    assert!(refused.stderr.contains("hint: name another recipient with --to"), "{}", refused.stderr);
    scene.run("stake complete 1 --restake");
    assert_eq!(scene.run("stake show")["stake"][0]["assets"]["amount"], "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn dry_run_shows_the_ether_that_would_be_sent_along() {
    let scene = Scene::set().await;
    let shown = scene.world.tandem(&scene.alice, "stake deposit 1.5 ETH --dry-run");
    let text = shown.done_text();
    assert!(text.contains("RestakingManager.depositEther") && text.contains("ether sent along  1.5 ETH"), "{text}");
    let page = scene.run("stake deposit 1.5 ETH --dry-run");
    assert_eq!(page["calls"][0]["value_wei"], "1500000000000000000");
    assert_eq!(scene.ether(scene.alice.address).await, whole(100));
    let wrapped =
        scene.world.anvil.control("eth_call", json!([{ "to": scene.strategy, "data": "0xfc0c546a" }, "latest"])).await;
    let word = wrapped.expect("anvil answers");
    let wrapper = format!("0x{}", &word.as_str().expect("a word")[26..]);
    // Whoever names the wrapper means its token, of which there is none.
    let refused = scene.world.tandem(&scene.alice, &format!("stake deposit 1 {wrapper}"));
    assert!(refused.refusal().starts_with("error: ERC20InsufficientBalance: "), "{}", refused.stderr);
    let more = scene.world.tandem(&scene.alice, "stake deposit 1000 ETH");
    assert_eq!(more.code, Some(1), "{}", more.stderr);
    assert!(more.stderr.contains("hint: send the account some of the chain's currency"), "{}", more.stderr);
}
