//! Attaches the shards of a media plane to the virtual network.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use galene_sfu::{
    Command, Counters, EgressKind, Event, Intake, RelayMessage, Sfu, SfuConfig, ShardId,
    TransportId, TransportStatistics,
};
use galene_testkit::{Datagram, Node, WireChecker};

/// Forwarding cores behind one address, all of whose SRTP is checked as it leaves.
#[derive(Debug)]
pub struct SfuNode {
    shards: Vec<Sfu>,
    outgoing: VecDeque<Datagram>,
    wire: WireChecker,
    /// What the shards said to each other and has not arrived yet: from where to where.
    relayed: VecDeque<(ShardId, ShardId, RelayMessage)>,
    /// Of so many messages with packets between shards, one is dropped.
    relay_loss: Option<u32>,
    relay_messages: u32,
    now: Instant,
    /// Whether datagrams have arrived at this instant of which the shards have not been asked what they
    /// lead to: as a socket is drained first.
    is_draining: bool,
    /// How many datagrams and runs of datagrams were sent.
    sent: (u64, u64),
    /// Datagrams that no shard knew what to do with.
    unroutable: u64,
}

/// Datagrams are taken from the core as a kernel with segmentation offload would take them.
const MAX_SEGMENTS: usize = 16;

impl SfuNode {
    /// Returns so many shards that are reached at `address` and send in this way.
    pub fn new(
        address: SocketAddr,
        shards: u16,
        egress: EgressKind,
        seed: u64,
        now: Instant,
    ) -> Self {
        let shard = |number| {
            let mut config = SfuConfig::new(vec![address], seed + u64::from(number));
            config.shard = ShardId(number);
            config.egress = egress;
            Sfu::new(config, now)
        };
        Self {
            shards: (0..shards).map(shard).collect(),
            outgoing: VecDeque::new(),
            wire: WireChecker::default(),
            relayed: VecDeque::new(),
            relay_loss: None,
            relay_messages: 0,
            now,
            is_draining: false,
            sent: (0, 0),
            unroutable: 0,
        }
    }

    /// Returns the shard to which a transport with this number is to go, were they given out in turn.
    pub fn shard_in_turn(&self, number: u64) -> ShardId {
        let shard = number % self.shards.len() as u64;
        ShardId(u16::try_from(shard).expect("there are few shards"))
    }

    /// Drops one of so many messages with packets on the way from shard to shard.
    pub fn set_relay_loss(&mut self, one_of: Option<u32>) {
        self.relay_loss = one_of;
    }

    /// Gives a shard a command.
    pub fn handle_command(&mut self, now: Instant, shard: ShardId, command: Command) {
        self.now = now;
        self.shards[usize::from(shard.0)].handle_command(command, now);
    }

    /// Returns what the shards report next.
    pub fn poll_event(&mut self) -> Option<(ShardId, Event)> {
        let mut shards = (0..).map(ShardId).zip(&mut self.shards);
        shards.find_map(|(shard, sfu)| Some((shard, sfu.poll_event()?)))
    }

    /// Returns what its shard tells of a transport, if it is there.
    pub fn statistics(&self, id: TransportId) -> Option<TransportStatistics> {
        self.shards.iter().find_map(|shard| shard.statistics(&[id]).pop())
    }

    /// Returns what all shards together have counted.
    pub fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        sum.unroutable = self.unroutable;
        sum.received = self.unroutable;
        for counters in self.shards.iter().map(Sfu::counters) {
            sum.received += counters.received - counters.unroutable;
            sum.published += counters.published;
            sum.forwarded += counters.forwarded;
            sum.relayed += counters.relayed;
            sum.faults += counters.faults;
        }
        sum
    }

    /// Returns how many transports the shards have.
    pub fn transport_count(&self) -> usize {
        self.shards.iter().map(Sfu::transport_count).sum()
    }

    /// Returns how many datagrams have been sent, and in how many runs, each of which would be one
    /// system call.
    pub fn sent(&self) -> (u64, u64) {
        self.sent
    }

    fn gather_relayed(&mut self) {
        for (from, sfu) in (0..).map(ShardId).zip(&mut self.shards) {
            while let Some((to, message)) = sfu.poll_relay() {
                if message.packet_count() > 0 {
                    self.relay_messages += 1;
                    if self.relay_loss.is_some_and(|n| self.relay_messages.is_multiple_of(n)) {
                        continue;
                    }
                }
                self.relayed.push_back((from, to, message));
            }
        }
    }
}

impl Node for SfuNode {
    fn handle_datagram(&mut self, now: Instant, datagram: &Datagram) {
        self.now = now;
        self.is_draining = true;
        let Datagram { source, destination, contents } = datagram;
        let mut takes = |sfu: &mut Sfu| {
            sfu.handle_datagram(now, *source, *destination, contents) != Intake::Unknown
        };
        self.unroutable += u64::from(!self.shards.iter_mut().any(&mut takes));
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        self.is_draining = false;
        while let Some((from, to, message)) = self.relayed.pop_front() {
            self.shards[usize::from(to.0)].handle_relay(now, from, message);
        }
        for sfu in &mut self.shards {
            if sfu.poll_timeout().is_some_and(|at| at <= now) {
                sfu.handle_timeout(now);
            }
        }
    }

    fn poll_transmit(&mut self) -> Option<Datagram> {
        if self.is_draining {
            return None;
        }
        for sfu in &mut self.shards {
            while let Some(transmit) = sfu.poll_transmit(MAX_SEGMENTS) {
                let (source, destination) = (transmit.source, transmit.destination);
                let size = transmit.segment_size.unwrap_or(transmit.contents.len()).max(1);
                self.sent.1 += 1;
                for contents in transmit.contents.chunks(size) {
                    let datagram = Datagram { source, destination, contents: contents.into() };
                    self.wire.check(&datagram).unwrap_or_else(|error| panic!("{error}"));
                    self.sent.0 += 1;
                    self.outgoing.push_back(datagram);
                }
            }
        }
        self.gather_relayed();
        self.outgoing.pop_front()
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        if self.is_draining {
            return Some(self.now);
        }
        self.gather_relayed();
        let relayed = (!self.relayed.is_empty()).then_some(self.now);
        self.shards.iter_mut().filter_map(Sfu::poll_timeout).chain(relayed).min()
    }
}
