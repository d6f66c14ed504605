//! What waits to be sent to one client.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// How many bytes may wait for longer than a moment: minutes of signalling for a member of a large
/// group.
pub(crate) const LONG_QUEUE_BYTES: usize = 1 << 20;
/// For how long more may wait. Whoever joins a large group is told of every member at once, and takes
/// that in within seconds even on a slow line.
const MAX_LONG: Duration = Duration::from_secs(10);
/// How many bytes may wait at all: an introduction to a thousand members with 8 KiB of data each, or
/// to a hundred with as much as they may have.
pub(crate) const MAX_QUEUED_BYTES: usize = 8 << 20;
/// What a message costs besides its text: its place in the queue.
const MESSAGE_COST: usize = 64;

/// How many places the queue keeps when it is empty. Most clients are told little at a time, and whoever joined
/// a large group has no use later for the room that its introduction took.
const KEPT_PLACES: usize = 16;

/// The end of the queue where messages are put in. Never blocks.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: Sender,
    /// Since when the queue is long.
    long_since: Option<Instant>,
    /// Somebody is going to call [`flush`](Self::flush).
    pub(crate) is_listed: bool,
    cut: oneshot::Sender<()>,
}

/// The end of the queue that the connection takes messages from.
#[derive(Debug)]
pub(crate) struct OutboxReader {
    queue: Arc<Queue>,
}

/// Says when it is dropped that there is nothing to come.
#[derive(Debug)]
struct Sender(Arc<Queue>);

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    /// There is something to take, or will be nothing any more.
    news: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    messages: VecDeque<Outgoing>,
    bytes: usize,
    /// Nobody puts anything in any more.
    has_ended: bool,
    /// Nobody takes anything out any more.
    is_gone: bool,
}

/// Resolves when the client has to be cut off without another word.
pub(crate) type Cut = oneshot::Receiver<()>;

/// Something to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outgoing {
    /// A message, shared by all who get it.
    Text(Utf8Bytes),
    /// The end of the connection.
    Close(Close),
}

/// What a close frame says (RFC 6455 §7.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Close {
    pub(crate) code: u16,
    /// At most 123 bytes.
    pub(crate) reason: String,
}

/// Why a client gets nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsent {
    /// It takes messages too slowly.
    Slow,
    /// Its connection has ended.
    Gone,
}

impl Outbox {
    pub(crate) fn new() -> (Outbox, OutboxReader, Cut) {
        let queue = Arc::new(Queue::default());
        let (cut, is_cut) = oneshot::channel();
        let queue_in = Sender(Arc::clone(&queue));
        let outbox = Outbox { queue: queue_in, long_since: None, is_listed: false, cut };
        (outbox, OutboxReader { queue }, is_cut)
    }

    /// Puts a message into the queue. One message always fits, however long, if nothing waits.
    pub(crate) fn send(&mut self, text: Utf8Bytes, now: Instant) -> Result<(), Unsent> {
        self.send_later(text, now)?;
        self.flush();
        Ok(())
    }

    /// Puts in a message that need not leave before the next one that does, or before
    /// [`flush`](Self::flush): the client is then written to once.
    pub(crate) fn send_later(&mut self, text: Utf8Bytes, now: Instant) -> Result<(), Unsent> {
        let mut waiting = self.queue.0.lock();
        if waiting.is_gone {
            return Err(Unsent::Gone);
        }
        if waiting.bytes > LONG_QUEUE_BYTES {
            let since = *self.long_since.get_or_insert(now);
            if waiting.bytes > MAX_QUEUED_BYTES || now.saturating_duration_since(since) >= MAX_LONG
            {
                return Err(Unsent::Slow);
            }
        } else {
            self.long_since = None;
        }
        waiting.bytes += cost(&text);
        waiting.messages.push_back(Outgoing::Text(text));
        Ok(())
    }

    /// Lets leave what is in the queue.
    pub(crate) fn flush(&mut self) {
        self.queue.0.news.notify_one();
    }

    /// Ends the connection after what is in the queue.
    pub(crate) fn close(self, close: Close) {
        self.queue.0.lock().messages.push_back(Outgoing::Close(close));
    }

    /// Ends the connection at once.
    pub(crate) fn cut(self) {
        // If the connection is gone already there is nothing to end.
        let _gone: Result<(), ()> = self.cut.send(());
    }
}

impl OutboxReader {
    /// Returns the next thing to send, or `None` if there will be none.
    pub(crate) async fn next(&mut self) -> Option<Outgoing> {
        loop {
            {
                let mut waiting = self.queue.lock();
                let next = waiting.take();
                if next.is_some() || waiting.has_ended {
                    return next;
                }
            }
            self.queue.news.notified().await;
        }
    }

    /// Returns the next thing to send if there is one.
    pub(crate) fn try_next(&mut self) -> Option<Outgoing> {
        self.queue.lock().take()
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // What is done under the lock leaves it sound at any point.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn take(&mut self) -> Option<Outgoing> {
        let next = self.messages.pop_front();
        if let Some(Outgoing::Text(text)) = &next {
            self.bytes -= cost(text);
        }
        if self.messages.is_empty() && self.messages.capacity() > KEPT_PLACES {
            self.messages = VecDeque::new();
        }
        next
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.lock().has_ended = true;
        self.0.news.notify_one();
    }
}

impl Drop for OutboxReader {
    fn drop(&mut self) {
        let mut waiting = self.queue.lock();
        waiting.is_gone = true;
        waiting.messages = VecDeque::new();
    }
}

/// What a message counts for while it waits.
fn cost(text: &Utf8Bytes) -> usize {
    text.len() + MESSAGE_COST
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: usize) -> Utf8Bytes {
        "x".repeat(bytes).into()
    }

    #[test]
    fn order_is_kept_up_to_the_close() {
        let (mut outbox, mut reader, _cut) = Outbox::new();
        let now = Instant::now();
        outbox.send("a".into(), now).expect("there is room");
        outbox.send("b".into(), now).expect("there is room");
        outbox.close(Close { code: 1000, reason: "bye".to_owned() });
        assert_eq!(reader.try_next(), Some(Outgoing::Text("a".into())));
        assert_eq!(reader.try_next(), Some(Outgoing::Text("b".into())));
        let close = Close { code: 1000, reason: "bye".to_owned() };
        assert_eq!(reader.try_next(), Some(Outgoing::Close(close)));
        assert_eq!(reader.try_next(), None);
    }

    #[test]
    fn a_full_queue_takes_nothing_till_it_is_shorter() {
        let (mut outbox, mut reader, _cut) = Outbox::new();
        let now = Instant::now();
        outbox.send(text(MAX_QUEUED_BYTES), now).expect("nothing waits");
        assert_eq!(outbox.send("y".into(), now), Err(Unsent::Slow));
        assert!(reader.try_next().is_some());
        assert_eq!(outbox.send("y".into(), now), Ok(()));
    }

    #[test]
    fn a_queue_may_be_long_for_a_moment() {
        let (mut outbox, mut reader, _cut) = Outbox::new();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        outbox.send(text(LONG_QUEUE_BYTES), at(0)).expect("nothing waits");
        assert_eq!(outbox.send("y".into(), at(0)), Ok(()));
        assert_eq!(outbox.send("y".into(), at(9)), Ok(()));
        assert_eq!(outbox.send("y".into(), at(10)), Err(Unsent::Slow));
        assert!(reader.try_next().is_some());
        assert_eq!(outbox.send(text(LONG_QUEUE_BYTES), at(11)), Ok(()));
        assert_eq!(outbox.send("y".into(), at(20)), Ok(()), "it was short in between");
    }

    #[test]
    fn a_client_that_is_gone_takes_nothing() {
        let (mut outbox, reader, _cut) = Outbox::new();
        drop(reader);
        assert_eq!(outbox.send("a".into(), Instant::now()), Err(Unsent::Gone));
    }

    #[tokio::test]
    async fn whoever_waits_hears_of_a_message_and_of_the_end() {
        let (mut outbox, mut reader, _cut) = Outbox::new();
        let waiting = tokio::spawn(async move { (reader.next().await, reader.next().await) });
        tokio::task::yield_now().await;
        outbox.send("a".into(), Instant::now()).expect("there is room");
        tokio::task::yield_now().await;
        drop(outbox);
        let heard = waiting.await.expect("no panic");
        assert_eq!(heard, (Some(Outgoing::Text("a".into())), None));
    }

    #[test]
    fn an_empty_queue_is_small_however_long_it_was() {
        let (mut outbox, mut reader, _cut) = Outbox::new();
        for _ in 0..1_000 {
            outbox.send("x".into(), Instant::now()).expect("there is room");
        }
        while reader.try_next().is_some() {}
        let waiting = reader.queue.lock();
        assert!(waiting.messages.capacity() <= KEPT_PLACES && waiting.bytes == 0);
    }

    #[tokio::test]
    async fn nobody_is_woken_for_what_may_wait_and_it_leaves_in_its_turn() {
        let (mut outbox, mut reader, _cut) = Outbox::new();
        let now = Instant::now();
        let sent = |text: &'static str| Some(Outgoing::Text(text.into()));
        let waiting = tokio::spawn(async move { (reader.next().await, reader) });
        tokio::task::yield_now().await;
        outbox.send_later("news".into(), now).expect("there is room");
        outbox.send_later("more news".into(), now).expect("there is room");
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        outbox.send("chat".into(), now).expect("there is room");
        let (first, mut reader) = waiting.await.expect("no panic");
        assert_eq!(first, sent("news"));
        assert_eq!(reader.try_next(), sent("more news"));
        assert_eq!(reader.try_next(), sent("chat"));

        let waiting = tokio::spawn(async move { (reader.next().await, reader) });
        tokio::task::yield_now().await;
        outbox.send_later("late news".into(), now).expect("there is room");
        outbox.flush();
        let (late, mut reader) = waiting.await.expect("no panic");
        assert_eq!(late, sent("late news"));

        outbox.send_later("last news".into(), now).expect("there is room");
        outbox.close(Close { code: 1000, reason: String::new() });
        assert_eq!(reader.next().await, sent("last news"), "it comes before the end");
        assert!(matches!(reader.next().await, Some(Outgoing::Close(_))));
    }

    #[test]
    fn only_a_cut_is_a_cut() {
        let (outbox, _reader, mut cut) = Outbox::new();
        outbox.cut();
        assert_eq!(cut.try_recv(), Ok(()));
        let (outbox, _reader, mut cut) = Outbox::new();
        outbox.close(Close { code: 1000, reason: String::new() });
        assert!(cut.try_recv().is_err());
    }
}
