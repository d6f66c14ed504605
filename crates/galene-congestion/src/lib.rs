//! Estimates how much a receiver's link can carry, from what the receiver reports (RFC 8836).
//!
//! An [`Estimator`] stands for one receiver, that is, for one link. Its packets may come over several
//! transports, each with numbers of its own: [`SentPackets`] keeps for each transport what was sent when,
//! and turns [`TransportFeedback`] into [`PacketReport`]s for the estimator. Nothing here sends, sleeps or
//! reads a clock; all rates are in bits per second of what stands in UDP datagrams.
//!
//! # How it works
//!
//! The method is that of Google Congestion Control (draft-ietf-rmcat-gcc-02) as libwebrtc has developed it
//! since, with the differences that a server calls for:
//!
//! - *Delay* ([draft §5](https://datatracker.ietf.org/doc/html/draft-ietf-rmcat-gcc-02#section-5)): packets
//!   that left together are a group. How the delay between groups changes is smoothed and fitted with a
//!   line, as libwebrtc does in place of the draft's Kalman filter; the slope is held against a threshold
//!   that adapts to the noise of the link. Each transport has a line of its own, so that it does not matter
//!   in which order their feedback comes and whose clock it tells: they share a queue, so any of them
//!   shows that it grows. A group counts by its *first* packet to arrive. A sender that paces looks at the
//!   last one; we send whole frames at once, and then the last one tells how large the frame was.
//!   And the slope counts only while even the quickest packets of a tenth of a second take longer than those of
//!   the seconds before, so that chance delays of a radio link are no queue.
//! - *Rate* (draft §5.5): additive increase near the capacity that was last seen, multiplicative far from
//!   it, and a decrease to 85 % of what the link *delivers*: packets that waited for others come out of it one
//!   behind the other, and the gaps between them tell what it takes for each. What arrives on average, as the
//!   draft has it, is too much just after a link has become narrow and too little after a burst.
//! - *Loss* (draft §6): much loss lowers the rate, as an experiment. If the loss goes on at the lower
//!   rate, it is the link's nature and not our doing (radio), and the rate returns; libwebrtc asks the
//!   same of a statistical model.
//! - *Probes*: what is not sent cannot be measured, and a server sends what publishers give it. So only
//!   if more is wanted than the estimate allows, a short train of packets is sent at a higher rate.
//!
//! Where a receiver gives no transport-wide feedback, its own estimates (REMB) and the fraction that got
//! lost (RFC 3550 §6.4.1) are what there is: [`ReceiverRate`].

mod aimd;
mod delay;
mod delivery;
mod estimator;
mod feedback;
mod floor;
mod least;
mod loss;
mod probe;
mod receive_rate;
mod receiver_rate;
mod sent_packets;
mod trendline;

pub use estimator::Estimator;
pub use feedback::{Arrivals, FeedbackError, TransportFeedback};
pub use probe::Probe;
pub use receiver_rate::ReceiverRate;
pub use sent_packets::{MAX_OUTSTANDING, PacketReport, SentPackets};

/// The least that a link is taken to carry: sound and a little (libwebrtc's is about the same).
pub const MIN_RATE: u64 = 30_000;

/// The most that a link is taken to carry: above this, nothing limits what we forward.
pub const MAX_RATE: u64 = 1 << 30;
