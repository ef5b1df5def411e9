//! What agreement costs a network of many operators, in messages and bytes, and how that falls when there is more to agree on at once. What an operator says
//! is about results in general and not about one, so that the more there are, the fewer messages each takes; its bytes stay, for 64 of them name a
//! result in each message that is about it.

use crate::crowd::{Crowd, Traffic};
use crate::options::Effort;
use crate::table::{Bar, Row, Table};

/// How many tasks are asked for at the same moment.
const LOADS: [u64; 4] = [1, 10, 100, 1_000];
/// Most of the messages of a single task that a task may still take among a thousand. Batches of 32 alone would allow a 32nd; some are smaller, for
/// results come over some time, and leaders change.
const BAR: f64 = 0.1;

pub(crate) fn measure(table: &mut Table, effort: Effort) {
    for operators in effort.pick(vec![4, 200], vec![4, 16, 64, 200]) {
        let crowd = Crowd::new(operators);
        let measured = LOADS.map(|tasks| (tasks, crowd.agree(tasks)));
        let (_, single) = measured[0];
        for (tasks, traffic) in measured {
            let who = format!("{operators} operators, {tasks} at once: ");
            let beside = (tasks > 1).then_some(single);
            push_costs(table, &who, (traffic, beside));
        }
        let (_, most) = measured[LOADS.len() - 1];
        let what = format!("{operators} operators: messages per task, 1,000 at once against one");
        let tandem = most.messages_per_task() / single.messages_per_task();
        table.push(Row { what, unit: "", tandem, beside: None, bar: Bar::AtMost(BAR) });
    }
}

/// What each task took, beside a single one; and how much that was in a second.
fn push_costs(table: &mut Table, who: &str, (traffic, single): (Traffic, Option<Traffic>)) {
    let mut push = |what: &str, unit, of: fn(&Traffic) -> f64, beside: Option<Traffic>| {
        let (what, beside) = (format!("{who}{what}"), beside.as_ref().map(of));
        table.push(Row { what, unit, tandem: of(&traffic), beside, bar: Bar::None });
    };
    push("messages per task", "", Traffic::messages_per_task, single);
    push("  of the busiest operator", "", Traffic::busiest_per_task, single);
    push("bytes per task", "KiB", Traffic::kib_per_task, single);
    push("messages per second", "/s", Traffic::messages_per_second, None);
    push("bytes per second", "KiB/s", Traffic::kib_per_second, None);
}
