//! Ways in for fuzzing, which builds with `--cfg fuzzing`; not there otherwise.

use std::net::SocketAddr;

use str0m::crypto::dtls::SrtpProfile;

use crate::demux::{Demux, Route};
use crate::extensions;
use crate::rtcp;
use crate::rtp_header::RtpHeader;
use crate::srtp::{RtcpOpener, RtpOpener};

/// Reads a compound RTCP packet to the end.
pub fn read_reports(compound: &[u8]) {
    for feedback in rtcp::read(compound) {
        match feedback {
            rtcp::Feedback::Nack { missing, .. } => {
                // Each entry of four bytes names 17 numbers at most.
                assert!(missing.numbers().count() <= compound.len() / 4 * 17);
            }
            rtcp::Feedback::Reception(_)
            | rtcp::Feedback::Keyframe { .. }
            | rtcp::Feedback::Remb { .. } => {}
            rtcp::Feedback::TransportWide(feedback) => {
                assert_eq!(feedback.arrivals().count(), usize::from(feedback.count()));
            }
        }
    }
}

/// Opens what claims to be a sequence of SRTCP packets, each with its length in front; none of them is
/// authentic, for nobody has the key.
pub fn open_reports(datagrams: &[u8]) {
    for profile in [SrtpProfile::AEAD_AES_128_GCM, SrtpProfile::AES128_CM_SHA1_80] {
        let mut opener = RtcpOpener::for_fuzzing(profile).expect("a known profile");
        open_all(&mut opener, datagrams);
    }
}

fn open_all(opener: &mut RtcpOpener, mut datagrams: &[u8]) {
    let mut room = Vec::new();
    while let Some((&len, rest)) = datagrams.split_first() {
        let (datagram, rest) = rest.split_at(usize::from(len).min(rest.len()));
        assert!(opener.open(datagram, &mut room).is_none(), "a forgery was taken");
        datagrams = rest;
    }
}

/// Reads the headers of what claims to be RTP, each datagram with its length in front, and opens it; none
/// is authentic.
pub fn open_media(mut datagrams: &[u8]) {
    let profiles = [SrtpProfile::AEAD_AES_128_GCM, SrtpProfile::AES128_CM_SHA1_80];
    let openers = profiles.map(|profile| RtpOpener::for_fuzzing(profile).expect("a known profile"));
    let mut room = Vec::new();
    while let Some((&len, rest)) = datagrams.split_first() {
        let (datagram, rest) = rest.split_at(usize::from(len).min(rest.len()));
        datagrams = rest;
        let Some(header) = RtpHeader::read(datagram) else {
            continue;
        };
        assert!((12..=datagram.len()).contains(&header.len));
        assert!(header.extension.len() <= header.len - 12);
        for id in 0..=u8::MAX {
            let value = extensions::find(header.extension, id).unwrap_or_default();
            assert!(value.is_empty() || value.len() < header.extension.len());
        }
        for opener in &openers {
            let opened = opener.open(datagram, header.len, header.number.into(), &mut room);
            assert!(opened.is_none(), "a forgery was taken");
        }
    }
}

/// Routes datagrams, each with its sender and its length in front, as a core with two transports would.
pub fn route(mut datagrams: &[u8]) {
    let mut demux = Demux::default();
    demux.add_ufrag(0, "aaaa");
    demux.add_ufrag(1, "bbbb");
    while let Some((&[port, len], rest)) = datagrams.split_first_chunk::<2>() {
        let (datagram, rest) = rest.split_at(usize::from(len).min(rest.len()));
        let source = SocketAddr::from(([192, 0, 2, 1], u16::from(port)));
        match demux.route(source, datagram) {
            Route::Check { slot, learn_address } => {
                assert!(datagram.first().is_some_and(|b| *b < 4) && slot < 2);
                if learn_address && len % 2 == 0 {
                    demux.learn_address(slot, source);
                }
            }
            Route::Known(slot) => assert!(slot < 2),
            Route::Drop => {}
        }
        datagrams = rest;
    }
}
