//! Looks at SRTP as it leaves, without the keys.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;

use crate::node::Datagram;

/// Checks that no sender ever encrypts two different packets under the same SSRC and sequence number,
/// which would use a nonce of AES-GCM twice and give the key away (RFC 7714 §8.3).
///
/// The headers of SRTP are in the clear, so it needs no key. A datagram that is sent again unchanged
/// is harmless.
#[derive(Debug, Default)]
pub struct WireChecker {
    streams: BTreeMap<(SocketAddr, SocketAddr, u32), Recent>,
    packets: u64,
}

/// Two different packets with the same nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NonceReused {
    /// Where the packets went.
    pub destination: SocketAddr,
    /// Their SSRC.
    pub ssrc: u32,
    /// Their sequence number.
    pub sequence: u16,
}

/// The hashes of the latest packets of a stream.
#[derive(Debug, Default)]
struct Recent {
    order: VecDeque<u16>,
    hashes: HashMap<u16, u64>,
}

/// So many packets of a stream are remembered. Far less than 65,536, after which a sequence number is
/// used again with another rollover counter; far more than any retransmission goes back.
const WINDOW: usize = 8_192;

impl WireChecker {
    /// Takes in a datagram that was sent. Anything but SRTP is passed over.
    ///
    /// # Errors
    ///
    /// [`NonceReused`] if another packet was sent under its SSRC and sequence number.
    pub fn check(&mut self, datagram: &Datagram) -> Result<(), NonceReused> {
        let contents = &datagram.contents;
        let Some((header, _)) = contents.split_first_chunk::<12>() else { return Ok(()) };
        // RFC 7983 §7 and RFC 5761 §4: what is RTP and not RTCP.
        if !(128..192).contains(&header[0]) || (192..224).contains(&header[1]) {
            return Ok(());
        }
        let sequence = u16::from_be_bytes([header[2], header[3]]);
        let ssrc = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
        let key = (datagram.source, datagram.destination, ssrc);
        let mut hasher = DefaultHasher::new();
        contents.hash(&mut hasher);
        self.packets += 1;
        if self.streams.entry(key).or_default().insert(sequence, hasher.finish()) {
            Ok(())
        } else {
            Err(NonceReused { destination: datagram.destination, ssrc, sequence })
        }
    }

    /// Forgets what was sent to `destination`: a new transport there has new keys.
    pub fn forget(&mut self, destination: SocketAddr) {
        self.streams.retain(|(_, to, _), _| *to != destination);
    }

    /// Returns how many packets of SRTP were looked at.
    pub fn packets(&self) -> u64 {
        self.packets
    }
}

impl Recent {
    /// Returns whether no other packet has this number.
    fn insert(&mut self, sequence: u16, hash: u64) -> bool {
        if let Some(known) = self.hashes.get(&sequence) {
            return *known == hash;
        }
        self.hashes.insert(sequence, hash);
        self.order.push_back(sequence);
        if self.order.len() > WINDOW
            && let Some(oldest) = self.order.pop_front()
        {
            self.hashes.remove(&oldest);
        }
        true
    }
}

impl fmt::Display for NonceReused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { destination, ssrc, sequence } = self;
        write!(f, "two packets to {destination} have SSRC {ssrc} and sequence number {sequence}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address;

    #[test]
    fn a_reused_nonce_is_found_and_an_unchanged_repetition_is_not() {
        let mut checker = WireChecker::default();
        assert_eq!(checker.check(&packet(1, 100, 7)), Ok(()));
        assert_eq!(checker.check(&packet(1, 100, 7)), Ok(()));
        assert_eq!(checker.check(&packet(1, 101, 8)), Ok(()));
        assert_eq!(checker.check(&packet(2, 100, 8)), Ok(()));
        let reused = NonceReused { destination: address(2), ssrc: 1, sequence: 100 };
        assert_eq!(checker.check(&packet(1, 100, 8)), Err(reused));
        assert_eq!(checker.packets(), 5);
    }

    #[test]
    fn a_sequence_number_may_come_again_after_it_has_wrapped() {
        let mut checker = WireChecker::default();
        for i in 0..200_000_u32 {
            let sequence = u16::try_from(i % 65_536).expect("within 16 bits");
            let byte = u8::try_from(i / 65_536).expect("a few rounds");
            assert_eq!(checker.check(&packet(1, sequence, byte)), Ok(()));
        }
    }

    #[test]
    fn rtcp_stun_and_dtls_are_passed_over() {
        let mut checker = WireChecker::default();
        for first in [[128, 200], [0, 1], [22, 254]] {
            for byte in [1, 2] {
                let mut datagram = packet(1, 1, byte);
                let mut contents = datagram.contents.to_vec();
                contents[..2].copy_from_slice(&first);
                datagram.contents = contents.into();
                assert_eq!(checker.check(&datagram), Ok(()));
            }
        }
        assert_eq!(checker.packets(), 0);
    }

    fn packet(ssrc: u32, sequence: u16, byte: u8) -> Datagram {
        let mut contents = vec![0x80, 96];
        contents.extend(sequence.to_be_bytes());
        contents.extend([0; 4]);
        contents.extend(ssrc.to_be_bytes());
        contents.extend([byte; 20]);
        Datagram { source: address(1), destination: address(2), contents: contents.into() }
    }
}
