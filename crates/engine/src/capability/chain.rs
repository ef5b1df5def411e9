//! Reads of the service's chain. Without a grant there are none; a refusal, a limit or a revert is an error to the component, the same for every operator. An
//! endpoint that fails ends the execution: what differs between operators is not for the component to see.

use std::sync::Arc;

use tandem_types::{Address, B256, TaskBlock};

use crate::bindings::tandem::service::chain::{Block, Error, Host, Limit};
use crate::chain::{Answer, ChainError, ChainState, Query};
use crate::state::{Ended, State};
use crate::{Grants, LimitKind, Refusal, RunError};

/// What a host function gives: an error of the outer kind ends the execution.
type Outcome<T> = wasmtime::Result<Result<T, Error>>;

/// The chain as one execution has it.
pub(crate) struct ChainGate {
    grants: Arc<Grants>,
    block: TaskBlock,
    calls: u64,
    bytes: u64,
    /// The first reason for which a read was not done.
    stopped: Option<RunError>,
}

impl ChainGate {
    pub(crate) fn new(grants: Arc<Grants>, block: TaskBlock) -> Self {
        Self { grants, block, calls: 0, bytes: 0, stopped: None }
    }

    pub(crate) fn stopped(&self) -> Option<&RunError> {
        self.stopped.as_ref()
    }

    fn chain(&mut self) -> Result<Arc<dyn ChainState>, Error> {
        match &self.grants.chain {
            Some(chain) => Ok(Arc::clone(chain)),
            None => {
                self.stopped.get_or_insert(Refusal::Chain.into());
                Err(Error::NotGranted)
            }
        }
    }

    /// Counts a read that sends so many bytes.
    fn admit(&mut self, sent: usize) -> Result<Arc<dyn ChainState>, Error> {
        let chain = self.chain()?;
        self.calls += 1;
        if self.calls > self.grants.limits.chain.calls {
            return Err(self.limit(LimitKind::ChainCalls));
        }
        self.count(sent)?;
        Ok(chain)
    }

    fn count(&mut self, bytes: usize) -> Result<(), Error> {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if self.bytes > self.grants.limits.chain.bytes { Err(self.limit(LimitKind::ChainBytes)) } else { Ok(()) }
    }

    fn limit(&mut self, kind: LimitKind) -> Error {
        self.stopped.get_or_insert(self.grants.limits.breach(kind).into());
        Error::Limit(if kind == LimitKind::ChainCalls { Limit::Calls } else { Limit::Bytes })
    }

    async fn call(&mut self, to: &[u8], data: Vec<u8>) -> Outcome<Vec<u8>> {
        let (Ok(to), sent, gas) = (Address::try_from(to), data.len(), self.grants.limits.chain.gas) else {
            return Ok(Err(Error::Malformed));
        };
        let chain = match self.admit(sent) {
            Ok(chain) => chain,
            Err(error) => return Ok(Err(error)),
        };
        let (bytes, reverted) = match chain.read(self.block.hash, Query::Call { to, data, gas }).await {
            Ok(Answer::Returned(bytes)) => (bytes, false),
            Ok(Answer::Reverted(bytes)) => (bytes, true),
            Ok(Answer::Word(_)) => return Err(ended(mismatch())),
            Err(error) => return Err(ended(error)),
        };
        let counted = self.count(bytes.len());
        Ok(counted.and(if reverted { Err(Error::Reverted(bytes)) } else { Ok(bytes) }))
    }

    async fn word(&mut self, query: Query) -> Outcome<Vec<u8>> {
        let chain = match self.admit(0) {
            Ok(chain) => chain,
            Err(error) => return Ok(Err(error)),
        };
        match chain.read(self.block.hash, query).await {
            Ok(Answer::Word(word)) => Ok(self.count(32).map(|()| word.to_be_bytes_vec())),
            Ok(_) => Err(ended(mismatch())),
            Err(error) => Err(ended(error)),
        }
    }
}

fn ended(error: ChainError) -> wasmtime::Error {
    Ended(error.into()).into()
}

fn mismatch() -> ChainError {
    ChainError::Failed("an answer to another question".to_owned())
}

impl Host for State {
    fn chain_id(&mut self) -> Result<u64, Error> {
        Ok(self.chain.chain()?.chain_id())
    }

    fn task_block(&mut self) -> Result<Block, Error> {
        self.chain.chain()?;
        let TaskBlock { number, hash, time } = self.chain.block;
        Ok(Block { number, hash: hash.to_vec(), timestamp: time })
    }

    async fn call(&mut self, to: Vec<u8>, data: Vec<u8>) -> Outcome<Vec<u8>> {
        self.chain.call(&to, data).await
    }

    async fn balance(&mut self, account: Vec<u8>) -> Outcome<Vec<u8>> {
        match Address::try_from(account.as_slice()) {
            Ok(account) => self.chain.word(Query::Balance(account)).await,
            Err(_) => Ok(Err(Error::Malformed)),
        }
    }

    async fn storage(&mut self, contract: Vec<u8>, slot: Vec<u8>) -> Outcome<Vec<u8>> {
        match (Address::try_from(contract.as_slice()), B256::try_from(slot.as_slice())) {
            (Ok(contract), Ok(slot)) => self.chain.word(Query::Storage { contract, slot }).await,
            _ => Ok(Err(Error::Malformed)),
        }
    }
}
