//! The cipher alone: the least that forwarding can cost, measured on the same machine in the same run.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// A cipher of RFC 7714.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cipher {
    /// `AEAD_AES_128_GCM`.
    Aes128,
    /// `AEAD_AES_256_GCM`.
    Aes256,
}

/// Seals packets of given sizes for a number of subscribers, each with its own key, and does nothing else.
#[derive(Debug)]
pub struct SealFloor {
    keys: Vec<LessSafeKey>,
    /// What is sealed, for all subscribers behind one another, as in a buffer of packets to be sent.
    room: Vec<u8>,
    nonce: u64,
}

/// Header and extension of a forwarded packet, which are authenticated and not encrypted.
const HEADER_BYTES: usize = 20;

impl SealFloor {
    /// Makes the keys.
    pub fn new(cipher: Cipher, subscribers: u16) -> Self {
        let (algorithm, length) = match cipher {
            Cipher::Aes128 => (&AES_128_GCM, 16),
            Cipher::Aes256 => (&AES_256_GCM, 32),
        };
        let key = |number: u16| {
            let mut bytes = [0x5a; 32];
            bytes[..2].copy_from_slice(&number.to_be_bytes());
            let key = UnboundKey::new(algorithm, &bytes[..length]);
            LessSafeKey::new(key.expect("the key is as long as the algorithm wants it"))
        };
        Self { keys: (0..subscribers).map(key).collect(), room: Vec::new(), nonce: 0 }
    }

    /// Makes room for packets of up to this many bytes.
    pub fn reserve(&mut self, bytes: usize) {
        self.room.resize(bytes * self.keys.len(), 0);
    }

    /// Seals a packet of so many bytes, tag included, for each subscriber, and returns for how many.
    pub fn seal(&mut self, bytes: usize) -> u64 {
        for (key, packet) in self.keys.iter().zip(self.room.chunks_exact_mut(bytes)) {
            self.nonce += 1;
            let mut nonce = [0; 12];
            nonce[4..].copy_from_slice(&self.nonce.to_be_bytes());
            let (header, body) = packet.split_at_mut(HEADER_BYTES);
            let (body, tag) = body.split_at_mut(bytes - HEADER_BYTES - TAG_BYTES);
            let nonce = Nonce::assume_unique_for_key(nonce);
            let sealed = key.seal_in_place_separate_tag(nonce, Aad::from(header), body);
            tag.copy_from_slice(
                sealed.expect("a packet is never too long for the cipher").as_ref(),
            );
        }
        self.keys.len() as u64
    }
}

const TAG_BYTES: usize = 16;
