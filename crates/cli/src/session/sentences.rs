//! What the staking contracts' errors mean, in sentences. Parameters stand in braces and are shown in their units. Errors without a sentence are
//! shown with their values.

use serde_json::{Value as Json, json};
use tandem_chain::{Field, Revert};

use super::names::Names;

/// Name of the error, what it means, and what can be done.
type Sentence = (&'static str, &'static str, Option<&'static str>);

const SENTENCES: &[Sentence] = &[
    // OperatorRegistry
    ("NotAnOperator", "{account} is not registered as an operator", Some("`tandem operator register` registers one")),
    ("AlreadyOperator", "{account} is registered as an operator already", Some("`tandem operator show` shows it")),
    ("InfinityKey", "the BLS key is the point at infinity", None),
    (
        "KeyInUse",
        "the BLS key belongs, or belonged, to operator {holder}",
        Some("make new keys; a key is never used twice"),
    ),
    (
        "TransportKeyInUse",
        "the transport key belongs, or belonged, to operator {holder}",
        Some("make new keys; a key is never used twice"),
    ),
    ("ZeroTransportKey", "the transport key is zero", None),
    ("SocketTooLong", "the socket has {length} bytes, at most {limit} are kept", None),
    ("MetadataTooLong", "the metadata URI has {length} bytes, at most {limit} are kept", None),
    (
        "InvalidPossession",
        "the proof does not show that {operator} holds the BLS key",
        Some("check that --service and --restaking-manager name the network the operator registers with"),
    ),
    ("RotationPending", "the previous key of {operator} is honoured until {until}; the next rotation must wait", None),
    ("CommissionTooHigh", "a commission of {bps} is above {limit}", None),
    (
        "StillServing",
        "{operator} serves {services} services, or can still be slashed by them",
        Some("opt out of each first, and wait for the withdrawal delay"),
    ),
    // RestakingManager and strategies
    ("ZeroAddress", "an address is zero", None),
    ("ZeroAmount", "the amount is zero", Some("name an amount above zero; for everything, withdraw `all`")),
    ("UnknownStrategy", "there is no strategy at {strategy}", None),
    ("StrategyAlreadyAdded", "strategy {strategy} is there already", None),
    ("ForeignStrategy", "strategy {strategy} belongs to another RestakingManager, {manager}", None),
    ("TooManyStrategies", "there are {limit} strategies already", None),
    (
        "AlreadyDelegated",
        "{staker} has delegated to {operator} already",
        Some("undelegate first: the stake then waits for the withdrawal delay"),
    ),
    (
        "NotDelegated",
        "{staker} has not delegated",
        Some("its stake stands behind nobody: `tandem stake withdraw` takes it out"),
    ),
    (
        "SlashedOut",
        "all stake of {operator} in {strategy} was slashed; it takes no more",
        Some("undelegate, and choose another operator"),
    ),
    (
        "InsufficientShares",
        "{staker} has {available} in {strategy}, not {asked}",
        Some("withdraw `all` for everything"),
    ),
    (
        "UnknownWithdrawal",
        "there is no withdrawal {id}, or it is completed",
        Some("`tandem stake show` lists those that wait"),
    ),
    ("NotStaker", "withdrawal {id} does not belong to {caller}", Some("`tandem stake show` lists the account's own")),
    ("NotMature", "withdrawal {id} can be completed from {maturesAt}", Some("until then slashing can reach it")),
    ("NotAllocationManager", "only the AllocationManager may do that, not {caller}", None),
    (
        "NothingSlashed",
        "nothing that was slashed in {strategy} waits for {recipient}",
        Some("it was paid already, or no slash was executed"),
    ),
    ("NotManager", "only the RestakingManager may do that, not {caller}", None),
    (
        "NothingReceived",
        "of {sent} nothing arrived at the strategy",
        Some("the token keeps it all, or sends it elsewhere"),
    ),
    ("CapacityExceeded", "the strategy would hold {assets}, it can hold {limit}", None),
    ("NoShares", "{amount} is too little for a share", Some("deposit more")),
    ("NotEther", "the strategy does not hold ether", None),
    ("EtherRefused", "{recipient} does not take {amount} in ether", Some("name another recipient with --to")),
    ("InvalidLeverageCap", "a leverage cap of {bps} is not in 100 % to 1000 %", None),
    (
        "TooManyShares",
        "the strategy would give out {shares}, it can give out {limit}",
        Some("its token lost nearly all of its value; it takes no more"),
    ),
    ("NotWrapper", "ether comes with a deposit only, not from {sender}", None),
    ("FactorNotLower", "a slash lowers the factor of {present}, {asked} does not", None),
    ("InvalidWithdrawalDelay", "a withdrawal delay of {delay} is not in 1 s to {most}", None),
    (
        "OwnershipNotRenounceable",
        "without an owner no strategy could ever be added",
        Some("hand ownership over instead"),
    ),
    // AllocationManager
    (
        "NotServiceOwner",
        "{caller} is not the owner of service {service}",
        Some("use the keystore of the service's owner"),
    ),
    (
        "UnknownService",
        "service {service} is not registered with the AllocationManager",
        Some("check --service; its owner registers it with `tandem service register`"),
    ),
    ("ServiceAlreadyRegistered", "service {service} is registered already, for good", None),
    ("InvalidStrategy", "{strategy} is no strategy of the RestakingManager, or both tokens have the same", None),
    (
        "InvalidSlashingTerms",
        "with a largest slash of {maxSlashBps} and a veto of {vetoSeconds} the terms are not in 0.01 % to 100 %, or leave no time to execute a slash within the withdrawal delay of {withdrawalDelay}",
        None,
    ),
    (
        "InvalidMembershipRules",
        "at most {maxOperators} operators is not in 1 to 1000, or there is no minimum stake to rank them by",
        Some("give --least-native or --least-external, or --operators-max 1000"),
    ),
    (
        "NotApproved",
        "service {service} takes approved operators only, and {operator} is not",
        Some("ask its owner for `tandem service approve`"),
    ),
    (
        "AlreadyOptedIn",
        "{operator} serves {service} already",
        Some("`tandem operator allocate` changes its allocation"),
    ),
    ("NotOptedIn", "{operator} does not serve {service}", Some("`tandem operator opt-in` enters it")),
    ("TooManyServices", "{operator} serves {limit} services already, or can still be slashed by them", None),
    (
        "StakeTooLow",
        "operator {operator} has {weight}, the service needs {least}",
        Some("allocate more, or have more stake delegated"),
    ),
    (
        "ServiceFull",
        "service {service} has its {maxOperators} operators",
        Some("with a tenth more stake than its weakest operator, replace that one with --replace"),
    ),
    ("NotWeakest", "{named} is not the weakest operator: {weaker} is", Some("name that one with --replace")),
    ("AllocationTooHigh", "an allocation of {bps} is above {limit}", Some("allocate 100% at most")),
    (
        "LeverageCapExceeded",
        "{operator} would allocate {sum} of its stake in {strategy}, the leverage cap allows {cap}",
        Some("allocate less here, or to its other services"),
    ),
    (
        "AllocationPending",
        "an earlier change of {operator}'s allocation in {strategy} becomes effective first, at {effectiveAt}",
        Some("try again afterwards; `tandem operator show` shows what is pending"),
    ),
    ("StillSlashable", "{operator} left {service} and is bound to it until {until}", Some("opt in again afterwards")),
    ("NotSlasher", "{caller} is not the slasher of service {service}", Some("`tandem service show` names the slasher")),
    (
        "NotResolver",
        "{caller} is not the resolver of service {service}",
        Some("`tandem service show` names the resolver"),
    ),
    (
        "SlashTooHigh",
        "a slash of {bps} is above {limit}, the service's largest",
        Some("ask for less; its terms were fixed at registration"),
    ),
    (
        "NothingToSlash",
        "{operator} has nothing that {service} can slash",
        Some("`tandem operator show` shows what each service can slash"),
    ),
    (
        "FaultOutOfReach",
        "a fault at {faultAt} is not between {earliest} and {latest}",
        Some("check --fault-at: Unix seconds of the chain's time"),
    ),
    ("UnknownSlashRequest", "there is no slash request {id}", Some("`tandem service show` lists those that wait")),
    ("SlashNotPending", "slash request {id} is {status} already", Some("`tandem service show` lists those that wait")),
    (
        "SlashNotExecutable",
        "slash request {id} can be executed from {executableAt} until {expiresAt}",
        Some("before that its resolver may stop it; after that it lapses"),
    ),
    (
        "SlashNoLongerVetoable",
        "slash request {id} could be vetoed until {executableAt}",
        Some("anyone can execute it now"),
    ),
    // ServiceManager's tables
    ("EmptyTable", "no operator serves the service", Some("`tandem operator opt-in` enters one")),
    (
        "TableNotDue",
        "operator table {epoch} is good until {dueAt}; nobody came, went or lost its weight since",
        Some("nothing needs to be done"),
    ),
    (
        "IncompleteOperators",
        "{given} operators were named, {optedIn} serve",
        Some("one came or went meanwhile: try again"),
    ),
    // Tokens and owners
    (
        "ERC20InsufficientBalance",
        "{sender} has {balance}, and {needed} are needed",
        Some("deposit what the account holds, or send it more"),
    ),
    ("ERC20InsufficientAllowance", "{spender} may take {allowance}, and {needed} are needed", None),
    ("OwnableUnauthorizedAccount", "{account} is not the owner", None),
    ("Error", "{reason}", None),
];

/// A contract's refusal, explained.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {sentence}")]
pub(crate) struct Refused {
    /// Name of the error.
    pub(crate) name: String,
    /// What it means.
    pub(crate) sentence: String,
    /// Its values for machines.
    pub(crate) values: Json,
    /// What can be done.
    pub(crate) hint: Option<&'static str>,
}

impl Refused {
    /// Explains what a contract reverted with.
    pub(crate) fn new(revert: &Revert, names: &Names) -> Self {
        let known = SENTENCES.iter().find(|(name, ..)| *name == revert.name);
        let sentence = match known {
            Some((_, template, _)) => fill(template, &revert.values, names),
            None => listed(revert, names),
        };
        let values = revert.values.iter().map(|field| names.json(field, &revert.values)).collect();
        let name = if revert.name.is_empty() { "Reverted".to_owned() } else { revert.name.clone() };
        Self { name, sentence, values, hint: known.and_then(|(.., hint)| *hint) }
    }

    /// The same for machines.
    pub(crate) fn json(&self) -> Json {
        json!({ "kind": "refused", "name": self.name, "message": self.to_string(), "values": self.values })
    }
}

/// Puts the values where the template names them.
fn fill(template: &str, values: &[Field], names: &Names) -> String {
    let mut sentence = String::new();
    let mut rest = template;
    while let Some((before, (name, after))) =
        rest.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
    {
        sentence.push_str(before);
        match values.iter().find(|field| field.name == name) {
            Some(field) => sentence.push_str(&names.text(field, values)),
            None => sentence.push('?'),
        }
        rest = after;
    }
    sentence + rest
}

fn listed(revert: &Revert, names: &Names) -> String {
    if revert.values.is_empty() {
        return "the contract gave no values".to_owned();
    }
    let one = |field: &Field| format!("{} {}", field.name, names.text(field, &revert.values));
    revert.values.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
#[path = "sentences_tests.rs"]
mod tests;
