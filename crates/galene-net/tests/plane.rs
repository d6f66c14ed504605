//! The media plane over real sockets.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::num::NonZeroU16;
use std::sync::{Arc, mpsc};

use galene_net::{MediaConfig, MediaPlane, PortRange, StartError};
use galene_sfu::{Codec, Command, Event, TransportId};

fn loopback() -> MediaConfig {
    MediaConfig {
        ports: PortRange::single(0),
        advertise: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
        shards: NonZeroU16::new(1),
        ..MediaConfig::default()
    }
}

fn start(config: &MediaConfig) -> (MediaPlane, mpsc::Receiver<(u16, Event)>) {
    let (events, received) = mpsc::channel();
    let events = Arc::new(move |shard, event| {
        // A test that has seen enough no longer listens.
        let _gone: Result<(), _> = events.send((shard, event));
    });
    (MediaPlane::start(config, events).expect("a free port"), received)
}

#[test]
fn commands_are_answered_by_events_of_their_shard() {
    let (plane, events) = start(&loopback());
    let offer = Command::Offer {
        transport: TransportId(1),
        sdp: "this is not SDP".to_owned(),
        codecs: vec![Codec::Opus],
    };
    plane.commands()[0].blocking_send(offer).expect("the shard runs");
    let (shard, event) = events.recv().expect("the shard runs");
    assert_eq!(shard, 0);
    assert!(
        matches!(event, Event::NegotiationFailed { transport: TransportId(1), .. }),
        "{event:?}"
    );
}

#[test]
fn a_plane_ends_when_nobody_can_command_it_any_more() {
    let (plane, events) = start(&loopback());
    let port = plane.addresses()[0].port();
    plane.join().expect("no shard panics");
    assert!(events.recv().is_err(), "the sink of the events is dropped");
    UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).expect("the port is free again");
}

#[test]
fn rubbish_from_the_network_changes_nothing() {
    let (plane, events) = start(&loopback());
    let peer = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    for length in [0, 1, 19, 20, 100, 1500, 9000, 65_000] {
        for first in [0_u8, 1, 20, 22, 63, 64, 128, 200, 255] {
            let datagram = vec![first; length];
            peer.send_to(&datagram, plane.addresses()[0]).expect("loopback takes it");
        }
    }
    let offer =
        Command::Offer { transport: TransportId(1), sdp: String::new(), codecs: Vec::new() };
    plane.commands()[0].blocking_send(offer).expect("the shard runs");
    assert!(matches!(events.recv(), Ok((0, Event::NegotiationFailed { .. }))));
    plane.join().expect("no shard panics");
}

#[test]
fn the_candidates_are_what_was_asked_for_at_the_port_that_was_bound() {
    let advertise = vec![IpAddr::from([203, 0, 113, 7]), IpAddr::V4(Ipv4Addr::LOCALHOST)];
    let config = MediaConfig { advertise: advertise.clone(), ..loopback() };
    let (plane, _events) = start(&config);
    let port = plane.addresses()[0].port();
    assert_ne!(port, 0);
    let expected: Vec<_> = advertise.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
    assert_eq!(plane.addresses(), expected);
}

#[test]
fn a_port_in_use_is_named_though_shards_share_it() {
    let free = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a free port");
    let taken = free.local_addr().expect("it is bound").port();
    drop(free);
    let ports = PortRange::single(taken);
    let shared = MediaConfig { ports, shards: NonZeroU16::new(3), ..loopback() };
    let (first, _events) = start(&shared);
    assert_eq!(first.commands().len(), 3);
    assert_eq!(first.addresses(), [SocketAddr::from((Ipv4Addr::LOCALHOST, taken))]);
    for config in [MediaConfig { ports, ..loopback() }, shared] {
        let error = MediaPlane::start(&config, Arc::new(|_, _| {})).expect_err("it is taken");
        assert!(matches!(error, StartError::AddressInUse(address) if address.port() == taken));
        let says = error.to_string();
        let expected = format!("UDP address 0.0.0.0:{taken} is already in use");
        assert!(says.starts_with(&expected), "{says}");
    }
}

#[test]
fn by_default_there_is_a_shard_for_each_core() {
    let config = MediaConfig { shards: None, ..loopback() };
    let (plane, _events) = start(&config);
    let cores = std::thread::available_parallelism().expect("the system can tell").get();
    assert_eq!(plane.commands().len(), cores);
    assert_eq!(plane.statistics().len(), cores);
}
