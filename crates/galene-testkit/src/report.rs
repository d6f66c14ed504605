//! What the egress checker counted on one RTP stream.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

use crate::stamp::Stamp;

/// What a subscriber got of one RTP stream.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Packets received, each once.
    pub packets: u64,
    /// The bytes of their payloads.
    pub bytes: u64,
    /// Packets that were waited for in vain.
    pub packets_lost: u64,
    /// Packets that came after they had been given up.
    pub packets_late: u64,
    /// Packets with a number and nothing under it, each once.
    pub packets_vacant: u64,
    /// Frames received whole; for audio, packets.
    pub frames_complete: u64,
    /// Frames of which something or everything is missing.
    pub frames_lost: u64,
    /// Frames that the forwarder left out without a trace, as it may before a keyframe.
    pub frames_skipped: u64,
    /// Frames that a decoder could show: whole, and with all that they build upon.
    pub frames_rendered: u64,
    /// Keyframes among those.
    pub keyframes: u64,
    /// How often the picture stood still, by libwebrtc's rule: the gap between two rendered frames is
    /// longer than three times the average, and than the average and 150 ms.
    pub freezes: u32,
    /// For how long it stood still, all in all.
    pub freeze_time: Duration,
    /// When the first frame was rendered.
    pub first_rendered: Option<Instant>,
    /// When the last frame was rendered.
    pub last_rendered: Option<Instant>,
    /// The numbers of all tracks that any packet came from.
    pub streams: BTreeSet<u32>,
    /// The simulcast encoding of the newest packet.
    pub encoding: Option<u8>,
    /// Each change from one source to another.
    pub switches: Vec<Switch>,
    /// How long rendered frames took from capture, in the order in which they came.
    pub(crate) latencies: Vec<Duration>,
}

/// A change from one encoding or track to another within an RTP stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch {
    /// When the first packet of the new source was due.
    pub at: Instant,
    /// The last packet of the old source.
    pub from: Stamp,
    /// The first packet of the new source.
    pub to: Stamp,
    /// By how much the step of the RTP timestamp and the step of the capture time differ.
    pub timestamp_error: Duration,
}

impl Report {
    /// Returns the share of frames that came whole, among all that were sent to us.
    pub fn complete_share(&self) -> f64 {
        share(self.frames_complete, self.frames_complete + self.frames_lost)
    }

    /// Returns the share of packets that were lost.
    pub fn packet_loss(&self) -> f64 {
        share(self.packets_lost, self.packets + self.packets_lost)
    }

    /// Returns how long from capture to rendering it took for this share of the frames, if any frame
    /// was rendered: `0.5` is the median, `1.0` the maximum.
    pub fn latency(&self, share: f64) -> Option<Duration> {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let last = sorted.len().checked_sub(1)?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to last")]
        let index = (share.clamp(0.0, 1.0) * last as f64).round() as usize;
        sorted.get(index).copied()
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} packets ({} lost, {} late), frames: {} complete, {} lost, {} skipped, {} rendered \
             ({} keyframes), {} freezes ({:?})",
            self.packets,
            self.packets_lost,
            self.packets_late,
            self.frames_complete,
            self.frames_lost,
            self.frames_skipped,
            self.frames_rendered,
            self.keyframes,
            self.freezes,
            self.freeze_time,
        )?;
        if let (Some(median), Some(max)) = (self.latency(0.5), self.latency(1.0)) {
            write!(f, ", latency {median:?} (median), {max:?} (maximum)")?;
        }
        Ok(())
    }
}
