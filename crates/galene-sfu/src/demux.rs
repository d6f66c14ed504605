//! Finds the transport that a datagram is for, all transports being behind one socket.
//!
//! The table of addresses is the security boundary: what comes from a known address is handed to its
//! transport's DTLS and SRTP. An address therefore enters it only after a connectivity check from there
//! had valid message integrity (RFC 8445 §7.3), and STUN always goes by its own names: a request by the
//! user name it carries, a response by the transaction that it answers.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

/// How many addresses one transport may be reached from. A browser has a handful of interfaces, and
/// each path through a NAT shows another port; the oldest gives way.
const MAX_ADDRESSES_PER_TRANSPORT: usize = 16;

/// How many addresses a peer may check from until it restarts ICE, those that gave way included: the
/// engine remembers every one. Whoever changes networks that often restarts ICE in between.
const MAX_ADDRESSES_PER_UFRAG: usize = 256;

/// How many of our own checks may be unanswered at a time. The engine tries at most 100 candidate pairs.
const MAX_CHECKS_PER_TRANSPORT: usize = 128;

/// How many user names one transport keeps: the current one and the one before an ICE restart.
const MAX_UFRAGS_PER_TRANSPORT: usize = 2;

/// The place of a transport in its shard.
pub(crate) type Slot = usize;

/// Where a datagram goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// To this transport, if the engine confirms that the peer sent it.
    Check { slot: Slot, learn_address: bool },
    /// To this transport: the address is known.
    Known(Slot),
    /// Nowhere.
    Drop,
}

/// The names under which transports are known to the network.
#[derive(Debug, Default)]
pub(crate) struct Demux {
    by_address: HashMap<SocketAddr, Slot>,
    by_ufrag: HashMap<String, Slot>,
    /// With when they were sent.
    by_check: HashMap<[u8; 12], (Slot, Instant)>,
    names: HashMap<Slot, Names>,
}

#[derive(Debug, Default)]
struct Names {
    /// The one that was checked from last stands last.
    addresses: VecDeque<SocketAddr>,
    /// How many addresses were learnt since the current user name was given.
    learnt: usize,
    ufrags: VecDeque<String>,
    checks: VecDeque<[u8; 12]>,
}

impl Demux {
    /// Finds out whom a datagram is for.
    pub(crate) fn route(&self, source: SocketAddr, contents: &[u8]) -> Route {
        // RFC 7983 §7: the first byte tells STUN from DTLS and (S)RTP.
        if contents.first().is_some_and(|b| *b < 4) {
            return self.route_stun(source, contents).unwrap_or(Route::Drop);
        }
        self.by_address.get(&source).map_or(Route::Drop, |slot| Route::Known(*slot))
    }

    fn route_stun(&self, source: SocketAddr, contents: &[u8]) -> Option<Route> {
        let request = match contents.first_chunk()? {
            [0x00, 0x01] => true,
            [0x01, 0x01] | [0x01, 0x11] => false,
            _ => return None,
        };
        if request {
            let slot = *self.by_ufrag.get(local_ufrag(contents)?)?;
            let is_known = self.by_address.get(&source) == Some(&slot);
            let names = self.names.get(&slot)?;
            if !is_known && names.learnt >= MAX_ADDRESSES_PER_UFRAG {
                return None;
            }
            return Some(Route::Check { slot, learn_address: true });
        }
        let id: [u8; 12] = contents.get(8..20)?.try_into().ok()?;
        let (slot, _) = *self.by_check.get(&id)?;
        Some(Route::Check { slot, learn_address: false })
    }

    /// Returns when the check was sent to which this is the response, which is the only one that it gets.
    pub(crate) fn take_check(&mut self, response: &[u8]) -> Option<Instant> {
        let id = *response.get(8..)?.first_chunk::<12>()?;
        let (slot, sent) = self.by_check.remove(&id)?;
        if let Some(names) = self.names.get_mut(&slot) {
            names.checks.retain(|other| *other != id);
        }
        Some(sent)
    }

    /// Lets STUN requests to this user name find the transport. Returns whether the name is new.
    pub(crate) fn add_ufrag(&mut self, slot: Slot, ufrag: &str) -> bool {
        let names = self.names.entry(slot).or_default();
        if names.ufrags.iter().any(|u| u == ufrag) {
            return false;
        }
        names.ufrags.push_back(ufrag.to_owned());
        names.learnt = 0;
        self.by_ufrag.insert(ufrag.to_owned(), slot);
        if names.ufrags.len() > MAX_UFRAGS_PER_TRANSPORT
            && let Some(old) = names.ufrags.pop_front()
        {
            self.by_ufrag.remove(&old);
        }
        true
    }

    /// Remembers an address from which a valid check came. Whoever held it before loses it: the newest
    /// proof counts.
    pub(crate) fn learn_address(&mut self, slot: Slot, address: SocketAddr) {
        match self.by_address.insert(address, slot) {
            Some(holder) if holder == slot => {
                // The oldest gives way, and this one was used just now.
                if let Some(names) = self.names.get_mut(&slot)
                    && let Some(at) = names.addresses.iter().position(|a| *a == address)
                {
                    names.addresses.remove(at);
                    names.addresses.push_back(address);
                }
                return;
            }
            Some(holder) => {
                if let Some(names) = self.names.get_mut(&holder) {
                    names.addresses.retain(|a| *a != address);
                }
            }
            None => {}
        }
        let names = self.names.entry(slot).or_default();
        names.addresses.push_back(address);
        names.learnt += 1;
        if names.addresses.len() > MAX_ADDRESSES_PER_TRANSPORT
            && let Some(old) = names.addresses.pop_front()
        {
            self.by_address.remove(&old);
        }
    }

    /// Lets the responses to our checks find the transport.
    pub(crate) fn expect_responses(
        &mut self,
        slot: Slot,
        checks: &mut Vec<[u8; 12]>,
        now: Instant,
    ) {
        if checks.is_empty() {
            return;
        }
        let names = self.names.entry(slot).or_default();
        for id in checks.drain(..) {
            if self.by_check.insert(id, (slot, now)).is_none() {
                names.checks.push_back(id);
            }
            if names.checks.len() > MAX_CHECKS_PER_TRANSPORT
                && let Some(old) = names.checks.pop_front()
            {
                self.by_check.remove(&old);
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        let by_text = self.by_ufrag.is_empty() && self.by_check.is_empty();
        by_text && self.by_address.is_empty() && self.names.is_empty()
    }

    /// Forgets all names of a transport.
    pub(crate) fn remove(&mut self, slot: Slot) {
        let Some(names) = self.names.remove(&slot) else {
            return;
        };
        for address in &names.addresses {
            self.by_address.remove(address);
        }
        for ufrag in &names.ufrags {
            self.by_ufrag.remove(ufrag);
        }
        for check in &names.checks {
            self.by_check.remove(check);
        }
    }
}

/// Returns our half of the USERNAME attribute: the part before the colon (RFC 8445 §7.2.2).
fn local_ufrag(message: &[u8]) -> Option<&str> {
    const HEADER: usize = 20;
    const USERNAME: [u8; 2] = [0x00, 0x06];
    let mut rest = message.get(HEADER..)?;
    while let Some((head, tail)) = rest.split_at_checked(4) {
        let len = usize::from(u16::from_be_bytes([head[2], head[3]]));
        if head[..2] == USERNAME {
            let name = str::from_utf8(tail.get(..len)?).ok()?;
            return name.split_once(':').map(|(local, _)| local);
        }
        rest = tail.get(len.next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn request(username: &str) -> Vec<u8> {
        let mut message = vec![0x00, 0x01, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        message.extend([9; 12]);
        // An attribute in front of the user name, with padding: SOFTWARE "abc".
        message.extend([0x80, 0x22, 0, 3, b'a', b'b', b'c', 0]);
        message.extend([0x00, 0x06, 0, username.len() as u8]);
        message.extend(username.as_bytes());
        message.resize(message.len().next_multiple_of(4), 0);
        message
    }

    #[test]
    fn a_request_goes_by_its_user_name_wherever_it_comes_from() {
        let mut demux = Demux::default();
        demux.add_ufrag(3, "ours");
        demux.learn_address(5, address(1));
        let route = demux.route(address(1), &request("ours:theirs"));
        assert_eq!(route, Route::Check { slot: 3, learn_address: true });
        assert_eq!(demux.route(address(1), &request("other:theirs")), Route::Drop);
        assert_eq!(demux.route(address(1), &request("nocolon")), Route::Drop);
    }

    #[test]
    fn only_a_learnt_address_reaches_dtls_and_srtp() {
        let mut demux = Demux::default();
        demux.add_ufrag(0, "ours");
        let client_hello = [22, 254, 253];
        assert_eq!(demux.route(address(1), &client_hello), Route::Drop);
        demux.learn_address(0, address(1));
        assert_eq!(demux.route(address(1), &client_hello), Route::Known(0));
        assert_eq!(demux.route(address(2), &[0x80, 96]), Route::Drop);
    }

    #[test]
    fn a_response_finds_the_check_that_it_answers() {
        let mut demux = Demux::default();
        demux.expect_responses(4, &mut vec![[9; 12]], galene_testkit::epoch());
        let mut response = request("");
        response[0] = 0x01;
        let found = Route::Check { slot: 4, learn_address: false };
        assert_eq!(demux.route(address(1), &response), found);
        response[8] = 0;
        assert_eq!(demux.route(address(1), &response), Route::Drop);
        response[8] = 9;
        assert_eq!(demux.take_check(&response), Some(galene_testkit::epoch()));
        assert_eq!(demux.route(address(1), &response), Route::Drop, "it was answered");
        demux.remove(4);
        assert!(demux.is_empty());
    }

    #[test]
    fn the_newest_proof_of_an_address_counts() {
        let mut demux = Demux::default();
        demux.learn_address(0, address(1));
        demux.learn_address(1, address(1));
        demux.remove(0);
        assert_eq!(demux.route(address(1), &[22]), Route::Known(1));
    }

    #[test]
    fn names_are_bounded_and_go_with_their_transport() {
        let mut demux = Demux::default();
        for i in 0..1_000u16 {
            demux.learn_address(0, address(i));
            demux.add_ufrag(0, &format!("u{i}"));
            let mut id = [0; 12];
            id[..2].copy_from_slice(&i.to_be_bytes());
            demux.expect_responses(0, &mut vec![id], galene_testkit::epoch());
        }
        assert_eq!(demux.by_address.len(), MAX_ADDRESSES_PER_TRANSPORT);
        assert_eq!(demux.by_ufrag.len(), MAX_UFRAGS_PER_TRANSPORT);
        assert_eq!(demux.by_check.len(), MAX_CHECKS_PER_TRANSPORT);
        demux.remove(0);
        assert!(demux.by_address.is_empty() && demux.by_ufrag.is_empty());
        assert!(demux.by_check.is_empty() && demux.names.is_empty());
    }

    #[test]
    fn the_address_that_was_not_checked_from_for_longest_gives_way() {
        let mut demux = Demux::default();
        for i in 0..100 {
            demux.learn_address(0, address(7));
            demux.learn_address(0, address(1_000 + i));
        }
        assert_eq!(demux.route(address(7), &[22]), Route::Known(0));
        assert_eq!(demux.route(address(1_000), &[22]), Route::Drop);
    }

    #[test]
    fn under_one_user_name_a_peer_comes_from_so_many_addresses_and_no_more() {
        let mut demux = Demux::default();
        demux.add_ufrag(0, "ours");
        let check = Route::Check { slot: 0, learn_address: true };
        for i in 0..1_000 {
            if demux.route(address(i), &request("ours:theirs")) == check {
                demux.learn_address(0, address(i));
            }
        }
        let (last, beyond) = (address(255), address(256));
        assert_eq!(demux.route(last, &request("ours:theirs")), check);
        assert_eq!(demux.route(beyond, &request("ours:theirs")), Route::Drop);
        assert!(demux.add_ufrag(0, "another"));
        assert_eq!(demux.route(beyond, &request("another:theirs")), check);
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let mut demux = Demux::default();
        demux.add_ufrag(0, "ours");
        let whole = request("ours:theirs");
        for end in 0..whole.len() {
            demux.route(address(1), &whole[..end]);
        }
        for value in 0..=255u8 {
            for at in 0..whole.len() {
                let mut message = whole.clone();
                message[at] = value;
                demux.route(address(1), &message);
            }
        }
    }
}
