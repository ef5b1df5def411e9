//! A thousand tasks at once, each of which waits 100 ms for a server.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tandem_engine::{Component, Engine, EngineConfig, Grants, TaskInput};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::guests::{self, Guest};
use crate::memory;
use crate::options::Effort;
use crate::scaling::threads;
use crate::table::{Bar, Row, Table, median};
use crate::time::processors;

const REQUESTS: usize = 1_000;
const WAIT: Duration = Duration::from_millis(100);
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";

pub(crate) fn measure(table: &mut Table, effort: Effort) {
    let (clients, server) = (threads(2), threads(1));
    let address = server.block_on(listen());
    for slots in [EngineConfig::default().concurrent_max, 1024] {
        let component = load(slots, address);
        let (before, begun, rounds) = (memory::in_use(), processors(), effort.pick(3, 11));
        memory::forget_peak();
        let times = (0..rounds).map(|_| clients.block_on(all(&component, address))).collect();
        let computed = (processors() - begun) * 1e3 / f64::from(rounds);
        let peak = memory::peak() - before;
        let row = |what: String, unit, tandem, bar| Row { what, unit, tandem, beside: None, bar };
        let what = format!("1,000 tasks that wait 100 ms for HTTP, in {slots} slots");
        table.push(row(what, "ms", median(times), Bar::AtMost(1000.0)));
        table.push(row("  processor time, with the server's".to_owned(), "ms", computed, Bar::None));
        // A bound of its own for the host's side of a slot: what the component may use beyond it is in its limits.
        table.push(row("  peak of memory above rest".to_owned(), "MiB", peak, Bar::AtMost(f64::from(slots))));
    }
}

fn load(slots: u32, address: SocketAddr) -> Component {
    let grants = Grants { http_hosts: [address.to_string().parse().expect("it is a host")].into(), ..guests::grants() };
    let config = EngineConfig { concurrent_max: slots, ..EngineConfig::default() };
    let engine = Engine::new(config).expect("there is address space");
    engine.load(&Guest::echo().bytes, grants).expect("the component is a service")
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
