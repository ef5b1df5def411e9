//! What adversaries do of their own accord, now and then.

use std::sync::Arc;

use tandem_crypto::{KeyTable, Share};
use tandem_protocol::Message;
use tandem_types::{Batch, BatchEntry, Certificate, Epoch, G1Point, G2Point, ResultLeaf, SignerBitmap, TaskId};

use super::{Adversary, Vice, domain};
use crate::chain::Call;
use crate::env::Env;
use crate::identity;
use crate::random::Random;

impl Adversary {
    /// One attack of those that are this adversary's.
    pub(super) fn attack(&mut self, env: &mut Env) {
        let Some(vice) = env.random.pick(&self.vices).copied() else {
            return;
        };
        match vice {
            Vice::ProposesGarbage => self.propose_garbage(env),
            Vice::Replays => self.replay(env),
            Vice::ForgesCertificates => self.forge_certificate(env),
            Vice::SubmitsFalsehoods => self.submit_falsehood(env),
            Vice::Vetoes => self.veto(env),
            Vice::Floods => {
                let entry = |random: &mut Random| {
                    let word = |random: &mut Random| tandem_types::keccak256(random.next().to_be_bytes());
                    BatchEntry { task_id: TaskId(word(random)), leaf: ResultLeaf(word(random)) }
                };
                let entries = (0..200).map(|_| entry(&mut env.random)).collect();
                self.broadcast(env, &Message::Attest(entries));
            }
            _ => {}
        }
    }

    fn some_batch(&self, env: &mut Env, is_false: bool) -> Option<Batch> {
        let known: Vec<_> =
            self.tasks.iter().map(|(&task_id, (_, leaf))| BatchEntry { task_id, leaf: *leaf }).collect();
        let first = *env.random.pick(&known)?;
        let entry = if is_false { self.other(&first)? } else { first };
        let mut entries = vec![entry];
        entries.extend(env.random.pick(&known).filter(|second| second.task_id != first.task_id).copied());
        entries.sort_by_key(|entry| entry.task_id);
        Batch::new(entries).ok()
    }

    fn propose_garbage(&mut self, env: &mut Env) {
        let is_false = env.random.per_mille(600);
        let (Some(batch), Some(keys)) = (self.some_batch(env, is_false), self.core.table()) else {
            return;
        };
        let epoch = Epoch((keys.table().epoch().0 + 1).saturating_sub(u32::from(env.random.per_mille(800))));
        self.broadcast(env, &Message::Propose { epoch, batch });
    }

    fn replay(&mut self, env: &mut Env) {
        let seen: Vec<_> = self.seen.iter().cloned().collect();
        let to = identity::operator(env.random.below(env.plan.operators));
        if let Some(message) = env.random.pick(&seen).cloned() {
            self.send(env, to, &message);
        }
    }

    /// A certificate over a batch that all adversaries sign, whatever it says.
    fn coalition(&self, env: &mut Env, keys: &Arc<KeyTable>, batch: &Batch) -> Option<Certificate> {
        let plan = env.plan.clone();
        let epoch = keys.table().epoch();
        let mut shares = Vec::new();
        for &place in &plan.adversaries {
            if let Some(position) = keys.table().position(identity::operator(place)) {
                env.audit.signature(identity::operator(place), epoch, batch.root().0, false);
                let signature = identity::secret(place).sign_batch(&domain(), epoch, batch.root());
                shares.push(Share { position, signature });
            }
        }
        keys.aggregate(batch.root(), &shares).ok().map(|certified| certified.certificate().clone())
    }

    fn forge_certificate(&mut self, env: &mut Env) {
        let Some(keys) = self.core.table().cloned() else {
            return;
        };
        let is_false = env.random.per_mille(500);
        let Some(batch) = self.some_batch(env, is_false) else {
            return;
        };
        let seen = self.seen.iter().rev().find_map(|message| match message {
            Message::Certified { certificate, .. } => Some(certificate.clone()),
            _ => None,
        });
        let Some(mut certificate) = seen.or_else(|| self.coalition(env, &keys, &batch)) else {
            return;
        };
        let operators = keys.table().entries().len();
        match env.random.below(5) {
            0 => {
                certificate.signers =
                    SignerBitmap::from_positions(operators, 0..operators).unwrap_or(certificate.signers)
            }
            1 => certificate.apk = G2Point([0; 128]),
            2 => certificate.epoch = Epoch(certificate.epoch.0 + 1),
            3 => certificate.sigma = G1Point([9; 64]),
            _ => {}
        }
        self.broadcast(env, &Message::Certified { batch, certificate });
    }

    fn submit_falsehood(&mut self, env: &mut Env) {
        let (Some(keys), Some(batch)) = (self.core.table().cloned(), self.some_batch(env, true)) else {
            return;
        };
        if let Some(certificate) = self.coalition(env, &keys, &batch) {
            let entries = batch.entries().to_vec();
            self.transact(env, Call::Submit { entries: entries.clone(), root: batch.root(), certificate });
            self.transact(env, Call::Finalize(entries));
        }
    }

    /// Signs vetoes of some task's result, true or false, with all keys of the coalition, for leaders and for the chain.
    fn veto(&mut self, env: &mut Env) {
        let is_false = env.random.per_mille(300);
        let (Some(keys), Some(batch)) = (self.core.table().cloned(), self.some_batch(env, is_false)) else {
            return;
        };
        let (entry, epoch) = (batch.entries()[0], keys.table().epoch());
        let mut shares = Vec::new();
        for &place in &env.plan.clone().adversaries {
            if let Some(position) = keys.table().position(identity::operator(place)) {
                env.audit.signature(identity::operator(place), epoch, entry.leaf.0, true);
                let signature = identity::secret(place).sign_veto(&domain(), epoch, entry.leaf);
                shares.push(Share { position, signature });
                if place == self.place {
                    let share = signature.encode();
                    self.broadcast(env, &Message::Veto { epoch, entry, share });
                }
            }
        }
        if let Ok(certified) = keys.aggregate(entry.leaf, &shares) {
            self.transact(env, Call::Veto { entry, certificate: certified.certificate().clone() });
        }
    }
}
