//! What shards send each other.

use std::net::SocketAddr;
use std::sync::Arc;

use galene_sfu::{RelayMessage, ShardId};

use crate::mailbox::{Mailbox, Weigh, Weight};

/// Something that one shard sends another.
#[derive(Debug)]
pub(crate) enum Mail {
    /// What the cores have to say to each other.
    Relay(RelayMessage),
    /// A datagram that came to another shard's socket.
    Datagram(Steered),
    /// Whoever is behind this address has proved to be a peer of the sender.
    Proof(SocketAddr),
}

/// A datagram that may be for another shard than the one whose socket it came to.
#[derive(Debug, Clone)]
pub(crate) struct Steered {
    /// Whose socket it came to.
    pub(crate) received_by: ShardId,
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) contents: Arc<[u8]>,
    pub(crate) trust: Trust,
}

/// Why a datagram was handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Its source is known to be a peer of the receiver, or was until a short while ago.
    Proven,
    /// It may be for anybody.
    Stranger,
}

impl Weigh for Mail {
    fn weight(&self) -> Weight {
        match self {
            Mail::Relay(message) => match message.packet_count() {
                0 => Weight::Message,
                count => Weight::Packets(count),
            },
            Mail::Datagram(Steered { trust: Trust::Stranger, .. }) => Weight::Stranger,
            Mail::Datagram(_) => Weight::Packets(1),
            // The peer's next check brings another one.
            Mail::Proof(_) => Weight::Packets(1),
        }
    }
}

/// What a shard has for the others, until the end of its round.
#[derive(Debug)]
pub(crate) struct Outbox {
    own: ShardId,
    /// In the order of the shards' numbers.
    targets: Vec<Target>,
}

#[derive(Debug)]
struct Target {
    mailbox: Arc<Mailbox<Mail>>,
    waiting: Vec<Mail>,
}

/// What became of the mail of a round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Delivered {
    pub(crate) batches: u64,
    pub(crate) dropped_packets: u64,
    pub(crate) dropped_strangers: u64,
}

impl Outbox {
    /// Leads to the mailboxes of all shards, which stand in the order of their numbers.
    pub(crate) fn new(own: ShardId, mailboxes: &[Arc<Mailbox<Mail>>]) -> Outbox {
        let target = |mailbox: &Arc<_>| Target { mailbox: Arc::clone(mailbox), waiting: vec![] };
        Outbox { own, targets: mailboxes.iter().map(target).collect() }
    }

    /// Keeps something for another shard till the end of the round.
    pub(crate) fn put(&mut self, to: ShardId, mail: Mail) {
        match self.targets.get_mut(usize::from(to.0)) {
            Some(target) if to != self.own => target.waiting.push(mail),
            Some(_) | None => tracing::error!(%to, "mail for a shard that does not exist"),
        }
    }

    /// Delivers all, in one batch for each shard.
    pub(crate) fn deliver(&mut self) -> Delivered {
        let mut delivered = Delivered::default();
        for (number, target) in self.targets.iter_mut().enumerate() {
            if target.waiting.is_empty() {
                continue;
            }
            delivered.batches += 1;
            let refused = target.mailbox.post(self.own, &mut target.waiting);
            delivered.dropped_packets += refused.packets;
            delivered.dropped_strangers += refused.strangers;
            if refused.is_broken {
                tracing::error!(
                    shard = number,
                    "a media shard does not answer: what is relayed to it is lost"
                );
            }
        }
        delivered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::collections::VecDeque;

    fn proof(port: u16) -> Mail {
        Mail::Proof(SocketAddr::from(([192, 0, 2, 1], port)))
    }

    #[test]
    fn the_mail_of_a_round_is_one_batch_for_each_shard() {
        let mailboxes = [0, 1, 2].map(|_| Arc::new(Mailbox::new()));
        let mut outbox = Outbox::new(ShardId(1), &mailboxes);
        assert_eq!(outbox.deliver(), Delivered::default());
        for port in 0..10 {
            outbox.put(ShardId(0), proof(port));
            outbox.put(ShardId(2), proof(port));
        }
        // There is no mail to oneself, and none to nobody.
        outbox.put(ShardId(1), proof(0));
        outbox.put(ShardId(3), proof(0));
        assert_eq!(outbox.deliver(), Delivered { batches: 2, ..Delivered::default() });
        assert_eq!(outbox.deliver(), Delivered::default());
        let count = |mailbox: &Arc<Mailbox<Mail>>| {
            let mut mail = VecDeque::new();
            mailbox.take(&mut mail);
            assert!(mail.iter().all(|(from, _)| *from == ShardId(1)));
            mail.len()
        };
        assert_eq!(mailboxes.each_ref().map(count), [10, 0, 10]);
    }

    #[test]
    fn strangers_are_refused_before_those_who_have_proved_themselves() {
        let mailboxes = [0, 1].map(|_| Arc::new(Mailbox::new()));
        let mut outbox = Outbox::new(ShardId(0), &mailboxes);
        let datagram = |trust| {
            let source = SocketAddr::from(([192, 0, 2, 1], 9));
            let (received_by, destination) = (ShardId(0), source);
            let contents = Arc::from(&[0][..]);
            Mail::Datagram(Steered { received_by, source, destination, contents, trust })
        };
        for _ in 0..1_000 {
            outbox.put(ShardId(1), datagram(Trust::Stranger));
            outbox.put(ShardId(1), datagram(Trust::Proven));
        }
        let delivered = outbox.deliver();
        assert!(delivered.dropped_strangers > 700, "{delivered:?}");
        assert_eq!(delivered.dropped_packets, 0);
    }
}
