//! What an operator changes on the chain. Each function collects the actions of one command; the session shows or does them.

use tandem_chain::staking::Registration;
use tandem_crypto::Strength;
use tandem_node::keys::{KeyDirectory, LockedKeys};
use tandem_types::PerToken;

use super::{Allocate, OptIn, Register, Set, rotate};
use crate::Failure;
use crate::keys::explain;
use crate::session::{CommonArgs, Session};

pub(super) async fn register(session: Session, args: &Register) -> Result<(), Failure> {
    let (directory, password) = session.keystores(&args.common.sender)?;
    let directory = KeyDirectory { path: &directory, password: &password, strength: Strength::Standard };
    let mut held = directory.lock().map_err(explain)?;
    replace_taken(&session, &mut held, args.common.sender.dry_run).await?;
    let keys = &held.keys;
    let sender = session.sender_of(&args.common.sender, keys.account.clone()).await?;
    let registration = Registration {
        key: keys.public_key(),
        possession: keys.bls.prove_possession(&session.contracts().registry_domain(), keys.operator()),
        transport_key: keys.transport_public(),
        socket: args.socket.clone(),
        metadata_uri: args.metadata.clone(),
    };
    session.carry_out(&sender, &[session.contracts().register_operator(&registration)]).await
}

/// A key that was registered before, and be it by somebody who read it in the pool of transactions, is never registered again: who is no operator takes another.
async fn replace_taken(session: &Session, held: &mut LockedKeys<'_>, in_memory: bool) -> Result<(), Failure> {
    let operator = held.keys.operator().0;
    let registered = session.reader.keys(operator).await.map_err(|error| session.read(error))?;
    if !registered.transport.is_zero() {
        return Ok(());
    }
    for kind in rotate::taken(session, &held.keys).await? {
        match in_memory {
            true => held.imagine(kind),
            false => held.replace(kind).map_err(explain)?,
        }
    }
    Ok(())
}

pub(super) async fn deregister(session: Session, common: &CommonArgs) -> Result<(), Failure> {
    let sender = session.sender(&common.sender).await?;
    session.carry_out(&sender, &[session.contracts().deregister_operator()]).await
}

pub(super) async fn set(session: Session, args: &Set) -> Result<(), Failure> {
    let sender = session.sender(&args.common.sender).await?;
    let contracts = session.contracts();
    let socket = args.socket.as_deref().map(|socket| contracts.update_socket(socket));
    let metadata = args.metadata.as_deref().map(|uri| contracts.update_metadata(uri));
    let commission = args.commission.map(|bps| contracts.announce_commission(bps));
    let actions: Vec<_> = [socket, metadata, commission].into_iter().flatten().collect();
    session.carry_out(&sender, &actions).await
}

pub(super) async fn opt_in(mut session: Session, args: &OptIn) -> Result<(), Failure> {
    let service = session.service().await?;
    let sender = session.sender(&args.common.sender).await?;
    let action = session.contracts().opt_in(service, args.allocation.into(), args.replace);
    session.carry_out(&sender, &[action]).await
}

pub(super) async fn allocate(mut session: Session, args: &Allocate) -> Result<(), Failure> {
    let service = session.service().await?;
    let sender = session.sender(&args.common.sender).await?;
    let allocation = PerToken { native: args.native, external: args.external };
    session.carry_out(&sender, &[session.contracts().allocate(service, allocation)]).await
}

pub(super) async fn opt_out(mut session: Session, common: &CommonArgs) -> Result<(), Failure> {
    let service = session.service().await?;
    let sender = session.sender(&common.sender).await?;
    session.carry_out(&sender, &[session.contracts().opt_out(service)]).await
}
