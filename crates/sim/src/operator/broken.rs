//! Honest operators as they must not be, for [`Sabotage`]: what the properties have to catch.

use std::collections::BTreeMap;

use tandem_crypto::{Share, Signature};
use tandem_protocol::{Input, Message};
use tandem_types::{Batch, BatchEntry, PerToken, Requirement};

use super::Operator;
use crate::env::Env;
use crate::quorum::{self, Conditions, Ruling, Stake};
use crate::sabotage::Sabotage;

/// A batch with the shares that came for it, by position.
#[derive(Debug, Clone)]
pub(super) struct Votes {
    batch: Batch,
    shares: BTreeMap<usize, Signature>,
    is_certified: bool,
}

impl Operator {
    /// Does beside the agreement what it would not do, when the run is sabotaged.
    pub(super) fn break_on(&mut self, env: &mut Env, input: &Input) {
        match (env.sabotage, input) {
            (
                Some(Sabotage::VotesForAnything),
                Input::Received { from, message: Message::Propose { epoch, batch } },
            ) => {
                if let Some((keys, position)) = self.place_in(*epoch)
                    && let Ok(signature) = self.keys.0.sign_batch(&keys, position, batch.root())
                {
                    env.audit.voted(self.id, *epoch, batch, self.disk.journal());
                    let message = Message::Vote { epoch: *epoch, root: batch.root(), share: signature.encode() };
                    self.answer_to(env, *from, message);
                }
            }
            (Some(Sabotage::VetoesOwnVotes), Input::Pending(pending)) => self.veto_own(env, pending.entry),
            (Some(Sabotage::CountsTwice), Input::Received { from, message: Message::Vote { epoch, root, share } }) => {
                let position = self.live.agree.core.table_of(*epoch).and_then(|keys| keys.table().position(*from));
                let votes = self.live.agree.votes.get_mut(&(*epoch, *root));
                if let (Some(position), Some(votes), Ok(signature)) = (position, votes, Signature::decode(share)) {
                    votes.shares.entry(position).or_insert(signature);
                    let votes = votes.clone();
                    self.count_twice(env, *epoch, votes);
                }
            }
            _ => {}
        }
    }

    /// Notes what this operator proposes, where it will miscount the votes.
    pub(super) fn watch(&mut self, env: &Env, message: &Message) {
        if env.is_broken(Sabotage::CountsTwice)
            && let Message::Propose { epoch, batch } = message
        {
            let votes = Votes { batch: batch.clone(), shares: BTreeMap::new(), is_certified: false };
            self.live.agree.votes.insert((*epoch, batch.root()), votes);
        }
    }

    fn count_twice(&mut self, env: &mut Env, epoch: tandem_types::Epoch, votes: Votes) {
        let Some(keys) = self.live.agree.core.table_of(epoch).cloned().filter(|_| !votes.is_certified) else {
            return;
        };
        let table = keys.table();
        let first = votes.shares.keys().next().copied();
        let signed = votes.shares.keys().copied().chain(first).fold(PerToken::<u128>::default(), |sum, position| {
            sum.zip_with(table.entries()[position].weight, |sum, weight| sum + weight.units())
        });
        let total = table.total().map(|weight| weight.units());
        let signed = signed.zip_with(total, Ord::min);
        let ruling =
            quorum::ruling(&env.plan.policy, Requirement::NONE, Conditions::default(), &Stake { signed, total });
        let shares: Vec<_> = votes.shares.iter().map(|(&position, &signature)| Share { position, signature }).collect();
        if ruling != Ruling::Refused
            && let Ok(certified) = keys.aggregate(votes.batch.root(), &shares)
        {
            self.live.agree.votes.insert((epoch, votes.batch.root()), Votes { is_certified: true, ..votes.clone() });
            self.deliver(env, certified.certificate(), votes.batch);
        }
    }

    fn veto_own(&mut self, env: &mut Env, entry: BatchEntry) {
        let epoch = self.live.agree.core.table().map(|keys| keys.table().epoch());
        if let Some(epoch) = epoch.filter(|_| self.disk.journal().has_signed(&entry)) {
            env.audit.vetoed(self.id, epoch, entry, self.disk.journal());
        }
    }
}
