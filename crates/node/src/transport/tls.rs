//! TLS 1.3 with raw public keys (RFC 7250): no names, no certificates, no authorities. A key is right or it is not.

use std::fmt;
use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;

use ::ring::rand::{SecureRandom, SystemRandom};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ConnectionId, ConnectionIdGenerator, EndpointConfig, IdleTimeout, TransportConfig, VarInt};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible, SignatureScheme};

use super::peers::{Directory, Peer};
use super::{MESSAGE_BYTES_MAX, PeerKey, TransportKey, TransportLimits};

const ALPN: &[u8] = b"tandem/1";
const CONNECTION_ID_BYTES: usize = 8;
/// Streams that a peer may have open at once.
pub(super) const STREAMS_MAX: u32 = 64;
/// Bytes in flight on one connection, in either direction.
const WINDOW_BYTES: u32 = 512 * 1024;

static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(ring::default_provider()));

/// Reset tokens that outlive a restart: a node tells its peers that it has forgotten their connections, and they need not find out
/// by silence.
pub(super) fn endpoint_config(key: &TransportKey) -> EndpointConfig {
    let mut config = EndpointConfig::new(Arc::new(key.reset.clone()));
    config.cid_generator(|| Box::new(RandomIds));
    config
}

/// Connection ids without a mark of the process: quinn's own generator would not know those from before a restart, and say nothing.
struct RandomIds;

impl ConnectionIdGenerator for RandomIds {
    fn generate_cid(&mut self) -> ConnectionId {
        let mut id = [0; CONNECTION_ID_BYTES];
        SystemRandom::new().fill(&mut id).expect("the system has randomness");
        ConnectionId::new(&id)
    }

    fn cid_len(&self) -> usize {
        CONNECTION_ID_BYTES
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

/// Accepts the current peers.
pub(super) fn server_config(
    key: &TransportKey,
    peers: &Arc<Directory>,
    limits: &TransportLimits,
) -> quinn::ServerConfig {
    let mut tls = rustls::ServerConfig::builder_with_provider(Arc::clone(&PROVIDER))
        .with_protocol_versions(&[&TLS13])
        .expect("ring has TLS 1.3")
        .with_client_cert_verifier(Arc::new(CurrentPeers(Arc::downgrade(peers))))
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(certified(key))));
    tls.alpn_protocols = vec![ALPN.to_vec()];
    // A resumed session would skip the look at the peer's key.
    tls.session_storage = Arc::new(NoServerSessionStorage {});
    tls.send_tls13_tickets = 0;
    let crypto = QuicServerConfig::try_from(tls).expect("ring has the cipher of QUIC's first packets");
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    config.max_incoming(limits.handshakes).transport_config(Arc::new(transport_config(limits, STREAMS_MAX)));
    config
}

/// Dials one peer, and nobody else.
pub(super) fn client_config(key: &TransportKey, peer: &Peer, limits: &TransportLimits) -> quinn::ClientConfig {
    let mut tls = rustls::ClientConfig::builder_with_provider(Arc::clone(&PROVIDER))
        .with_protocol_versions(&[&TLS13])
        .expect("ring has TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(OnePeer(peer.keys().collect())))
        .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(certified(key))));
    tls.alpn_protocols = vec![ALPN.to_vec()];
    tls.resumption = Resumption::disabled();
    tls.enable_sni = false;
    let crypto = QuicClientConfig::try_from(tls).expect("ring has the cipher of QUIC's first packets");
    let mut config = quinn::ClientConfig::new(Arc::new(crypto));
    let mut transport = transport_config(limits, 0);
    transport.keep_alive_interval(Some(limits.keep_alive));
    config.transport_config(Arc::new(transport));
    config
}

/// `streams`: how many the other end may open.
fn transport_config(limits: &TransportLimits, streams: u32) -> TransportConfig {
    let mut config = TransportConfig::default();
    let idle = IdleTimeout::try_from(limits.idle_timeout).expect("an idle timeout in milliseconds fits 62 bits");
    config
        .max_concurrent_uni_streams(VarInt::from_u32(streams))
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .stream_receive_window(VarInt::from_u32(MESSAGE_BYTES_MAX as u32))
        .receive_window(VarInt::from_u32(WINDOW_BYTES))
        .send_window(u64::from(WINDOW_BYTES))
        .max_idle_timeout(Some(idle));
    config
}

fn certified(key: &TransportKey) -> Arc<CertifiedKey> {
    let spki = CertificateDer::from(key.public().to_spki());
    Arc::new(CertifiedKey::new(vec![spki], Arc::clone(&key.signing)))
}

/// Accepts the keys of one peer as the server's.
#[derive(Debug)]
struct OnePeer(Vec<PeerKey>);

impl ServerCertVerifier for OnePeer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.0.contains(&read_key(end_entity)?) { Ok(ServerCertVerified::assertion()) } else { Err(not_a_peer()) }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(only_tls13())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// Accepts the keys of current peers as clients'. Weak, because connections hold this and the directory holds connections.
struct CurrentPeers(Weak<Directory>);

impl fmt::Debug for CurrentPeers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CurrentPeers")
    }
}

impl ClientCertVerifier for CurrentPeers {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let key = read_key(end_entity)?;
        let known = self.0.upgrade().is_some_and(|peers| peers.knows(key));
        if known { Ok(ClientCertVerified::assertion()) } else { Err(not_a_peer()) }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(only_tls13())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

fn verify_signature(
    message: &[u8],
    cert: &CertificateDer<'_>,
    dss: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let spki = SubjectPublicKeyInfoDer::from(cert.as_ref());
    verify_tls13_signature_with_raw_key(message, &spki, dss, &PROVIDER.signature_verification_algorithms)
}

fn read_key(spki: &CertificateDer<'_>) -> Result<PeerKey, Error> {
    PeerKey::from_spki(spki).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))
}

fn not_a_peer() -> Error {
    Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)
}

fn only_tls13() -> Error {
    Error::PeerIncompatible(PeerIncompatible::Tls13RequiredForQuic)
}

/// The key that the other end of a connection has proved to hold.
pub(super) fn peer_key(connection: &quinn::Connection) -> Option<PeerKey> {
    let chain = connection.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    chain.first().and_then(|spki| PeerKey::from_spki(spki))
}
