//! Sealing and opening of SRTP and SRTCP (RFC 3711, RFC 7714), beside the engine.
//!
//! The engine's handshake gives the master keys (RFC 5764); the session keys follow from them
//! (RFC 3711 §4.3). The engine keeps sealing what it sends itself, with the same keys. So that a number is
//! never used twice with a key (RFC 3711 §9.1, RFC 7714 §8.4 and §9.4), the two must never meet:
//!
//! - In SRTP the number is made of SSRC and packet index. Whoever sends by [`Sealer`] must see to it that
//!   the engine sends nothing on those SSRCs; the sealer itself only ever counts upwards per stream.
//! - In SRTCP all packets of a session count together. The engine counts from zero, ours start at 2^30,
//!   which at a thousand reports per second the engine reaches after twelve days.

use str0m::config::CryptoProvider;

use crate::dtls::MasterKeys;
use crate::replay_window::ReplayWindow;
use crate::srtp_cipher::{Cipher, Purpose, lengths};

/// Where our SRTCP indexes start; the engine's start at zero.
const FIRST_RTCP_INDEX: u32 = 1 << 30;

/// SRTCP indexes have 31 bits (RFC 3711 §3.4).
const RTCP_INDEX_LIMIT: u32 = 1 << 31;

/// What a handshake negotiated, for both directions.
pub(crate) struct SessionKeys {
    pub(crate) sealer: Sealer,
    pub(crate) opener: RtcpOpener,
    pub(crate) rtp_opener: RtpOpener,
}

/// Seals what we send.
pub(crate) struct Sealer {
    rtp: Cipher,
    rtcp: Cipher,
    next_rtcp_index: u32,
}

/// Opens the reports that the peer sends.
pub(crate) struct RtcpOpener {
    cipher: Cipher,
    /// Of each SSRC that has reported.
    replay: Vec<([u8; 4], ReplayWindow)>,
}

/// Opens single packets that the peer sends.
pub(crate) struct RtpOpener {
    cipher: Cipher,
}

impl SessionKeys {
    /// Derives the session keys, if the profile is a known one.
    pub(crate) fn derive(provider: &CryptoProvider, master: &MasterKeys) -> Option<Self> {
        let MasterKeys { material, profile, is_client } = master;
        let (profile, is_client) = (*profile, *is_client);
        let lengths = lengths(profile)?;
        // client key, server key, client salt, server salt
        let (keys, salts) = material.split_at_checked(2 * lengths.key)?;
        let cipher = |client: bool, purpose: Purpose| {
            let at = usize::from(!client);
            let key = keys.get(at * lengths.key..(at + 1) * lengths.key)?;
            let salt = salts.get(at * lengths.salt..(at + 1) * lengths.salt)?;
            Cipher::new(profile, purpose, |label, out| expand(provider, key, salt, label, out))
        };
        Some(Self {
            sealer: Sealer {
                rtp: cipher(is_client, Purpose::Rtp)?,
                rtcp: cipher(is_client, Purpose::Rtcp)?,
                next_rtcp_index: FIRST_RTCP_INDEX,
            },
            opener: RtcpOpener { cipher: cipher(!is_client, Purpose::Rtcp)?, replay: Vec::new() },
            rtp_opener: RtpOpener { cipher: cipher(!is_client, Purpose::Rtp)? },
        })
    }
}

/// AES in counter mode as a pseudo-random function (RFC 3711 §4.3.3, RFC 6188 §3).
fn expand(provider: &CryptoProvider, key: &[u8], salt: &[u8], label: u8, out: &mut [u8]) {
    let mut block = [0; 16];
    block[..salt.len()].copy_from_slice(salt);
    block[7] ^= label;
    for (counter, chunk) in (0u16..).zip(out.chunks_mut(16)) {
        block[14..].copy_from_slice(&counter.to_be_bytes());
        let mut stream = [0; 32];
        if key.len() == 16 {
            provider.srtp_provider.srtp_aes_128_ecb_round(key, &block, &mut stream);
        } else {
            provider.srtp_provider.srtp_aes_256_ecb_round(key, &block, &mut stream);
        }
        chunk.copy_from_slice(&stream[..chunk.len()]);
    }
}

impl Sealer {
    /// Returns how much longer an RTP packet gets by sealing it.
    pub(crate) fn tag_bytes(&self) -> usize {
        self.rtp.tag_bytes()
    }

    /// Seals an RTP packet in place: `packet` is header, payload and room for the tag; `index` is its
    /// extended sequence number and must be new for its SSRC.
    pub(crate) fn seal_rtp(&self, packet: &mut [u8], header_len: usize, ssrc: u32, index: u64) {
        self.rtp.seal_rtp(packet, header_len, ssrc, index);
    }

    /// Seals a compound RTCP packet in place; `None` when all numbers of this session are used up.
    pub(crate) fn seal_rtcp(&mut self, packet: &mut Vec<u8>) -> Option<()> {
        let index = self.next_rtcp_index;
        if index >= RTCP_INDEX_LIMIT {
            return None;
        }
        self.next_rtcp_index += 1;
        self.rtcp.seal_rtcp(packet, index)
    }
}

impl RtpOpener {
    /// Returns one with a key of which nobody knows.
    #[cfg(fuzzing)]
    pub(crate) fn for_fuzzing(profile: str0m::crypto::dtls::SrtpProfile) -> Option<Self> {
        let cipher = Cipher::new(profile, Purpose::Rtp, |label, out| out.fill(label ^ 0x5a))?;
        Some(Self { cipher })
    }

    /// Opens an RTP packet with this extended sequence number into `out`, which then holds the payload
    /// with its padding; `None` if it is not authentic. Whether it was seen before is for the caller to
    /// know.
    pub(crate) fn open<'a>(
        &self,
        packet: &[u8],
        header_len: usize,
        index: u64,
        out: &'a mut Vec<u8>,
    ) -> Option<&'a [u8]> {
        self.cipher.open_rtp(packet, header_len, index, out)?;
        Some(out)
    }
}

/// So many sources of one peer are told apart: one for each of its media sections, and more than any has.
const MAX_SENDERS: usize = 64;

impl RtcpOpener {
    /// Returns one with a key of which nobody knows.
    #[cfg(fuzzing)]
    pub(crate) fn for_fuzzing(profile: str0m::crypto::dtls::SrtpProfile) -> Option<Self> {
        let cipher = Cipher::new(profile, Purpose::Rtcp, |label, out| out.fill(label ^ 0x5a))?;
        Some(Self { cipher, replay: Vec::new() })
    }

    /// Opens a compound RTCP packet into `out`; `None` if it is not authentic or was seen before.
    pub(crate) fn open<'a>(&mut self, packet: &[u8], out: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        let index = self.cipher.rtcp_index(packet)?;
        // Each source counts for itself (RFC 3711 §3.2.3), and a browser reports as several: as one that
        // receives sound, and as another that receives pictures.
        let sender = *packet.get(4..)?.first_chunk::<4>()?;
        let known = self.replay.iter().position(|(other, _)| *other == sender);
        if known.is_some_and(|at| !self.replay[at].1.is_new(index.into())) {
            return None;
        }
        self.cipher.open_rtcp(packet, out)?;
        let at = known.unwrap_or_else(|| {
            if self.replay.len() == MAX_SENDERS {
                self.replay.remove(0);
            }
            self.replay.push((sender, ReplayWindow::default()));
            self.replay.len() - 1
        });
        self.replay[at].1.record(index.into());
        Some(out)
    }
}

impl std::fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionKeys")
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer")
    }
}

impl std::fmt::Debug for RtpOpener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RtpOpener")
    }
}

impl std::fmt::Debug for RtcpOpener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RtcpOpener")
    }
}

#[cfg(test)]
mod tests {
    use str0m::crypto::dtls::SrtpProfile;

    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let pair = |p: &[u8]| u8::from_str_radix(str::from_utf8(p).unwrap(), 16).unwrap();
        digits.chunks(2).map(pair).collect()
    }

    /// The session keys of RFC 7714 §16 and §17.
    fn cipher() -> Cipher {
        let derive = |label: u8, out: &mut [u8]| match label {
            0 => out.iter_mut().zip(0..).for_each(|(byte, at)| *byte = at),
            2 => out.copy_from_slice(b"Quid pro quo"),
            _ => {}
        };
        Cipher::new(SrtpProfile::AEAD_AES_128_GCM, Purpose::Rtp, derive).unwrap()
    }

    fn sealer(next_rtcp_index: u32) -> Sealer {
        Sealer { rtp: cipher(), rtcp: cipher(), next_rtcp_index }
    }

    /// Both directions with the same master key, that of RFC 3711 §B.3.
    fn counter_mode() -> SessionKeys {
        let key = "E1F97A0D3E018BE0D64FA32C06DE4139";
        let salt = "0EC675AD498AFEEBB6960B3AABE6";
        let material = bytes(&[key, key, salt, salt].concat());
        let profile = SrtpProfile::AES128_CM_SHA1_80;
        let provider = str0m_aws_lc_rs::default_provider();
        let master = MasterKeys { material, profile, is_client: false };
        SessionKeys::derive(&provider, &master).unwrap()
    }

    #[test]
    fn session_keys_are_those_of_rfc_3711_b_3() {
        let provider = str0m_aws_lc_rs::default_provider();
        let key = bytes("E1F97A0D3E018BE0D64FA32C06DE4139");
        let salt = bytes("0EC675AD498AFEEBB6960B3AABE6");
        let mut cipher_key = [0; 16];
        expand(&provider, &key, &salt, 0, &mut cipher_key);
        assert_eq!(cipher_key[..], bytes("C61E7A93744F39EE10734AFE3FF7A087"));
        let mut cipher_salt = [0; 14];
        expand(&provider, &key, &salt, 2, &mut cipher_salt);
        assert_eq!(cipher_salt[..], bytes("30CBBC08863D8C85D49DB34A9AE1"));
    }

    #[test]
    fn keys_follow_from_a_whole_handshake_alone() {
        let provider = str0m_aws_lc_rs::default_provider();
        let keys = |profile, len| MasterKeys { material: vec![7; len], profile, is_client: false };
        let derive = |keys: &MasterKeys| SessionKeys::derive(&provider, keys).is_some();
        let whole = [
            (SrtpProfile::AEAD_AES_128_GCM, 56),
            (SrtpProfile::AEAD_AES_256_GCM, 88),
            (SrtpProfile::AES128_CM_SHA1_80, 60),
        ];
        for (profile, len) in whole {
            assert!(derive(&keys(profile, len)));
            assert!(!derive(&keys(profile, len - 1)), "a byte is missing");
        }
    }

    #[test]
    fn a_packet_in_counter_mode_is_sealed_as_other_implementations_do() {
        let SessionKeys { sealer, .. } = counter_mode();
        let mut packet = bytes("800f1234 decafbad cafebabe");
        packet.extend([0xab; 16]);
        packet.resize(packet.len() + sealer.tag_bytes(), 0);
        sealer.seal_rtp(&mut packet, 12, 0xcafe_babe, 0x1234);
        let sealed = "800f1234 decafbad cafebabe 4e55dc4c e79978d8 8ca4d215 949d2402
            b78d6acc 99ea179b 8dbb";
        assert_eq!(packet, bytes(sealed));
        let mut wrapped = bytes("800f1234 decafbad cafebabe");
        wrapped.resize(packet.len(), 0xab);
        sealer.seal_rtp(&mut wrapped, 12, 0xcafe_babe, 0x1_1234);
        assert_ne!(wrapped[12..], packet[12..], "another number although its low half is the same");
    }

    #[test]
    fn a_report_in_counter_mode_is_sealed_as_other_implementations_do_and_opened_once() {
        let SessionKeys { mut sealer, mut opener, .. } = counter_mode();
        sealer.next_rtcp_index = 1;
        let mut plain = bytes("81c8000b cafebabe");
        plain.extend([0xab; 16]);
        let mut packet = plain.clone();
        sealer.seal_rtcp(&mut packet).unwrap();
        let sealed = "81c8000b cafebabe 7128035b e487b9bd bef89041 f977a5a8 80000001
            993e08cd 54d6c123 0798";
        assert_eq!(packet, bytes(sealed));
        let mut room = Vec::new();
        for at in 0..packet.len() {
            let mut tampered = packet.clone();
            tampered[at] ^= 1;
            assert_eq!(opener.open(&tampered, &mut room), None, "byte {at} was changed");
            assert_eq!(opener.open(&packet[..at], &mut room), None);
        }
        assert_eq!(opener.open(&packet, &mut room), Some(&plain[..]));
        assert_eq!(opener.open(&packet, &mut room), None, "a replay");
    }

    #[test]
    fn an_rtp_packet_is_sealed_as_in_rfc_7714_16_1_1() {
        let mut packet = bytes("8040f17b 8041f8d3 5501a0b2");
        packet.extend(b"Gallia est omnis divisa in partes tres");
        packet.resize(packet.len() + sealer(0).tag_bytes(), 0);
        sealer(0).seal_rtp(&mut packet, 12, 0x5501_a0b2, 0xf17b);
        let sealed = "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5
            0d294e6f 42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce";
        assert_eq!(packet, bytes(sealed));
    }

    #[test]
    fn an_rtp_packet_is_opened_under_its_number_alone_and_only_unchanged() {
        let provider = str0m_aws_lc_rs::default_provider();
        for (profile, len) in [
            (SrtpProfile::AEAD_AES_128_GCM, 28),
            (SrtpProfile::AEAD_AES_256_GCM, 44),
            (SrtpProfile::AES128_CM_SHA1_80, 30),
        ] {
            let half: Vec<u8> = (0..len).collect();
            // Both directions have the same key, so that one side opens what it sealed itself.
            let key = usize::from(len) - if len == 30 { 14 } else { 12 };
            let (key, salt) = half.split_at(key);
            let material = [key, key, salt, salt].concat();
            let master = MasterKeys { material, profile, is_client: false };
            let keys = SessionKeys::derive(&provider, &master).unwrap();
            let mut packet = bytes("80601234 decafbad cafebabe");
            packet.extend(b"a payload");
            packet.resize(packet.len() + keys.sealer.tag_bytes(), 0);
            keys.sealer.seal_rtp(&mut packet, 12, 0xcafe_babe, 0x3_1234);
            let mut room = Vec::new();
            let mut open = |packet: &[u8], index| {
                keys.rtp_opener.open(packet, 12, index, &mut room).map(<[u8]>::to_vec)
            };
            assert_eq!(open(&packet, 0x3_1234).as_deref(), Some(&b"a payload"[..]));
            assert_eq!(open(&packet, 0x2_1234), None, "another number of wraps");
            for at in 0..packet.len() {
                let mut tampered = packet.clone();
                tampered[at] ^= 1;
                assert_eq!(open(&tampered, 0x3_1234), None, "byte {at} was changed");
                assert_eq!(open(&packet[..at], 0x3_1234), None);
            }
        }
    }

    #[test]
    fn a_report_is_sealed_as_in_rfc_7714_17_1_and_opened_once() {
        let plain = bytes(
            "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
             deadbeef deadbeef deadbeef deadbeef deadbeef",
        );
        let mut packet = plain.clone();
        sealer(0x5d4).seal_rtcp(&mut packet).unwrap();
        let sealed = "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d
            c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4";
        assert_eq!(packet, bytes(sealed));

        let mut opener = RtcpOpener { cipher: cipher(), replay: Vec::new() };
        let mut room = Vec::new();
        assert_eq!(opener.open(&packet, &mut room), Some(&plain[..]));
        assert_eq!(opener.open(&packet, &mut room), None, "a replay");
        packet[20] ^= 1;
        let word = packet.len() - 4;
        packet[word..].copy_from_slice(&bytes("800005d5"));
        assert_eq!(opener.open(&packet, &mut room), None, "tampered with");
        for end in 0..packet.len() {
            assert_eq!(opener.open(&packet[..end], &mut room), None);
        }
    }

    #[test]
    fn each_source_of_a_peer_numbers_its_reports_for_itself() {
        let mut opener = RtcpOpener { cipher: cipher(), replay: Vec::new() };
        let mut room = Vec::new();
        let report = |sender: u8, index: u32| {
            let mut packet = vec![0x80, 201, 0, 1, 0, 0, 0, sender];
            sealer(index).seal_rtcp(&mut packet).unwrap();
            packet
        };
        for (sender, index) in [(1, 500), (2, 3), (2, 4), (1, 501), (2, 500)] {
            let packet = report(sender, index);
            assert!(opener.open(&packet, &mut room).is_some(), "{index} of {sender}");
            assert_eq!(opener.open(&packet, &mut room), None, "a replay");
        }
    }

    #[test]
    fn our_reports_are_numbered_apart_from_the_engines() {
        let mut sealer = sealer(FIRST_RTCP_INDEX);
        let mut packet = vec![0x80, 201, 0, 1, 0, 0, 0, 1];
        sealer.seal_rtcp(&mut packet).unwrap();
        assert_eq!(packet[packet.len() - 4..], [0xc0, 0, 0, 0]);
        sealer.next_rtcp_index = RTCP_INDEX_LIMIT;
        assert_eq!(sealer.seal_rtcp(&mut vec![0x80, 201, 0, 1, 0, 0, 0, 1]), None);
    }
}
