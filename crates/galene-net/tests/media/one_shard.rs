//! One shard: addresses of all kinds.

use std::net::{IpAddr, Ipv6Addr};

use galene_net::MediaConfig;
use galene_sfu::ShardId;

use crate::stage::{LOOPBACK, Stage, loopback};

/// Lets one peer publish and another subscribe till enough has arrived.
fn forward(peers: IpAddr, advertise: IpAddr, nat: Option<(IpAddr, IpAddr)>) {
    let config = MediaConfig { advertise: vec![advertise], ..loopback(1) };
    let mut stage = Stage::start(&config, peers, nat).unwrap();
    let publisher = stage.publish(ShardId(0));
    stage.subscribe(ShardId(0), &[publisher]);
    stage.show_more(publisher, 30);
    stage.assert_clean();
    let publishers = stage.publishers.values().map(|(_, peer)| &peer.heard_from);
    for heard_from in publishers.chain(stage.subscribers.values().map(|(_, p)| &p.heard_from)) {
        let sources: Vec<_> = heard_from.keys().copied().collect();
        assert_eq!(sources, stage.plane.addresses(), "all comes from the address that was offered");
    }
    stage.end();
}

#[test]
fn media_is_forwarded_over_ipv4() {
    forward(LOOPBACK, LOOPBACK, None);
}

#[test]
fn media_is_forwarded_over_ipv6() {
    let loopback = IpAddr::V6(Ipv6Addr::LOCALHOST);
    forward(loopback, loopback, None);
}

#[test]
fn answers_leave_from_the_address_that_was_asked() {
    // All of 127.0.0.0/8 is this host, but only that address is offered.
    let other = IpAddr::from([127, 0, 0, 9]);
    forward(LOOPBACK, other, None);
}

#[test]
fn a_server_behind_a_nat_is_reached_under_its_public_address() {
    let public = IpAddr::from([203, 0, 113, 7]);
    forward(LOOPBACK, public, Some((public, LOOPBACK)));
}

#[test]
fn without_offload_media_flows_as_well_and_each_datagram_leaves_alone() {
    let mut stage = Stage::new(&MediaConfig { offload: false, ..loopback(1) });
    let publisher = stage.publish(ShardId(0));
    stage.subscribe(ShardId(0), &[publisher]);
    stage.show_more(publisher, 10);
    stage.assert_clean();
    let [done] = stage.end()[..] else { panic!("one shard") };
    assert_eq!(done.sent.datagrams, done.send_calls);
    assert_eq!(done.segments_sent, 0);
}
