//! One task at a time on an idle network: from the block that asks for it to the block that has its result. Both are seen by the same watcher, which looks every few
//! milliseconds, so that its own delay cancels.

use std::time::{Duration, Instant};

use tandem_chain::Cursor;
use tandem_cli::local::Network;

use crate::operators::{Said, ask, options, said, start};
use crate::options::Effort;
use crate::table::{Bar, Row, Table, quantile};

/// Time between two looks of the watcher.
const LOOK: Duration = Duration::from_millis(3);

pub(crate) fn measure(table: &mut Table, effort: Effort) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("the system has threads");
    let mut times = runtime.block_on(async {
        let directory = tempfile::tempdir().expect("there is room for a directory");
        let network = start(&options(directory.path())).await;
        let (mut times, mut cursor) = (Vec::new(), None);
        // The first ones warm up.
        for round in 0..effort.pick(20, 200) + 5 {
            let time = one(&network, &mut cursor).await;
            if round >= 5 {
                times.push(time);
            }
        }
        times
    });
    let mut push = |what: &str, share: f64, bar| {
        let tandem = quantile(&mut times, share);
        table.push(Row { what: what.to_owned(), unit: "ms", tandem, beside: None, bar });
    };
    push("one task on an idle network, asked to delivered, p50", 0.5, Bar::AtMost(150.0));
    push("  p99", 0.99, Bar::AtMost(400.0));
}

/// Milliseconds of one task.
async fn one(network: &Network, cursor: &mut Option<Cursor>) -> f64 {
    ask(network, 1, 60).await;
    let (mut asked, mut task) = (Instant::now(), None);
    loop {
        for event in said(network, cursor).await {
            match event {
                Said::Asked(id) => (asked, task) = (Instant::now(), Some(id)),
                Said::Delivered(id) if Some(id) == task => return asked.elapsed().as_secs_f64() * 1e3,
                Said::Delivered(_) => {}
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}
