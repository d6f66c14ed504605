//! Runs one str0m instance: the part of the browser stand-ins that both kinds share.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use str0m::media::Mid;
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

use crate::codec::Codec;
use crate::descriptor;
use crate::node::Datagram;

/// One ICE and DTLS association of a browser stand-in.
#[derive(Debug)]
pub(crate) struct Engine {
    rtc: Rtc,
    address: SocketAddr,
    timeout: Option<Instant>,
    outgoing: VecDeque<Datagram>,
    events: VecDeque<Event>,
}

/// So much output in a row is taken from the engine after one input. A large burst is a few hundred
/// datagrams; more than this is an endless loop.
const MAX_OUTPUTS: u32 = 100_000;

impl Engine {
    /// Returns an engine that speaks these codecs.
    pub(crate) fn new(now: Instant, address: SocketAddr, codecs: &[Codec], rtx: bool) -> Self {
        let mut config = RtcConfig::new()
            .clear_codecs()
            .set_rtp_mode(true)
            .set_extension(descriptor::EXTENSION_ID, descriptor::extension());
        for codec in codecs {
            codec.configure(config.codec_config(), rtx);
        }
        let mut engine = Self {
            rtc: config.build(now),
            address,
            timeout: None,
            outgoing: VecDeque::new(),
            events: VecDeque::new(),
        };
        engine.add_address(address);
        engine.settle(now);
        engine
    }

    /// Moves to another address, which takes effect with an ICE restart.
    pub(crate) fn add_address(&mut self, address: SocketAddr) {
        let candidate = Candidate::host(address, Protocol::Udp).expect("a usable address");
        self.rtc.add_local_candidate(candidate);
        self.address = address;
    }

    pub(crate) fn handle_datagram(&mut self, now: Instant, datagram: &Datagram) {
        let Datagram { source, destination, contents } = datagram;
        // What cannot be parsed is no concern of a peer's.
        if let Ok(receive) = Receive::new(Protocol::Udp, *source, *destination, contents) {
            let input = Input::Receive(now, receive);
            // Peers drop what does not belong to them; a server has to sort it out by itself.
            if self.rtc.accepts(&input) {
                self.rtc.handle_input(input).expect("the engine of a stand-in does not fail");
                self.drain();
            }
        }
    }

    /// Lets the engine act on what was changed, and on the time.
    pub(crate) fn settle(&mut self, now: Instant) {
        self.rtc.handle_input(Input::Timeout(now)).expect("the engine of a stand-in does not fail");
        self.drain();
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Datagram> {
        self.outgoing.pop_front()
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.timeout
    }

    /// Adds a candidate of the other side.
    pub(crate) fn add_candidate(&mut self, now: Instant, candidate: &str) -> Result<(), String> {
        let parsed = Candidate::from_sdp_string(candidate)
            .map_err(|error| format!("bad candidate {candidate:?}: {error}"))?;
        self.rtc.add_remote_candidate(parsed);
        self.settle(now);
        Ok(())
    }

    /// Returns the candidates that a browser would trickle after a description: one with a name that
    /// nobody can resolve, the real one, and the empty one that ends the list.
    pub(crate) fn candidates(&self, description: &str) -> Vec<String> {
        let ufrag = description.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:"));
        let ufrag = ufrag.unwrap_or_default();
        let (ip, port) = (self.address.ip(), self.address.port());
        let rest = format!("{port} typ host generation 0 ufrag {ufrag} network-cost 999");
        let hidden = "c0ffee00-1234-4321-8888-0123456789ab.local";
        vec![
            format!("candidate:1 1 udp 2113937151 {hidden} {rest}"),
            format!("candidate:2 1 udp 2113937151 {ip} {rest}"),
            String::new(),
        ]
    }

    /// Gives access to the engine; to be followed by [`settle`](Self::settle).
    pub(crate) fn rtc(&mut self) -> &mut Rtc {
        &mut self.rtc
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.rtc.is_alive()
    }

    /// Returns the codec that a payload type stands for.
    pub(crate) fn codec_of(&self, payload_type: u8) -> Option<Codec> {
        let params = self.rtc.codec_config().params();
        let param = params.iter().find(|param| *param.pt() == payload_type)?;
        Codec::from_engine(param.spec().codec)
    }

    fn drain(&mut self) {
        for _ in 0..MAX_OUTPUTS {
            match self.rtc.poll_output().expect("the engine of a stand-in does not fail") {
                Output::Timeout(timeout) => {
                    self.timeout = self.rtc.is_alive().then_some(timeout);
                    return;
                }
                Output::Transmit(transmit) => {
                    let (source, destination) = (transmit.source, transmit.destination);
                    let contents = Vec::from(transmit.contents).into();
                    self.outgoing.push_back(Datagram { source, destination, contents });
                }
                Output::Event(event) => self.events.push_back(event),
            }
        }
        panic!("the engine of a stand-in never comes to rest");
    }
}

/// Returns the engine's form of a MID.
pub(crate) fn mid(mid: &str) -> Mid {
    Mid::from(mid)
}
