//! Several shards behind one port: what comes to the wrong one finds the right one.

use std::net::{SocketAddr, UdpSocket};

use galene_net::{MediaConfig, PortRange, ShardStatistics, StartError};
use galene_sfu::{ShardId, TransportId};

use crate::stage::{LOOPBACK, Stage, loopback};

const SHARDS: u16 = 3;

/// A plane of three shards with one port that is free at the moment.
fn stage() -> (Stage, SocketAddr) {
    loop {
        let address = UdpSocket::bind((LOOPBACK, 0)).unwrap().local_addr().unwrap();
        let ports = PortRange::single(address.port());
        match Stage::start(&MediaConfig { ports, ..loopback(SHARDS) }, LOOPBACK, None) {
            Ok(stage) => {
                assert_eq!(stage.plane.addresses(), [address]);
                return (stage, address);
            }
            // Another test was quicker.
            Err(StartError::AddressInUse(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Twelve peers: three publishers, each with three subscribers, on all shards.
fn fill(stage: &mut Stage) -> [TransportId; 3] {
    let shards = [0, 1, 2].map(ShardId);
    let publishers = shards.map(|shard| stage.publish(shard));
    for shard in shards.into_iter().cycle().take(9) {
        stage.subscribe(shard, &publishers);
    }
    publishers
}

fn show_all(stage: &mut Stage, publishers: [TransportId; 3], frames: u64) {
    for publisher in publishers {
        stage.show_more(publisher, frames);
    }
}

fn total(statistics: &[ShardStatistics], count: impl Fn(&ShardStatistics) -> u64) -> u64 {
    statistics.iter().map(count).sum()
}

#[test]
fn all_peers_connect_whatever_socket_the_kernel_gives_them_to() {
    let (mut stage, address) = stage();
    let publishers = fill(&mut stage);
    show_all(&mut stage, publishers, 30);
    stage.assert_clean();
    for (_, peer) in stage.subscribers.values() {
        assert_eq!(peer.heard_from.keys().copied().collect::<Vec<_>>(), [address]);
    }
    // The kernel gives all twelve to the right sockets once in half a million times.
    let done = stage.end();
    assert!(total(&done, |s| s.steered) > 0);
    assert_eq!(total(&done, |s| s.relay_dropped), 0);
}

#[test]
fn wishes_for_keyframes_reach_the_publishers() {
    let (mut stage, _) = stage();
    let publishers = fill(&mut stage);
    show_all(&mut stage, publishers, 5);
    let subscribers: Vec<_> = stage.subscribers.keys().copied().collect();
    for (subscriber, publisher) in subscribers.into_iter().zip(publishers.into_iter().cycle()) {
        stage.ask_for_keyframe(subscriber, publisher);
    }
    stage.end();
}

#[test]
fn peers_are_followed_to_other_networks() {
    let (mut stage, _) = stage();
    let publisher = stage.publish(ShardId(0));
    let subscriber = stage.subscribe(ShardId(1), &[publisher]);
    stage.show_more(publisher, 5);
    // The kernel gives all to the right sockets once in 6,561 times.
    for _ in 0..4 {
        stage.move_subscriber(subscriber);
        stage.run_until(|stage| stage.subscribers[&subscriber].1.heard > 0);
        stage.show_more(publisher, 5);
        stage.move_publisher(publisher);
        stage.run_until(|stage| stage.publishers[&publisher].1.heard > 0);
        stage.show_more(publisher, 5);
    }
    stage.end();
}

#[test]
fn a_publisher_is_heard_when_a_nat_gives_it_another_port() {
    let (mut stage, _) = stage();
    let publisher = stage.publish(ShardId(0));
    let subscriber = stage.subscribe(ShardId(1), &[publisher]);
    stage.show_more(publisher, 5);
    for _ in 0..2 {
        stage.publishers.get_mut(&publisher).unwrap().1.change_port();
        stage.run_until(|stage| stage.publishers[&publisher].1.heard > 0);
        let [heard, _] = stage.shown(subscriber, publisher);
        stage.run_until(|stage| stage.shown(subscriber, publisher)[0] >= heard + 5);
    }
    stage.end();
}

#[test]
fn whoever_takes_over_the_address_of_another_is_found() {
    let (mut stage, _) = stage();
    let publisher = stage.publish(ShardId(0));
    let shards = [0, 1, 2].map(ShardId);
    let mut subscribers =
        shards.repeat(2).into_iter().map(|s| stage.subscribe(s, &[publisher])).collect::<Vec<_>>();
    stage.show_more(publisher, 5);
    for round in 1..3 {
        for (subscriber, shard) in
            subscribers.iter_mut().zip(shards.into_iter().cycle().skip(round))
        {
            *subscriber = stage.replace_subscriber(*subscriber, shard, &[publisher]);
        }
        stage.show_more(publisher, 5);
    }
    stage.end();
}

#[test]
fn junk_from_strangers_hurts_nobody() {
    let (mut stage, address) = stage();
    let publishers = fill(&mut stage);
    show_all(&mut stage, publishers, 5);
    let strangers: Vec<_> = (0..12).map(|_| UdpSocket::bind((LOOPBACK, 0)).unwrap()).collect();
    let subscribers: Vec<_> = stage.subscribers.keys().copied().collect();
    let late = stage.subscribe(ShardId(2), &publishers);
    let shown = |stage: &Stage| -> Vec<u64> {
        let pairs = subscribers.iter().flat_map(|s| publishers.iter().map(move |p| (*s, *p)));
        pairs.flat_map(|(s, p)| stage.shown(s, p)).collect()
    };
    let before = shown(&stage);
    let mut sent = 0u32;
    stage.run_until(|stage| {
        for stranger in &strangers {
            for contents in junk(sent) {
                stranger.send_to(&contents, address).unwrap();
            }
            sent += 1;
        }
        let is_late_there = stage.shown(late, publishers[0]).iter().all(|shown| *shown > 0);
        is_late_there && shown(stage).iter().zip(&before).all(|(now, before)| *now >= before + 30)
    });
    stage.assert_clean();
    let done = stage.end();
    assert!(total(&done, |s| s.received.datagrams) > u64::from(sent), "it has arrived");
    assert_eq!(total(&done, |s| s.relay_dropped), 0);
    assert_eq!(total(&done, |s| s.core.faults), 0);
}

/// A binding request for nobody, a response to nothing, and what is no STUN at all.
fn junk(number: u32) -> [Vec<u8>; 4] {
    let mut request = vec![0x00, 0x01, 0, 12, 0x21, 0x12, 0xa4, 0x42];
    request.extend([9; 8]);
    request.extend(number.to_be_bytes());
    request.extend([0x00, 0x06, 0, 7]);
    request.extend(b"abcd:ef\0");
    let mut response = request.clone();
    response[0] = 0x01;
    [request, response, vec![0x00, 0x01], vec![0x80; 100]]
}
