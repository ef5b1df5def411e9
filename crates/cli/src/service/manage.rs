//! What a service's owner, slasher and resolver do. Each function collects the actions of one command; the session shows or does them.

use anyhow::anyhow;
use tandem_chain::staking::{Action, MembershipRules, SlashingTerms};
use tandem_chain::{ServiceError, ServiceReader, admin};
use tandem_types::{Address, PerToken, U256, Weight};

use super::{Approve, Membership, OfOperator, OfRequest, PaySlashed, Register, Rules, Slash};
use crate::session::{CommonArgs, Session, code};
use crate::{Failure, units};

pub(super) async fn register(mut session: Session, args: &Register) -> Result<(), Failure> {
    let service = session.unregistered_service()?;
    let strategies = admin::strategies_of(&session.client, service).await.map_err(|error| session.read(error))?;
    session.names.service = Some(strategies);
    let rules = membership(&session, &args.membership, strategies)?;
    let terms = SlashingTerms {
        slasher: args.slasher,
        resolver: args.resolver,
        recipient: args.recipient,
        veto_seconds: args.veto_window,
        slash_bps_max: args.largest_slash,
    };
    let sender = session.sender(&args.common.sender).await?;
    session.carry_out(&sender, &[session.contracts().register_service(service, strategies, &terms, &rules)]).await
}

pub(super) async fn rules(mut session: Session, args: &Rules) -> Result<(), Failure> {
    let service = session.service().await?;
    let strategies = session.reader.strategies_of(service).await.map_err(|error| session.read(error))?;
    let rules = membership(&session, &args.membership, strategies)?;
    let sender = session.sender(&args.common.sender).await?;
    session.carry_out(&sender, &[session.contracts().set_membership_rules(service, &rules)]).await
}

fn membership(session: &Session, args: &Membership, strategies: PerToken<Address>) -> Result<MembershipRules, Failure> {
    let least = |option: &str, text: &str, strategy: Address| {
        let usage = |words: String| Failure::new(code::USAGE, anyhow!("{option}: {words}"));
        let known = session.names.strategy(strategy);
        let token = &known.ok_or_else(|| usage(format!("{strategy} is no strategy of the RestakingManager")))?.token;
        let amount = units::parse_amount(text, token).map_err(usage)?;
        let fits = amount <= U256::from(Weight::MAX.units());
        if fits {
            Ok(amount.saturating_to::<u128>())
        } else {
            Err(usage(format!("{text} is more stake than can count (2^96 − 1 of the smallest unit)")))
        }
    };
    Ok(MembershipRules {
        approval_required: args.approval_required,
        operators_max: args.operators_max,
        least: PerToken {
            native: least("--least-native", &args.least_native, strategies.native)?,
            external: least("--least-external", &args.least_external, strategies.external)?,
        },
    })
}

pub(super) async fn approve(mut session: Session, args: &Approve) -> Result<(), Failure> {
    let service = session.service().await?;
    let sender = session.sender(&args.common.sender).await?;
    session.carry_out(&sender, &[session.contracts().approve_operator(service, args.operator, !args.revoke)]).await
}

pub(super) async fn eject(mut session: Session, args: &OfOperator) -> Result<(), Failure> {
    let service = session.service().await?;
    let sender = session.sender(&args.common.sender).await?;
    session.carry_out(&sender, &[session.contracts().eject_operator(service, args.operator)]).await
}

pub(super) async fn refresh(mut session: Session, common: &CommonArgs) -> Result<(), Failure> {
    let service = session.service().await?;
    let next = async { ServiceReader::open(session.client.clone(), service).await?.next_table().await };
    let next = next.await.map_err(unreadable)?;
    let sender = session.sender(&common.sender).await?;
    session.carry_out(&sender, &Action::write_table(&next)).await
}

pub(super) async fn slash(mut session: Session, args: &Slash) -> Result<(), Failure> {
    let service = session.service().await?;
    let sender = session.sender(&args.common.sender).await?;
    let proportion = PerToken { native: args.native, external: args.external };
    let subject = (service, args.operator);
    let action = session.contracts().request_slash(subject, proportion, args.fault_at, args.evidence);
    session.carry_out(&sender, &[action]).await
}

pub(super) async fn veto(mut session: Session, args: &OfRequest) -> Result<(), Failure> {
    session.service_of_slash(args.id).await?;
    let sender = session.sender(&args.common.sender).await?;
    session.carry_out(&sender, &[session.contracts().veto_slash(args.id)]).await
}

pub(super) async fn execute(mut session: Session, args: &OfRequest) -> Result<(), Failure> {
    session.service_of_slash(args.id).await?;
    let sender = session.sender(&args.common.sender).await?;
    session.carry_out(&sender, &[session.contracts().execute_slash(args.id)]).await
}

pub(super) async fn pay(mut session: Session, args: &PaySlashed) -> Result<(), Failure> {
    let service = session.service().await?;
    let terms = session.reader.slashing_terms_of(service).await.map_err(|error| session.read(error))?;
    let strategy = session.strategy(&args.token)?;
    let sender = session.sender(&args.common.sender).await?;
    let recipient = terms.recipient.unwrap_or_default();
    session.carry_out(&sender, &[session.contracts().pay_slashed(recipient, strategy.address)]).await
}

fn unreadable(error: ServiceError) -> Failure {
    let hint = error.hint();
    let failure = Failure::from(anyhow::Error::new(error));
    hint.into_iter().fold(failure, |failure, hint| failure.hint(hint))
}
