//! The way in: handshakes of others, a few at a time, and the messages of those who turn out to be peers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use quinn::{Connection, ReadToEndError, RecvStream, VarInt};
use tandem_types::OperatorId;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::peers::Close;
use super::{MESSAGE_BYTES_MAX, PeerKey, Shared, tls};

/// Tells the sender of a message that it was too large.
const OVERSIZED: VarInt = VarInt::from_u32(1);

/// A message on its way to the node.
pub(super) struct Message {
    pub(super) operator: OperatorId,
    pub(super) bytes: Bytes,
    /// Its place among those of its sender that the node has not taken; free when the message is dropped.
    pub(super) place: Place,
}

/// A message's place among those of its sender; free again when the last copy is dropped.
#[derive(Debug, Clone)]
pub struct Place(#[expect(dead_code, reason = "held for its drop")] Arc<OwnedSemaphorePermit>);

/// Accepts connections until the transport stops, then closes all.
pub(super) async fn run(shared: Arc<Shared>, inbox: UnboundedSender<Message>) {
    let handshakes = Arc::new(Semaphore::new(shared.limits.handshakes));
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => break,
            incoming = shared.endpoint.accept() => match incoming {
                Some(incoming) => admit(incoming, &handshakes, &shared, &inbox),
                None => break,
            },
        }
    }
    shared.endpoint.close(Close::Shutdown.code(), b"shutdown");
}

/// Starts a handshake, or turns it away: nothing is computed for an address that has not proved itself while a quarter of the
/// places is taken, and nothing at all when there is no place.
fn admit(
    incoming: quinn::Incoming,
    handshakes: &Arc<Semaphore>,
    shared: &Arc<Shared>,
    inbox: &UnboundedSender<Message>,
) {
    let busy = handshakes.available_permits() <= shared.limits.handshakes / 4 * 3;
    if busy && incoming.may_retry() && !incoming.remote_address_validated() {
        // It fails only for what may not be retried.
        let _ = incoming.retry();
        return;
    }
    match Arc::clone(handshakes).try_acquire_owned() {
        Ok(place) => _ = shared.tasks.spawn(serve(incoming, place, Arc::clone(shared), inbox.clone())),
        Err(_) => {
            shared.counters.handshakes_refused.add(1);
            incoming.refuse();
        }
    }
}

async fn serve(
    incoming: quinn::Incoming,
    place: OwnedSemaphorePermit,
    shared: Arc<Shared>,
    inbox: UnboundedSender<Message>,
) {
    let connection = handshake(incoming, shared.limits.handshake_timeout).await;
    drop(place);
    let Some((key, connection)) = connection else {
        shared.counters.handshakes_failed.add(1);
        shared.counters.changed.notify_waiters();
        return;
    };
    match shared.peers.adopt(key, &connection) {
        Some(places) => {
            shared.counters.changed.notify_waiters();
            receive(&connection, key, places, &shared, &inbox).await;
            shared.peers.release(key, &connection);
        }
        None => connection.close(Close::NotAPeer.code(), b"not a peer"),
    }
    shared.counters.changed.notify_waiters();
}

async fn handshake(incoming: quinn::Incoming, patience: Duration) -> Option<(PeerKey, Connection)> {
    let from = incoming.remote_address();
    let finished = match incoming.accept() {
        Ok(connecting) => timeout(patience, connecting).await,
        Err(error) => Ok(Err(error)),
    };
    match finished {
        Ok(Ok(connection)) => tls::peer_key(&connection).map(|key| (key, connection)),
        Ok(Err(error)) => {
            tracing::debug!(%from, %error, "handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!(%from, "handshake timed out");
            None
        }
    }
}

/// Reads messages until the connection ends. A stream is only looked at when there is place for its message.
async fn receive(
    connection: &Connection,
    key: PeerKey,
    places: Arc<Semaphore>,
    shared: &Arc<Shared>,
    inbox: &UnboundedSender<Message>,
) {
    loop {
        let place = tokio::select! {
            Ok(place) = Arc::clone(&places).acquire_owned() => place,
            _ = connection.closed() => return,
        };
        let Ok(stream) = connection.accept_uni().await else { return };
        shared.tasks.spawn(read(stream, key, place, Arc::clone(shared), inbox.clone()));
    }
}

async fn read(
    mut stream: RecvStream,
    key: PeerKey,
    place: OwnedSemaphorePermit,
    shared: Arc<Shared>,
    inbox: UnboundedSender<Message>,
) {
    match stream.read_to_end(MESSAGE_BYTES_MAX).await {
        // The empty message is how a dialler asks whether it was accepted.
        Ok(bytes) if bytes.is_empty() => {}
        Ok(bytes) => hand_over(bytes.into(), key, place, &shared, &inbox),
        Err(ReadToEndError::TooLong) => {
            shared.peers.speakers(key).iter().for_each(|link| link.counters.oversized.add(1));
            // It fails only when the stream has ended already.
            let _ = stream.stop(OVERSIZED);
        }
        Err(ReadToEndError::Read(_)) => {}
    }
    shared.counters.changed.notify_waiters();
}

fn hand_over(
    bytes: Bytes,
    key: PeerKey,
    place: OwnedSemaphorePermit,
    shared: &Shared,
    inbox: &UnboundedSender<Message>,
) {
    let place = Place(Arc::new(place));
    for link in shared.peers.speakers(key) {
        link.counters.count_received();
        let message = Message { operator: link.peer.operator, bytes: bytes.clone(), place: place.clone() };
        // It fails only when nobody will ever receive again.
        let _ = inbox.send(message);
    }
}
