//! What becomes of a peer's candidates.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::rc::Rc;

use galene_sfu::{Command, TransportId};
use galene_testkit::{PublisherPeer, Verdict, address};
use str0m::Candidate;

use crate::offers::{AUDIO, VIDEO, chrome_offer};
use crate::raw::{FRAME, RawPublisher, vp8_and_opus};
use crate::room::{CORE, MS, Room, SECOND, audio_of, track, video_of};

#[test]
fn candidates_may_come_before_the_offer_that_they_belong_to() {
    let mut room = Room::new();
    room.hold(1);
    room.offer_text(1, &chrome_offer(&[AUDIO]));
    add(&mut room, 1, &host(70));
    room.run(SECOND);
    assert!(room.simulation.network().sent(CORE, address(70)).datagrams > 0);

    // Of a transport that the core has not heard of nothing is kept.
    add(&mut room, 2, &host(71));
    room.hold(2);
    room.offer_text(2, &chrome_offer(&[AUDIO]));
    room.run(SECOND);
    assert_eq!(room.simulation.network().sent(CORE, address(71)).datagrams, 0);
}

#[test]
fn candidates_may_come_before_the_answer_that_they_belong_to() {
    let mut room = Room::new();
    let tracks = room.publish_camera(1);
    let subscriber = crate::raw::RawSubscriber::new(&mut room, 2, vp8_and_opus());
    room.want(2, &tracks);
    add(&mut room, 2, &host(72));
    room.run(SECOND);
    assert_eq!(room.simulation.network().sent(CORE, address(72)).datagrams, 0, "not yet");
    subscriber.answer(&mut room, |sdp| sdp);
    room.run(SECOND);
    assert!(room.simulation.network().sent(CORE, address(72)).datagrams > 0);
}

#[test]
fn what_is_no_candidate_is_passed_over() {
    let mut room = Room::new();
    room.hold(1);
    room.offer_text(1, &chrome_offer(&[AUDIO]));
    let garbage = [
        String::new(),
        " ".to_owned(),
        "candidate:".to_owned(),
        "candidate:1 1 udp 2113937151 c0ffee00-1234-4321-8888-0123456789ab.local 9 typ host"
            .to_owned(),
        "candidate:1 1 udp 2113937151 10.77.0.70 999999 typ host".to_owned(),
        "candidate:1 1 udp 99999999999999999999 10.77.0.70 50000 typ host".to_owned(),
        "candidate:1 1 tcp 1518280447 10.77.0.70 9 typ host tcptype active".to_owned(),
        "candidate:1 2 udp 2113937150 10.77.0.70 50000 typ host".to_owned(),
        "candidate:1 1 udp 2113937151 10.77.0.70 50000 typ nonsense".to_owned(),
        "a=".to_owned() + &host(70),
        host(70).repeat(1_000),
        "\u{1f980}".repeat(100),
        "candidate:1 1 udp 2113937151 10.77.0.70 50000 typ host ufrag another".to_owned(),
    ];
    for candidate in &garbage {
        add(&mut room, 1, candidate);
    }
    room.run(SECOND * 2);
    assert_eq!(room.simulation.network().sent(CORE, address(70)).datagrams, 0);
    assert_eq!((room.counters().faults, room.transport_count()), (0, 1));
}

#[test]
fn a_peer_cannot_make_the_core_check_more_than_a_few_addresses() {
    let mut room = Room::new();
    let checked = watch_checks(&mut room);
    room.hold(1);
    let listed: String =
        (1_000..1_300).map(|at| format!("a={}\r\n", host(at))).collect::<Vec<_>>().concat();
    let sdp = chrome_offer(&[AUDIO, VIDEO]);
    let described = sdp.replacen("a=mid:0\r\n", &format!("a=mid:0\r\n{listed}"), 1);
    for _ in 0..5 {
        room.offer_text(1, &described);
        for at in 2_000..2_300 {
            add(&mut room, 1, &host(at));
        }
    }
    room.run(SECOND * 20);
    assert_eq!(checked.borrow().len(), 64);
    assert_eq!(room.counters().faults, 0);
}

#[test]
fn after_an_ice_restart_new_candidates_are_taken_again() {
    let mut room = Room::new();
    room.publish_camera(1);
    for at in 1_000..1_100 {
        add(&mut room, 1, &host(at));
    }
    let checked = watch_checks(&mut room);
    room.offer(1, PublisherPeer::restart_ice);
    add(&mut room, 1, &host(2_000));
    room.run(SECOND);
    assert!(checked.borrow().contains(&address(2_000)));
}

#[test]
fn a_peer_with_many_addresses_is_heard_on_the_one_it_uses() {
    let mut room = Room::new();
    let mut publisher = RawPublisher::connect(&mut room, 1, vp8_and_opus(), |sdp| sdp);
    publisher.send_frame(&mut room, true);
    room.run(FRAME);
    let key = publisher.key;
    for at in 300..312 {
        room.simulation.add_address(key, address(at));
        let candidate = Candidate::host(address(at), "udp").expect("a usable address");
        room.simulation.get_mut(key).rtc.add_local_candidate(candidate);
        room.run(MS * 100);
    }
    let before = room.counters();
    for _ in 0..300 {
        publisher.send_frame(&mut room, false);
        room.run(FRAME);
    }
    let published = room.counters().published - before.published;
    assert!(published > 290, "{published} of 300");
}

#[test]
fn a_subscriber_is_reached_though_none_of_its_candidates_can_be_used() {
    let mut room = Room::new();
    let tracks = room.publish_camera(1);
    room.hold(2);
    room.add_subscriber(2, |config| config);
    room.want(2, &tracks);
    let offer = room.last_offer(2);
    let now = room.now();
    let sdp = room.subscriber(2).handle_offer(now, &offer).expect("a good offer");
    room.command(Command::Answer { transport: TransportId(2), sdp });
    add(
        &mut room,
        2,
        "candidate:1 1 udp 2113937151 c0ffee00-1234-4321-8888-0123456789ab.local 9 typ host",
    );
    room.wait_for_frames(2, video_of(1), 10);
    room.wait_for_frames(2, audio_of(1), 10);
    assert_eq!(room.tracks(1), [track(1, 0), track(1, 1)]);
    room.assert_clean();
}

fn add(room: &mut Room, id: u64, candidate: &str) {
    let candidate = candidate.to_owned();
    room.command(Command::AddCandidate { transport: TransportId(id), candidate });
}

fn host(at: u16) -> String {
    let at = address(at);
    format!("candidate:{at} 1 udp 2113937151 {} {} typ host generation 0", at.ip(), at.port())
        .replacen(&at.to_string(), &at.ip().to_string().replace('.', ""), 1)
}

/// Notes where connectivity checks are sent to.
fn watch_checks(room: &mut Room) -> Rc<RefCell<BTreeSet<SocketAddr>>> {
    let checked = Rc::new(RefCell::new(BTreeSet::new()));
    let shared = Rc::clone(&checked);
    room.simulation.network_mut().set_filter(move |_, datagram| {
        if datagram.source == CORE && datagram.contents.starts_with(&[0, 1]) {
            shared.borrow_mut().insert(datagram.destination);
        }
        Verdict::Pass
    });
    checked
}
