//! Transports come and go, in any order.

use galene_sfu::{CloseReason, Command, EncodingChoice, Event, ShardId, TrackRequest, TransportId};
use galene_testkit::{Profile, PublisherPeer, TrackSpec, Verdict, address};

use crate::offers::{AUDIO, chrome_offer};
use crate::raw::{RawSubscriber, vp8_and_opus};
use crate::room::{CORE, MS, Room, SECOND, track, video_of};

#[test]
fn commands_about_transports_that_do_not_exist_do_nothing() {
    let mut room = Room::new();
    let transport = TransportId(5);
    for _ in 0..2 {
        room.command(Command::Close { transport });
        room.command(Command::RestartIce { transport });
        room.command(Command::Answer { transport, sdp: String::new() });
        let candidate = "candidate:1 1 udp 2113937151 10.77.0.5 50000 typ host".to_owned();
        room.command(Command::AddCandidate { transport, candidate });
    }
    assert!(room.events.is_empty());
    assert_eq!(room.transport_count(), 0);
    let sfu = &mut room.simulation.get_mut(room.core).sfu;
    assert_eq!(sfu.poll_timeout(), None, "there is nothing to wait for");
}

#[test]
fn closing_twice_is_closing_once_and_the_peer_hears_of_it() {
    let mut room = Room::new();
    let tracks = room.publish_camera(1);
    room.subscribe(2, &tracks, |config| config);
    room.wait_for_frames(2, video_of(1), 10);
    for id in [2, 2, 1, 1] {
        room.close(id);
    }
    room.run(SECOND);
    assert!(room.subscriber(2).is_closed());
    assert!(room.publisher(1).is_closed());
    assert_eq!(room.transport_count(), 0);
    let closed = |event: &Event| matches!(event, Event::Closed { .. } | Event::TrackEnded { .. });
    assert_eq!(room.count(1, closed) + room.count(2, closed), 0, "no event follows");
    let sfu = &mut room.simulation.get_mut(room.core).sfu;
    assert_eq!(sfu.poll_timeout(), None);
}

#[test]
fn when_the_publisher_goes_its_subscribers_stay_and_can_have_another() {
    let mut room = Room::new();
    let tracks = room.publish_camera(1);
    room.subscribe(2, &tracks, |config| config);
    room.wait_for_frames(2, video_of(1), 10);
    let now = room.now();
    room.publisher(1).close(now);
    room.run(SECOND / 2);
    let closed = Event::Closed { transport: TransportId(1), reason: CloseReason::Peer };
    assert!(room.events.contains(&closed));
    assert_eq!(room.transport_count(), 1);
    // Its tracks are unknown now.
    room.want(2, &tracks);
    let others = room.publish_camera(3);
    room.want(2, &others);
    room.wait_for_frames(2, video_of(3), 10);
    room.assert_no_number_used_twice();
    assert_eq!(room.subscriber(2).tracks().count(), 2);
}

#[test]
fn a_subscriber_that_closes_its_side_is_gone_and_nobody_else() {
    let mut room = Room::new();
    let tracks = room.publish_camera(1);
    for id in [2, 3] {
        room.subscribe(id, &tracks, |config| config);
    }
    room.wait_for_frames(3, video_of(1), 10);
    let now = room.now();
    room.subscriber(2).close(now);
    room.run(SECOND / 2);
    let closed = Event::Closed { transport: TransportId(2), reason: CloseReason::Peer };
    assert!(room.events.contains(&closed));
    room.wait_for_frames(3, video_of(1), 10);
    room.assert_clean();
}

#[test]
fn what_is_lost_is_told_and_sent_nothing_and_an_ice_restart_brings_it_back() {
    let mut room = Room::new();
    let tracks = room.publish_camera(1);
    for id in [2, 3] {
        room.subscribe(id, &tracks, |config| config);
    }
    room.wait_for_frames(2, video_of(1), 10);
    let dead = Profile::ideal().dead();
    room.simulation.network_mut().set_profiles(CORE, address(2), dead);
    let is_lost = |room: &mut Room| room.count(2, |e| matches!(e, Event::Disconnected { .. })) == 1;
    for _ in 0..30 {
        room.run(SECOND);
    }
    assert!(is_lost(&mut room), "RFC 7675 §5.1: consent expires after 30 s");

    // From here on nothing reaches it, not even what the network would let through.
    let (sent, connected) = (media_to(&mut room, 2), count_connected(&room, 2));
    room.run(SECOND * 5);
    assert_eq!(sent.get(), 0, "media, reports or handshakes");
    assert_eq!(connected, 1);

    room.simulation.network_mut().set_profiles(CORE, address(2), Profile::ideal());
    room.command(Command::RestartIce { transport: TransportId(2) });
    room.wait("waited for the subscriber to come back", |room| count_connected(room, 2) == 2);
    room.wait_for_frames(2, video_of(1), 30);
    assert!(sent.get() > 30);
    assert!(room.frames(3, video_of(1)) > 900, "nobody else noticed");
    room.assert_no_number_used_twice();
    assert_eq!(room.counters().faults, 0);
}

#[test]
fn a_publisher_that_is_lost_comes_back_by_an_offer_with_an_ice_restart() {
    let mut room = Room::new();
    let tracks = room.publish_camera(1);
    room.subscribe(2, &tracks, |config| config);
    room.wait_for_frames(2, video_of(1), 10);
    room.simulation.network_mut().set_profiles(CORE, address(1), Profile::ideal().dead());
    for _ in 0..30 {
        room.run(SECOND);
    }
    assert_eq!(room.count(1, |e| matches!(e, Event::Disconnected { .. })), 1);
    assert_eq!(room.tracks(1), tracks, "the tracks stay");
    room.simulation.network_mut().set_profiles(CORE, address(1), Profile::ideal());
    room.offer(1, PublisherPeer::restart_ice);
    room.wait_for_frames(2, video_of(1), 30);
    assert_eq!(count_connected(&room, 1), 2);
    room.assert_clean();
}

#[test]
fn a_peer_that_never_connects_is_told_as_lost() {
    let mut room = Room::new();
    room.hold(1);
    room.offer_text(1, &chrome_offer(&[AUDIO]));
    let candidate = "candidate:1 1 udp 2113937151 10.77.0.1 50000 typ host".to_owned();
    room.command(Command::AddCandidate { transport: TransportId(1), candidate });
    for _ in 0..60 {
        room.run(SECOND);
    }
    let told: Vec<_> = room.events_of(1).into_iter().skip(1).cloned().collect();
    assert_eq!(told, [Event::Disconnected { transport: TransportId(1) }]);
}

#[test]
fn a_slot_that_is_taken_again_has_nothing_of_the_transport_before() {
    let mut room = Room::new();
    let tracks = room.publish_camera(1);
    // Each of them leaves at another stage of its life, and the next one takes its place.
    for id in 2..30 {
        let subscriber = RawSubscriber::new(&mut room, id, vp8_and_opus());
        room.want(id, &tracks);
        if id % 5 > 0 {
            subscriber.answer(&mut room, |sdp| sdp);
        }
        room.run(MS * 3 * (id as u32 % 7));
        room.close(id);
    }
    let others = room.publish_camera(40);
    room.subscribe(41, &others, |config| config);
    room.subscribe(42, &tracks, |config| config);
    room.wait_for_frames(41, video_of(40), 30);
    room.wait_for_frames(42, video_of(1), 30);
    assert_eq!(room.transport_count(), 4);
    room.assert_clean();
}

#[test]
fn any_order_of_commands_is_survived() {
    for seed in 0..3 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut room = Room::new();
        let mut next = 1;
        let (mut publishers, mut subscribers) = (Vec::new(), Vec::new());
        for _ in 0..150 {
            let choice = random.choice(publishers.clone());
            let follower = random.choice(subscribers.clone());
            match (random.u8(..11), choice, follower) {
                (0, ..) if publishers.len() < 4 => {
                    let video = TrackSpec::video(video_of(next));
                    let video = if random.bool() { video.simulcast() } else { video };
                    room.publish(next, |c| c.track(TrackSpec::audio(1)).track(video));
                    publishers.push(next);
                    next += 1;
                }
                (1 | 2, ..) if subscribers.len() < 6 => {
                    room.add_subscriber(next, |config| config.may_miss_start());
                    subscribers.push(next);
                    next += 1;
                }
                (3, Some(id), _) => {
                    room.close(id);
                    publishers.retain(|known| *known != id);
                }
                (4, _, Some(id)) => {
                    room.close(id);
                    subscribers.retain(|known| *known != id);
                }
                (5, Some(id), _) => room.offer(id, PublisherPeer::restart_ice),
                (6, _, Some(transport)) => {
                    room.command(Command::RestartIce { transport: TransportId(transport) });
                }
                (7, Some(id), _) if random.u8(..4) == 0 => {
                    room.kill(id);
                    publishers.retain(|known| *known != id);
                }
                (_, _, Some(id)) => {
                    let known = publishers.iter().flat_map(|p| [track(*p, 0), track(*p, 1)]);
                    let mut wanted = Vec::new();
                    for track in known.chain([track(999, 0)]) {
                        let encoding = match random.u8(..4) {
                            0 => EncodingChoice::Best,
                            1 => EncodingChoice::Lowest,
                            _ => continue,
                        };
                        wanted.push(TrackRequest::new(track, ShardId(0), encoding));
                    }
                    room.command(Command::Subscribe {
                        transport: TransportId(id),
                        client: galene_sfu::ClientId(id),
                        stream_id: "stream".to_owned(),
                        tracks: wanted,
                    });
                }
                _ => {}
            }
            room.run(MS * random.u32(0..60));
        }
        room.assert_no_number_used_twice();
        assert_eq!(room.counters().faults, 0);
        assert!(room.counters().forwarded > 10, "{:?}", room.counters());
    }
}

fn count_connected(room: &Room, id: u64) -> usize {
    room.count(id, |event| matches!(event, Event::Connected { .. }))
}

/// Counts what is sent to a peer from now on, except connectivity checks.
fn media_to(room: &mut Room, id: u16) -> std::rc::Rc<std::cell::Cell<u32>> {
    let seen = std::rc::Rc::new(std::cell::Cell::new(0));
    let shared = std::rc::Rc::clone(&seen);
    room.simulation.network_mut().set_filter(move |_, datagram| {
        if datagram.destination == address(id) && datagram.contents[0] >= 4 {
            shared.set(shared.get() + 1);
        }
        Verdict::Pass
    });
    seen
}
