//! A thousand tasks at once, each of which waits 100 ms for a server.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tandem_engine::{Component, Grants, TaskInput};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::execution::threads;
use crate::guests::{self, Guest};
use crate::many::{resident_mib, status_mib};
use crate::table::{Bar, Row, Table, median, processors};

const REQUESTS: usize = 1_000;
const ROUNDS: u32 = 5;
const WAIT: Duration = Duration::from_millis(100);
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";

pub(crate) fn measure(table: &mut Table) {
    let (clients, server) = (threads(2), threads(1));
    let address = server.block_on(listen());
    let grants = Grants { http_hosts: [address.to_string().parse().expect("it is a host")].into(), ..guests::grants() };
    let component = guests::engine().load(&Guest::echo().bytes, grants).expect("the component is a service");
    let before = resident_mib();
    forget_peak();
    let begun = processors();
    let times = (0..ROUNDS).map(|_| clients.block_on(all(&component, address))).collect();
    let computed = (processors() - begun) * 1e3 / f64::from(ROUNDS);
    let peak = status_mib("VmHWM:") - before;
    let row = |what, unit, tandem, bar| Row { what, unit, tandem, beside: None, bar };
    table.push(row("1,000 tasks that wait 100 ms for HTTP", "ms", median(times), Bar::AtMost(1000.0)));
    table.push(row("  processor time of it, with the server's", "ms", computed, Bar::None));
    table.push(row("  peak of memory above rest", "MiB", peak, Bar::None));
}

/// Milliseconds until all tasks have their answer.
async fn all(component: &Component, address: SocketAddr) -> f64 {
    let started = Instant::now();
    let tasks: Vec<_> = (0..REQUESTS)
        .map(|at| {
            let (component, task) = (component.clone(), TaskInput::manual(format!("get http://{address}/{at}").into()));
            tokio::spawn(async move { component.run(task).await })
        })
        .collect();
    for task in tasks {
        let execution = task.await.expect("nothing panics").expect("the server answers");
        assert_eq!(execution.output, b"ok");
    }
    started.elapsed().as_secs_f64() * 1e3
}

async fn listen() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
    let address = listener.local_addr().expect("it has a port");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    address
}

/// The request fits one segment: how much of it came does not matter.
async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut request = [0; 1024];
    let _ = stream.read(&mut request).await?;
    tokio::time::sleep(WAIT).await;
    stream.write_all(ANSWER).await
}

/// Lets the system measure the peak of memory from here on.
fn forget_peak() {
    if let Err(error) = std::fs::write("/proc/self/clear_refs", "5") {
        eprintln!("the peak is that of the whole run: {error}");
    }
}
