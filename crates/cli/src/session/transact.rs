//! Doing what a command means to do, or showing it: both from the same calls. Shows a call as it is read back from its bytes.

use std::fmt;

use serde_json::{Value as Json, json};
use tandem_chain::admin::AdminError;
use tandem_chain::staking::{Action, Performed};
use tandem_chain::{
    Account, ChainClient, DecodedCall, DecodedEvent, Field, RpcError, TransactionConfig, TransactionManager,
};
use tandem_types::{Address, U256};

use super::names::ether;
use super::{Session, code};
use crate::Failure;
use crate::report::print;
use crate::{table, units};

/// The account that acts, or for which it is shown what acting would be.
pub(crate) struct Sender {
    address: Address,
    manager: Option<TransactionManager>,
}

impl Sender {
    /// Its address.
    pub(crate) fn address(&self) -> Address {
        self.address
    }

    pub(super) fn shown(address: Address) -> Self {
        Self { address, manager: None }
    }

    pub(super) async fn open(
        client: &ChainClient,
        account: Account,
        (confirmations, fee_per_gas_max): (u64, u128),
    ) -> Result<Self, RpcError> {
        let config = TransactionConfig { confirmations, fee_per_gas_max, ..TransactionConfig::default() };
        let address = account.address();
        let manager = TransactionManager::start(client.clone(), account, config).await?;
        Ok(Self { address, manager: Some(manager) })
    }
}

/// What was done or shown, for people and machines.
pub(crate) struct Report {
    text: String,
    json: Json,
}

impl Report {
    /// Adds what follows from it.
    pub(crate) fn with(mut self, text: &str, (name, value): (&str, Json)) -> Self {
        self.text += &format!("\n{text}");
        self.json[name] = value;
        self
    }

    fn dry(sender: Address, calls: Vec<(String, Json)>) -> Self {
        let (texts, pages): (Vec<_>, Vec<_>) = calls.into_iter().unzip();
        let text = format!("{}\nNothing was sent. Leave out --dry-run to send it from {sender}.\n", texts.join("\n"));
        Self { text, json: json!({ "ok": true, "dry_run": true, "from": sender, "calls": pages }) }
    }

    fn done(sender: Address, done: Vec<(String, Json)>) -> Self {
        let (texts, pages): (Vec<_>, Vec<_>) = done.into_iter().unzip();
        let json = json!({ "ok": true, "dry_run": false, "from": sender, "transactions": pages });
        Self { text: texts.join("\n"), json }
    }
}

/// A later step failed after earlier ones were done.
#[derive(Debug)]
pub(super) struct Interrupted {
    error: anyhow::Error,
    details: Json,
    done: Vec<Json>,
}

impl Interrupted {
    pub(super) fn json(&self) -> Json {
        let mut error = self.details.clone();
        error["transactions"] = json!(self.done);
        error
    }
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (after {} transactions that were made)", self.error, self.done.len())
    }
}

impl std::error::Error for Interrupted {}

impl Session {
    /// Does the actions one after the other, or shows them, and reports.
    pub(crate) async fn carry_out(&self, sender: &Sender, actions: &[Action]) -> Result<(), Failure> {
        self.report(self.act(sender, actions).await?)
    }

    /// Does the actions one after the other, or finds out what they would do.
    pub(crate) async fn act(&self, sender: &Sender, actions: &[Action]) -> Result<Report, Failure> {
        match &sender.manager {
            None => self.show(sender.address, actions).await,
            Some(manager) => self.perform(manager, actions).await,
        }
    }

    pub(crate) fn report(&self, report: Report) -> Result<(), Failure> {
        let text = if self.json { format!("{}\n", report.json) } else { report.text };
        Ok(print(&text)?)
    }

    async fn show(&self, sender: Address, actions: &[Action]) -> Result<Report, Failure> {
        let calls: Vec<_> = actions.iter().map(Action::call).collect();
        let estimates =
            self.client.estimate(sender, &calls).await.map_err(|error| self.undone(AdminError::Send(error)))?;
        let shown = actions.iter().zip(estimates).map(|(action, gas)| self.shown(action, gas)).collect();
        Ok(Report::dry(sender, shown))
    }

    async fn perform(&self, manager: &TransactionManager, actions: &[Action]) -> Result<Report, Failure> {
        let mut done = Vec::new();
        for action in actions {
            match self.contracts().perform(manager, action).await {
                Ok(performed) => done.push(self.performed(action, &performed)),
                Err(error) => return Err(interrupted(self.undone(error), done)),
            }
        }
        Ok(Report::done(manager.address(), done))
    }

    fn shown(&self, action: &Action, gas: Option<u64>) -> (String, Json) {
        let call = action.decoded();
        let gas_text = gas.map_or_else(|| "not known before the call above is mined".to_owned(), |gas| gas.to_string());
        let text = format!("{}  gas  {gas_text}\n", self.call_text(action, &call));
        let mut page = self.call_json(action, &call);
        page["gas"] = json!(gas);
        page["data"] = json!(format!("0x{}", hex::encode(&action.call().data)));
        (text, page)
    }

    fn performed(&self, action: &Action, performed: &Performed) -> (String, Json) {
        let (call, outcome) = (action.decoded(), &performed.outcome);
        let fee = U256::from(outcome.gas_used).saturating_mul(U256::from(outcome.effective_gas_price));
        let mut text = self.call_text(action, &call);
        text += &format!("  transaction  {}\n", outcome.tx_hash);
        text += &format!(
            "  block {}, gas {}, fee {}\n",
            outcome.block_number,
            outcome.gas_used,
            units::amount(fee, &ether())
        );
        performed.events.iter().for_each(|event| text += &self.event_text(event));
        let mut page = self.call_json(action, &call);
        page["tx_hash"] = json!(outcome.tx_hash);
        page["block"] = json!(outcome.block_number);
        page["gas_used"] = json!(outcome.gas_used);
        page["fee_wei"] = json!(fee.to_string());
        page["events"] = performed.events.iter().map(|event| self.event_json(event)).collect();
        (text, page)
    }

    fn call_text(&self, action: &Action, call: &DecodedCall) -> String {
        let value = action.call().value;
        let mut text = format!("{}.{}  at {}\n", call.contract.name(), call.function, action.address());
        let mut pairs = self.pairs(&call.arguments);
        if !value.is_zero() {
            pairs.push(("ether sent along", units::amount(value, &ether())));
        }
        text += &table::lines(&pairs, 2);
        text
    }

    fn call_json(&self, action: &Action, call: &DecodedCall) -> Json {
        json!({
            "contract": call.contract.name(),
            "address": action.address(),
            "function": call.function,
            "arguments": self.fields_json(&call.arguments),
            "value_wei": action.call().value.to_string(),
        })
    }

    fn event_text(&self, event: &DecodedEvent) -> String {
        format!("  {}\n{}", event.name, table::lines(&self.pairs(&event.fields), 4))
    }

    fn event_json(&self, event: &DecodedEvent) -> Json {
        json!({
            "contract": event.contract.name(),
            "event": event.name,
            "values": self.fields_json(&event.fields),
        })
    }

    fn pairs<'a>(&self, fields: &'a [Field]) -> Vec<(&'a str, String)> {
        fields.iter().map(|field| (field.name.as_str(), self.names.text(field, fields))).collect()
    }

    fn fields_json(&self, fields: &[Field]) -> Json {
        fields.iter().map(|field| self.names.json(field, fields)).collect()
    }
}

/// The failure, with what was done before it.
fn interrupted(failure: Failure, done: Vec<(String, Json)>) -> Failure {
    if done.is_empty() {
        return failure;
    }
    let details = super::details(&failure);
    let done = done.into_iter().map(|(_, page)| page).collect();
    let Failure { code, error, hint, reported } = failure;
    let code = if code == 1 { code::UNKNOWN } else { code };
    Failure { code, error: anyhow::Error::new(Interrupted { error, details, done }), hint, reported }
}
