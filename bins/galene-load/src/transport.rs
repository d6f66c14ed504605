//! One ICE and DTLS association over a UDP socket: what publishers and subscribers share.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use str0m::format::{Codec, FormatParams};
use str0m::media::Frequency;
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

use crate::crypto;
use crate::socket::{MediaSocket, ReceiveBuffer};
use crate::tally::Tally;

/// How many batches are received before others have their turn.
const MAX_BATCHES: usize = 16;

/// When datagrams arrived.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    /// When they were received from the kernel.
    pub(crate) now: Instant,
    /// How long they lay there before, if the kernel was asked.
    pub(crate) age: Option<Duration>,
}

/// A transport: the engine and its socket.
#[derive(Debug)]
pub(crate) struct Transport {
    rtc: Rtc,
    socket: MediaSocket,
    local: SocketAddr,
    deadline: Instant,
}

/// Why a transport cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransportError {
    #[error("no UDP socket for a transport: {0}")]
    Bind(#[source] io::Error),
    #[error("a transport failed: {0}")]
    Engine(#[from] str0m::RtcError),
    #[error("the engine refuses the session description: {0}")]
    Description(String),
}

impl Transport {
    /// Returns a transport that speaks VP8 and Opus, with a socket on `local`'s host; with `has_times`
    /// the kernel notes when datagrams arrive. Must be called within a runtime.
    pub(crate) fn new(
        local: IpAddr,
        has_times: bool,
        now: Instant,
    ) -> Result<Self, TransportError> {
        let socket = MediaSocket::bind(local, has_times).map_err(TransportError::Bind)?;
        let local = SocketAddr::new(local, socket.port().map_err(TransportError::Bind)?);
        let mut rtc = configuration().build(now);
        let candidate = Candidate::host(local, Protocol::Udp).expect("an address of this host");
        rtc.add_local_candidate(candidate);
        Ok(Self { rtc, socket, local, deadline: now })
    }

    /// Gives access to the engine; to be followed by [`settle`](Self::settle).
    pub(crate) fn rtc(&mut self) -> &mut Rtc {
        &mut self.rtc
    }

    /// Adds a candidate of the server, unless it is of no use to us.
    pub(crate) fn add_candidate(&mut self, candidate: &str) {
        // Names of mDNS and TCP candidates are none of ours, and the list ends with an empty one.
        if let Ok(candidate) = Candidate::from_sdp_string(candidate) {
            self.rtc.add_remote_candidate(candidate);
        }
    }

    /// Waits until there is something to receive.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await
    }

    /// Receives what is there, but for datagrams that `is_lost` picks out.
    pub(crate) fn receive(
        &mut self,
        buffer: &mut ReceiveBuffer,
        mut is_lost: impl FnMut(&[u8]) -> bool,
        mut on_event: impl FnMut(Arrival, &Event),
    ) -> Result<(), TransportError> {
        for _ in 0..MAX_BATCHES {
            let batch = match self.socket.receive(buffer) {
                Ok(batch) => batch,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // From an ICMP message about an earlier packet: ICE deals with it.
                Err(_) => continue,
            };
            let now = Instant::now();
            let arrival = Arrival { now, age: batch.age };
            for contents in batch.datagrams().filter(|contents| !is_lost(contents)) {
                let received = Receive::new(Protocol::Udp, batch.source, self.local, contents);
                // What cannot be parsed is not for us.
                let Ok(received) = received else { continue };
                self.rtc.handle_input(Input::Receive(now, received))?;
                drain(&mut self.rtc, &self.socket, &mut self.deadline, |event| {
                    on_event(arrival, event);
                })?;
            }
        }
        Ok(())
    }

    /// Lets the engine act on what was changed, and on the time.
    pub(crate) fn settle(
        &mut self,
        now: Instant,
        on_event: impl FnMut(&Event),
    ) -> Result<(), TransportError> {
        self.rtc.handle_input(Input::Timeout(now))?;
        drain(&mut self.rtc, &self.socket, &mut self.deadline, on_event)
    }

    /// Returns when [`settle`](Self::settle) is to be called at the latest.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Says goodbye to the server, and counts how it went.
    pub(crate) fn end(&mut self, result: Result<(), TransportError>, tally: &mut Tally) {
        // Datagrams that the receive buffer had no room for.
        tally.overflowed += u64::from(self.socket.overflowed());
        if let Err(error) = result {
            tally.error(&error.to_string());
        }
        if self.rtc.is_alive() && self.rtc.close().is_ok() {
            // What cannot be said any more is no loss.
            let _unsaid = self.settle(Instant::now(), |_| {});
        }
    }
}

fn drain(
    rtc: &mut Rtc,
    socket: &MediaSocket,
    deadline: &mut Instant,
    mut on_event: impl FnMut(&Event),
) -> Result<(), TransportError> {
    loop {
        match rtc.poll_output()? {
            Output::Timeout(at) => {
                *deadline = at;
                return Ok(());
            }
            Output::Transmit(transmit) => {
                // ICE tries addresses that cannot be reached from here.
                let _lost = socket.send(transmit.destination, &transmit.contents);
            }
            Output::Event(event) => on_event(&event),
        }
    }
}

/// VP8 with RTX and Opus, with Firefox's payload types: they differ from Galène's own, so a server that
/// mixes up the payload types of two sessions is found out.
fn configuration() -> RtcConfig {
    let mut config = crypto::configure(RtcConfig::new()).clear_codecs().set_rtp_mode(true);
    let codecs = config.codec_config();
    codecs.add_config(
        120.into(),
        Some(124.into()),
        Codec::Vp8,
        Frequency::NINETY_KHZ,
        None,
        FormatParams::default(),
    );
    codecs.add_config(
        109.into(),
        None,
        Codec::Opus,
        Frequency::FORTY_EIGHT_KHZ,
        Some(2),
        FormatParams {
            min_p_time: Some(10),
            use_inband_fec: Some(true),
            ..FormatParams::default()
        },
    );
    config
}
