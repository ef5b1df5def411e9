//! The way out: one task per peer dials it, sends what is queued, and dials again when the connection is lost.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use bytes::Bytes;
use quinn::{ClosedStream, ConnectError, Connection, ConnectionError, StoppedError, WriteError};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;

use super::peers::Link;
use super::{Shared, TransportLimits, tls};

/// Messages of one connection that are not acknowledged yet.
const IN_FLIGHT_MAX: usize = 64;
/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 4;
/// TLS asks for a name; no one looks at it.
const SERVER_NAME: &str = "tandem";

/// Why a peer was not reached.
#[derive(Debug, thiserror::Error)]
enum DialError {
    #[error("its address cannot be looked up")]
    Lookup(#[from] io::Error),
    #[error("its name has no address")]
    NoAddress,
    #[error("it cannot be dialled")]
    Connect(#[from] ConnectError),
    #[error("the connection failed")]
    Connection(#[from] ConnectionError),
    #[error("it takes no messages")]
    Stream(#[from] StoppedError),
    #[error("it takes no messages")]
    Closed(#[from] ClosedStream),
    #[error("it did not answer in time")]
    Timeout,
}

/// What became of a message.
enum Sent {
    Acknowledged,
    /// The peer said that it does not want it.
    Refused,
    /// The connection broke first.
    Lost(Bytes),
}

/// Keeps one peer connected until its link is stopped.
pub(super) async fn run(link: Arc<Link>, shared: Arc<Shared>) {
    link.stop.run_until_cancelled(keep_connected(&link, &shared)).await;
    set_connected(&link, &shared, false);
}

async fn keep_connected(link: &Link, shared: &Shared) {
    let mut pauses = pauses(&shared.limits);
    loop {
        match dial(link, shared).await {
            Ok(connection) => {
                pauses = self::pauses(&shared.limits);
                set_connected(link, shared, true);
                send_queued(&connection, link, shared).await;
                set_connected(link, shared, false);
            }
            Err(error) => {
                tracing::debug!(operator = %link.peer.operator, address = link.peer.address, ?error, "peer not reached");
                link.counters.dials_failed.add(1);
                shared.counters.changed.notify_waiters();
            }
        }
        let pause = pauses.next().unwrap_or(shared.limits.redial_max);
        // Who dials us is up: no reason to wait any longer.
        let _ = timeout(pause, link.heard.notified()).await;
    }
}

/// The jitter keeps nodes from dialling a peer that comes back all at once.
fn pauses(limits: &TransportLimits) -> ExponentialBackoff {
    let builder = ExponentialBuilder::new().with_min_delay(limits.redial_min).with_max_delay(limits.redial_max);
    builder.with_jitter().without_max_times().build()
}

fn set_connected(link: &Link, shared: &Shared, connected: bool) {
    // A changed peer has another link with the same counters, which is the one to speak.
    if !(link.stop.is_cancelled() && connected) {
        link.counters.set_connected(connected);
    }
    shared.counters.changed.notify_waiters();
}

async fn dial(link: &Link, shared: &Shared) -> Result<Connection, DialError> {
    let patience = shared.limits.handshake_timeout;
    let mut failure = DialError::NoAddress;
    for address in look_up(&link.peer.address, patience).await? {
        match timeout(patience, connect(address, link, shared)).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => failure = error,
            Err(_) => failure = DialError::Timeout,
        }
    }
    Err(failure)
}

async fn look_up(address: &str, patience: Duration) -> Result<Vec<SocketAddr>, DialError> {
    let found = timeout(patience, tokio::net::lookup_host(address)).await.map_err(|_| DialError::Timeout)??;
    Ok(found.take(ADDRESSES_MAX).collect())
}

/// A client's handshake ends before the server has seen the client's key. An empty message that is acknowledged says that it was
/// liked.
async fn connect(address: SocketAddr, link: &Link, shared: &Shared) -> Result<Connection, DialError> {
    let config = tls::client_config(&shared.key, &link.peer, &shared.limits);
    let connection = shared.endpoint.connect_with(config, address, SERVER_NAME)?.await?;
    let mut probe = connection.open_uni().await?;
    probe.finish()?;
    probe.stopped().await?;
    Ok(connection)
}

/// Sends what is queued until the connection is lost; then gives back what was not acknowledged.
async fn send_queued(connection: &Connection, link: &Link, shared: &Shared) {
    let mut in_flight = JoinSet::new();
    let mut closed = pin!(connection.closed());
    loop {
        tokio::select! {
            reason = &mut closed => {
                tracing::debug!(operator = %link.peer.operator, %reason, "connection lost");
                break;
            }
            Some(sent) = in_flight.join_next() => account(sent, link, shared),
            message = link.queue.pop(), if in_flight.len() < IN_FLIGHT_MAX => {
                in_flight.spawn(send(connection.clone(), message));
            }
        }
    }
    while let Some(sent) = in_flight.join_next().await {
        account(sent, link, shared);
    }
}

fn account(sent: Result<Sent, JoinError>, link: &Link, shared: &Shared) {
    let counters = &link.counters;
    // Tasks are only ever cancelled with the whole runtime.
    let Ok(sent) = sent else { return };
    match sent {
        Sent::Acknowledged => counters.sent.add(1),
        Sent::Refused => counters.refused.add(1),
        Sent::Lost(message) => counters.dropped.add(link.queue.give_back(message).into()),
    }
    shared.counters.changed.notify_waiters();
}

async fn send(connection: Connection, message: Bytes) -> Sent {
    match write(&connection, message.clone()).await {
        Ok(()) => Sent::Acknowledged,
        Err(WriteError::Stopped(_)) => Sent::Refused,
        Err(_) => Sent::Lost(message),
    }
}

async fn write(connection: &Connection, message: Bytes) -> Result<(), WriteError> {
    let mut stream = connection.open_uni().await?;
    stream.write_chunk(message).await?;
    stream.finish().map_err(|_| WriteError::ClosedStream)?;
    match stream.stopped().await {
        Ok(None) => Ok(()),
        Ok(Some(code)) => Err(WriteError::Stopped(code)),
        Err(StoppedError::ConnectionLost(error)) => Err(WriteError::ConnectionLost(error)),
        Err(StoppedError::ZeroRttRejected) => Err(WriteError::ZeroRttRejected),
    }
}
