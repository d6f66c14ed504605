//! One instance of the WebRTC engine, kept from doing harm to any other.
//!
//! The engine asserts its own invariants and can be made to work hard by what a peer sends. Whatever
//! happens inside is therefore contained: a panic, an error or an endless stream of output ends this
//! transport and no other.

use std::any::Any;
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use str0m::change::{SdpAnswer, SdpOffer};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc, RtcConfig, RtcError};

use crate::dtls::{KeySlot, MasterKeys, with_key_slot};
use crate::resend_budget::ResendBudget;
use crate::send_queue::SendQueue;

/// How much one input may make the engine put out. A keyframe sent to a subscriber is some hundred
/// packets; ten thousand can only be a loop.
const MAX_OUTPUTS_PER_INPUT: usize = 10_000;

/// Where the engine's output goes.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) queue: SendQueue,
    pub(crate) events: Vec<Event>,
    /// Transaction ids of the connectivity checks that were sent.
    pub(crate) checks: Vec<[u8; 12]>,
}

/// Why an engine cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the engine failed")]
    Engine(#[from] RtcError),
    #[error("the engine panicked: {0}")]
    Panic(String),
    #[error("the engine put out more than {MAX_OUTPUTS_PER_INPUT} things at once")]
    Runaway,
}

#[derive(Debug)]
pub(crate) struct Engine {
    /// Ten kilobytes that forwarding does not look at: apart, so that what it does look at of many
    /// transports lies close together.
    rtc: Box<Rtc>,
    deadline: Instant,
    /// ICE lost the peer: nothing but connectivity checks may be sent (RFC 7675 §5.1).
    lost: bool,
    resends: ResendBudget,
    keys: KeySlot,
    is_muted: bool,
    /// The pair of addresses that the engine last said it sends by.
    path: Option<Path>,
    /// Until when it may choose another one at any time.
    path_in_doubt: Option<Instant>,
    /// Where the peer sends from, if that is not the other end of `path`: what is no connectivity check
    /// goes there.
    followed: Option<Path>,
    /// From where our checks were answered, and when last.
    answered: VecDeque<(SocketAddr, Instant)>,
}

/// For how long after a check over another pair of addresses the nominated one is asked for with every
/// check. Pairs that are still possible are checked every three seconds at least, so until there is one
/// pair left it does not run out.
const PATH_DOUBT: Duration = Duration::from_secs(30);

/// For how long an answered check lets us send to where the answer came from (RFC 7675 §5.1).
const CONSENT: Duration = Duration::from_secs(30);

/// As many addresses as a peer may be reached at, by the table of addresses.
const MAX_ANSWERED: usize = 16;

/// A pair of addresses that media takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
}

/// Where no datagram comes from.
const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

impl Engine {
    pub(crate) fn build(config: RtcConfig, now: Instant) -> Result<Self, Fault> {
        contain(|| {
            let keys = KeySlot::default();
            let rtc = Box::new(with_key_slot(&keys, || config.build(now)));
            let resends = ResendBudget::default();
            Ok(Self {
                rtc,
                deadline: now,
                lost: false,
                resends,
                keys,
                is_muted: false,
                path: None,
                path_in_doubt: None,
                followed: None,
                answered: VecDeque::new(),
            })
        })
    }

    /// Returns what the handshake agreed upon, once it is over.
    pub(crate) fn master_keys(&self) -> Option<&MasterKeys> {
        self.keys.get()
    }

    /// Lets no RTP and RTCP of the engine out any more: somebody else sends.
    pub(crate) fn mute(&mut self) {
        self.is_muted = true;
    }

    /// Takes note that a check, or the response to one, came from `source` to our `destination`, and
    /// returns whether the engine may send by another pair of addresses now than it last said.
    ///
    /// It nominates a pair only after checks over it. As long as all are over the pair that it sends by
    /// already, there is nothing to be asked.
    pub(crate) fn doubts_path(
        &mut self,
        source: SocketAddr,
        destination: SocketAddr,
        now: Instant,
    ) -> bool {
        let checked = Path { source: destination, destination: source };
        if self.path != Some(checked) {
            self.path_in_doubt = Some(now + PATH_DOUBT);
        }
        self.path_in_doubt.is_some_and(|until| now < until)
    }

    /// Returns where things are sent to, as far as is known.
    pub(crate) fn path(&self) -> Option<Path> {
        self.followed.or(self.path)
    }

    /// A check of ours was answered from this address.
    pub(crate) fn handle_answer(&mut self, from: SocketAddr, now: Instant) {
        self.answered.retain(|(address, at)| *address != from && now < *at + CONSENT);
        if self.answered.len() == MAX_ANSWERED {
            self.answered.pop_front();
        }
        self.answered.push_back((from, now));
    }

    /// Something that only the peer can have sealed came from `source` to our `destination`. If that is
    /// not where things are sent to, they are from now on, and this returns how.
    ///
    /// A NAT that forgets what it did shows the peer under another address, of which the peer knows
    /// nothing. It checks from there and goes on sending, and we answer and check, but ICE keeps to the
    /// nominated pair until that has failed, twenty seconds later. An address has to have answered a check
    /// of ours, or a peer could have a stranger flooded (RFC 7675 §3).
    pub(crate) fn follow(
        &mut self,
        source: SocketAddr,
        destination: SocketAddr,
        now: Instant,
    ) -> Option<Path> {
        let here = Path { source: destination, destination: source };
        if self.path() == Some(here) {
            return None;
        }
        let mut answers = self.answered.iter();
        if !answers.any(|(from, at)| *from == source && now < *at + CONSENT) {
            return None;
        }
        self.followed = Some(here).filter(|_| self.path != Some(here));
        Some(here)
    }

    /// Returns from where to where the engine sends now: the pair of candidates that ICE nominated.
    ///
    /// The engine does not tell, so it is made to say something about streams that do not exist, and what
    /// it says is kept back.
    pub(crate) fn nominated_path(&mut self, out: &mut Outbox) -> Result<Option<Path>, Fault> {
        contain(|| {
            let nothing: [u8; 4] = [0; 4];
            self.rtc.direct_api().send_app_specific_feedback(1.into(), 2.into(), nothing);
            let mut path = None;
            for _ in 0..MAX_OUTPUTS_PER_INPUT {
                match self.rtc.poll_output()? {
                    Output::Timeout(deadline) => {
                        self.deadline = deadline;
                        if path.is_some() && path != self.path {
                            self.path = path;
                            self.followed = None;
                        }
                        return Ok(path);
                    }
                    Output::Transmit(t) if is_rtp_or_rtcp(&t.contents) => {
                        path = Some(Path { source: t.source, destination: t.destination });
                    }
                    Output::Transmit(t) => out.queue.push(t.source, t.destination, &t.contents),
                    Output::Event(event) => out.events.push(event),
                }
            }
            Err(Fault::Runaway)
        })
    }

    /// Does something to the engine and takes out all that comes of it.
    pub(crate) fn call<T>(
        &mut self,
        out: &mut Outbox,
        action: impl FnOnce(&mut Rtc) -> T,
    ) -> Result<T, Fault> {
        contain(|| {
            let value = action(&mut self.rtc);
            self.drain(out, Cause::Own)?;
            Ok(value)
        })
    }

    /// Does something to the engine that puts nothing out before the next [`call`](Self::call).
    pub(crate) fn touch<T>(&mut self, action: impl FnOnce(&mut Rtc) -> T) -> Result<T, Fault> {
        contain(|| Ok(action(&mut self.rtc)))
    }

    /// Takes in a datagram that was sent to this transport.
    ///
    /// Returns whether it was one: `verify` asks the engine to check first that it really is from the
    /// peer (message integrity of a connectivity check, RFC 8445 §7.3).
    pub(crate) fn receive(
        &mut self,
        out: &mut Outbox,
        now: Instant,
        datagram: Datagram<'_>,
        verify: bool,
    ) -> Result<bool, Fault> {
        contain(|| {
            let Datagram { source, destination, contents } = datagram;
            let Ok(receive) = Receive::new(Protocol::Udp, NOWHERE, destination, contents) else {
                return Ok(false);
            };
            // The engine takes all that comes from the address that it sends to, whatever it is. So it
            // is asked about a datagram from elsewhere, which must show its integrity.
            let mut input = Input::Receive(now, receive);
            if verify && !self.rtc.accepts(&input) {
                return Ok(false);
            }
            if let Input::Receive(_, receive) = &mut input {
                receive.source = source;
            }
            self.rtc.handle_input(input)?;
            self.drain(out, Cause::Peer)?;
            Ok(true)
        })
    }

    pub(crate) fn handle_timeout(&mut self, out: &mut Outbox, now: Instant) -> Result<(), Fault> {
        Ok(self.call(out, |rtc| rtc.handle_input(Input::Timeout(now)))??)
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) is due.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    pub(crate) fn rtc(&self) -> &Rtc {
        &self.rtc
    }

    fn drain(&mut self, out: &mut Outbox, cause: Cause) -> Result<(), Fault> {
        for _ in 0..MAX_OUTPUTS_PER_INPUT {
            match self.rtc.poll_output()? {
                Output::Timeout(deadline) => {
                    self.deadline = deadline;
                    return Ok(());
                }
                Output::Transmit(t) => {
                    if let Some(id) = binding_request_id(&t.contents) {
                        out.checks.push(id);
                    }
                    let is_allowed = match (is_rtp(&t.contents), cause) {
                        _ if self.is_muted && is_rtp_or_rtcp(&t.contents) => false,
                        (true, Cause::Own) => {
                            self.resends.handle_sent();
                            !self.lost
                        }
                        (true, Cause::Peer) => self.resends.take() && !self.lost,
                        (false, _) => !self.lost || is_stun(&t.contents),
                    };
                    if is_allowed {
                        let path = self.followed.filter(|_| !is_stun(&t.contents));
                        let (source, destination) =
                            path.map_or((t.source, t.destination), |p| (p.source, p.destination));
                        out.queue.push(source, destination, &t.contents);
                    }
                }
                Output::Event(event) => {
                    if let Event::IceConnectionStateChange(state) = event {
                        self.lost = state == IceConnectionState::Disconnected;
                    }
                    out.events.push(event);
                }
            }
        }
        Err(Fault::Runaway)
    }
}

/// What made the engine put something out: what we did, or what the peer sent. The only RTP that a
/// datagram of the peer brings about is what it asks to be sent again.
#[derive(Debug, Clone, Copy)]
enum Cause {
    Own,
    Peer,
}

/// A datagram as it came from the network.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Datagram<'a> {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) contents: &'a [u8],
}

/// Reads an offer, or says what is wrong with it.
pub(crate) fn parse_offer(sdp: &str) -> Result<SdpOffer, String> {
    parse(|| SdpOffer::from_sdp_string(sdp).map_err(|e| unreadable(&e)))
}

/// Reads an answer, or says what is wrong with it.
pub(crate) fn parse_answer(sdp: &str) -> Result<SdpAnswer, String> {
    parse(|| SdpAnswer::from_sdp_string(sdp).map_err(|e| unreadable(&e)))
}

/// Says in our own words that a description cannot be read. The engine's words are about its parser, and
/// have addresses in them.
fn unreadable(error: &dyn std::fmt::Display) -> String {
    tracing::debug!(%error, "a description cannot be read");
    "the description is not SDP that can be read".to_owned()
}

/// Reads a candidate, if the engine can use it.
pub(crate) fn parse_candidate(candidate: &str) -> Option<Candidate> {
    parse(|| Candidate::from_sdp_string(candidate).map_err(|e| e.to_string())).ok()
}

fn parse<T>(action: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    contain(|| Ok(action())).unwrap_or_else(|_| Err("it cannot be read".to_owned()))
}

/// Returns the transaction id if this is a STUN binding request (RFC 8489 §5).
fn binding_request_id(contents: &[u8]) -> Option<[u8; 12]> {
    (contents.first_chunk() == Some(&[0x00, 0x01]))
        .then(|| contents.get(8..20)?.try_into().ok())
        .flatten()
}

/// Tells STUN from DTLS and SRTP (RFC 7983 §7).
fn is_stun(contents: &[u8]) -> bool {
    contents.first().is_some_and(|first| *first < 4)
}

/// Tells SRTP from SRTCP and all else (RFC 7983 §7, RFC 5761 §4).
pub(crate) fn is_rtp(contents: &[u8]) -> bool {
    matches!(contents, [128..192, second, ..] if !(192..224).contains(second))
}

fn is_rtp_or_rtcp(contents: &[u8]) -> bool {
    matches!(contents, [128..192, ..])
}

fn contain<T>(action: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(action)).unwrap_or_else(|panic| Err(Fault::Panic(text(&*panic))))
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_followed_to_where_it_answered_and_nowhere_else() {
        let now = galene_testkit::epoch();
        let [here, there, elsewhere] = [1, 2, 3].map(galene_testkit::address);
        let mut engine = Engine::build(RtcConfig::new(), now).expect("stock settings work");
        assert_eq!(engine.follow(there, here, now), None, "a stranger could be there");
        engine.handle_answer(there, now);
        let path = Path { source: here, destination: there };
        assert_eq!(engine.follow(there, here, now), Some(path));
        assert_eq!(engine.follow(there, here, now), None, "that is known");
        assert_eq!(engine.path(), Some(path));
        engine.handle_answer(elsewhere, now);
        assert_eq!(engine.follow(elsewhere, here, now + CONSENT), None, "that was long ago");
        (10..60).for_each(|at| engine.handle_answer(galene_testkit::address(at), now));
        assert_eq!(engine.answered.len(), MAX_ANSWERED);
    }

    #[test]
    fn a_panic_in_the_engine_is_a_fault_of_that_transport() {
        let now = galene_testkit::epoch();
        let mut engine = Engine::build(RtcConfig::new(), now).expect("stock settings work");
        let fault = engine.call(&mut Outbox::default(), |_| panic!("section {}", 7));
        assert!(matches!(fault, Err::<(), _>(Fault::Panic(m)) if m == "section 7"));
    }
}
