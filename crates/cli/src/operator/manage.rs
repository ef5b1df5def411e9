//! What an operator changes on the chain. Each function collects the actions of one command; the session shows or does them.

use tandem_chain::staking::Registration;
use tandem_types::{OperatorId, PerToken};

use super::{Allocate, OptIn, Register, RotateKey, Set, Which};
use crate::Failure;
use crate::session::{CommonArgs, Session};

pub(super) async fn register(session: Session, args: &Register) -> Result<(), Failure> {
    let (sender, keys) = session.operator(&args.common.sender).await?;
    let registration = Registration {
        key: keys.public_key(),
        possession: keys.bls.prove_possession(&session.contracts().registry_domain(), keys.operator()),
        transport_key: keys.transport_public(),
        socket: args.socket.clone(),
        metadata_uri: args.metadata.clone(),
    };
    session.carry_out(&sender, &[session.contracts().register_operator(&registration)]).await
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

pub(super) async fn rotate(session: Session, args: &RotateKey) -> Result<(), Failure> {
    let sender = session.sender(&args.common.sender).await?;
    let new = session.operator_keys(&args.common.sender, &args.new_keys)?;
    let contracts = session.contracts();
    let possession = new.bls.prove_possession(&contracts.registry_domain(), OperatorId(sender.address()));
    let bls = contracts.rotate_key(&new.public_key(), &possession);
    let transport = contracts.rotate_transport_key(new.transport_public());
    let actions = match args.only {
        None => vec![bls, transport],
        Some(Which::Bls) => vec![bls],
        Some(Which::Transport) => vec![transport],
    };
    session.carry_out(&sender, &actions).await
}
