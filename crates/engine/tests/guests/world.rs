//! What is let in: components of the world `tandem:service/service`, and they see nothing of the host.

use tandem_engine::{Grants, LoadError};

use crate::{bytes, engine, hostile, output, run};

fn refused(bytes: &[u8]) -> LoadError {
    engine().load(bytes, Grants::default()).expect_err("this must not load")
}

#[test]
fn garbage_is_refused() {
    for bytes in [&b""[..], b"\0asm", b"hello", b"\0asm\x0d\0\x01\0\xff\xff"] {
        assert!(matches!(refused(bytes), LoadError::Invalid { .. }), "{bytes:?}");
    }
}

/// Python's standard library imports sockets. A component that imports them runs, and gets none.
#[tokio::test]
async fn every_socket_is_refused() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.set_nonblocking(true).expect("a socket can be set up");
    let address = listener.local_addr().expect("the listener is bound");
    let hosts = [address.to_string().parse().expect("an address is a host")].into();
    // Not even to a host that HTTP may go to.
    let grants = Grants { http_hosts: hosts, ..Grants::default() };
    let component = engine().load(&bytes("sockets"), grants).expect("the fixture is a service");
    for input in [format!("connect {address}"), format!("send {address}"), "listen 127.0.0.1:0".to_owned()] {
        let error = run(&component, &input).await.expect_err("no socket is given");
        assert_eq!(error.to_string(), "PermissionDenied", "{input}");
    }
    assert!(run(&component, "look-up localhost").await.is_err());
    assert!(listener.accept().is_err(), "nobody has connected");
}

#[test]
fn same_bytes_are_compiled_once() {
    let held = hostile(Grants::default());
    let started = std::time::Instant::now();
    let again = engine().load(&bytes("hostile"), Grants::default()).expect("the fixture is a service");
    assert_eq!(again.digest(), held.digest());
    assert!(started.elapsed() < std::time::Duration::from_millis(50), "{:?}", started.elapsed());
}

#[tokio::test]
async fn host_is_invisible() {
    assert_eq!(output(&hostile(Grants::default()), "environment").await, "0 0 false");
}

#[tokio::test]
async fn config_is_what_was_granted() {
    let grants = Grants { config: [("color".to_owned(), "blue".to_owned())].into(), ..Grants::default() };
    let component = hostile(grants);
    assert_eq!(output(&component, "config color").await, "blue");
    assert_eq!(output(&component, "config shape").await, "");
}
