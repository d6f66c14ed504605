//! The memory that a batch of datagrams is received into.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};

use quinn_udp::{BATCH_SIZE, RecvMeta};

/// What one buffer must hold: with receive offload the kernel joins datagrams of one peer up to the
/// largest length that the IP header can state.
const BUFFER_SIZE: usize = 1 << 16;

/// Room for one batch of datagrams, allocated once.
pub(crate) struct ReceiveBuffer {
    storage: Vec<u8>,
    metas: [RecvMeta; BATCH_SIZE],
    filled: usize,
}

/// A datagram as it came from the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Datagram<'a> {
    pub(crate) source: SocketAddr,
    /// The address of this host that it was sent to.
    pub(crate) destination: Option<IpAddr>,
    pub(crate) contents: &'a [u8],
}

impl ReceiveBuffer {
    pub(crate) fn new() -> ReceiveBuffer {
        ReceiveBuffer {
            storage: vec![0; BUFFER_SIZE * BATCH_SIZE],
            metas: [RecvMeta::default(); BATCH_SIZE],
            filled: 0,
        }
    }

    /// Fills the buffer by `receive`, which says how many slices it used, and returns that.
    pub(crate) fn fill(
        &mut self,
        receive: impl FnOnce(&mut [IoSliceMut<'_>], &mut [RecvMeta]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.filled = 0;
        let mut chunks = self.storage.chunks_exact_mut(BUFFER_SIZE);
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] = std::array::from_fn(|_| {
            IoSliceMut::new(chunks.next().expect("the storage has BATCH_SIZE chunks"))
        });
        self.filled = receive(&mut slices, &mut self.metas)?;
        Ok(self.filled)
    }

    /// The datagrams received, in order, those joined by the kernel taken apart again.
    pub(crate) fn datagrams(&self) -> impl Iterator<Item = Datagram<'_>> {
        let chunks = self.storage.chunks_exact(BUFFER_SIZE);
        self.metas[..self.filled].iter().zip(chunks).flat_map(|(meta, chunk)| {
            let stride = meta.stride.max(1);
            chunk[..meta.len].chunks(stride).map(|contents| Datagram {
                source: meta.addr,
                destination: meta.dst_ip,
                contents,
            })
        })
    }
}

impl std::fmt::Debug for ReceiveBuffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReceiveBuffer").field("filled", &self.filled).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_that_the_kernel_joined_are_taken_apart() {
        let mut buffer = ReceiveBuffer::new();
        let from = |port| SocketAddr::from(([127, 0, 0, 1], port));
        buffer
            .fill(|slices, metas| {
                slices[0][..5].copy_from_slice(b"aabbc");
                metas[0] = RecvMeta { addr: from(1), len: 5, stride: 2, ..RecvMeta::default() };
                slices[1][..1].copy_from_slice(b"d");
                metas[1] = RecvMeta { addr: from(2), len: 1, stride: 1, ..RecvMeta::default() };
                metas[2] = RecvMeta { addr: from(3), len: 0, stride: 0, ..RecvMeta::default() };
                Ok(3)
            })
            .expect("nothing fails here");

        let seen: Vec<_> = buffer.datagrams().map(|d| (d.source.port(), d.contents)).collect();
        assert_eq!(seen, [(1, &b"aa"[..]), (1, b"bb"), (1, b"c"), (2, b"d")]);
    }

    #[test]
    fn a_failed_receive_leaves_nothing_behind() {
        let mut buffer = ReceiveBuffer::new();
        buffer.fill(|_, _| Ok(0)).expect("nothing fails here");
        assert!(buffer.fill(|_, _| Err(io::ErrorKind::WouldBlock.into())).is_err());
        assert_eq!(buffer.datagrams().count(), 0);
    }
}
