//! The header of an RTP packet that we open ourselves.

/// What stands in front of an RTP packet, in the clear (RFC 3550 §5.1).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RtpHeader<'a> {
    pub(crate) len: usize,
    pub(crate) has_padding: bool,
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) number: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    /// The header extension with its first word, or nothing.
    pub(crate) extension: &'a [u8],
}

impl<'a> RtpHeader<'a> {
    /// Reads the header of a datagram, if all of it is there.
    pub(crate) fn read(datagram: &'a [u8]) -> Option<Self> {
        let (fixed, _) = datagram.split_first_chunk::<12>()?;
        let word = |at: usize| {
            u32::from_be_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]])
        };
        let sources = 12 + 4 * usize::from(fixed[0] & 0x0f);
        let extension = match fixed[0] & 0x10 {
            0 => datagram.get(sources..sources)?,
            _ => {
                let words = *datagram.get(sources + 2..)?.first_chunk()?;
                let end = sources + 4 + 4 * usize::from(u16::from_be_bytes(words));
                datagram.get(sources..end)?
            }
        };
        Some(Self {
            len: sources + extension.len(),
            has_padding: fixed[0] & 0x20 != 0,
            marker: fixed[1] & 0x80 != 0,
            payload_type: fixed[1] & 0x7f,
            number: u16::from_be_bytes([fixed[2], fixed[3]]),
            timestamp: word(4),
            ssrc: word(8),
            extension,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extensions;

    #[test]
    fn a_header_is_read_with_its_sources_and_extension_and_not_beyond_the_end() {
        let mut packet = vec![0xb1, 0x80 | 97, 0x12, 0x34, 0, 0, 1, 0, 0, 0, 0, 42];
        packet.extend([9; 4]);
        packet.extend([0xbe, 0xde, 0, 1, 0x30, 7, 0, 0]);
        let header = RtpHeader::read(&packet).expect("a whole header");
        let expected = RtpHeader {
            len: 24,
            has_padding: true,
            marker: true,
            payload_type: 97,
            number: 0x1234,
            timestamp: 256,
            ssrc: 42,
            extension: &packet[16..],
        };
        assert_eq!(header, expected);
        for end in 0..packet.len() {
            assert_eq!(RtpHeader::read(&packet[..end]), None, "cut off at {end}");
        }
        packet[0] = 0x80;
        assert_eq!(RtpHeader::read(&packet).map(|header| header.len), Some(12));
    }

    #[test]
    fn no_bytes_make_it_panic_or_read_beyond_the_end() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20_000 {
            let mut packet: Vec<u8> = (0..random.usize(0..80)).map(|_| random.u8(..)).collect();
            if let Some(first) = packet.first_mut() {
                *first = 0x80 | random.u8(0..64);
            }
            // An extension in either form, not too long to fit.
            if let Some(start) = packet.get_mut(12..16) {
                let profile = if random.bool() { [0xbe, 0xde] } else { [0x10, 0] };
                start.copy_from_slice(&[profile[0], profile[1], 0, random.u8(0..16)]);
            }
            if let Some(header) = RtpHeader::read(&packet) {
                assert!(header.len <= packet.len());
                for id in 0..16 {
                    let value = extensions::find(header.extension, id).unwrap_or_default();
                    assert!(value.len() < header.extension.len() || value.is_empty());
                }
            }
        }
    }
}
