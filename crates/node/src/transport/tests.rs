//! Tests of the transport, over real sockets of the loopback interface.

use std::future::Future;
use std::net::Ipv4Addr;

use tandem_types::{Address, B256};

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn limits() -> TransportLimits {
    TransportLimits {
        queue_messages: 8,
        redial_min: Duration::from_millis(5),
        redial_max: Duration::from_millis(50),
        ..TransportLimits::default()
    }
}

struct TestNode {
    transport: Transport,
    incoming: Incoming,
    operator: OperatorId,
}

/// The node of operator `name`, whose key is of that byte too.
fn node(name: u8) -> TestNode {
    node_at(name, ANY_PORT, limits())
}

fn node_at(name: u8, listen: SocketAddr, limits: TransportLimits) -> TestNode {
    let (transport, incoming) = Transport::bind(listen, key(name), limits).expect("the port is free");
    TestNode { transport, incoming, operator: operator(name) }
}

/// The same, once the port is free: the socket closes a moment after its last user is gone.
async fn node_again(name: u8, listen: SocketAddr) -> TestNode {
    soon(async {
        while UdpSocket::bind(listen).is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    node_at(name, listen, limits())
}

fn key(name: u8) -> TransportKey {
    TransportKey::from_seed(&[name; 32])
}

fn operator(name: u8) -> OperatorId {
    OperatorId(Address::repeat_byte(name))
}

impl TestNode {
    fn address(&self) -> SocketAddr {
        self.transport.local_address().expect("bound")
    }

    fn as_peer(&self) -> Peer {
        Peer {
            operator: self.operator,
            key: self.transport.public_key(),
            previous_key: None,
            address: self.address().to_string(),
        }
    }

    fn knows(&self, others: &[&Self]) {
        self.transport.set_peers(others.iter().map(|other| other.as_peer()).collect());
    }

    fn send(&self, to: &Self, text: &'static str) {
        self.transport.send(to.operator, Bytes::from_static(text.as_bytes())).expect("a peer and a fair size");
    }

    async fn receive(&mut self) -> (OperatorId, Bytes) {
        let (operator, bytes, _) = soon(self.incoming.recv()).await.expect("not shut down");
        (operator, bytes)
    }

    fn of(&self, other: &Self) -> PeerStats {
        self.find(other.operator).expect("a peer")
    }

    fn find(&self, operator: OperatorId) -> Option<PeerStats> {
        self.transport.stats().peers.into_iter().find(|peer| peer.operator == operator)
    }

    /// Waits until `fact` is true of the counts, looking whenever one changes.
    async fn until(&self, fact: impl Fn(&Self) -> bool) {
        soon(async {
            loop {
                let changed = self.transport.shared.counters.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if fact(self) {
                    return;
                }
                changed.await;
            }
        })
        .await;
    }
}

async fn soon<T>(event: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, event).await.expect("it happens in time")
}

fn introduce(a: &TestNode, b: &TestNode) {
    a.knows(&[b]);
    b.knows(&[a]);
}

fn text(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

#[tokio::test]
async fn two_peers_exchange_messages() {
    let (mut a, mut b) = (node(1), node(2));
    introduce(&a, &b);
    a.send(&b, "to b");
    b.send(&a, "to a");
    assert_eq!(b.receive().await, (a.operator, text("to b")));
    assert_eq!(a.receive().await, (b.operator, text("to a")));
    a.until(|a| a.of(&b).sent == 1 && a.of(&b).connected && a.of(&b).accepted).await;
    assert_eq!(b.of(&a).received, 1);
}

/// What the others know of an operator whose key was `before` and is `now`.
fn rotated(node: &TestNode, before: u8, now: u8) -> Peer {
    Peer { key: key(now).public(), previous_key: Some(key(before).public()), ..node.as_peer() }
}

#[tokio::test]
async fn both_keys_of_a_rotating_peer_are_its_own() {
    let (mut a, old) = (node(1), node(2));
    introduce(&a, &old);
    old.send(&a, "with the old key");
    assert_eq!(a.receive().await, (old.operator, text("with the old key")));

    // The chain has the new key, and the node still speaks with the old one.
    a.transport.set_peers(vec![rotated(&old, 2, 3)]);
    old.send(&a, "still with the old key");
    assert_eq!(a.receive().await, (old.operator, text("still with the old key")));
    a.send(&old, "whoever it is");
    a.until(|a| a.of(&old).sent == 1 && a.of(&old).accepted).await;

    let listen = old.address();
    old.transport.shutdown().await;
    drop(old);
    soon(async {
        while UdpSocket::bind(listen).is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let (transport, incoming) = Transport::bind(listen, key(3), limits()).expect("the port is free");
    let mut new = TestNode { transport, incoming, operator: operator(2) };
    new.knows(&[&a]);
    new.send(&a, "with the new key");
    assert_eq!(a.receive().await, (new.operator, text("with the new key")));
    a.send(&new, "hello");
    assert_eq!(new.receive().await, (a.operator, text("hello")));
}

#[tokio::test]
async fn previous_key_is_a_strangers_once_it_is_honoured_no_more() {
    let (a, old) = (node(1), node(2));
    a.transport.set_peers(vec![rotated(&old, 2, 3)]);
    old.knows(&[&a]);
    a.until(|a| a.of(&old).accepted && a.of(&old).connected).await;
    a.transport.set_peers(vec![Peer { previous_key: None, ..rotated(&old, 2, 3) }]);
    a.until(|a| !a.of(&old).accepted && !a.of(&old).connected && a.of(&old).dials_failed > 0).await;
}

#[tokio::test]
async fn largest_message_arrives_and_other_sizes_are_not_queued() {
    let (a, mut b) = (node(1), node(2));
    introduce(&a, &b);
    let largest = Bytes::from(vec![7; MESSAGE_BYTES_MAX]);
    a.transport.send(b.operator, largest.clone()).expect("a fair size");
    assert_eq!(b.receive().await.1, largest);
    for bytes in [0, MESSAGE_BYTES_MAX + 1] {
        assert_eq!(a.transport.send(b.operator, vec![7; bytes].into()), Err(SendError::Size(bytes)));
    }
}

#[tokio::test]
async fn message_to_no_peer_is_refused() {
    let (a, b) = (node(1), node(2));
    assert_eq!(a.transport.send(b.operator, text("x")), Err(SendError::UnknownPeer(b.operator)));
}

#[tokio::test]
async fn name_is_looked_up() {
    let (a, mut b) = (node(1), node(2));
    b.knows(&[&a]);
    a.transport.set_peers(vec![Peer { address: format!("localhost:{}", b.address().port()), ..b.as_peer() }]);
    a.send(&b, "by name");
    assert_eq!(b.receive().await.1, text("by name"));
}

#[tokio::test]
async fn address_that_is_none_is_tried_without_harm() {
    let (a, b) = (node(1), node(2));
    for address in ["", "nonsense", "127.0.0.1", "127.0.0.1:0", "[::1]:1"] {
        a.transport.set_peers(vec![Peer { address: address.to_owned(), ..b.as_peer() }]);
        let failed = a.of(&b).dials_failed;
        a.until(|a| a.of(&b).dials_failed > failed).await;
    }
}

#[tokio::test]
async fn stranger_is_refused_in_the_handshake() {
    let (mut a, mut b, stranger) = (node(1), node(2), node(3));
    introduce(&a, &b);
    stranger.knows(&[&a]);
    stranger.send(&a, "let me in");
    stranger.until(|stranger| stranger.of(&a).dials_failed > 0).await;
    a.until(|a| a.transport.stats().handshakes_failed > 0).await;
    b.send(&a, "from a peer");
    assert_eq!(a.receive().await, (b.operator, text("from a peer")));
    assert_eq!(stranger.of(&a).sent, 0);
    assert!(!stranger.of(&a).connected);
    a.send(&b, "and back");
    assert_eq!(b.receive().await.1, text("and back"));
}

#[tokio::test]
async fn other_key_at_an_address_is_refused() {
    let (a, mut b, impostor) = (node(1), node(2), node(3));
    impostor.knows(&[&a]);
    b.knows(&[&a]);
    a.transport.set_peers(vec![Peer { address: impostor.address().to_string(), ..b.as_peer() }]);
    a.send(&b, "for b only");
    a.until(|a| a.of(&b).dials_failed > 2).await;
    assert_eq!((a.of(&b).sent, impostor.of(&a).received), (0, 0));

    a.knows(&[&b]);
    assert_eq!(b.receive().await, (a.operator, text("for b only")), "the queue outlives a change of address");
}

#[tokio::test]
async fn own_and_empty_keys_are_no_peers() {
    let (a, b) = (node(1), node(2));
    let empty = Peer { key: PeerKey(B256::ZERO), ..b.as_peer() };
    a.transport.set_peers(vec![a.as_peer(), empty]);
    assert_eq!(a.transport.stats().peers, []);
}

#[tokio::test]
async fn holder_of_a_shared_key_speaks_for_all_who_registered_it() {
    let (mut a, b) = (node(1), node(2));
    let copier = Peer { operator: operator(9), ..b.as_peer() };
    b.knows(&[&a]);
    a.transport.set_peers(vec![copier, b.as_peer()]);
    b.send(&a, "me");
    let mut speakers = [a.receive().await.0, a.receive().await.0];
    speakers.sort();
    assert_eq!(speakers, [b.operator, operator(9)]);
}

/// A connection of `name` to `to` whose sender keeps to no rules.
async fn raw_connection(name: u8, to: &TestNode) -> (Endpoint, quinn::Connection) {
    let endpoint = Endpoint::client(ANY_PORT).expect("a port is free");
    let config = tls::client_config(&key(name), &to.as_peer(), &limits());
    let connection = soon(endpoint.connect_with(config, to.address(), "x").expect("dialled")).await.expect("connected");
    (endpoint, connection)
}

async fn send_raw(connection: &quinn::Connection, bytes: &[u8]) -> Option<quinn::VarInt> {
    let mut stream = soon(connection.open_uni()).await.expect("a stream");
    match soon(stream.write_all(bytes)).await {
        Ok(()) => {
            stream.finish().expect("open");
            soon(stream.stopped()).await.expect("still connected")
        }
        Err(quinn::WriteError::Stopped(code)) => Some(code),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn oversized_message_is_cut_off_and_the_next_one_arrives() {
    let (mut a, b) = (node(1), node(2));
    a.knows(&[&b]);
    let (_endpoint, connection) = raw_connection(2, &a).await;
    let refused = send_raw(&connection, &vec![7; MESSAGE_BYTES_MAX + 1]).await;
    a.until(|a| a.of(&b).oversized == 1).await;
    // The last byte and the refusal may cross.
    assert!(refused.is_none() || refused == Some(quinn::VarInt::from_u32(1)));
    assert_eq!(send_raw(&connection, &vec![7; 64 * MESSAGE_BYTES_MAX]).await, Some(quinn::VarInt::from_u32(1)));
    assert_eq!(send_raw(&connection, b"fair").await, None);
    assert_eq!(a.receive().await, (b.operator, text("fair")));
    assert_eq!((a.of(&b).oversized, a.of(&b).received), (2, 1));
}

#[tokio::test]
async fn peer_may_not_open_other_streams() {
    let (a, b) = (node(1), node(2));
    a.knows(&[&b]);
    let (_endpoint, connection) = raw_connection(2, &a).await;
    let mut unfinished = Vec::new();
    for _ in 0..tls::STREAMS_MAX {
        unfinished.push(soon(connection.open_uni()).await.expect("a stream"));
    }
    tokio::select! {
        biased;
        _ = connection.open_bi() => panic!("a stream in both directions"),
        _ = connection.open_uni() => panic!("one stream too many"),
        () = std::future::ready(()) => {}
    }
}

#[tokio::test]
async fn node_that_does_not_listen_slows_its_peer_down() {
    let (a, b) = (node(1), node_at(2, ANY_PORT, TransportLimits { inbox_messages: 4, ..limits() }));
    let mut b = b;
    introduce(&a, &b);
    for sent in 1..=20 {
        a.send(&b, "more");
        a.until(|a| a.of(&b).sent == sent).await;
    }
    assert_eq!(b.of(&a).received, 4);
    for _ in 0..20 {
        assert_eq!(b.receive().await.1, text("more"));
    }
}

#[tokio::test]
async fn full_queue_drops_its_oldest_and_counts() {
    let a = node(1);
    let later = node(2);
    let peer = later.as_peer();
    later.transport.shutdown().await;
    drop(later);
    a.transport.set_peers(vec![peer.clone()]);
    for number in 0..11_u8 {
        a.transport.send(peer.operator, vec![number].into()).expect("queued");
    }
    let stats = a.find(peer.operator).expect("a peer");
    assert_eq!((stats.queued, stats.dropped, stats.sent), (8, 3, 0));

    let mut b = node(2);
    b.knows(&[&a]);
    a.knows(&[&b]);
    let mut arrived = Vec::new();
    for _ in 0..8 {
        arrived.push(b.receive().await.1[0]);
    }
    arrived.sort_unstable();
    assert_eq!(arrived, [3, 4, 5, 6, 7, 8, 9, 10]);
}

#[tokio::test]
async fn removed_peer_is_cut_and_stays_out() {
    let (mut a, b, mut c) = (node(1), node(2), node(3));
    a.knows(&[&b, &c]);
    b.knows(&[&a]);
    c.knows(&[&a]);
    for node in [&b, &c] {
        node.until(|node| node.of(&a).connected && node.of(&a).accepted).await;
    }
    let failed = a.transport.stats().handshakes_failed;
    a.knows(&[&c]);
    b.until(|b| !b.of(&a).connected && !b.of(&a).accepted).await;
    b.send(&a, "still me");
    a.until(|a| a.transport.stats().handshakes_failed > failed).await;
    assert_eq!((b.of(&a).sent, a.find(b.operator)), (0, None));
    c.send(&a, "others stay");
    assert_eq!(a.receive().await, (c.operator, text("others stay")));
    a.send(&c, "both ways");
    assert_eq!(c.receive().await.1, text("both ways"));

    a.knows(&[&b, &c]);
    assert_eq!(a.receive().await, (b.operator, text("still me")), "a peer that comes back is heard");
}

#[test]
fn message_to_a_peer_that_crashed_arrives_after_its_restart() {
    // Silence would take much longer than the test to show: the restarted node itself says that it knows nothing any more.
    let limits = TransportLimits { idle_timeout: Duration::from_secs(600), ..limits() };
    let crashing = tokio::runtime::Runtime::new().expect("a runtime");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let a = runtime.block_on(async { node_at(1, ANY_PORT, limits) });
    let before = crashing.block_on(async { node_at(2, ANY_PORT, limits) });
    let address = before.address();
    introduce(&a, &before);
    runtime.block_on(a.until(|a| a.of(&before).connected && a.of(&before).accepted));
    crashing.shutdown_timeout(PATIENCE);

    runtime.block_on(async {
        assert!(a.of(&before).connected, "nobody said goodbye");
        a.send(&before, "are you there?");
        drop(before);
        let mut after = node_at(2, address, limits);
        after.knows(&[&a]);
        assert_eq!(after.receive().await, (a.operator, text("are you there?")));
        a.until(|a| a.of(&after).accepted && a.of(&after).connected).await;
    });
}

#[tokio::test]
async fn peer_that_shut_down_is_told_and_dialled_again() {
    let (a, b) = (node(1), node(2));
    introduce(&a, &b);
    a.until(|a| a.of(&b).connected && a.of(&b).accepted).await;
    let (address, peer) = (b.address(), b.as_peer());
    b.transport.shutdown().await;
    a.until(|a| !a.of(&b).connected && !a.of(&b).accepted).await;
    drop(b);
    let mut b = node_again(2, address).await;
    assert_eq!(b.as_peer(), peer);
    b.knows(&[&a]);
    a.send(&b, "again");
    assert_eq!(b.receive().await, (a.operator, text("again")));
}

#[tokio::test]
async fn peer_that_comes_up_late_is_not_kept_waiting() {
    let pause = Duration::from_secs(600);
    let patience = Duration::from_secs(3);
    let patient = TransportLimits { redial_min: pause, redial_max: pause, handshake_timeout: patience, ..limits() };
    let a = node_at(1, ANY_PORT, patient);
    let late = node(2);
    let (peer, address) = (late.as_peer(), late.address());
    soon(late.transport.shutdown()).await;
    drop(late);
    a.transport.set_peers(vec![peer.clone()]);
    a.transport.send(peer.operator, text("welcome")).expect("queued");
    a.until(|a| a.find(peer.operator).is_some_and(|peer| peer.dials_failed == 1)).await;
    let mut b = node_again(2, address).await;
    b.knows(&[&a]);
    assert_eq!(b.receive().await, (a.operator, text("welcome")));
}

#[tokio::test]
async fn newer_connection_replaces_the_older() {
    let (mut a, b) = (node(1), node(2));
    a.knows(&[&b]);
    let (_old_endpoint, old) = raw_connection(2, &a).await;
    a.until(|a| a.of(&b).accepted).await;
    let (_endpoint, new) = raw_connection(2, &a).await;
    let reason = soon(old.closed()).await;
    assert!(
        matches!(reason, quinn::ConnectionError::ApplicationClosed(close) if close.error_code == peers::Close::Replaced.code())
    );
    assert_eq!(send_raw(&new, b"newer").await, None);
    assert_eq!(a.receive().await.1, text("newer"));
    assert!(a.of(&b).accepted);
}

#[tokio::test]
async fn garbage_is_ignored() {
    let (mut a, b) = (node(1), node(2));
    introduce(&a, &b);
    let garbage = tokio::net::UdpSocket::bind(ANY_PORT).await.expect("a port is free");
    for size in 0..1200_usize {
        let packet: Vec<u8> = (0..size).map(|at| (at * 31 + size * 17) as u8).collect();
        garbage.send_to(&packet, a.address()).await.expect("sent");
    }
    b.send(&a, "after the noise");
    assert_eq!(a.receive().await, (b.operator, text("after the noise")));
}

/// The first packet of a handshake with `to` that goes no further.
async fn first_packet(to: &TestNode) -> Vec<u8> {
    let catcher = tokio::net::UdpSocket::bind(ANY_PORT).await.expect("a port is free");
    let endpoint = Endpoint::client(ANY_PORT).expect("a port is free");
    let config = tls::client_config(&key(9), &to.as_peer(), &limits());
    let _connecting = endpoint.connect_with(config, catcher.local_addr().expect("bound"), "x").expect("dialled");
    let mut packet = vec![0; 2048];
    let (size, _) = soon(catcher.recv_from(&mut packet)).await.expect("received");
    packet.truncate(size);
    packet
}

#[tokio::test]
async fn half_open_handshakes_keep_no_peer_out() {
    let (mut a, b) = (node_at(1, ANY_PORT, TransportLimits { handshakes: 8, ..limits() }), node(2));
    let flood = tokio::net::UdpSocket::bind(ANY_PORT).await.expect("a port is free");
    let mut answer = vec![0; 2048];
    let mut retries = 0;
    for _ in 0..20 {
        flood.send_to(&first_packet(&a).await, a.address()).await.expect("sent");
        let (size, _) = soon(flood.recv_from(&mut answer)).await.expect("answered");
        // A Retry is a long header of type 3 and is not padded (RFC 9000, section 17.2.5).
        retries += usize::from(answer[0] & 0xf0 == 0xf0 && size < 200);
    }
    assert!(retries >= 10, "only {retries} were asked to prove their address");
    introduce(&a, &b);
    b.send(&a, "through the flood");
    assert_eq!(a.receive().await, (b.operator, text("through the flood")));
}

#[tokio::test]
async fn shutdown_ends_the_receiver_and_frees_the_port() {
    let (mut a, b) = (node(1), node(2));
    introduce(&a, &b);
    a.until(|a| a.of(&b).connected).await;
    soon(a.transport.shutdown()).await;
    assert!(soon(a.incoming.recv()).await.is_none());
    let address = a.address();
    drop(a);
    node_again(1, address).await;
}
