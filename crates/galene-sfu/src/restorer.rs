//! Restores packets of sound that got lost on the way from their publisher.

use galene_rtp::RedBlock;

use crate::packet::Packet;

/// Finds out which of the copies in redundant audio (RFC 2198) are of packets that were lost.
///
/// A copy tells how old it is and not which number its packet had, so what is missing is matched by
/// timestamps: copies of less than the time since the last packet are those of the numbers just before.
#[derive(Debug, Default)]
pub(crate) struct Restorer {
    /// Number and timestamp of the newest packet.
    newest: Option<(u64, u32)>,
}

/// A packet that did not come, and its copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost<'a> {
    pub(crate) sequence: u64,
    pub(crate) copy: RedBlock<'a>,
}

impl Restorer {
    /// Takes note of a packet with copies, the oldest first, and returns those before it that got lost, in
    /// order. They may yet come by themselves.
    pub(crate) fn handle_packet<'a>(
        &mut self,
        packet: &Packet,
        copies: &'a [RedBlock<'a>],
        payload_type: u8,
    ) -> impl Iterator<Item = Lost<'a>> + use<'a> {
        let (sequence, timestamp) = (packet.sequence, packet.timestamp);
        let newest = self.newest.filter(|(newest, _)| *newest >= sequence);
        let before = self.newest.replace(newest.unwrap_or((sequence, timestamp)));
        let (missing, elapsed) = match before {
            Some((last, at)) if last < sequence => {
                (sequence - last - 1, timestamp.wrapping_sub(at))
            }
            // It is late, or the first.
            Some(_) | None => (0, 0),
        };
        let is_missing = move |copy: &RedBlock<'_>| {
            copy.payload_type == payload_type
                && copy.age > 0
                && u32::from(copy.age) < elapsed
                && !copy.payload.is_empty()
        };
        let count = copies.iter().filter(|copy| is_missing(copy)).count() as u64;
        // With more copies than numbers, something about them is not as it seems.
        let first = sequence.saturating_sub(count);
        let count = if count <= missing { count } else { 0 };
        let found = copies.iter().copied().filter(is_missing);
        let lost = (first..).zip(found).map(|(sequence, copy)| Lost { sequence, copy });
        lost.take(usize::try_from(count).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPUS: u8 = 111;

    fn packet(sequence: u64, timestamp: u32) -> Packet {
        Packet { sequence, timestamp, ..Packet::for_tests() }
    }

    fn copies(ages: &[u16]) -> Vec<RedBlock<'static>> {
        ages.iter().map(|age| RedBlock { payload_type: OPUS, age: *age, payload: b"x" }).collect()
    }

    fn lost(restorer: &mut Restorer, sequence: u64, at: u32, ages: &[u16]) -> Vec<(u64, u16)> {
        let copies = copies(ages);
        let lost = restorer.handle_packet(&packet(sequence, at), &copies, OPUS);
        lost.map(|lost| (lost.sequence, lost.copy.age)).collect()
    }

    #[test]
    fn what_is_missing_is_restored_and_what_came_is_not() {
        let mut restorer = Restorer::default();
        assert_eq!(lost(&mut restorer, 10, 9_600, &[1_920, 960]), [], "nothing was missed yet");
        assert_eq!(lost(&mut restorer, 11, 10_560, &[1_920, 960]), []);
        assert_eq!(lost(&mut restorer, 13, 12_480, &[1_920, 960]), [(12, 960)]);
        assert_eq!(lost(&mut restorer, 17, 16_320, &[1_920, 960]), [(15, 1_920), (16, 960)]);
        assert_eq!(lost(&mut restorer, 14, 13_440, &[1_920, 960]), [], "it is late");
        assert_eq!(lost(&mut restorer, 18, 17_280, &[960]), []);
    }

    #[test]
    fn numbers_follow_from_timestamps_where_sound_paused() {
        let mut restorer = Restorer::default();
        lost(&mut restorer, 10, 0, &[]);
        // A packet each 400 ms, and the last of them is missing.
        assert_eq!(lost(&mut restorer, 12, 24_000, &[12_000]), [(11, 12_000)]);
        // More copies than numbers are missing: whose they are cannot be known.
        assert_eq!(lost(&mut restorer, 14, 43_200, &[9_600, 4_800]), []);
    }

    #[test]
    fn copies_of_something_else_are_passed_over() {
        let mut restorer = Restorer::default();
        lost(&mut restorer, 10, 0, &[]);
        let comfort_noise = RedBlock { payload_type: 13, age: 960, payload: b"x" };
        let empty = RedBlock { payload_type: OPUS, age: 960, payload: b"" };
        let copies = [comfort_noise, empty];
        assert_eq!(restorer.handle_packet(&packet(12, 1_920), &copies, OPUS).count(), 0);
    }
}
