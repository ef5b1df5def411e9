//! Compares what the chain shows of this operator's signatures with what its journal knows; see `journal::witness`.

use std::collections::BTreeMap;
use std::sync::Arc;

use tandem_chain::{PlacedEvent, ServiceError, ServiceEvent, ServiceReader};
use tandem_types::{BatchEntry, Epoch, OperatorId, SignerBitmap};

use crate::journal::{Certified, Journal, JournalError, Testimony};
use crate::source::SourceError;

/// Operator tables whose places are remembered; the service believes fewer.
const TABLES_MAX: usize = 16;

/// Where this operator stands in a table.
#[derive(Debug, Clone, Copy)]
struct Place {
    position: Option<usize>,
    operators: usize,
}

impl Place {
    fn has_signed(self, signers: &SignerBitmap) -> Option<bool> {
        let positions = signers.positions(self.operators).ok()?;
        Some(self.position.is_some_and(|position| positions.binary_search(&position).is_ok()))
    }
}

/// Reads the service's events for what this operator signed.
pub(crate) struct Witness {
    me: OperatorId,
    service: Arc<ServiceReader>,
    journal: Journal,
    /// None where the chain does not know the table any more.
    places: BTreeMap<Epoch, Option<Place>>,
}

impl Witness {
    pub(crate) fn new(me: OperatorId, service: Arc<ServiceReader>, journal: Journal) -> Self {
        Self { me, service, journal, places: BTreeMap::new() }
    }

    /// Looks at events before they are recorded.
    ///
    /// # Errors
    /// [`JournalError::Doubted`] when this operator signed what the journal does not know, and whatever the chain or the journal fails with.
    pub(crate) async fn look(&mut self, events: &[PlacedEvent]) -> Result<(), SourceError> {
        let mut testimony = Testimony::default();
        for placed in events {
            self.hear(placed, events, &mut testimony).await?;
        }
        if testimony.certified.is_empty() && testimony.vetoed.is_empty() {
            return Ok(());
        }
        match self.journal.witness(testimony).await? {
            Some(doubt) => Err(JournalError::Doubted(doubt).into()),
            None => Ok(()),
        }
    }

    async fn hear(
        &mut self,
        placed: &PlacedEvent,
        events: &[PlacedEvent],
        testimony: &mut Testimony,
    ) -> Result<(), SourceError> {
        let (block, tx_hash) = (placed.place.block, placed.place.tx_hash);
        match &placed.event {
            ServiceEvent::TaskCreated { task_id, task, .. } => {
                testimony.asked.push((*task_id, (task.number, block.time)))
            }
            ServiceEvent::TableRefreshed { epoch, operators } => {
                let position = operators.iter().position(|operator| *operator == self.me);
                self.remember(*epoch, Some(Place { position, operators: operators.len() }));
            }
            ServiceEvent::TableCorrected { epoch, base } => {
                let place = self.place(*base).await?;
                self.remember(*epoch, place);
            }
            ServiceEvent::TaskVetoed { task_id, leaf, epoch, signers, .. } => {
                let place = self.place(*epoch).await?;
                if place.and_then(|place| place.has_signed(signers)) == Some(true) {
                    testimony.vetoed.push(BatchEntry { task_id: *task_id, leaf: *leaf });
                }
            }
            ServiceEvent::CertificateVerified { epoch, root, is_final, signed, total, signers } => {
                let place = self.place(*epoch).await?;
                let same = events.iter().filter(|other| other.place.tx_hash == tx_hash);
                testimony.certified.push(Certified {
                    tx_hash,
                    block: (block.number, block.time),
                    epoch: *epoch,
                    root: *root,
                    is_final: *is_final,
                    signed: *signed,
                    total: *total,
                    is_own: place.and_then(|place| place.has_signed(signers)),
                    tasks: same.filter_map(|other| settled(&other.event)).collect(),
                });
            }
            _ => {}
        }
        Ok(())
    }

    async fn place(&mut self, epoch: Epoch) -> Result<Option<Place>, SourceError> {
        if let Some(place) = self.places.get(&epoch) {
            return Ok(*place);
        }
        let place = match self.service.operator_table(epoch).await {
            Ok(table) => Some(Place { position: table.position(self.me), operators: table.entries().len() }),
            Err(error @ ServiceError::Rpc(_)) => return Err(error.into()),
            Err(error) => {
                tracing::debug!(%epoch, %error, "who signed under this table is not known");
                None
            }
        };
        self.remember(epoch, place);
        Ok(place)
    }

    fn remember(&mut self, epoch: Epoch, place: Option<Place>) {
        self.places.insert(epoch, place);
        while self.places.len() > TABLES_MAX {
            self.places.pop_first();
        }
    }
}

/// The task that an event brings a result of.
fn settled(event: &ServiceEvent) -> Option<tandem_types::TaskId> {
    match event {
        ServiceEvent::TaskDelivered { task_id, .. } | ServiceEvent::TaskPending { task_id, .. } => Some(*task_id),
        _ => None,
    }
}
