//! What each payload says about itself, so that subscribers can verify what they get.

/// How long a stamp is in bytes.
pub(crate) const STAMP_LEN: usize = 34;
/// What follows a stamp in its packet is at most this long.
pub(crate) const MAX_FILLER: usize = 1_200;

const MAGIC: [u8; 4] = *b"GLld";
/// The filler of packet `n` starts at a place of the pattern that depends on `n`.
const PLACES: usize = 1_024;
const PATTERN: [u8; PLACES + MAX_FILLER] = pattern();

/// What a payload says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Which track of which publisher.
    pub(crate) track: u32,
    /// Which encoding of the track; 0 is the largest.
    pub(crate) encoding: u8,
    pub(crate) is_keyframe: bool,
    /// Which packet of its frame, from 0.
    pub(crate) packet: u16,
    /// How many packets the frame has.
    pub(crate) packets: u16,
    /// Which frame of its encoding, from 0.
    pub(crate) frame: u32,
    /// Which packet of its encoding, from 0.
    pub(crate) number: u32,
    /// When the frame was sent, by the [`Clock`](crate::clock::Clock) of this process.
    pub(crate) sent: u64,
}

impl Stamp {
    /// Appends the stamp and filler of so many bytes.
    pub(crate) fn append(&self, payload: &mut Vec<u8>, filler: usize) {
        let start = payload.len();
        payload.extend(MAGIC);
        payload.extend(self.track.to_be_bytes());
        payload.push(self.encoding);
        payload.push(u8::from(self.is_keyframe));
        payload.extend(self.packet.to_be_bytes());
        payload.extend(self.packets.to_be_bytes());
        payload.extend(self.frame.to_be_bytes());
        payload.extend(self.number.to_be_bytes());
        payload.extend(self.sent.to_be_bytes());
        let check = check(&payload[start..]);
        payload.extend(check.to_be_bytes());
        payload.extend(&self.filler()[..filler]);
    }

    /// Reads a stamp and compares the filler behind it, byte by byte.
    ///
    /// Returns `None` if anything is not as it was appended.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (stamp, filler) = bytes.split_first_chunk::<STAMP_LEN>()?;
        let (said, checked) = stamp.split_last_chunk::<4>()?;
        if !said.starts_with(&MAGIC) || check(said) != u32::from_be_bytes(*checked) {
            return None;
        }
        let mut rest = &said[MAGIC.len()..];
        let stamp = Self {
            track: u32::from_be_bytes(take(&mut rest)?),
            encoding: u8::from_be_bytes(take(&mut rest)?),
            is_keyframe: take::<1>(&mut rest)? == [1],
            packet: u16::from_be_bytes(take(&mut rest)?),
            packets: u16::from_be_bytes(take(&mut rest)?),
            frame: u32::from_be_bytes(take(&mut rest)?),
            number: u32::from_be_bytes(take(&mut rest)?),
            sent: u64::from_be_bytes(take(&mut rest)?),
        };
        let expected = stamp.filler().get(..filler.len())?;
        (filler == expected).then_some(stamp)
    }

    fn filler(&self) -> &'static [u8; MAX_FILLER] {
        let place = self.number as usize % PLACES;
        PATTERN[place..].first_chunk().expect("the pattern is so much longer than its places")
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

/// FNV-1a over words of four bytes: enough to tell a stamp from anything else.
fn check(bytes: &[u8]) -> u32 {
    let mut hash = 0x811c_9dc5_u32;
    for chunk in bytes.chunks(4) {
        let mut word = [0; 4];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = (hash ^ u32::from_be_bytes(word)).wrapping_mul(0x0100_0193).rotate_left(5);
    }
    hash
}

/// Bytes without a period, by a linear congruential generator.
const fn pattern() -> [u8; PLACES + MAX_FILLER] {
    let mut pattern = [0; PLACES + MAX_FILLER];
    let mut state = 0x2545_f491_u32;
    let mut i = 0;
    while i < pattern.len() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        pattern[i] = state.to_be_bytes()[0];
        i += 1;
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp {
        track: 77,
        encoding: 1,
        is_keyframe: true,
        packet: 3,
        packets: 12,
        frame: 4_000,
        number: 123_456,
        sent: 987_654_321_012,
    };

    #[test]
    fn a_stamp_reads_as_it_was_written() {
        for filler in [0, 1, 500, MAX_FILLER] {
            let mut payload = Vec::new();
            STAMP.append(&mut payload, filler);
            assert_eq!(payload.len(), STAMP_LEN + filler);
            assert_eq!(Stamp::read(&payload), Some(STAMP));
        }
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let mut payload = Vec::new();
        STAMP.append(&mut payload, 300);
        for i in 0..payload.len() {
            for flipped in [1, 0x80] {
                payload[i] ^= flipped;
                assert_eq!(Stamp::read(&payload), None, "byte {i}");
                payload[i] ^= flipped;
            }
        }
        assert_eq!(Stamp::read(&payload[..STAMP_LEN - 1]), None);
        assert_eq!(Stamp::read(&payload[1..]), None);
    }
}
