//! What a publisher hears in each second of what became of its packets.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use str0m::media::{Mid, Rid};
use str0m::stats::MediaEgressStats;

/// Gathers what receivers report of each encoding, a second at a time.
///
/// The engine's figures of the connection come first, and those of its encodings follow.
#[derive(Debug, Default)]
pub(crate) struct EgressCounts {
    /// What was reported lost of each encoding's packets in the last second.
    losses: Vec<f64>,
    /// How often packets of each encoding were asked for, and whether they were in the last second.
    nacks: HashMap<(Mid, Option<Rid>), u64>,
    has_nacks: bool,
    /// When they are looked at next, and whether they are now.
    next: Option<Instant>,
    is_counting: bool,
}

/// What was gathered in a second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Second {
    /// Which share of the packets was lost, if that was reported.
    pub(crate) loss: Option<f64>,
    /// Whether anything was asked for once more.
    pub(crate) has_nacks: bool,
}

/// Receiver reports come about once a second.
const INTERVAL: Duration = Duration::from_secs(1);

impl EgressCounts {
    /// The engine gives its figures: returns what was gathered before, if a second is over.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Second> {
        self.is_counting = self.next.is_none_or(|at| now >= at);
        self.is_counting.then(|| {
            self.next = Some(now + INTERVAL);
            let losses = std::mem::take(&mut self.losses);
            let mean = losses.iter().sum::<f64>() / losses.len() as f64;
            let loss = (!losses.is_empty()).then_some(mean);
            Second { loss, has_nacks: std::mem::take(&mut self.has_nacks) }
        })
    }

    /// Takes in the figures of an encoding, and returns which share of its packets was lost, once a second
    /// and if that was reported.
    pub(crate) fn handle_encoding(&mut self, stats: &MediaEgressStats) -> Option<f64> {
        if !self.is_counting {
            return None;
        }
        // Without requests, what is sent again is padding, to find out what the way carries.
        let before = self.nacks.insert((stats.mid, stats.rid), stats.nacks);
        self.has_nacks |= before.unwrap_or(0) < stats.nacks;
        let loss = stats.loss.map(f64::from);
        self.losses.extend(loss);
        loss
    }
}
