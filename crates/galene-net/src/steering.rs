//! Finds the shard that a datagram is for, where several shards share a port.
//!
//! The kernel spreads peers over the sockets of the port by their addresses, and knows nothing of
//! transports. So a datagram may come to a shard whose core does not know it. It goes on to the shard
//! that has proved to have the transport; if none has, a connectivity check goes to all of them, and
//! anything else nowhere. The shard whose core finds a check valid says so to the shard whose socket the
//! check came to, and from then on gets what comes from that address. Sending needs nothing of this, for
//! all sockets have the same port.
//!
//! The table of owners is part of the security boundary, as the core's own table of addresses is: an entry
//! comes from a proof alone, which is a check with valid message integrity (RFC 8445 §7.3), never from what
//! a stranger sends. The newest proof counts. An address that a core knows itself is never steered away
//! from it, since the core is asked first. And whatever is steered somewhere in error is judged there by
//! the core as if it had come to its own socket.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use galene_sfu::ShardId;

/// After this time without another proof an entry may go, and after twice that it is gone. A peer proves
/// itself every five seconds, and after 30 it has lost the consent to be sent anything (RFC 7675 §5.1).
const LIFETIME: Duration = Duration::from_secs(30);
/// How many addresses are remembered before the older ones have to go: some 100 bytes each. A shard serves
/// some thousands of peers, and those of all others are spread evenly.
const MAX_OWNERS: usize = 1 << 16;
/// How many strangers' checks are handed on in a round. In a flood of them a round has 256 datagrams or
/// more, so that each other shard gets a quarter at most of what the one that it hits has to look at.
const MAX_STRANGERS: usize = 64;

/// What one shard knows about the peers of the others behind its port.
#[derive(Debug)]
pub(crate) struct Steering {
    /// The other shards behind the port.
    others: Vec<ShardId>,
    recent: HashMap<SocketAddr, ShardId>,
    older: HashMap<SocketAddr, ShardId>,
    /// When `recent` was begun.
    since: Instant,
    strangers_left: usize,
}

/// Where a datagram is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// To the shard that has proved to know its source.
    Owner(ShardId),
    /// To all other shards: any of them may know it.
    Others,
    /// It is a check for some shard, but there are too many of them.
    Crowded,
    /// Nowhere: only who has proved itself may send that.
    Nowhere,
}

impl Steering {
    pub(crate) fn new(others: Vec<ShardId>, now: Instant) -> Steering {
        Steering {
            others,
            recent: HashMap::new(),
            older: HashMap::new(),
            since: now,
            strangers_left: MAX_STRANGERS,
        }
    }

    /// Starts another round of the worker.
    pub(crate) fn start_round(&mut self, now: Instant) {
        self.strangers_left = MAX_STRANGERS;
        let age = now.saturating_duration_since(self.since);
        if age >= LIFETIME {
            self.older = std::mem::take(&mut self.recent);
            self.since = now;
            if age >= 2 * LIFETIME {
                self.older.clear();
            }
        }
    }

    /// A shard has proved that a peer of its is behind this address.
    pub(crate) fn handle_proof(&mut self, address: SocketAddr, owner: ShardId, now: Instant) {
        if !self.others.contains(&owner) {
            return;
        }
        if self.recent.len() >= MAX_OWNERS && !self.recent.contains_key(&address) {
            self.older = std::mem::take(&mut self.recent);
            self.since = now;
        }
        self.recent.insert(address, owner);
    }

    /// The shard itself has a peer behind this address.
    pub(crate) fn handle_own_proof(&mut self, address: SocketAddr) {
        self.recent.remove(&address);
        self.older.remove(&address);
    }

    /// Says where to send what came to the shard's own socket and is unknown to its core.
    pub(crate) fn direct(&mut self, source: SocketAddr, contents: &[u8]) -> Direction {
        if let Some(owner) = self.recent.get(&source).or_else(|| self.older.get(&source)) {
            return Direction::Owner(*owner);
        }
        self.spread(contents)
    }

    /// Says where to send what was handed to the shard as to the owner of its source, and is unknown to its
    /// core: behind the address there may be somebody new, who is a stranger.
    pub(crate) fn spread(&mut self, contents: &[u8]) -> Direction {
        if !is_check(contents) {
            return Direction::Nowhere;
        }
        if self.strangers_left == 0 {
            return Direction::Crowded;
        }
        self.strangers_left -= 1;
        Direction::Others
    }

    /// The other shards behind the port.
    pub(crate) fn others(&self) -> &[ShardId] {
        &self.others
    }
}

/// Returns whether a datagram is a connectivity check or the response to one, as far as its header can
/// tell (RFC 8489 §5).
fn is_check(contents: &[u8]) -> bool {
    const HEADER: usize = 20;
    const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
    let Some(&[kind_high, kind_low, length_high, length_low, c0, c1, c2, c3]) =
        contents.first_chunk()
    else {
        return false;
    };
    let length = usize::from(u16::from_be_bytes([length_high, length_low]));
    matches!((kind_high, kind_low), (0x00, 0x01) | (0x01, 0x01 | 0x11))
        && [c0, c1, c2, c3] == MAGIC_COOKIE
        && contents.len() == HEADER + length
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHERS: [ShardId; 2] = [ShardId(1), ShardId(2)];
    const MEDIA: [u8; 2] = [0x80, 96];
    const HANDSHAKE: [u8; 3] = [22, 254, 253];

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn steering() -> (Steering, Instant) {
        let t0 = galene_testkit::epoch();
        (Steering::new(OTHERS.to_vec(), t0), t0)
    }

    fn check() -> Vec<u8> {
        let mut message = vec![0x00, 0x01, 0, 4, 0x21, 0x12, 0xa4, 0x42];
        message.resize(24, 9);
        message
    }

    #[test]
    fn a_stranger_reaches_others_by_checks_alone() {
        let (mut steering, _) = steering();
        assert_eq!(steering.direct(address(1), &check()), Direction::Others);
        for other in [&MEDIA[..], &HANDSHAKE, &[], &[0x00, 0x01], &check()[..23]] {
            assert_eq!(steering.direct(address(1), other), Direction::Nowhere, "{other:?}");
        }
        for (at, value) in [(0, 0x02), (1, 0x11), (3, 8), (4, 0)] {
            let mut message = check();
            message[at] = value;
            assert_eq!(steering.direct(address(1), &message), Direction::Nowhere, "{message:?}");
        }
    }

    #[test]
    fn what_a_stranger_sends_leaves_nothing_behind() {
        let (mut steering, t0) = steering();
        for port in 1..1_000 {
            steering.start_round(t0);
            assert_eq!(steering.direct(address(port), &check()), Direction::Others);
            assert_eq!(steering.direct(address(port), &MEDIA), Direction::Nowhere);
        }
        assert!(steering.recent.is_empty() && steering.older.is_empty());
    }

    #[test]
    fn what_comes_from_a_proven_address_goes_to_its_owner() {
        let (mut steering, t0) = steering();
        steering.handle_proof(address(1), ShardId(2), t0);
        for contents in [&MEDIA[..], &HANDSHAKE, &check()] {
            assert_eq!(steering.direct(address(1), contents), Direction::Owner(ShardId(2)));
        }
        assert_eq!(steering.direct(address(2), &MEDIA), Direction::Nowhere);
    }

    #[test]
    fn the_newest_proof_counts_and_ones_own_above_all() {
        let (mut steering, t0) = steering();
        steering.handle_proof(address(1), ShardId(2), t0);
        steering.handle_proof(address(1), ShardId(1), t0);
        assert_eq!(steering.direct(address(1), &MEDIA), Direction::Owner(ShardId(1)));
        steering.start_round(t0 + LIFETIME);
        steering.handle_proof(address(1), ShardId(2), t0 + LIFETIME);
        assert_eq!(steering.direct(address(1), &MEDIA), Direction::Owner(ShardId(2)));
        steering.handle_own_proof(address(1));
        assert_eq!(steering.direct(address(1), &MEDIA), Direction::Nowhere);
    }

    #[test]
    fn only_shards_behind_the_port_can_own_what_comes_to_it() {
        let (mut steering, t0) = steering();
        steering.handle_proof(address(1), ShardId(3), t0);
        assert_eq!(steering.direct(address(1), &MEDIA), Direction::Nowhere);
    }

    #[test]
    fn somebody_new_behind_a_proven_address_is_looked_for_everywhere() {
        let (mut steering, t0) = steering();
        steering.handle_proof(address(1), ShardId(2), t0);
        assert_eq!(steering.spread(&check()), Direction::Others);
        assert_eq!(steering.spread(&MEDIA), Direction::Nowhere);
        assert_eq!(steering.direct(address(1), &MEDIA), Direction::Owner(ShardId(2)));
    }

    #[test]
    fn an_owner_that_does_not_prove_itself_again_is_forgotten() {
        let (mut steering, t0) = steering();
        steering.handle_proof(address(1), ShardId(1), t0);
        steering.handle_proof(address(2), ShardId(2), t0);
        for round in 1..10 {
            let now = t0 + round * LIFETIME / 2;
            steering.start_round(now);
            steering.handle_proof(address(1), ShardId(1), now);
        }
        assert_eq!(steering.direct(address(1), &MEDIA), Direction::Owner(ShardId(1)));
        assert_eq!(steering.direct(address(2), &MEDIA), Direction::Nowhere);
        steering.start_round(t0 + 10 * LIFETIME);
        assert_eq!(steering.direct(address(1), &MEDIA), Direction::Nowhere);
    }

    #[test]
    fn a_flood_of_checks_is_cut_off_in_each_round_and_harms_no_proven_peer() {
        let (mut steering, t0) = steering();
        steering.handle_proof(address(1), ShardId(1), t0);
        for round in 0..3 {
            steering.start_round(t0 + Duration::from_millis(round));
            let flood = (100..10_100).map(|port| steering.direct(address(port), &check()));
            let handed_on = flood.filter(|direction| *direction == Direction::Others).count();
            assert_eq!(handed_on, MAX_STRANGERS);
            assert_eq!(steering.direct(address(99), &check()), Direction::Crowded);
            assert_eq!(steering.direct(address(1), &check()), Direction::Owner(ShardId(1)));
        }
    }

    #[test]
    fn the_table_is_bounded_and_the_oldest_go_first() {
        let (mut steering, t0) = steering();
        let nth = |n: u32| SocketAddr::from((std::net::Ipv4Addr::from(n), 9));
        let count = 3 * MAX_OWNERS as u32;
        for n in 0..count {
            steering.handle_proof(nth(n), ShardId(1), t0);
        }
        assert!(steering.recent.len() + steering.older.len() <= 2 * MAX_OWNERS);
        assert_eq!(steering.direct(nth(0), &MEDIA), Direction::Nowhere);
        assert_eq!(steering.direct(nth(count - 1), &MEDIA), Direction::Owner(ShardId(1)));
    }
}
