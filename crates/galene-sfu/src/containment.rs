//! Tests of what a failure inside one transport's engine does to the others.

use galene_testkit::SubscriberPeer;

use crate::call::{Call, MS, OTHERS, PUBLISHER, VICTIM, request};
use crate::egress::{Egress, Next, Outgoing, Way};
use crate::transport::Role;
use crate::{CloseReason, Command, Event};

#[test]
fn a_panic_while_packets_are_forwarded_ends_that_transport_alone() {
    let mut call = Call::connect();
    let slot = call.sfu.by_id[&VICTIM];
    if let Role::Subscriber(subscription) = &mut call.sfu.transports[slot].role {
        subscription.egress = Box::new(Panicking);
    }
    let before = call.frames();
    call.run(MS * 1_000);
    assert_eq!(call.closed(), [Event::Closed { transport: VICTIM, reason: CloseReason::Fault }]);
    assert_eq!(call.sfu.counters().faults, 1);
    assert_eq!(call.sfu.transport_count(), 3);
    let after = call.frames();
    assert!(after[1] > before[1] + 25 && after[2] > before[2] + 25, "{before:?}, {after:?}");
    call.subscribers[1..].iter().for_each(SubscriberPeer::assert_clean);
}

#[test]
fn a_publisher_whose_engine_panics_is_gone_with_its_tracks_and_its_subscribers_stay() {
    let mut call = Call::connect();
    let slot = call.sfu.by_id[&PUBLISHER];
    let transport = &mut call.sfu.transports[slot];
    let fails = |_: &mut str0m::Rtc| panic!("for the sake of the test");
    let done: Option<()> = call.sfu.aftermath.call(slot, transport, call.now, fails);
    assert_eq!(done, None);
    // It is not called again before it is removed.
    let again = call.sfu.aftermath.call(slot, transport, call.now, |_| ());
    assert_eq!(again, None);
    call.run(MS * 100);
    let reason = CloseReason::Fault;
    assert_eq!(call.closed(), [Event::Closed { transport: PUBLISHER, reason }]);
    assert_eq!(call.sfu.transport_count(), 3);
    assert!(call.sfu.tracks.is_empty() && call.sfu.by_track_id.is_empty());
    let tracks = vec![request(0)];
    let stream_id = String::new();
    let wish = Command::Subscribe {
        transport: OTHERS[0],
        client: crate::ClientId(OTHERS[0].0),
        stream_id,
        tracks,
    };
    call.sfu.handle_command(wish, call.now);
    call.run(MS * 100);
    assert_eq!(call.sfu.counters().faults, 1);
}

#[test]
fn a_subscriber_that_is_lost_is_not_woken_for_reports_that_cannot_be_sent() {
    let mut call = Call::connect();
    call.subscribers.pop();
    let slot = call.sfu.by_id[&OTHERS[1]];
    while !call.sfu.transports[slot].lost {
        call.run(MS * 100);
    }
    // A report is due, as it was sent something not long ago.
    let Role::Subscriber(subscription) = &call.sfu.transports[slot].role else {
        unreachable!("it subscribes");
    };
    assert!(subscription.egress.next_report().is_some_and(|at| at < call.now + MS * 1_000));
    call.run(MS * 1_000);
    let transport = &call.sfu.transports[slot];
    assert_eq!(transport.deadline(), transport.engine.deadline());
    assert!(transport.armed > Some(call.now));
}

#[test]
fn when_all_are_gone_nothing_is_left() {
    let mut call = Call::connect();
    for transport in [OTHERS[0], PUBLISHER, VICTIM, OTHERS[1]] {
        call.sfu.handle_command(Command::Close { transport }, call.now);
        call.run(MS * 50);
    }
    let sfu = &call.sfu;
    assert!(sfu.transports.is_empty() && sfu.by_id.is_empty());
    assert!(sfu.tracks.is_empty() && sfu.by_track_id.is_empty());
    assert!(sfu.arrived.is_empty() && sfu.wishes.is_empty() && sfu.starting.is_empty());
    assert!(sfu.aftermath.is_empty());
}

/// What no engine does, one hopes.
#[derive(Debug)]
struct Panicking;

impl Egress for Panicking {
    fn after_sending(&mut self) -> Next {
        Next::Engine
    }

    fn send(&mut self, _: &mut Way<'_>, packet: Outgoing<'_>) {
        panic!("number {} cannot be sealed", packet.sequence);
    }
}
