//! The ciphers of SRTP, with one session key each: AES-GCM (RFC 7714) and, for peers that have no other,
//! AES in counter mode with HMAC-SHA1 (RFC 3711).
//!
//! Both are stream ciphers: whoever seals must never use an index twice with an SSRC (see `srtp.rs`).

use aws_lc_rs::aead::{
    AES_128_GCM, AES_256_GCM, Aad, Algorithm, LessSafeKey, MAX_TAG_LEN, Nonce, UnboundKey,
};
use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use str0m::crypto::dtls::SrtpProfile;

/// The upper bit of the word that ends a report says that it is encrypted; the rest is its index (RFC
/// 3711 §3.4).
const IS_ENCRYPTED: u32 = 1 << 31;

const RTCP_HEADER_BYTES: usize = 8;
const WORD_BYTES: usize = 4;

/// Longer than any key, salt or authentication key.
const MAX_DERIVED: usize = 32;

/// What a profile needs: lengths in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lengths {
    pub(crate) key: usize,
    pub(crate) salt: usize,
}

/// Returns the lengths of a profile's master keys and salts, which are those of its session keys, if it
/// is one that is known here.
pub(crate) fn lengths(profile: SrtpProfile) -> Option<Lengths> {
    match profile {
        SrtpProfile::AES128_CM_SHA1_80 => Some(Lengths { key: 16, salt: 14 }),
        SrtpProfile::AEAD_AES_128_GCM => Some(Lengths { key: 16, salt: 12 }),
        SrtpProfile::AEAD_AES_256_GCM => Some(Lengths { key: 32, salt: 12 }),
        _ => None,
    }
}

/// What a session key is for (the labels of RFC 3711 §4.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Rtp = 0,
    Rtcp = 3,
}

/// A session key for one direction, of RTP or RTCP.
pub(crate) enum Cipher {
    Gcm(Gcm),
    /// Rare, and so apart: what every transport keeps is to be small.
    CounterMode(Box<CounterMode>),
}

impl Cipher {
    /// Makes a session key; `derive` fills in what follows from the master key with a label.
    pub(crate) fn new(
        profile: SrtpProfile,
        purpose: Purpose,
        derive: impl Fn(u8, &mut [u8]),
    ) -> Option<Self> {
        let lengths = lengths(profile)?;
        let [mut key, mut authentication, mut salt] = [[0; MAX_DERIVED]; 3];
        let label = purpose as u8;
        derive(label, &mut key[..lengths.key]);
        derive(label + 1, &mut authentication[..AUTHENTICATION_KEY_BYTES]);
        derive(label + 2, &mut salt[..lengths.salt]);
        let key = &key[..lengths.key];
        Some(match profile {
            SrtpProfile::AEAD_AES_128_GCM => Self::Gcm(Gcm::new(&AES_128_GCM, key, &salt)?),
            SrtpProfile::AEAD_AES_256_GCM => Self::Gcm(Gcm::new(&AES_256_GCM, key, &salt)?),
            SrtpProfile::AES128_CM_SHA1_80 | _ => {
                let authentication = &authentication[..AUTHENTICATION_KEY_BYTES];
                Self::CounterMode(Box::new(CounterMode::new(key, authentication, &salt)?))
            }
        })
    }

    /// Returns how much longer an RTP packet gets by sealing it.
    pub(crate) fn tag_bytes(&self) -> usize {
        match self {
            Self::Gcm(_) => MAX_TAG_LEN,
            Self::CounterMode(_) => HMAC_TAG_BYTES,
        }
    }

    /// Seals an RTP packet in place, which has room for the tag at its end.
    pub(crate) fn seal_rtp(&self, packet: &mut [u8], header_len: usize, ssrc: u32, index: u64) {
        match self {
            Self::Gcm(cipher) => cipher.seal_rtp(packet, header_len, ssrc, index),
            Self::CounterMode(cipher) => cipher.seal_rtp(packet, header_len, ssrc, index),
        }
    }

    /// Opens an RTP packet into `out`, which then holds its payload; `None` if it is not authentic.
    pub(crate) fn open_rtp(
        &self,
        packet: &[u8],
        header_len: usize,
        index: u64,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        out.clear();
        let ssrc = *packet.get(8..)?.first_chunk()?;
        match self {
            Self::Gcm(cipher) => cipher.open_rtp(packet, header_len, (ssrc, index), out),
            Self::CounterMode(cipher) => cipher.open_rtp(packet, header_len, (ssrc, index), out),
        }
    }

    /// Seals a compound RTCP packet in place.
    pub(crate) fn seal_rtcp(&self, packet: &mut Vec<u8>, index: u32) -> Option<()> {
        match self {
            Self::Gcm(cipher) => cipher.seal_rtcp(packet, index),
            Self::CounterMode(cipher) => cipher.seal_rtcp(packet, index),
        }
    }

    /// Returns the index of a compound RTCP packet, which may not be authentic.
    pub(crate) fn rtcp_index(&self, packet: &[u8]) -> Option<u32> {
        let tag = match self {
            Self::Gcm(_) => 0,
            Self::CounterMode(_) => HMAC_TAG_BYTES,
        };
        let word = *packet[..packet.len().checked_sub(tag)?].last_chunk()?;
        u32::from_be_bytes(word).checked_sub(IS_ENCRYPTED)
    }

    /// Opens a compound RTCP packet into `out`; `None` if it is not authentic.
    pub(crate) fn open_rtcp(&self, packet: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let index = self.rtcp_index(packet)?;
        out.clear();
        match self {
            Self::Gcm(cipher) => cipher.open_rtcp(packet, index, out),
            Self::CounterMode(cipher) => cipher.open_rtcp(packet, index, out),
        }
    }
}

/// AES-GCM (RFC 7714).
pub(crate) struct Gcm {
    key: LessSafeKey,
    salt: [u8; GCM_SALT_BYTES],
}

const GCM_SALT_BYTES: usize = 12;

impl Gcm {
    fn new(algorithm: &'static Algorithm, key: &[u8], salt: &[u8]) -> Option<Self> {
        let key = LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?);
        Some(Self { key, salt: *salt.first_chunk()? })
    }

    fn nonce(&self, mut number: [u8; GCM_SALT_BYTES]) -> Nonce {
        for (byte, salt) in number.iter_mut().zip(self.salt) {
            *byte ^= salt;
        }
        Nonce::assume_unique_for_key(number)
    }

    fn rtcp_nonce(&self, ssrc: [u8; 4], index: u32) -> Nonce {
        // RFC 7714 §9.1
        let mut number = [0; GCM_SALT_BYTES];
        number[2..6].copy_from_slice(&ssrc);
        number[8..].copy_from_slice(&index.to_be_bytes());
        self.nonce(number)
    }

    fn rtp_nonce(&self, ssrc: [u8; 4], index: u64) -> Nonce {
        // RFC 7714 §8.1
        let mut number = [0; GCM_SALT_BYTES];
        number[2..6].copy_from_slice(&ssrc);
        number[6..].copy_from_slice(&index.to_be_bytes()[2..]);
        self.nonce(number)
    }

    fn open_rtp(
        &self,
        packet: &[u8],
        header_len: usize,
        (ssrc, index): ([u8; 4], u64),
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let (header, sealed) = packet.split_at_checked(header_len)?;
        out.extend_from_slice(sealed);
        let nonce = self.rtp_nonce(ssrc, index);
        let opened = self.key.open_in_place(nonce, Aad::from(header), out).ok()?.len();
        out.truncate(opened);
        Some(())
    }

    fn seal_rtp(&self, packet: &mut [u8], header_len: usize, ssrc: u32, index: u64) {
        let nonce = self.rtp_nonce(ssrc.to_be_bytes(), index);
        let (header, body) = packet.split_at_mut(header_len);
        let (payload, room) = body.split_at_mut(body.len() - MAX_TAG_LEN);
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(&*header), payload)
            .expect("a packet is far below the limits of AES-GCM");
        room.copy_from_slice(tag.as_ref());
    }

    fn seal_rtcp(&self, packet: &mut Vec<u8>, index: u32) -> Option<()> {
        let (header, _) = packet.split_first_chunk::<RTCP_HEADER_BYTES>()?;
        let word = (index | IS_ENCRYPTED).to_be_bytes();
        let aad = Self::rtcp_aad(header, word);
        let nonce = self.rtcp_nonce(*header.last_chunk()?, index);
        let body = &mut packet[RTCP_HEADER_BYTES..];
        let tag = self.key.seal_in_place_separate_tag(nonce, Aad::from(aad), body).ok()?;
        packet.extend_from_slice(tag.as_ref());
        packet.extend_from_slice(&word);
        Some(())
    }

    fn open_rtcp(&self, packet: &[u8], index: u32, out: &mut Vec<u8>) -> Option<()> {
        let (body, word) = packet.split_last_chunk::<WORD_BYTES>()?;
        let (header, sealed) = body.split_first_chunk::<RTCP_HEADER_BYTES>()?;
        out.extend_from_slice(header);
        out.extend_from_slice(sealed);
        let aad = Self::rtcp_aad(header, *word);
        let nonce = self.rtcp_nonce(*header.last_chunk()?, index);
        let sealed = &mut out[RTCP_HEADER_BYTES..];
        let opened = self.key.open_in_place(nonce, Aad::from(aad), sealed).ok()?.len();
        out.truncate(RTCP_HEADER_BYTES + opened);
        Some(())
    }

    /// What is authenticated beside the sealed part: the header and the index word (RFC 7714 §9.2).
    fn rtcp_aad(
        header: &[u8; RTCP_HEADER_BYTES],
        word: [u8; WORD_BYTES],
    ) -> [u8; RTCP_HEADER_BYTES + WORD_BYTES] {
        let mut aad = [0; RTCP_HEADER_BYTES + WORD_BYTES];
        aad[..RTCP_HEADER_BYTES].copy_from_slice(header);
        aad[RTCP_HEADER_BYTES..].copy_from_slice(&word);
        aad
    }
}

/// AES in counter mode with HMAC-SHA1, of which 80 bits are sent (RFC 3711 §4.1.1 and §4.2).
pub(crate) struct CounterMode {
    key: EncryptingKey,
    authentication: hmac::Key,
    salt: [u8; 14],
}

const AUTHENTICATION_KEY_BYTES: usize = 20;
const HMAC_TAG_BYTES: usize = 10;

impl CounterMode {
    fn new(key: &[u8], authentication: &[u8], salt: &[u8]) -> Option<Self> {
        Some(Self {
            key: EncryptingKey::ctr(UnboundCipherKey::new(&AES_128, key).ok()?).ok()?,
            authentication: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, authentication),
            salt: *salt.first_chunk()?,
        })
    }

    /// Adds the key stream, which both seals and opens.
    fn apply(&self, ssrc: [u8; 4], index: u64, body: &mut [u8]) -> Option<()> {
        let mut counter = [0; 16];
        counter[4..8].copy_from_slice(&ssrc);
        counter[8..14].copy_from_slice(&index.to_be_bytes()[2..]);
        for (byte, salt) in counter.iter_mut().zip(self.salt) {
            *byte ^= salt;
        }
        let start = EncryptionContext::Iv128(FixedLength::from(counter));
        self.key.less_safe_encrypt(body, start).ok().map(drop)
    }

    fn tag(&self, parts: [&[u8]; 2]) -> [u8; HMAC_TAG_BYTES] {
        let mut context = hmac::Context::with_key(&self.authentication);
        parts.into_iter().for_each(|part| context.update(part));
        let mut tag = [0; HMAC_TAG_BYTES];
        tag.copy_from_slice(&context.sign().as_ref()[..HMAC_TAG_BYTES]);
        tag
    }

    fn seal_rtp(&self, packet: &mut [u8], header_len: usize, ssrc: u32, index: u64) {
        let (sealed, room) = packet.split_at_mut(packet.len() - HMAC_TAG_BYTES);
        self.apply(ssrc.to_be_bytes(), index, &mut sealed[header_len..])
            .expect("counter mode takes any length");
        // RFC 3711 §4.2: the packet, and how often its number has wrapped.
        let wraps = ((index >> 16) as u32).to_be_bytes();
        room.copy_from_slice(&self.tag([sealed, &wraps]));
    }

    fn open_rtp(
        &self,
        packet: &[u8],
        header_len: usize,
        (ssrc, index): ([u8; 4], u64),
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let (authentic, tag) = packet.split_last_chunk::<HMAC_TAG_BYTES>()?;
        let wraps = ((index >> 16) as u32).to_be_bytes();
        verify_slices_are_equal(&self.tag([authentic, &wraps]), tag).ok()?;
        out.extend_from_slice(authentic.get(header_len..)?);
        self.apply(ssrc, index, out)
    }

    fn seal_rtcp(&self, packet: &mut Vec<u8>, index: u32) -> Option<()> {
        let (header, body) = packet.split_first_chunk_mut::<RTCP_HEADER_BYTES>()?;
        self.apply(*header.last_chunk()?, u64::from(index), body)?;
        let word = (index | IS_ENCRYPTED).to_be_bytes();
        let tag = self.tag([packet, &word]);
        packet.extend_from_slice(&word);
        packet.extend_from_slice(&tag);
        Some(())
    }

    fn open_rtcp(&self, packet: &[u8], index: u32, out: &mut Vec<u8>) -> Option<()> {
        let (authentic, tag) = packet.split_last_chunk::<HMAC_TAG_BYTES>()?;
        verify_slices_are_equal(&self.tag([authentic, &[]]), tag).ok()?;
        let (sealed, _) = authentic.split_last_chunk::<WORD_BYTES>()?;
        out.extend_from_slice(sealed);
        let (header, body) = out.split_first_chunk_mut::<RTCP_HEADER_BYTES>()?;
        self.apply(*header.last_chunk()?, u64::from(index), body)
    }
}
