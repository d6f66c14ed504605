//! Transport-wide feedback of a member, and what the estimator makes of it.
#![no_main]

use std::time::{Duration, Instant};

use galene_congestion::{Estimator, MAX_RATE, MIN_RATE, SentPackets, TransportFeedback};

libfuzzer_sys::fuzz_target!(|messages: &[u8]| {
    let start = Instant::now();
    let mut sent = SentPackets::new(start);
    let mut estimator = Estimator::new();
    estimator.set_wanted(5_000_000);
    let mut rest = messages;
    let mut now = start;
    // Each message with its length in front; some packets are sent before each.
    while let Some((&len, tail)) = rest.split_first() {
        let (message, tail) = tail.split_at(usize::from(len).min(tail.len()));
        rest = tail;
        now += Duration::from_millis(50);
        for _ in 0..len {
            sent.record(now, 1_200);
        }
        let Ok(feedback) = TransportFeedback::parse(message) else {
            continue;
        };
        assert_eq!(feedback.arrivals().count(), usize::from(feedback.count()));
        let mut reports = Vec::new();
        sent.handle_feedback(&feedback, now, |report| reports.push(report));
        estimator.handle_feedback(0, reports.into_iter(), now);
        if let Some(probe) = estimator.poll_probe(now) {
            sent.set_probe(probe.number);
        }
        assert!((MIN_RATE..=MAX_RATE).contains(&estimator.estimate()));
    }
});
