//! `tandem operator rotate-key`: new keys in the operator's directory, then on the chain. Compares what is here with what the chain has, so that it can
//! be run again whatever stopped it; and makes no key while that would cost one that still counts.

use anyhow::anyhow;
use serde_json::{Value as Json, json};
use tandem_chain::staking::{Action, KeyInfo};
use tandem_crypto::Strength;
use tandem_node::keys::{KeyDirectory, KeyKind, LockedKeys, OperatorKeys, Registered, Standing};
use tandem_types::OperatorId;

use super::RotateKey;
use crate::keys::explain;
use crate::session::{Names, Report, Session, code};
use crate::{Failure, table};

const BOTH: [KeyKind; 2] = [KeyKind::Bls, KeyKind::Transport];

pub(super) async fn run(session: Session, args: &RotateKey) -> Result<(), Failure> {
    let (path, password) = session.keystores(&args.common.sender)?;
    let directory = KeyDirectory { path: &path, password: &password, strength: Strength::Standard };
    let mut held = directory.lock().map_err(explain)?;
    let sender = session.sender_of(&args.common.sender, held.keys.account.clone()).await?;
    let asked = args.only.map_or_else(|| BOTH.to_vec(), |which| vec![which.into()]);
    let before = registered_keys(&session, held.keys.operator()).await?;
    let plan = plan(&stands(&session, &held.keys, &before, &asked).await?);
    let plan = plan.map_err(|busy| busy.explain(&session.names))?;
    plan.make(&mut held, &before, args.common.sender.dry_run)?;
    let acted = session.act(&sender, &plan.actions(&session, &held.keys)).await;
    if args.common.sender.dry_run {
        return session.report(acted?.with(UNCHANGED, ("keys", json!("unchanged"))));
    }
    let report = acted.map_err(interrupted)?;
    let now = registered_keys(&session, held.keys.operator()).await?;
    session.report(what_follows(report, (&now, &asked), &plan.left, &session.names))
}

const UNCHANGED: &str = "No file was changed: keys that would be new were made up for this page.\n";

/// The keys that the chain has.
async fn registered_keys(session: &Session, operator: OperatorId) -> Result<KeyInfo, Failure> {
    let keys = session.reader.keys(operator.0).await.map_err(|error| session.read(error))?;
    if keys.transport.is_zero() {
        let error = anyhow!("{operator} is not registered as an operator");
        return Err(Failure::new(code::REFUSED, error).hint("`tandem operator register` registers one"));
    }
    Ok(keys)
}

/// Those of an operator's present keys that nobody can register any more: somebody has, perhaps the operator itself.
pub(super) async fn taken(session: &Session, keys: &OperatorKeys) -> Result<Vec<KeyKind>, Failure> {
    let bls = session.reader.is_taken(keys.public_key().g1()).await;
    let transport = session.reader.is_transport_taken(keys.transport_public()).await;
    let mut taken = Vec::new();
    for (kind, is_taken) in [(KeyKind::Bls, bls), (KeyKind::Transport, transport)] {
        taken.extend(is_taken.map_err(|error| session.read(error))?.then_some(kind));
    }
    Ok(taken)
}

/// How a key stands, here and on the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stand {
    kind: KeyKind,
    standing: Standing,
    /// Whether the present key was registered before, by whomever.
    taken: bool,
    /// Last second at which the chain honours the key before its own, if that is to come.
    busy_until: Option<u64>,
}

async fn stands(
    session: &Session,
    keys: &OperatorKeys,
    chain: &KeyInfo,
    kinds: &[KeyKind],
) -> Result<Vec<Stand>, Failure> {
    let taken = taken(session, keys).await?;
    let stand = |kind: &KeyKind| {
        let standing = keys.standing(*kind, &halves(chain)).map_err(explain)?;
        let busy_until = Some(until(*kind, chain)).filter(|until| session.names.now <= *until);
        Ok(Stand { kind: *kind, standing, taken: taken.contains(kind), busy_until })
    };
    kinds.iter().map(stand).collect()
}

fn halves(chain: &KeyInfo) -> Registered {
    Registered { bls: chain.bls, transport: chain.transport }
}

/// Last second at which the previous key is honoured; zero when there is none.
fn until(kind: KeyKind, chain: &KeyInfo) -> u64 {
    match kind {
        KeyKind::Bls => chain.previous_bls.1,
        KeyKind::Transport => chain.previous_transport.1,
    }
}

/// What is to be done with one key before it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Nothing: an earlier run made it.
    Send,
    /// Make a new one; the present one becomes the previous one.
    Rotate,
    /// Make another one: what an earlier run made cannot be registered.
    Replace,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    steps: Vec<(KeyKind, Step)>,
    /// Keys that were asked for as well, and have to wait for another run.
    left: Vec<KeyKind>,
}

/// A key that cannot be rotated yet.
#[derive(Debug, PartialEq, Eq)]
struct Busy {
    kind: KeyKind,
    until: u64,
    /// One that can.
    free: Option<KeyKind>,
}

/// A rotation that was begun is finished before anything else; one that would cost a key that counts is refused.
fn plan(stands: &[Stand]) -> Result<Plan, Busy> {
    let begun = stands.iter().any(|stand| stand.standing == Standing::Begun);
    let (now, later): (Vec<&Stand>, Vec<&Stand>) =
        stands.iter().partition(|stand| !begun || stand.standing == Standing::Begun);
    if let Some((busy, until)) = now.iter().find_map(|stand| Some((stand, stand.busy_until?))) {
        let free = now.iter().find(|stand| stand.busy_until.is_none()).map(|stand| stand.kind);
        return Err(Busy { kind: busy.kind, until, free });
    }
    let step = |stand: &&Stand| match (stand.standing, stand.taken) {
        (Standing::InForce, _) => (stand.kind, Step::Rotate),
        (Standing::Begun, false) => (stand.kind, Step::Send),
        (Standing::Begun, true) => (stand.kind, Step::Replace),
    };
    let left = later.iter().filter(|stand| stand.busy_until.is_none()).map(|stand| stand.kind).collect();
    Ok(Plan { steps: now.iter().map(step).collect(), left })
}

impl Busy {
    fn explain(&self, names: &Names) -> Failure {
        let (kind, until) = (self.kind, names.time(self.until));
        let error = anyhow!("the previous {kind} key is honoured until {until}; the next rotation must wait");
        let failure = Failure::new(code::REFUSED, error);
        match self.free {
            Some(free) => failure.hint(format!("`--only {}` can be rotated now", free.to_string().to_lowercase())),
            None => failure,
        }
    }
}

impl Plan {
    /// Makes the keys that are missing, on disk or in memory only.
    fn make(&self, held: &mut LockedKeys<'_>, chain: &KeyInfo, in_memory: bool) -> Result<(), Failure> {
        for (kind, step) in &self.steps {
            match step {
                Step::Send => {}
                Step::Rotate | Step::Replace if in_memory => held.imagine(*kind),
                Step::Rotate => held.rotate(&[*kind], &halves(chain)).map_err(explain)?,
                Step::Replace => held.replace(*kind).map_err(explain)?,
            }
        }
        Ok(())
    }

    fn actions(&self, session: &Session, keys: &OperatorKeys) -> Vec<Action> {
        let contracts = session.contracts();
        let action = |kind| match kind {
            KeyKind::Bls => {
                let possession = keys.bls.prove_possession(&contracts.registry_domain(), keys.operator());
                contracts.rotate_key(&keys.public_key(), &possession)
            }
            KeyKind::Transport => contracts.rotate_transport_key(keys.transport_public()),
        };
        self.steps.iter().map(|(kind, _)| action(*kind)).collect()
    }
}

/// The keys are on disk, and not all of them on the chain.
fn interrupted(failure: Failure) -> Failure {
    let again = "the new keys are kept beside the previous ones; run it again to go on with them";
    let hint = failure.hint.as_ref().map_or_else(|| again.to_owned(), |hint| format!("{hint}; {again}"));
    failure.hint(hint)
}

/// Until when both keys count, and what the operator has to do.
fn what_follows(report: Report, (chain, asked): (&KeyInfo, &[KeyKind]), left: &[KeyKind], names: &Names) -> Report {
    let overlaps: Vec<_> =
        asked.iter().map(|kind| (*kind, until(*kind, chain))).filter(|(_, until)| names.now <= *until).collect();
    let lines: Vec<_> = overlaps
        .iter()
        .map(|(kind, until)| match kind {
            KeyKind::Bls => {
                ("BLS key", format!("the previous one counts until {}, in earlier tables", names.time(*until)))
            }
            KeyKind::Transport => ("transport key", format!("the previous one counts until {}", names.time(*until))),
        })
        .collect();
    let mut text = table::lines(&lines, 0);
    text += "Restart the node now: it reads its keys when it starts, and cannot sign under the next operator table before.\n";
    for kind in left {
        text += &format!("The {kind} key was not rotated, as what was begun came first; run it again for that.\n");
    }
    let until: serde_json::Map<String, Json> =
        overlaps.iter().map(|(kind, until)| (kind.to_string().to_lowercase(), json!(until))).collect();
    report.with(&text, ("previous_keys_until", Json::Object(until)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stand(kind: KeyKind, standing: Standing) -> Stand {
        Stand { kind, standing, taken: standing == Standing::InForce, busy_until: None }
    }

    fn bls(standing: Standing) -> Stand {
        stand(KeyKind::Bls, standing)
    }

    fn transport(standing: Standing) -> Stand {
        stand(KeyKind::Transport, standing)
    }

    fn busy(stand: Stand) -> Stand {
        Stand { busy_until: Some(9), ..stand }
    }

    fn planned(stands: &[Stand]) -> (Vec<(KeyKind, Step)>, Vec<KeyKind>) {
        let Plan { steps, left } = plan(stands).expect("it can be done now");
        (steps, left)
    }

    #[test]
    fn keys_in_force_are_rotated() {
        let steps = vec![(KeyKind::Bls, Step::Rotate), (KeyKind::Transport, Step::Rotate)];
        assert_eq!(planned(&[bls(Standing::InForce), transport(Standing::InForce)]), (steps, vec![]));
    }

    #[test]
    fn what_was_begun_is_sent_and_nothing_new_is_made() {
        // Nothing was sent.
        let steps = vec![(KeyKind::Bls, Step::Send), (KeyKind::Transport, Step::Send)];
        assert_eq!(planned(&[bls(Standing::Begun), transport(Standing::Begun)]), (steps, vec![]));
        // One of two was sent.
        let steps = vec![(KeyKind::Transport, Step::Send)];
        assert_eq!(planned(&[busy(bls(Standing::InForce)), transport(Standing::Begun)]), (steps, vec![]));
        // One of two was written; the other is still to come.
        let steps = vec![(KeyKind::Bls, Step::Send)];
        let left = vec![KeyKind::Transport];
        assert_eq!(planned(&[bls(Standing::Begun), transport(Standing::InForce)]), (steps, left));
    }

    #[test]
    fn key_that_somebody_else_registered_is_made_anew() {
        let claimed = Stand { taken: true, ..transport(Standing::Begun) };
        let steps = vec![(KeyKind::Transport, Step::Replace)];
        assert_eq!(planned(&[busy(bls(Standing::InForce)), claimed]), (steps, vec![]));
    }

    #[test]
    fn key_whose_overlap_runs_is_not_rotated() {
        let (first, second) = (bls(Standing::InForce), transport(Standing::InForce));
        let refused = |free| Err(Busy { kind: KeyKind::Bls, until: 9, free });
        assert_eq!(plan(&[busy(first), busy(second)]), refused(None));
        assert_eq!(plan(&[busy(first), second]), refused(Some(KeyKind::Transport)));
        assert_eq!(plan(&[busy(first)]), refused(None));
        assert_eq!(plan(&[busy(bls(Standing::Begun)), second]), refused(None));
    }
}
