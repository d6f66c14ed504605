//! Attaches a forwarding core to the virtual network.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use galene_sfu::{Command, Counters, EgressKind, Event, Sfu, SfuConfig};
use galene_testkit::{Datagram, Node, WireChecker};

/// A forwarding core, all of whose SRTP is checked as it leaves.
#[derive(Debug)]
pub struct SfuNode {
    sfu: Sfu,
    outgoing: VecDeque<Datagram>,
    wire: WireChecker,
}

/// Datagrams are taken from the core as a kernel with segmentation offload would take them.
const MAX_SEGMENTS: usize = 16;

impl SfuNode {
    /// Returns a core that is reached at `address`.
    pub fn new(address: SocketAddr, seed: u64, now: Instant) -> Self {
        Self::with_egress(EgressKind::default(), address, seed, now)
    }

    /// Returns a core that sends in this way.
    pub fn with_egress(egress: EgressKind, address: SocketAddr, seed: u64, now: Instant) -> Self {
        let mut config = SfuConfig::new(vec![address], seed);
        config.egress = egress;
        let sfu = Sfu::new(config, now);
        Self { sfu, outgoing: VecDeque::new(), wire: WireChecker::default() }
    }

    /// Gives the core a command.
    pub fn handle_command(&mut self, now: Instant, command: Command) {
        self.sfu.handle_command(command, now);
    }

    /// Returns what the core reports next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.sfu.poll_event()
    }

    /// Returns what the core has counted.
    pub fn counters(&self) -> Counters {
        self.sfu.counters()
    }

    /// Returns how many transports the core has.
    pub fn transport_count(&self) -> usize {
        self.sfu.transport_count()
    }
}

impl Node for SfuNode {
    fn handle_datagram(&mut self, now: Instant, datagram: &Datagram) {
        let Datagram { source, destination, contents } = datagram;
        self.sfu.handle_datagram(now, *source, *destination, contents);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.sfu.handle_timeout(now);
    }

    fn poll_transmit(&mut self) -> Option<Datagram> {
        while let Some(transmit) = self.sfu.poll_transmit(MAX_SEGMENTS) {
            let (source, destination) = (transmit.source, transmit.destination);
            let size = transmit.segment_size.unwrap_or(transmit.contents.len()).max(1);
            for contents in transmit.contents.chunks(size) {
                let datagram = Datagram { source, destination, contents: contents.into() };
                self.wire.check(&datagram).unwrap_or_else(|error| panic!("{error}"));
                self.outgoing.push_back(datagram);
            }
        }
        self.outgoing.pop_front()
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.sfu.poll_timeout()
    }
}
