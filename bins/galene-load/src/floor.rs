//! The least that a forwarded packet costs on this machine: sealing it and sending it.
//!
//! Nothing else is done to a packet here, so what a server needs can be told in multiples of this.
//! The sinks are bound sockets with tiny receive buffers that are full: what is sent is delivered as far
//! as there and dropped. Costs are CPU time of the thread, the least of some rounds.

use std::io::{self, IoSlice};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, LessSafeKey, Nonce, UnboundKey};
use clap::ValueEnum;
use nix::sys::socket::sockopt::{RcvBuf, SndBuf};
use nix::sys::socket::{
    ControlMessage, MsgFlags, MultiHeaders, SockaddrIn, sendmmsg, sendmsg, setsockopt,
};
use nix::time::{ClockId, clock_gettime};

use crate::arguments::{FloorArguments, FloorPart};
use crate::cores::Cores;
use crate::report::Report;

/// How often each cost is measured; the least counts, since whatever else the machine does only adds.
const ROUNDS: usize = 7;
/// How many packets are sealed or sent in a round.
const PACKETS: usize = 30_000;
/// How many segments of one destination leave at once.
const SEGMENTS: [usize; 3] = [2, 4, 9];
/// How many messages `sendmmsg` is given.
const BATCH: usize = 64;
/// What SRTP adds to a packet: header and tag.
const HEADER: usize = 20;
const TAG: usize = 16;

/// Why the floor could not be measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FloorError {
    #[error("there must be at least one sink")]
    NoSinks,
    #[error("the network of this host refuses: {0}")]
    Io(#[from] io::Error),
}

impl From<nix::Error> for FloorError {
    fn from(error: nix::Error) -> Self {
        Self::Io(error.into())
    }
}

/// Measures what is asked for and reports.
pub(crate) fn run(arguments: &FloorArguments) -> Result<Report, FloorError> {
    if arguments.sinks == 0 {
        return Err(FloorError::NoSinks);
    }
    let size = usize::from(arguments.size);
    let sinks = Sinks::open(arguments.sinks)?;
    let mut report = Report::default();
    report.figure("sinks", arguments.sinks);
    report.figure("size", size);
    for part in FloorPart::value_variants().iter().filter(|part| arguments.has(**part)) {
        match part {
            FloorPart::Tight => tight(&sinks, size, &mut report)?,
            FloorPart::Paced => paced(&sinks, size, &mut report)?,
            FloorPart::Lecture => lecture(&sinks, size, &mut report)?,
        }
    }
    Ok(report)
}

/// As fast as it goes, to nobody.
fn tight(sinks: &Sinks, size: usize, report: &mut Report) -> Result<(), FloorError> {
    report.title("floor, CPU time per packet");
    let seal = seal(&AES_128_GCM, size)?;
    report.number("seal_aes128_ns", "AES-128-GCM", seal, 0, "ns");
    let seal256 = self::seal(&AES_256_GCM, size)?;
    report.number("seal_aes256_ns", "AES-256-GCM", seal256, 0, "ns");
    let single = sinks.send_singly(size)?;
    report.number("sendto_ns", "sendto", single, 0, "ns");
    let batched = sinks.send_batches(size)?;
    report.number("sendmmsg_ns", "sendmmsg of 64", batched, 0, "ns");
    let send = single.min(batched);
    report.number("floor_ns", "floor: AES-128-GCM and a send", seal + send, 0, "ns");
    report.line("", format!("{:.0} packets per second and core", 1e9 / (seal + send)));
    for segments in SEGMENTS {
        let send = sinks.send_segments(size, segments)?;
        report.figure(&format!("gso{segments}_ns"), send);
        let label = format!("floor with GSO, {segments} segments");
        let key = format!("floor_gso{segments}_ns");
        report.number(&key, &label, seal + send, 0, "ns");
    }
    Ok(())
}

/// At the pace of a conference, to nobody and to somebody who receives.
fn paced(sinks: &Sinks, size: usize, report: &mut Report) -> Result<(), FloorError> {
    report.title("floor at the pace of a conference, 30 frames a second");
    let cores = Cores::set_aside(1)?;
    for (key, label, segments) in
        [("paced", "each packet alone", 1), ("paced_gso", "a frame in one send", FRAME)]
    {
        let pace = Pace { size, segments, has_sound: false };
        let paced = cores.as_server(|| sinks.pace(pace))??;
        report.number(&format!("{key}_ns"), label, paced, 0, "ns");
        let received = sinks.while_received(&cores, || sinks.pace(pace))?;
        let label = format!("{label}, and somebody receives");
        report.number(&format!("{key}_received_ns"), &label, received, 0, "ns");
    }
    Ok(())
}

/// At the pace of a conference with sound, to somebody who receives.
fn lecture(sinks: &Sinks, size: usize, report: &mut Report) -> Result<(), FloorError> {
    report.title("floor of a lecture: at that pace with sound, and somebody receives");
    let cores = Cores::set_aside(1)?;
    for (key, label, segments) in
        [("lecture", "each packet alone", 1), ("lecture_gso", "a frame in one send", FRAME)]
    {
        let pace = Pace { size, segments, has_sound: true };
        let received = sinks.while_received(&cores, || sinks.pace(pace))?;
        report.number(&format!("{key}_ns"), label, received, 0, "ns");
    }
    Ok(())
}

/// The sockets that are sent to, and the one that sends.
struct Sinks {
    sender: UdpSocket,
    addresses: Vec<SockaddrIn>,
    sinks: Vec<UdpSocket>,
}

impl Sinks {
    fn open(count: usize) -> Result<Self, FloorError> {
        let sender = UdpSocket::bind("127.0.0.1:0")?;
        setsockopt(&sender, SndBuf, &(4 << 20))?;
        let mut sinks = Vec::with_capacity(count);
        let mut addresses = Vec::with_capacity(count);
        for _ in 0..count {
            let sink = UdpSocket::bind("127.0.0.1:0")?;
            setsockopt(&sink, RcvBuf, &1)?;
            if let std::net::SocketAddr::V4(address) = sink.local_addr()? {
                addresses.push(address.into());
            }
            sinks.push(sink);
        }
        let sinks = Self { sender, addresses, sinks };
        // Fills the receive buffers.
        sinks.send_singly(1_200)?;
        Ok(sinks)
    }

    /// Sends each packet by a call of its own.
    fn send_singly(&self, size: usize) -> Result<f64, FloorError> {
        let packet = vec![7; size];
        let (fd, flags) = (self.sender.as_raw_fd(), MsgFlags::empty());
        least(PACKETS, || {
            for address in self.addresses.iter().cycle().take(PACKETS) {
                nix::sys::socket::sendto(fd, &packet, address, flags)?;
            }
            Ok(())
        })
    }

    /// Gives the kernel many packets at once.
    fn send_batches(&self, size: usize) -> Result<f64, FloorError> {
        let packet = vec![7; size];
        let slices = [[IoSlice::new(&packet)]; BATCH];
        let fd = self.sender.as_raw_fd();
        let batches = PACKETS / BATCH;
        let mut next = self.addresses.iter().copied().cycle();
        let destinations: Vec<Vec<Option<SockaddrIn>>> =
            (0..batches).map(|_| next.by_ref().take(BATCH).map(Some).collect()).collect();
        least(batches * BATCH, || {
            let mut headers = MultiHeaders::preallocate(BATCH, None);
            for addresses in &destinations {
                sendmmsg(fd, &mut headers, &slices, addresses, [], MsgFlags::empty())?;
            }
            Ok(())
        })
    }

    /// Sends runs of packets to one destination by a call each.
    fn send_segments(&self, size: usize, segments: usize) -> Result<f64, FloorError> {
        let packets = vec![7; size * segments];
        let slice = [IoSlice::new(&packets)];
        let size = u16::try_from(size).expect("the command line bounds it");
        let control = [ControlMessage::UdpGsoSegments(&size)];
        let fd = self.sender.as_raw_fd();
        let calls = PACKETS / segments;
        least(calls * segments, || {
            for address in self.addresses.iter().cycle().take(calls) {
                sendmsg(fd, &slice, &control, MsgFlags::empty(), Some(address))?;
            }
            Ok(())
        })
    }
}

/// How many packets a frame of video has.
const FRAME: usize = 6;
/// How long a packet of sound is: 32 kbit/s of Opus, sealed.
const SOUND: usize = 120;
/// The parts that a second has: every fifth begins with a frame, 30 times a second, and every third has
/// sound in its midst, 50 times a second.
const STEPS_PER_SECOND: u32 = 150;
const FRAME_STEPS: u32 = 5;
const SOUND_STEPS: u32 = 3;
/// How many steps are taken for one figure: two seconds.
const STEPS: u32 = 2 * STEPS_PER_SECOND;

/// What is sent to each receiver.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// How long a packet of video is.
    size: usize,
    /// How many of them leave in one call.
    segments: usize,
    has_sound: bool,
}

impl Pace {
    fn has_frame_at(step: u32) -> bool {
        step.is_multiple_of(FRAME_STEPS)
    }

    fn has_sound_at(self, step: u32) -> bool {
        self.has_sound && step % SOUND_STEPS == 1
    }
}

impl Sinks {
    /// Does the same as a server does that has nothing else to do: a frame to each sink, sealed packet by
    /// packet, and then a rest until the next one, or until there is sound. What is in no cache after the rest
    /// costs more; and all that happens on the machine meanwhile counts.
    fn pace(&self, pace: Pace) -> Result<f64, FloorError> {
        let refused = |_| io::Error::other("the cipher refuses");
        let keys = self.addresses.iter().map(|_| {
            let key = UnboundKey::new(&AES_128_GCM, &[3; 16]).map_err(refused)?;
            Ok(LessSafeKey::new(key))
        });
        let keys = keys.collect::<io::Result<Vec<_>>>()?;
        let Pace { size, segments, .. } = pace;
        let (mut frame, mut sound) = (vec![7; size * FRAME], vec![7; SOUND]);
        let segment = u16::try_from(size).expect("the command line bounds it");
        let control = [ControlMessage::UdpGsoSegments(&segment)];
        let control = if segments > 1 { &control[..] } else { &[] };
        let fd = self.sender.as_raw_fd();
        let (begun, mut number) = (Instant::now(), 0_u64);
        let before = cpu_nanos()?;
        for step in (0..STEPS).filter(|s| Pace::has_frame_at(*s) || pace.has_sound_at(*s)) {
            let next = begun + Duration::from_secs(1) * step / STEPS_PER_SECOND;
            #[expect(clippy::disallowed_methods, reason = "it is what is measured")]
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
            for (address, key) in self.addresses.iter().zip(&keys) {
                let mut seal = |packet: &mut [u8]| {
                    number += 1;
                    seal_one(key, packet, number).map_err(refused)
                };
                if Pace::has_frame_at(step) {
                    frame.chunks_mut(size).try_for_each(&mut seal)?;
                    for run in frame.chunks(size * segments) {
                        let run = [IoSlice::new(run)];
                        sendmsg(fd, &run, control, MsgFlags::empty(), Some(address))?;
                    }
                }
                if pace.has_sound_at(step) {
                    seal(&mut sound)?;
                    let sound = [IoSlice::new(&sound)];
                    sendmsg(fd, &sound, &[], MsgFlags::empty(), Some(address))?;
                }
            }
        }
        Ok((cpu_nanos()? - before) / number as f64)
    }

    /// Lets somebody receive meanwhile, from time to time and on another core.
    fn while_received<T>(
        &self,
        cores: &Cores,
        action: impl FnOnce() -> Result<T, FloorError>,
    ) -> Result<T, FloorError> {
        for sink in &self.sinks {
            setsockopt(sink, RcvBuf, &(1 << 20))?;
            sink.set_nonblocking(true)?;
        }
        let is_over = AtomicBool::new(false);
        let result = std::thread::scope(|scope| {
            let receive = || {
                let mut room = vec![0; 1 << 16];
                while !is_over.load(Relaxed) {
                    for sink in &self.sinks {
                        while sink.recv(&mut room).is_ok() {}
                    }
                    #[expect(clippy::disallowed_methods, reason = "nothing is to wake it")]
                    std::thread::sleep(Duration::from_millis(1));
                }
            };
            let receiver = cores.as_generator(|| scope.spawn(receive));
            let result = cores.as_server(action);
            is_over.store(true, Relaxed);
            receiver?;
            result?
        });
        for sink in &self.sinks {
            setsockopt(sink, RcvBuf, &1)?;
        }
        result
    }
}

/// Seals a packet in place under a number of its own.
fn seal_one(
    key: &LessSafeKey,
    packet: &mut [u8],
    number: u64,
) -> Result<(), aws_lc_rs::error::Unspecified> {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    let (header, rest) = packet.split_at_mut(HEADER);
    let end = rest.len() - TAG;
    let (payload, tag) = rest.split_at_mut(end);
    let nonce = Nonce::assume_unique_for_key(nonce);
    let sealed = key.seal_in_place_separate_tag(nonce, Aad::from(&*header), payload)?;
    tag.copy_from_slice(sealed.as_ref());
    Ok(())
}

/// Seals packets in place, as SRTP does: the header is authenticated, the payload is encrypted too.
fn seal(algorithm: &'static Algorithm, size: usize) -> Result<f64, FloorError> {
    let refused = |_| io::Error::other("the cipher refuses");
    let key = vec![3; algorithm.key_len()];
    let key = LessSafeKey::new(UnboundKey::new(algorithm, &key).map_err(refused)?);
    let mut packet = vec![7; size];
    let mut number = 0_u64;
    least(PACKETS, || {
        for _ in 0..PACKETS {
            number += 1;
            seal_one(&key, &mut packet, number).map_err(refused)?;
        }
        Ok(())
    })
}

/// Returns the CPU time per packet in the quickest of some rounds, in nanoseconds.
fn least(
    packets: usize,
    mut round: impl FnMut() -> Result<(), FloorError>,
) -> Result<f64, FloorError> {
    let mut least = f64::INFINITY;
    for _ in 0..ROUNDS {
        let begun = cpu_nanos()?;
        round()?;
        least = least.min((cpu_nanos()? - begun) / packets as f64);
    }
    Ok(least)
}

fn cpu_nanos() -> Result<f64, FloorError> {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?;
    Ok(time.tv_sec() as f64 * 1e9 + time.tv_nsec() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_of_sending_works_and_costs_something() {
        let sinks = Sinks::open(3).expect("loopback");
        for cost in [
            sinks.send_singly(100).expect("loopback"),
            sinks.send_batches(100).expect("loopback"),
            sinks.send_segments(100, 4).expect("loopback"),
            seal(&AES_128_GCM, 100).expect("a cipher"),
        ] {
            assert!(cost > 0.0 && cost.is_finite());
        }
    }
}
