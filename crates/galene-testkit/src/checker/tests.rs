//! Plants faults, and sees that they are found.

use super::*;
use crate::epoch;
use crate::source::Source;
use crate::stamp::StampError;

#[test]
fn a_stream_that_is_as_it_should_be_has_no_faults() {
    for codec in Codec::ALL {
        let mut checker = EgressChecker::new(codec);
        feed(&mut checker, packets(codec, 3));
        checker.assert_clean();
        let report = checker.report();
        assert!(report.frames_complete > 80, "{report}");
        assert_eq!(report.frames_complete, report.frames_rendered);
        assert_eq!((report.frames_lost, report.packets_lost, report.freezes), (0, 0, 0));
    }
}

#[test]
fn a_repeated_packet_is_a_fault() {
    let mut sent = packets(Codec::Vp8, 2);
    sent.insert(21, sent[20].clone());
    assert_eq!(faults(sent), [FaultKind::SequenceRepeated]);
}

#[test]
fn a_missing_packet_is_visible_and_costs_its_frame_and_the_decoder() {
    let mut sent = packets(Codec::Vp8, 3);
    let lost = sent.remove(60);
    let lost = Stamp::read(&lost.payload).expect("freshly stamped");
    let mut checker = EgressChecker::new(Codec::Vp8);
    feed(&mut checker, sent);
    checker.assert_clean();
    let report = checker.report();
    assert_eq!((report.packets_lost, report.frames_lost), (1, 1), "{report}");
    // Frame 30 is a keyframe.
    let shown = u64::from(lost.frame) + report.frames_complete + 1 - 30;
    assert_eq!((report.frames_rendered, report.keyframes, report.freezes), (shown, 2, 1));
}

#[test]
fn a_missing_packet_without_a_gap_is_a_fault() {
    let mut sent = packets(Codec::Opus, 2);
    let lost = sent.remove(20);
    close_gap(&mut sent, lost.sequence);
    assert!(matches!(faults_of(Codec::Opus, sent)[..], [FaultKind::InvisibleLoss { .. }]));

    let mut sent = packets(Codec::H264, 2);
    let at = sent.iter().position(|p| !p.marker).expect("frames of several packets");
    let lost = sent.remove(at + 1);
    close_gap(&mut sent, lost.sequence);
    assert!(matches!(faults_of(Codec::H264, sent)[..], [FaultKind::InvisibleLoss { .. }, ..]));
}

#[test]
fn frames_may_be_left_out_before_a_keyframe_only() {
    let with_cut = |until: fn(&Stamp) -> bool| {
        let mut sent = packets(Codec::H264, 3);
        let stamps = |p: &Sent| Stamp::read(&p.payload).expect("freshly stamped");
        let begin = sent.iter().position(|p| stamps(p).frame == 10).expect("ten frames");
        let end = sent.iter().position(|p| until(&stamps(p))).expect("such a frame");
        let cut: Vec<_> = sent.drain(begin..end).collect();
        cut.into_iter().rev().for_each(|p| close_gap(&mut sent, p.sequence));
        sent
    };
    // The source makes a keyframe of frame 30.
    let skipping = with_cut(|stamp| stamp.frame == 30);
    let mut checker = EgressChecker::new(Codec::H264);
    feed(&mut checker, skipping);
    checker.assert_clean();
    assert_eq!((checker.report().frames_skipped, checker.report().frames_lost), (20, 0));
    let skipping = with_cut(|stamp| stamp.frame == 25);
    assert!(matches!(
        faults_of(Codec::H264, skipping)[..],
        [FaultKind::InvisibleLoss { .. }, FaultKind::Undecodable(_)]
    ));
}

#[test]
fn a_timestamp_that_goes_back_is_a_fault() {
    let mut sent = packets(Codec::Opus, 2);
    sent[30].timestamp -= 2_000;
    assert_eq!(faults_of(Codec::Opus, sent)[0], FaultKind::TimestampWentBack { ticks: 1_040 });
}

#[test]
fn a_timestamp_must_belong_to_its_frame_and_advance_as_the_publishers_does() {
    let mut sent = packets(Codec::Vp8, 2);
    sent[1].timestamp += 90;
    assert_eq!(faults(sent)[0], FaultKind::TimestampNotPerFrame);
    let mut sent = packets(Codec::Opus, 2);
    sent[30..].iter_mut().for_each(|p| p.timestamp += 960);
    let kind = FaultKind::TimestampDistorted { expected: 960, actual: 1_920 };
    assert_eq!(faults_of(Codec::Opus, sent), [kind]);
}

#[test]
fn a_stream_must_begin_with_a_keyframe() {
    let mut sent = packets(Codec::Vp8, 2);
    let second = sent.iter().position(|p| p.marker).expect("frames end") + 1;
    sent.drain(..second);
    assert!(matches!(faults(sent.clone())[..], [FaultKind::StartsWithoutKeyframe(_)]));
    let mut checker = EgressChecker::new(Codec::Vp8).may_miss_start();
    feed(&mut checker, sent);
    checker.assert_clean();
}

#[test]
fn marker_picture_id_and_payload_are_looked_at() {
    let mut sent = packets(Codec::Vp8, 2);
    let last = sent.iter().position(|p| p.marker).expect("frames end");
    sent[last].marker = false;
    assert_eq!(faults(sent.clone()), [FaultKind::Marker]);

    sent[last].marker = true;
    let (before, after) = (sent[last].payload[3], sent[last + 1].payload[3]);
    sent[last + 1].payload[3] = before;
    let kinds = faults(sent.clone());
    assert!(matches!(kinds[0], FaultKind::PictureId { before, after } if before == after));

    sent[last + 1].payload[3] = after;
    sent[last + 1].payload[60] ^= 1;
    assert!(matches!(faults(sent)[..], [FaultKind::Payload(StampError::Altered(_))]));
}

#[test]
fn overtaken_packets_are_waited_for_and_later_ones_count_as_late() {
    let mut sent = packets(Codec::Vp8, 2);
    let (early, late) = (sent[10].at, sent[40].at);
    sent[10].at = early + Duration::from_millis(400);
    sent[40].at = late + Duration::from_millis(900);
    sent.sort_by_key(|p| p.at);
    let mut checker = EgressChecker::new(Codec::Vp8);
    feed(&mut checker, sent);
    checker.assert_clean();
    let report = checker.report();
    assert_eq!((report.packets_lost, report.packets_late, report.frames_lost), (1, 1, 1));
}

#[test]
fn a_keyframe_is_wanted_while_none_is_coming() {
    let mut sent = packets(Codec::Vp8, 1);
    sent.retain(|p| Stamp::read(&p.payload).expect("freshly stamped").frame < 20);
    let rest = sent.split_off(2);
    let mut checker = EgressChecker::new(Codec::Vp8);
    assert!(!checker.wants_keyframe());
    feed(&mut checker, sent);
    assert!(!checker.wants_keyframe(), "the first keyframe is coming");
    feed(&mut checker, rest[1..].to_vec());
    assert!(checker.wants_keyframe(), "the first keyframe was lost");
}

#[test]
fn a_jump_of_the_sequence_numbers_is_a_fault() {
    let mut sent = packets(Codec::Opus, 2);
    sent[50..].iter_mut().for_each(|p| p.sequence += 10_000);
    let expected = sent[49].sequence + 1;
    assert_eq!(faults_of(Codec::Opus, sent)[0], FaultKind::SequenceJumped { expected });
}

#[test]
fn a_switch_of_sources_is_noted_and_must_happen_at_a_keyframe() {
    let switched = |from: usize| {
        let mut sent = packets(Codec::H264, 1);
        while !sent.last().expect("not all").marker {
            sent.pop();
        }
        let last = sent.last().expect("not all").clone();
        let mut source = Source::new(Codec::H264, 2, 1, 100_000, last.at);
        let mut other = sent_by(&mut source, last.at + Duration::from_secs(1), 1_000);
        other.drain(..from);
        let (at, timestamp) = (other[0].at, other[0].timestamp);
        for (packet, sequence) in other.iter_mut().zip(last.sequence + 1..) {
            packet.sequence = sequence;
            let step = packet.timestamp.wrapping_sub(timestamp);
            let pause = u32::try_from((at - last.at).as_millis() * 90).expect("short");
            packet.timestamp = last.timestamp.wrapping_add(step + pause + 900);
        }
        [sent, other].concat()
    };
    let mut checker = EgressChecker::new(Codec::H264);
    feed(&mut checker, switched(0));
    checker.assert_clean();
    let report = checker.report();
    let [switch] = report.switches[..] else { panic!("{:?}", report.switches) };
    assert_eq!((switch.from.stream, switch.to.stream, switch.to.encoding), (1, 2, 1));
    assert!(switch.timestamp_error.abs_diff(Duration::from_millis(10)) < MS, "{switch:?}");
    let kinds = faults_of(Codec::H264, switched(3));
    assert!(matches!(kinds[..], [FaultKind::StartsWithoutKeyframe(_)]), "{kinds:?}");
}

const MS: Duration = Duration::from_millis(1);

#[derive(Clone)]
struct Sent {
    at: Instant,
    sequence: u64,
    timestamp: u32,
    marker: bool,
    payload: Vec<u8>,
}

/// Returns what a source sends in so many seconds, with another keyframe at frame 30.
fn packets(codec: Codec, seconds: u64) -> Vec<Sent> {
    let mut source = Source::new(codec, 1, 0, 1_000_000, epoch());
    source.start_at(1_000, 5_000);
    sent_by(&mut source, epoch() + Duration::from_secs(seconds), 30)
}

fn sent_by(source: &mut Source, until: Instant, keyframe_at: u64) -> Vec<Sent> {
    let mut sent = Vec::new();
    while source.poll_timeout() <= until {
        if source.counts().frames == keyframe_at {
            source.request_keyframe();
        }
        let Some(frame) = source.poll(source.poll_timeout()) else { continue };
        let last = frame.payloads.len() - 1;
        sent.extend(frame.payloads.iter().enumerate().map(|(i, payload)| Sent {
            at: frame.captured,
            sequence: frame.sequence + i as u64,
            timestamp: frame.timestamp,
            marker: i == last && payload.len() > 200,
            payload: payload.to_vec(),
        }));
    }
    sent
}

/// Renumbers the packets after one that was taken out.
fn close_gap(sent: &mut [Sent], lost: u64) {
    sent.iter_mut().filter(|p| p.sequence > lost).for_each(|p| p.sequence -= 1);
}

fn feed(checker: &mut EgressChecker, sent: Vec<Sent>) {
    for Sent { at, sequence, timestamp, marker, payload } in sent {
        while let Some(deadline) = checker.poll_timeout().filter(|&deadline| deadline < at) {
            checker.handle_timeout(deadline);
        }
        let payload = &payload;
        checker.handle_packet(at, ReceivedPacket { sequence, timestamp, marker, payload });
    }
    while let Some(deadline) = checker.poll_timeout() {
        checker.handle_timeout(deadline);
    }
}

fn faults(sent: Vec<Sent>) -> Vec<FaultKind> {
    faults_of(Codec::Vp8, sent)
}

fn faults_of(codec: Codec, sent: Vec<Sent>) -> Vec<FaultKind> {
    let mut checker = EgressChecker::new(codec);
    feed(&mut checker, sent);
    checker.faults().iter().map(|fault| fault.kind).collect()
}
