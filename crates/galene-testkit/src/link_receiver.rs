//! Stands in for somebody who receives over one link and reports when each packet arrived.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::Event;
use str0m::change::SdpOffer;

use crate::codec::Codec;
use crate::engine::{Engine, Feedback, Formats, is_rtp};
use crate::link_sender::{OVERHEAD, STAMP};
use crate::node::{Datagram, Node};
use crate::sdp;

/// A datagram of RTP that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// When.
    pub at: Instant,
    /// What tells it from all others: its SSRC and its sequence number.
    pub key: (u32, u16),
}

/// Receives, asks for nothing again, and gives transport-wide feedback as the engine does.
pub(crate) struct LinkReceiver {
    engine: Engine,
    outgoing: VecDeque<Datagram>,
    received: Vec<Received>,
    pictures: Vec<(Instant, Instant, usize)>,
}

impl LinkReceiver {
    pub(crate) fn new(now: Instant, address: SocketAddr) -> Self {
        let formats = Formats { codecs: &[Codec::Vp8], rtx: true, red: false };
        let engine = Engine::adaptive(now, address, formats, Feedback::TransportWide, false);
        let (outgoing, received, pictures) = (VecDeque::new(), Vec::new(), Vec::new());
        Self { engine, outgoing, received, pictures }
    }

    pub(crate) fn handle_offer(&mut self, now: Instant, offer: &str) -> String {
        let offer = SdpOffer::from_sdp_string(offer).expect("a good offer");
        let answer = self.engine.rtc().sdp_api().accept_offer(offer).expect("a good offer");
        self.engine.settle(now);
        sdp::without_candidates(&answer.to_sdp_string())
    }

    pub(crate) fn engine(&mut self) -> &mut Engine {
        &mut self.engine
    }

    pub(crate) fn received(&self) -> &[Received] {
        &self.received
    }

    /// Returns of each packet of a picture when it was made, when it arrived and how long its datagram is.
    pub(crate) fn pictures(&self) -> &[(Instant, Instant, usize)] {
        &self.pictures
    }

    fn handle_events(&mut self, now: Instant) {
        while let Some(event) = self.engine.poll_event() {
            let Event::RtpPacket(packet) = event else { continue };
            let ssrc = packet.header.ssrc;
            if let Some(stream) = self.engine.rtc().direct_api().stream_rx(&ssrc) {
                stream.suppress_nack(true);
            }
            let made = packet.payload.first_chunk::<STAMP>().map_or(0, |s| u64::from_be_bytes(*s));
            if made > 0 {
                let made = crate::epoch() + Duration::from_nanos(made);
                self.pictures.push((made, now, packet.payload.len() + OVERHEAD));
            }
        }
    }
}

impl Node for LinkReceiver {
    fn handle_datagram(&mut self, now: Instant, datagram: &Datagram) {
        let contents = &datagram.contents;
        if is_rtp(contents)
            && let Some(&[_, _, high, low, _, _, _, _, a, b, c, d]) = contents.first_chunk()
        {
            let key = (u32::from_be_bytes([a, b, c, d]), u16::from_be_bytes([high, low]));
            self.received.push(Received { at: now, key });
        }
        self.engine.handle_datagram(now, datagram);
        self.handle_events(now);
        self.outgoing.extend(std::iter::from_fn(|| self.engine.poll_transmit()));
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.engine.settle(now);
        self.handle_events(now);
        self.outgoing.extend(std::iter::from_fn(|| self.engine.poll_transmit()));
    }

    fn poll_transmit(&mut self) -> Option<Datagram> {
        self.outgoing.pop_front()
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.engine.poll_timeout()
    }
}

impl std::fmt::Debug for LinkReceiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinkReceiver")
            .field("received", &self.received.len())
            .finish_non_exhaustive()
    }
}
