//! Whom a service takes, and what its slasher and resolver can do, through the binary: approval, ejection, rules, a full service, slashes that wait, are
//! vetoed, executed and paid; leaving, and being slashable until that is over.

use serde_json::Value;
use tandem_types::{Address, PerToken, U256};

use crate::world::{Person, Run, WITHDRAWAL_DELAY, World, whole};

const EVIDENCE: &str = "0x00000000000000000000000000000000000000000000000000000000000000fa";
const RULES: &str = "--least-native 100 --least-external 32";

struct Scene {
    world: World,
    service: Address,
    owner: Person,
    slasher: Person,
    resolver: Person,
    recipient: Address,
}

impl Scene {
    /// A service with all roles, and `rules`.
    async fn set(rules: &str) -> Self {
        let world = World::start().await;
        let service = world.service().await;
        let none = PerToken { native: 0, external: 0 };
        let (slasher, resolver) = (world.staker("slasher", none).await, world.staker("resolver", none).await);
        let recipient = Address::repeat_byte(0x77);
        let owner = world.owner();
        let line = format!(
            "service register --slasher {} --resolver {} --recipient {recipient} --veto-window 1h \
             --largest-slash 50% {rules} --json",
            slasher.address, resolver.address
        );
        world.run(&owner, service, &line).done();
        Self { world, service, owner, slasher, resolver, recipient }
    }

    fn run(&self, person: &Person, line: &str) -> Run {
        self.world.run(person, self.service, line)
    }

    fn done(&self, person: &Person, line: &str) -> Value {
        self.run(person, &format!("{line} --json")).done()
    }

    /// An operator that operates so much stake of its own.
    async fn operator(&self, name: &str, native: u32, external: u32) -> Person {
        let tokens = PerToken { native: u128::from(native) + 1_000, external: u128::from(external) + 100 };
        let operator = self.world.operator(name, tokens).await;
        self.done(&operator, "operator register");
        self.done(&operator, &format!("stake deposit {native} TDM"));
        self.done(&operator, &format!("stake deposit {external} stETH"));
        self.done(&operator, &format!("stake delegate {}", operator.address));
        operator
    }

    fn opt_in(&self, operator: &Person, more: &str) -> Run {
        self.run(operator, &format!("operator opt-in --native 100% --external 100% {more}"))
    }

    /// Addresses of those who serve.
    fn serving(&self) -> Vec<String> {
        let page = self.done(&self.owner, "service show");
        let operators = page["operators"].as_array().expect("a list").iter();
        operators.map(|operator| operator["operator"].as_str().expect("an address").to_lowercase()).collect()
    }

    fn serves(&self, operator: &Person) -> bool {
        self.serving().contains(&operator.address.to_string().to_lowercase())
    }

    /// What the service could slash of the operator's native stake.
    fn slashable(&self, operator: &Person) -> U256 {
        let page = self.done(operator, "operator show");
        let service = &page["services"][0];
        units(&service["slashable"]["native"])
    }

    async fn request(&self, operator: &Person, share: &str) -> Run {
        let fault_at = self.world.now().await;
        let line = format!(
            "service slash {} --native {share} --external {share} --fault-at {fault_at} --evidence {EVIDENCE}",
            operator.address
        );
        self.run(&self.slasher, &line)
    }
}

fn units(amount: &Value) -> U256 {
    amount["units"].as_str().expect("amounts are text").parse().expect("a decimal number")
}

/// Refused with that sentence and a hint of what to do.
fn assert_refused(run: &Run, sentence: &str, hint: &str) {
    assert!(run.refusal().contains(sentence), "{}", run.stderr);
    assert!(run.stderr.lines().any(|line| line.starts_with("hint: ") && line.contains(hint)), "{}", run.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn approved_operators_serve_until_ejected() {
    let scene = Scene::set(&format!("--approval-required --operators-max 10 {RULES}")).await;
    let one = scene.operator("one", 1_000, 40).await;
    let refused = scene.opt_in(&one, "");
    let sentence = format!("takes approved operators only, and {} is not", one.address);
    assert_refused(&refused, &sentence, "service approve");
    let approve = format!("service approve {}", one.address);
    assert_refused(&scene.run(&one, &approve), "is not the owner of service", "keystore of the service's owner");
    scene.done(&scene.owner, &approve);
    scene.opt_in(&one, "").done_text();
    // Taking an approval back ejects nobody.
    scene.done(&scene.owner, &format!("{approve} --revoke"));
    assert!(scene.serves(&one));
    let page = scene.done(&scene.owner, &format!("service eject {}", one.address));
    assert_eq!(page["transactions"][0]["events"][0]["event"], "OptedOut");
    assert!(!scene.serves(&one));
    assert_eq!(scene.slashable(&one), whole(1_000), "its allocation stays slashable");
    let shown = scene.run(&one, "operator show");
    assert!(shown.done_text().contains("left, can still be slashed"), "{}", shown.stdout);
    scene.done(&scene.owner, &approve);
    assert_refused(&scene.opt_in(&one, ""), "is bound to it until", "opt in again afterwards");
    scene.world.wait(WITHDRAWAL_DELAY).await;
    scene.opt_in(&one, "").done_text();
    assert!(scene.serves(&one));
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_change_for_who_comes_and_are_shown() {
    let scene = Scene::set(&format!("--operators-max 10 {RULES}")).await;
    let one = scene.operator("one", 1_000, 40).await;
    scene.opt_in(&one, "").done_text();
    scene.done(&scene.owner, "service rules --operators-max 2 --least-native 2000.5 --approval-required");
    let page = scene.done(&scene.owner, "service show");
    assert_eq!(page["rules"]["operators_max"], 2);
    assert_eq!(page["rules"]["approval_required"], true);
    assert_eq!(page["rules"]["least"]["native"]["amount"], "2000.5");
    assert_eq!(page["rules"]["least"]["external"]["units"], "0");
    assert_eq!(page["total_weight"]["native"]["units"], "0", "who is below the minimum has no weight");
    assert!(scene.serves(&one), "who serves already stays");
    let text = scene.run(&one, "service show");
    let text = text.done_text();
    assert!(text.contains("operators that its owner approved, 1 of at most 2 serve"), "{text}");
    assert!(text.contains("2000.5 TDM and any stETH per operator"), "{text}");
    let unranked = scene.run(&scene.owner, "service rules --operators-max 2");
    assert_refused(&unranked, "no minimum stake to rank them by", "--least-native or --least-external");
    assert_refused(&scene.run(&one, "service rules --operators-max 1000"), "is not the owner", "owner");
}

#[tokio::test(flavor = "multi_thread")]
async fn full_service_exchanges_its_weakest_operator_for_a_stronger_one_only() {
    let scene = Scene::set(&format!("--operators-max 2 {RULES}")).await;
    let one = scene.operator("one", 1_000, 40).await;
    let two = scene.operator("two", 500, 40).await;
    let three = scene.operator("three", 400, 40).await;
    let weak = scene.operator("weak", 400, 12).await;
    let least = format!("operator {} has 12 stETH, the service needs 32 stETH", weak.address);
    assert_refused(&scene.opt_in(&weak, ""), &least, "allocate more");
    scene.opt_in(&one, "").done_text();
    scene.opt_in(&two, "").done_text();
    assert_refused(&scene.opt_in(&three, ""), "has its 2 operators", "--replace");
    let replace_two = format!("--replace {}", two.address);
    assert_refused(&scene.opt_in(&three, &replace_two), "has its 2 operators", "a tenth more stake");
    scene.done(&three, "stake deposit 600 TDM");
    let other = scene.opt_in(&three, &format!("--replace {}", one.address));
    let sentence = format!("{} is not the weakest operator: {} is", one.address, two.address);
    assert_refused(&other, &sentence, "name that one");
    scene.opt_in(&three, &replace_two).done_text();
    assert_eq!([scene.serves(&one), scene.serves(&two), scene.serves(&three)], [true, false, true]);
    assert_eq!(scene.slashable(&two), whole(500));
}

#[tokio::test(flavor = "multi_thread")]
async fn slash_waits_is_vetoed_or_executed_and_paid() {
    let scene = Scene::set(&format!("--operators-max 10 {RULES}")).await;
    let one = scene.operator("one", 1_000, 40).await;
    let stranger = scene.world.staker("stranger", PerToken { native: 0, external: 0 }).await;
    let nothing = scene.request(&one, "10%").await;
    assert_refused(&nothing, "has nothing that", "operator show");
    scene.opt_in(&one, "").done_text();
    let now = scene.world.now().await;
    let line = |at: u64| {
        format!("service slash {} --native 1% --external 0% --fault-at {at} --evidence {EVIDENCE}", one.address)
    };
    assert_refused(&scene.run(&stranger, &line(now)), "is not the slasher of", "names the slasher");
    assert_refused(&scene.run(&scene.slasher, &line(now + 86_400)), "is not between", "check --fault-at");
    assert_refused(&scene.request(&one, "50.01%").await, "a slash of 50.01 % is above 50 %", "ask for less");

    // The first is stopped.
    scene.request(&one, "20%").await.done_text();
    let page = scene.done(&stranger, "service show");
    let waiting = &page["pending_slashes"][0];
    assert_eq!((&waiting["id"], &waiting["bps"]["native"]), (&Value::from(1), &Value::from(2_000)));
    let text = scene.run(&stranger, "service show");
    assert!(text.done_text().contains("20 % of its native and 20 % of its external allocation"), "{}", text.stdout);
    assert!(text.stdout.contains("(in 1 h)") || text.stdout.contains("(in 59 min"), "{}", text.stdout);
    assert_refused(&scene.run(&stranger, "service veto-slash 1"), "is not the resolver of", "names the resolver");
    assert_refused(&scene.run(&stranger, "service execute-slash 1"), "can be executed from", "resolver may stop it");
    scene.done(&scene.resolver, "service veto-slash 1");
    let again = scene.run(&scene.resolver, "service veto-slash 1");
    assert_refused(&again, "slash request 1 is vetoed already", "service show");
    scene.world.wait(3_600).await;
    assert_refused(&scene.run(&stranger, "service execute-slash 1"), "is vetoed already", "service show");
    assert_refused(&scene.run(&stranger, "service execute-slash 9"), "no slash request 9", "service show");

    // The second is not.
    scene.request(&one, "50%").await.done_text();
    scene.world.wait(3_600).await;
    let late = scene.run(&scene.resolver, "service veto-slash 2");
    assert_refused(&late, "could be vetoed until", "anyone can execute it");
    scene.done(&stranger, "service execute-slash 2");
    assert_eq!(scene.slashable(&one), whole(500));
    let token = scene.world.deployment.native_token;
    let paid = scene.done(&stranger, "service pay-slashed TDM");
    assert_eq!(paid["transactions"][0]["function"], "paySlashed");
    assert_eq!(scene.world.balance(token, scene.recipient).await, whole(500));
    assert_refused(&scene.run(&stranger, "service pay-slashed TDM"), "nothing that was slashed", "paid already");
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_that_left_is_slashable_until_the_delay_ends() {
    let scene = Scene::set(&format!("--operators-max 10 {RULES}")).await;
    let one = scene.operator("one", 1_000, 40).await;
    scene.opt_in(&one, "").done_text();
    let serving = scene.run(&one, "operator deregister");
    assert_refused(&serving, "serves 1 services, or can still be slashed", "opt out of each first");
    scene.done(&one, "operator opt-out");
    assert!(!scene.serves(&one));
    assert_eq!(scene.slashable(&one), whole(1_000));
    let shown = scene.run(&one, "operator show");
    assert!(shown.done_text().contains("TDM becomes 0 % at "), "{}", shown.stdout);
    assert_refused(&scene.run(&one, "operator deregister"), "can still be slashed", "wait for the withdrawal delay");

    scene.request(&one, "30%").await.done_text();
    scene.world.wait(3_600).await;
    scene.done(&one, "service execute-slash 1");
    assert_eq!(scene.slashable(&one), whole(700));
    scene.world.wait(WITHDRAWAL_DELAY - 3_600 - 60).await;
    assert_eq!(scene.slashable(&one), whole(700), "until the last minute");
    scene.world.wait(60).await;
    assert_refused(&scene.request(&one, "30%").await, "has nothing that", "operator show");
    let page = scene.done(&one, "operator show");
    assert_eq!(page["services"].as_array().map(Vec::len), Some(0));
    scene.done(&one, "operator deregister");
    assert_eq!(scene.done(&one, "operator show")["registered"], false);
    let stake = scene.done(&one, "stake show");
    assert_eq!(stake["stake"][0]["assets"]["amount"], "700");
    let twice = scene.run(&one, "operator deregister");
    assert_refused(&twice, "is not registered as an operator", "operator register");
}
