//! What waits for a shard from other shards.
//!
//! A queue with a lock, not a channel: what is said to a shard in one round goes in under one lock and
//! with at most one wake-up, it is taken out all at once, and its bounds are in packets and not in
//! messages, each kind of mail having its own. A shard that is overloaded so loses media first, strangers'
//! datagrams even before, and never what other shards rely on.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use galene_sfu::ShardId;

/// How many packets may wait for a shard: 100 ms of 40,000 a second. What is older than that has been
/// asked for again.
const MAX_PACKETS: usize = 4096;
/// How many datagrams of strangers may wait for a shard. They are connectivity checks, which peers repeat;
/// a thousand peers that join in the same second send some twenty in a round.
const MAX_STRANGERS: usize = 256;
/// How many messages without packets may wait for a shard: some 100 bytes each, five seconds of what 10,000
/// relayed tracks cause. A shard that has not looked for so long never will.
const MAX_MESSAGES: usize = 1 << 18;

/// How much room a piece of mail takes, and what happens if there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// It must arrive.
    Message,
    /// It carries so many packets and may be dropped.
    Packets(usize),
    /// It comes from somebody who has proved nothing yet. It is dropped first.
    Stranger,
}

/// Something that a shard can be sent.
pub(crate) trait Weigh {
    fn weight(&self) -> Weight;
}

/// The mail of one shard.
#[derive(Debug)]
pub(crate) struct Mailbox<M>(Mutex<Waiting<M>>);

/// What found no room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) packets: u64,
    pub(crate) strangers: u64,
    /// Messages were lost that must not be, for the first time.
    pub(crate) is_broken: bool,
}

#[derive(Debug)]
struct Waiting<M> {
    mail: VecDeque<(ShardId, M)>,
    packets: usize,
    strangers: usize,
    messages: usize,
    waker: Option<Waker>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Messages were lost.
    Broken,
    /// Nobody will ever look.
    Closed,
}

impl<M: Weigh> Mailbox<M> {
    pub(crate) fn new() -> Mailbox<M> {
        Mailbox(Mutex::new(Waiting {
            mail: VecDeque::new(),
            packets: 0,
            strangers: 0,
            messages: 0,
            waker: None,
            state: State::Open,
        }))
    }

    /// Puts in what one shard has to say, as far as there is room, in order.
    pub(crate) fn post(&self, from: ShardId, mail: &mut Vec<M>) -> Refused {
        let mut refused = Refused::default();
        let mut waiting = self.lock();
        if waiting.state == State::Closed {
            mail.clear();
            return refused;
        }
        for piece in mail.drain(..) {
            waiting.put(from, piece, &mut refused);
        }
        let waker = waiting.waker.take();
        drop(waiting);
        if let Some(waker) = waker {
            waker.wake();
        }
        refused
    }

    /// Takes all out in exchange for `empty`. If there is nothing, the task is woken when there is.
    pub(crate) fn poll_take(
        &self,
        cx: &mut Context<'_>,
        empty: &mut VecDeque<(ShardId, M)>,
    ) -> Poll<()> {
        let mut waiting = self.lock();
        if waiting.take(empty) {
            return Poll::Ready(());
        }
        match &mut waiting.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Takes all out, if there is anything, in exchange for `empty`.
    pub(crate) fn take(&self, empty: &mut VecDeque<(ShardId, M)>) {
        self.lock().take(empty);
    }

    /// Lets everything that is and will be put in vanish.
    pub(crate) fn close(&self) {
        let mut waiting = self.lock();
        waiting.state = State::Closed;
        let mail = std::mem::take(&mut waiting.mail);
        drop(waiting);
        drop(mail);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<M>> {
        // Nothing in this file leaves the queue half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: Weigh> Waiting<M> {
    fn put(&mut self, from: ShardId, piece: M, refused: &mut Refused) {
        match piece.weight() {
            Weight::Message if self.messages >= MAX_MESSAGES => {
                refused.is_broken |= self.state == State::Open;
                self.state = State::Broken;
                return;
            }
            Weight::Message => self.messages += 1,
            Weight::Packets(count) if self.packets >= MAX_PACKETS => {
                refused.packets += count as u64;
                return;
            }
            Weight::Packets(count) => self.packets += count,
            Weight::Stranger if self.strangers >= MAX_STRANGERS => {
                refused.strangers += 1;
                return;
            }
            Weight::Stranger => self.strangers += 1,
        }
        self.mail.push_back((from, piece));
    }

    fn take(&mut self, empty: &mut VecDeque<(ShardId, M)>) -> bool {
        if self.mail.is_empty() {
            return false;
        }
        std::mem::swap(&mut self.mail, empty);
        (self.packets, self.strangers, self.messages) = (0, 0, 0);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    const FROM: ShardId = ShardId(7);

    #[derive(Debug, Clone, PartialEq, Eq)]
    struct Piece(u32, Weight);

    impl Weigh for Piece {
        fn weight(&self) -> Weight {
            self.1
        }
    }

    fn message(number: u32) -> Piece {
        Piece(number, Weight::Message)
    }

    fn packets(number: u32, count: usize) -> Piece {
        Piece(number, Weight::Packets(count))
    }

    fn stranger(number: u32) -> Piece {
        Piece(number, Weight::Stranger)
    }

    fn numbers(mailbox: &Mailbox<Piece>) -> Vec<u32> {
        let mut mail = VecDeque::new();
        mailbox.take(&mut mail);
        mail.into_iter().map(|(_, piece)| piece.0).collect()
    }

    #[test]
    fn when_too_much_waits_packets_are_dropped_and_messages_arrive_in_order() {
        let mailbox = Mailbox::new();
        let mut mail: Vec<_> =
            (0..20).flat_map(|i| [message(2 * i), packets(2 * i + 1, MAX_PACKETS / 10)]).collect();
        let refused = mailbox.post(FROM, &mut mail);
        // The last one to find room may be larger than the room.
        let kept = 11;
        assert_eq!(refused.packets, ((20 - kept) * (MAX_PACKETS / 10)) as u64);
        let (kept, expected) = (kept as u32, 0..40);
        let expected: Vec<_> = expected.filter(|i| i % 2 == 0 || *i < 2 * kept).collect();
        assert_eq!(numbers(&mailbox), expected);

        let refused = mailbox.post(FROM, &mut vec![packets(1, 9), message(2)]);
        assert_eq!(refused, Refused::default(), "there is room again");
        assert_eq!(numbers(&mailbox), [1, 2]);
    }

    #[test]
    fn strangers_take_no_room_from_media() {
        let mailbox = Mailbox::new();
        let mut mail: Vec<_> = (0..10_000).map(stranger).collect();
        mail.push(packets(99_999, 1));
        let refused = mailbox.post(FROM, &mut mail);
        assert_eq!(refused.strangers, 10_000 - MAX_STRANGERS as u64);
        assert_eq!(refused.packets, 0);
        assert_eq!(numbers(&mailbox).len(), MAX_STRANGERS + 1);
    }

    #[test]
    fn a_shard_that_never_looks_is_reported_once() {
        let mailbox = Mailbox::new();
        let mut mail: Vec<_> = (0..MAX_MESSAGES as u32).map(message).collect();
        assert!(!mailbox.post(FROM, &mut mail).is_broken);
        assert!(mailbox.post(FROM, &mut vec![message(0)]).is_broken);
        assert!(!mailbox.post(FROM, &mut vec![message(0)]).is_broken);
        assert_eq!(numbers(&mailbox).len(), MAX_MESSAGES);
    }

    #[test]
    fn what_is_put_in_a_closed_box_vanishes() {
        let mailbox = Mailbox::new();
        mailbox.post(FROM, &mut vec![message(1)]);
        mailbox.close();
        let mut mail = vec![message(2), packets(3, 1)];
        assert_eq!(mailbox.post(FROM, &mut mail), Refused::default());
        assert!(mail.is_empty() && numbers(&mailbox).is_empty());
    }

    #[test]
    fn a_shard_that_waits_is_woken_once_per_batch_and_only_if_it_waits() {
        struct Count(AtomicUsize);
        impl Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&count));
        let mut cx = Context::from_waker(&waker);
        let woken = || count.0.load(Ordering::Relaxed);

        let mailbox = Mailbox::new();
        let mut mail = VecDeque::new();
        mailbox.post(FROM, &mut vec![message(1)]);
        assert!(mailbox.poll_take(&mut cx, &mut mail).is_ready());
        assert_eq!((mail.pop_front(), woken()), (Some((FROM, message(1))), 0));
        assert!(mailbox.poll_take(&mut cx, &mut mail).is_pending());
        mailbox.post(FROM, &mut vec![message(2), message(3)]);
        mailbox.post(FROM, &mut vec![message(4)]);
        assert_eq!(woken(), 1);
        assert!(mailbox.poll_take(&mut cx, &mut mail).is_ready());
        assert_eq!(mail.len(), 3);
    }
}
