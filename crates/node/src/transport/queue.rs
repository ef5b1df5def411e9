//! The messages that wait for one peer. Never more than its bound: when it is full, the oldest goes.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

pub(super) struct SendQueue {
    waiting: Mutex<VecDeque<Bytes>>,
    messages_max: usize,
    ready: Notify,
}

impl SendQueue {
    /// A queue of at least one place.
    pub(super) fn new(messages_max: usize) -> Self {
        Self { waiting: Mutex::default(), messages_max: messages_max.max(1), ready: Notify::new() }
    }

    /// Adds the newest message; says whether the oldest was dropped for it.
    pub(super) fn push(&self, message: Bytes) -> bool {
        let mut waiting = self.lock();
        let full = waiting.len() >= self.messages_max;
        if full {
            waiting.pop_front();
        }
        waiting.push_back(message);
        self.ready.notify_one();
        full
    }

    /// Gives back a message that was taken and not delivered; says whether it was dropped, as the oldest, for want of room.
    pub(super) fn give_back(&self, message: Bytes) -> bool {
        let mut waiting = self.lock();
        let full = waiting.len() >= self.messages_max;
        if !full {
            waiting.push_front(message);
            self.ready.notify_one();
        }
        full
    }

    /// The oldest message, as soon as there is one. Nothing is lost when the future is dropped.
    pub(super) async fn pop(&self) -> Bytes {
        loop {
            let oldest = self.lock().pop_front();
            match oldest {
                Some(message) => return message,
                None => self.ready.notified().await,
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Bytes>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(byte: u8) -> Bytes {
        Bytes::from(vec![byte])
    }

    #[tokio::test]
    async fn full_queue_drops_its_oldest() {
        let queue = SendQueue::new(2);
        assert_eq!([1, 2, 3].map(|byte| queue.push(message(byte))), [false, false, true]);
        assert_eq!([queue.pop().await, queue.pop().await], [message(2), message(3)]);
        assert_eq!(queue.len(), 0);
    }

    #[tokio::test]
    async fn message_given_back_is_the_next() {
        let queue = SendQueue::new(2);
        queue.push(message(1));
        queue.push(message(2));
        let first = queue.pop().await;
        assert!(!queue.give_back(first));
        assert_eq!(queue.pop().await, message(1));
    }

    #[test]
    fn message_given_back_to_a_full_queue_is_dropped() {
        let queue = SendQueue::new(1);
        queue.push(message(2));
        assert!(queue.give_back(message(1)));
        assert_eq!(queue.len(), 1);
    }
}
