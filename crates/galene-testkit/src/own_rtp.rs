//! RTP as it comes, opened beside the engine.
//!
//! The engine takes in a packet only if it is among the newest hundred, and drops one that was sent again
//! after that. Browsers wait much longer. So what a browser would still use is opened here.

use std::collections::BTreeMap;

use str0m::crypto::{AeadAes256Gcm, AeadAes256GcmCipher};

use crate::engine::is_rtp;
use crate::own_rtcp::{KeySlot, Side, session_keys};

/// Opens the RTP packets of one transport.
pub(crate) struct OwnRtp {
    keys: KeySlot,
    session: Option<(Box<dyn AeadAes256GcmCipher>, [u8; AeadAes256Gcm::SALT_LEN])>,
    /// The highest sequence number of each SSRC, with its wraps.
    highest: BTreeMap<u32, u64>,
}

/// A packet that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpenedPacket {
    pub(crate) ssrc: u32,
    /// The sequence number with its wraps.
    pub(crate) sequence: u64,
    /// Without padding.
    pub(crate) payload: Vec<u8>,
}

const FIXED_HEADER: usize = 12;

/// RFC 3711 §4.3.2.
const KEY_LABEL: u8 = 0;
const SALT_LABEL: u8 = 2;

impl OwnRtp {
    pub(crate) fn new(keys: KeySlot) -> Self {
        Self { keys, session: None, highest: BTreeMap::new() }
    }

    /// Opens a datagram; `None` if it is no RTP packet that the peer sealed.
    pub(crate) fn open(&mut self, datagram: &[u8]) -> Option<OpenedPacket> {
        if !is_rtp(datagram) {
            return None;
        }
        let (header, body) = datagram.split_at_checked(header_len(datagram)?)?;
        let short = u16::from_be_bytes([header[2], header[3]]);
        let ssrc = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
        let sequence = self.extend(ssrc, short);
        let (cipher, salt) = self.session()?;
        let wraps = u32::try_from(sequence >> 16).ok()?;
        let iv = AeadAes256Gcm::rtp_iv(*salt, ssrc, wraps, short);
        let mut payload = vec![0; body.len()];
        let len = cipher.decrypt(&iv, &[header], body, &mut payload).ok()?;
        payload.truncate(len);
        if header[0] & 0x20 != 0 {
            let padding = usize::from(*payload.last()?);
            payload.truncate(payload.len().checked_sub(padding)?);
        }
        let highest = self.highest.entry(ssrc).or_insert(sequence);
        *highest = sequence.max(*highest);
        Some(OpenedPacket { ssrc, sequence, payload })
    }

    /// Returns a sequence number of an SSRC with its wraps: the one that is closest to the highest.
    pub(crate) fn extend(&self, ssrc: u32, short: u16) -> u64 {
        let Some(&highest) = self.highest.get(&ssrc) else { return short.into() };
        #[expect(clippy::cast_possible_truncation, reason = "its low bits are meant")]
        let ahead = short.wrapping_sub(highest as u16);
        let candidate = highest + u64::from(ahead);
        if ahead < 0x8000 { candidate } else { candidate.saturating_sub(0x1_0000) }
    }

    fn session(
        &mut self,
    ) -> Option<&mut (Box<dyn AeadAes256GcmCipher>, [u8; AeadAes256Gcm::SALT_LEN])> {
        if self.session.is_none() {
            let (key, salt) = session_keys(&self.keys, Side::Peer, KEY_LABEL, SALT_LABEL)?;
            let cipher = crate::own_rtcp::ciphers().create_cipher(key, false);
            self.session = Some((cipher, salt));
        }
        self.session.as_mut()
    }
}

/// Returns the length of the header with contributing sources and extensions (RFC 3550 §5.1).
fn header_len(datagram: &[u8]) -> Option<usize> {
    let &first = datagram.first()?;
    let len = FIXED_HEADER + 4 * usize::from(first & 0x0f);
    if first & 0x10 == 0 {
        return Some(len);
    }
    let words = datagram.get(len + 2..len + 4)?;
    Some(len + 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]])))
}

impl std::fmt::Debug for OwnRtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnRtp").field("highest", &self.highest).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_number_is_extended_to_the_closest() {
        let mut own = OwnRtp::new(KeySlot::default());
        assert_eq!(own.extend(1, 65_000), 65_000);
        own.highest.insert(1, 65_000);
        assert_eq!(own.extend(1, 64_000), 64_000);
        assert_eq!(own.extend(1, 10), 65_546);
        own.highest.insert(1, 65_546);
        assert_eq!(own.extend(1, 65_530), 65_530);
        assert_eq!(own.extend(2, 7), 7);
    }

    #[test]
    fn the_header_ends_after_sources_and_extensions() {
        let mut packet = vec![0x80; 12];
        assert_eq!(header_len(&packet), Some(12));
        packet[0] = 0x92;
        packet.extend([0; 8]);
        assert_eq!(header_len(&packet), None, "the extension is cut off");
        packet.extend([0xbe, 0xde, 0, 2]);
        assert_eq!(header_len(&packet), Some(12 + 8 + 4 + 8));
    }

    #[test]
    fn before_the_handshake_nothing_is_opened() {
        let mut own = OwnRtp::new(KeySlot::default());
        assert_eq!(own.open(&[0x80; 40]), None);
        assert_eq!(own.open(&[0; 40]), None);
        assert_eq!(own.open(&[]), None);
    }
}
