//! Makes the packets of a frame equally long, so that they leave in one system call.
//!
//! The kernel cuts one large buffer into datagrams of equal size, the last of which may be shorter
//! (`UDP_SEGMENT`). An encoder that splits a frame into packets that differ by a byte would need two
//! calls where one will do, so the shorter ones get a byte or two of RTP padding (RFC 3550 §5.1).

use crate::track::Arrival;

/// How many bytes of padding a packet gets at most. Encoders split frames into packets that differ by a
/// byte or two; more would cost more than it saves.
const MAX_PADDING: usize = 8;

/// Decides how much padding each of these packets gets, given the length of each.
pub(crate) fn equalise(arrivals: &mut [Arrival], length: impl Fn(&Arrival) -> usize) {
    let mut start = 0;
    while start < arrivals.len() {
        let (mut shortest, mut longest) = (usize::MAX, 0);
        let mut end = start;
        for arrival in &arrivals[start..] {
            let len = length(arrival);
            let is_like = arrival.encoding == arrivals[start].encoding
                && longest.max(len) - shortest.min(len) <= MAX_PADDING;
            if !is_like {
                break;
            }
            (shortest, longest) = (shortest.min(len), longest.max(len));
            end += 1;
        }
        // One that stands alone at the end of a run may be shorter.
        let last = end.max(start + 1) - 1;
        for arrival in &mut arrivals[start..last] {
            arrival.padding = u8::try_from(longest - length(arrival)).unwrap_or(0);
        }
        if let Some(arrival) = arrivals.get_mut(last) {
            arrival.padding = 0;
        }
        start = last + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paddings(packets: &[(usize, usize)]) -> Vec<u8> {
        let arrival =
            |index: usize| Arrival { encoding: packets[index].0, index: index as u64, padding: 9 };
        let mut arrivals: Vec<_> = (0..packets.len()).map(arrival).collect();
        equalise(&mut arrivals, |a| packets[a.index as usize].1);
        arrivals.iter().map(|a| a.padding).collect()
    }

    #[test]
    fn a_frame_that_was_split_evenly_becomes_a_run() {
        let frame = [(0, 1041), (0, 1041), (0, 1042), (0, 1042), (0, 1041)];
        assert_eq!(paddings(&frame), [1, 1, 0, 0, 0]);
    }

    #[test]
    fn the_last_packet_needs_no_padding_and_neither_does_a_longer_one_that_follows() {
        assert_eq!(paddings(&[(0, 1000), (0, 1000), (0, 400), (0, 900)]), [0, 0, 0, 0]);
        assert_eq!(paddings(&[(0, 70)]), [0]);
        assert_eq!(paddings(&[]), [0; 0]);
    }

    #[test]
    fn packets_of_different_encodings_are_no_run() {
        assert_eq!(paddings(&[(0, 500), (1, 501), (0, 502)]), [0, 0, 0]);
    }

    #[test]
    fn no_packet_gets_more_than_a_few_bytes() {
        let steps: Vec<_> = (0..100).map(|n| (0, 100 + n * 3)).collect();
        assert!(paddings(&steps).iter().all(|p| usize::from(*p) <= MAX_PADDING));
    }
}
