//! What waits to be sent, in one buffer, so that runs of equal packets can leave in one system call.

use std::net::SocketAddr;

/// One or more datagrams for one destination.
#[derive(Debug, PartialEq, Eq)]
pub struct Transmit<'a> {
    /// The local candidate to send from.
    pub source: SocketAddr,
    /// Where to send.
    pub destination: SocketAddr,
    /// The payload of the datagram, or of all of them one behind the other.
    pub contents: &'a [u8],
    /// If set, `contents` is to be cut into datagrams of this many bytes, the last one maybe shorter
    /// (generic segmentation offload, Linux's `UDP_SEGMENT`).
    pub segment_size: Option<usize>,
}

/// Datagrams in the order in which they leave.
#[derive(Debug, Default)]
pub(crate) struct SendQueue {
    bytes: Vec<u8>,
    datagrams: Vec<Datagram>,
    /// The first datagram that was not polled yet.
    next: usize,
}

#[derive(Debug, Clone, Copy)]
struct Datagram {
    source: SocketAddr,
    destination: SocketAddr,
    start: usize,
    len: usize,
}

/// A send to the kernel holds less than 64 KiB (the length field of IPv4 and IPv6).
const MAX_SEND_BYTES: usize = 65_000;

impl SendQueue {
    pub(crate) fn push(&mut self, source: SocketAddr, destination: SocketAddr, contents: &[u8]) {
        self.append(source, destination, [contents, &[]], 0);
    }

    /// Adds a datagram that consists of these parts and `room` zeros, and returns it to be finished.
    ///
    /// Each byte is written once. In a queue that is larger than a cache that is what counts.
    pub(crate) fn append(
        &mut self,
        source: SocketAddr,
        destination: SocketAddr,
        parts: [&[u8]; 2],
        room: usize,
    ) -> &mut [u8] {
        let start = self.bytes.len();
        let len = parts[0].len() + parts[1].len() + room;
        self.bytes.reserve(len);
        self.bytes.extend_from_slice(parts[0]);
        self.bytes.extend_from_slice(parts[1]);
        self.bytes.resize(start + len, 0);
        self.datagrams.push(Datagram { source, destination, start, len });
        &mut self.bytes[start..]
    }

    /// Returns whether all has been polled, and makes room for more.
    pub(crate) fn is_polled(&mut self) -> bool {
        let is_polled = self.next == self.datagrams.len();
        if is_polled {
            self.bytes.clear();
            self.datagrams.clear();
            self.next = 0;
        }
        is_polled
    }

    /// Returns how many bytes were added since all had been polled.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Returns the next send, of at most `max_segments` datagrams.
    ///
    /// Datagrams are merged only as they stand: same addresses, same length, the last one maybe shorter.
    pub(crate) fn poll(&mut self, max_segments: usize) -> Option<Transmit<'_>> {
        let first = *self.datagrams.get(self.next)?;
        let mut count = 1;
        let mut end = first.start + first.len;
        for d in &self.datagrams[self.next + 1..] {
            let fits = count < max_segments && d.start + d.len - first.start <= MAX_SEND_BYTES;
            let same = d.source == first.source && d.destination == first.destination;
            if !fits || !same || d.len > first.len || d.len == 0 {
                break;
            }
            count += 1;
            end = d.start + d.len;
            if d.len < first.len {
                break;
            }
        }
        self.next += count;
        Some(Transmit {
            source: first.source,
            destination: first.destination,
            contents: &self.bytes[first.start..end],
            segment_size: (count > 1).then_some(first.len),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn drain(queue: &mut SendQueue, max_segments: usize) -> Vec<(u16, usize, Option<usize>)> {
        let mut sends = Vec::new();
        while let Some(t) = queue.poll(max_segments) {
            sends.push((t.destination.port(), t.contents.len(), t.segment_size));
        }
        sends
    }

    #[test]
    fn equal_neighbours_leave_together_and_a_shorter_one_ends_the_run() {
        let mut queue = SendQueue::default();
        for len in [100, 100, 60, 100] {
            queue.push(address(1), address(2), &vec![0; len]);
        }
        queue.push(address(1), address(3), &[0; 100]);
        assert_eq!(drain(&mut queue, 64), [(2, 260, Some(100)), (2, 100, None), (3, 100, None)]);
    }

    #[test]
    fn a_run_is_no_longer_than_the_kernel_takes() {
        let mut queue = SendQueue::default();
        for _ in 0..5 {
            queue.push(address(1), address(2), &[7; 10]);
        }
        assert_eq!(drain(&mut queue, 2), [(2, 20, Some(10)), (2, 20, Some(10)), (2, 10, None)]);
        for _ in 0..60 {
            queue.push(address(1), address(2), &[7; 1200]);
        }
        let longest = drain(&mut queue, 64).iter().map(|s| s.1).max();
        assert_eq!(longest, Some(54 * 1200), "54 datagrams of 1,200 bytes are just below 65,000");
    }
}
