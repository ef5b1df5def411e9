//! Lets an execution compute in turn with the others of its service. It refuses to stop one that has begun to compute before it pauses by itself; the
//! engine makes that happen every fraction of a millisecond.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker, ready};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::PollSemaphore;

/// Runs `work` as its service's `turns` allow, or at once without any. Who pauses in the middle of a computation stays runnable and keeps the turn until it is polled again, and
/// then goes behind those who wait for one; who waits for something else gives it back.
pub(crate) async fn in_turn<T>(turns: Option<Arc<Semaphore>>, work: impl Future<Output = T>) -> T {
    let Some(turns) = turns else { return work.await };
    let mut turns = PollSemaphore::new(turns);
    let mut turn: Option<OwnedSemaphorePermit> = None;
    let mut waker: Option<Arc<Watched>> = None;
    let mut work = pin!(work);
    poll_fn(|cx| {
        drop(turn.take());
        let this_turn = ready!(turns.poll_acquire(cx));
        let watched = watch(&mut waker, cx);
        let outcome = work.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::clone(watched))));
        if outcome.is_pending() && watched.woken.load(Ordering::Acquire) {
            turn = this_turn;
        }
        outcome
    })
    .await
}

/// A waker that tells whether it was used.
struct Watched {
    inner: Waker,
    woken: AtomicBool,
}

impl Wake for Watched {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.inner.wake_by_ref();
    }
}

/// The waker of the poll before, where that would wake the same task.
fn watch<'a>(waker: &'a mut Option<Arc<Watched>>, cx: &Context<'_>) -> &'a Arc<Watched> {
    let fits = waker.take().filter(|watched| watched.inner.will_wake(cx.waker()));
    let watched = waker
        .insert(fits.unwrap_or_else(|| Arc::new(Watched { inner: cx.waker().clone(), woken: AtomicBool::new(false) })));
    watched.woken.store(false, Ordering::Release);
    watched
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::task::Poll;

    use super::*;

    /// Pauses twice, and writes down each of its steps.
    async fn compute(name: char, steps: &Mutex<String>) {
        for _ in 0..3 {
            steps.lock().expect("no step panics").push(name);
            let mut paused = false;
            poll_fn(|cx| {
                if std::mem::replace(&mut paused, true) {
                    return Poll::Ready(());
                }
                cx.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
        }
    }

    #[tokio::test]
    async fn executions_of_a_service_compute_in_turn() {
        let (turns, steps) = (Arc::new(Semaphore::new(1)), Mutex::default());
        tokio::join!(
            in_turn(Some(Arc::clone(&turns)), compute('a', &steps)),
            in_turn(Some(Arc::clone(&turns)), compute('b', &steps)),
            in_turn(Some(turns), compute('c', &steps)),
        );
        assert_eq!(*steps.lock().expect("no step panics"), "abcabcabc");
    }

    #[tokio::test]
    async fn who_waits_for_something_else_holds_up_nobody() {
        let turns = Arc::new(Semaphore::new(1));
        let (done, wait) = tokio::sync::oneshot::channel();
        let waiting = in_turn(Some(Arc::clone(&turns)), wait);
        let other = in_turn(Some(turns), async { done.send("done") });
        let (answer, sent) = tokio::join!(waiting, other);
        assert_eq!((answer, sent), (Ok("done"), Ok(())));
    }

    #[tokio::test]
    async fn turn_ends_with_the_execution() {
        let turns = Arc::new(Semaphore::new(1));
        let forever = in_turn(
            Some(Arc::clone(&turns)),
            poll_fn(|cx| -> Poll<()> {
                cx.waker().wake_by_ref();
                Poll::Pending
            }),
        );
        let mut forever = Box::pin(forever);
        assert!(poll_fn(|cx| Poll::Ready(forever.as_mut().poll(cx).is_pending())).await);
        assert_eq!(turns.available_permits(), 0);
        drop(forever);
        assert_eq!(turns.available_permits(), 1);
    }
}
