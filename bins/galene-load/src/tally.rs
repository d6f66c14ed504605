//! What is counted while measuring.

use std::collections::BTreeMap;

use crate::histogram::Histogram;
use crate::report::Report;

/// The counts of one thread, and after [`merge`](Self::merge) those of all.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// What publishers sent within the window, without retransmissions.
    pub(crate) sent: Sent,
    /// What subscribers received that was sent within the window.
    pub(crate) received: Received,
    /// From opening the connection to being a member of the group, in nanoseconds.
    pub(crate) joined: Histogram,
    /// From opening the connection to a subscriber's first offer.
    pub(crate) offered: Histogram,
    /// From opening the connection to a subscriber's first transport being connected.
    pub(crate) connected: Histogram,
    /// From opening the connection to the first packet of media.
    pub(crate) join: Histogram,
    /// From sending to receiving a packet that came in order, in nanoseconds.
    pub(crate) latency: Histogram,
    /// From a packet's arrival at this host till the generator looked at it.
    pub(crate) dispatch: Histogram,
    /// The same of packets that came after later ones: most of them were sent again.
    pub(crate) late_latency: Histogram,
    pub(crate) chat_sent: u64,
    pub(crate) chat_latency: Histogram,
    /// How late frames were sent, in nanoseconds.
    pub(crate) lateness: Histogram,
    /// Packets that were dropped on purpose before the subscriber's engine saw them.
    pub(crate) dropped_on_purpose: u64,
    /// Datagrams that arrived and found the receive buffer full.
    pub(crate) overflowed: u64,
    /// How often publishers were asked for a keyframe.
    pub(crate) keyframes_wanted: u64,
    /// How often subscribers asked for a keyframe.
    pub(crate) keyframe_requests: u64,
    /// The messages about other members, which make up the work of joining a large group.
    pub(crate) user_messages: u64,
    /// What went wrong, and how often.
    pub(crate) errors: BTreeMap<String, u64>,
}

/// What publishers sent.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) video: u64,
    pub(crate) audio: u64,
    pub(crate) bytes: u64,
    /// Frames of video.
    pub(crate) frames: u64,
    /// Frames and packets of audio that left more than [`LATE`](crate::source::LATE) after their time.
    pub(crate) late: u64,
}

/// What subscribers received.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Received {
    /// Packets of video, each counted once.
    pub(crate) video: u64,
    /// Packets of audio, each counted once.
    pub(crate) audio: u64,
    /// Bytes of payload.
    pub(crate) bytes: u64,
    /// Packets whose contents had been received before.
    pub(crate) duplicates: u64,
    /// Packets that came after one with a higher sequence number.
    pub(crate) out_of_order: u64,
    /// Packets whose contents are not what was sent.
    pub(crate) corrupt: u64,
    /// Timestamps that go back, or that differ within a frame.
    pub(crate) timestamp_errors: u64,
    /// Sequence numbers that no packet came for, retransmissions included.
    pub(crate) missing: u64,
    /// Frames of video that are whole.
    pub(crate) frames: u64,
    /// Frames of video of which some packets came and others did not.
    pub(crate) partial_frames: u64,
}

/// So many kinds of errors are told apart: more do not help anybody, and some name addresses.
const MAX_ERROR_KINDS: usize = 50;
const OTHER_ERRORS: &str = "other errors";

impl Tally {
    /// Counts an error by its text.
    pub(crate) fn error(&mut self, text: &str) {
        self.errors(text, 1);
    }

    /// Adds what another tally counted.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.sent.merge(&other.sent);
        self.received.merge(&other.received);
        self.joined.merge(&other.joined);
        self.offered.merge(&other.offered);
        self.connected.merge(&other.connected);
        self.join.merge(&other.join);
        self.dispatch.merge(&other.dispatch);
        self.latency.merge(&other.latency);
        self.late_latency.merge(&other.late_latency);
        self.chat_sent += other.chat_sent;
        self.chat_latency.merge(&other.chat_latency);
        self.lateness.merge(&other.lateness);
        self.dropped_on_purpose += other.dropped_on_purpose;
        self.overflowed += other.overflowed;
        self.keyframes_wanted += other.keyframes_wanted;
        self.keyframe_requests += other.keyframe_requests;
        self.user_messages += other.user_messages;
        for (text, count) in &other.errors {
            self.errors(text, *count);
        }
    }

    /// Reports how long it took to come in.
    pub(crate) fn report_joining(&self, report: &mut Report) {
        report.title("joining");
        report.times("joined", "from connection to membership", &self.joined);
        report.times("offered", "... to first offer", &self.offered);
        report.times("connected", "... to connected transport", &self.connected);
        report.times("join", "... to first packet", &self.join);
    }

    fn errors(&mut self, text: &str, count: u64) {
        let is_room = self.errors.len() < MAX_ERROR_KINDS || self.errors.contains_key(text);
        let text = if is_room { text } else { OTHER_ERRORS };
        *self.errors.entry(text.to_owned()).or_default() += count;
    }
}

impl Sent {
    /// Returns how many packets there are.
    pub(crate) fn packets(&self) -> u64 {
        self.video + self.audio
    }

    /// Adds what was sent elsewhere.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.video += other.video;
        self.audio += other.audio;
        self.bytes += other.bytes;
        self.frames += other.frames;
        self.late += other.late;
    }
}

impl Received {
    /// Returns how many packets there are.
    pub(crate) fn packets(&self) -> u64 {
        self.video + self.audio
    }

    /// Adds what was received elsewhere.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.video += other.video;
        self.audio += other.audio;
        self.bytes += other.bytes;
        self.duplicates += other.duplicates;
        self.out_of_order += other.out_of_order;
        self.corrupt += other.corrupt;
        self.timestamp_errors += other.timestamp_errors;
        self.missing += other.missing;
        self.frames += other.frames;
        self.partial_frames += other.partial_frames;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_counted_by_text_up_to_a_bound() {
        let (mut all, mut part) = (Tally::default(), Tally::default());
        for i in 0..MAX_ERROR_KINDS + 10 {
            part.error(&format!("error {i}"));
        }
        part.error("error 0");
        all.merge(&part);
        all.merge(&part);
        assert_eq!(all.errors["error 0"], 4);
        assert_eq!(all.errors[OTHER_ERRORS], 20);
        assert_eq!(all.errors.len(), MAX_ERROR_KINDS + 1);
    }
}
