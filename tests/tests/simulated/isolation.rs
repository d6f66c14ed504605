//! Nobody gets what is not meant for him, and nobody gets in who has not shown who he is.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use galene_testkit::{Datagram, Verdict, address};
use galene_tests::{CORE, Conference};

use super::{SECOND, publish, rendered, watch};

#[test]
fn no_packet_crosses_from_one_group_to_the_other() {
    let mut conference = super::conference(1);
    let groups = [[100, 110], [200, 210]];
    let mut members = Vec::new();
    for streams in groups {
        let publishers = streams.map(|stream| publish(&mut conference, stream));
        for _ in 0..5 {
            for (publisher, stream) in publishers.into_iter().zip(streams) {
                members.push((watch(&mut conference, publisher), stream));
            }
        }
    }
    conference.run_for(SECOND * 4);
    conference.assert_clean();

    assert_eq!(members.len(), 20);
    for (id, stream) in members {
        // All of what it wants, and nothing else.
        assert_eq!(conference.streams(id), [stream, stream + 1].into(), "{id}");
        let video = conference.report(id, stream + 1);
        assert!(video.frames_rendered > 80 && video.frames_lost == 0, "{id}: {video}");
    }
}

#[test]
fn datagrams_of_strangers_get_no_answer_and_reach_no_transport() {
    let mut conference = super::conference(2);
    let publisher = publish(&mut conference, 10);
    let subscriber = watch(&mut conference, publisher);
    conference.run_for(SECOND * 2);
    let before = conference.core().counters();

    let mut rng = fastrand_bytes(7);
    let mut sent = 0;
    for first in [0, 1, 20, 22, 23, 63, 64, 127, 128, 144, 191, 192, 255] {
        for len in [1, 12, 20, 100, 1_200] {
            let mut contents: Vec<u8> = (&mut rng).take(len).collect();
            contents[0] = first;
            send(&mut conference, STRANGER, contents);
            sent += 1;
        }
    }
    // What looks like STUN, with an address of a user that does not exist.
    send(&mut conference, STRANGER, binding_request("nobody:atall"));
    conference.run_for(SECOND * 2);

    let after = conference.core().counters();
    assert_eq!(after.unroutable - before.unroutable, sent + 1);
    assert_eq!(conference.simulation().network().sent_to(STRANGER).datagrams, 0);
    conference.assert_clean();
    let video = conference.report(subscriber, 11);
    assert!(video.frames_rendered > 100 && video.freezes == 0, "{video}");
}

#[test]
fn a_client_hello_from_an_unverified_address_reaches_no_transport() {
    let mut conference = super::conference(3);
    let publisher = publish(&mut conference, 10);
    // Of everything that peers send, requests and hellos are kept, and no hello gets through at first.
    let caught = Rc::new(RefCell::new(Caught::default()));
    let shared = Rc::clone(&caught);
    conference.simulation().network_mut().set_filter(move |_, datagram| {
        let mut caught = shared.borrow_mut();
        if datagram.destination != CORE || datagram.source == STRANGER {
            return Verdict::Pass;
        }
        if is_client_hello(&datagram.contents) {
            caught.hellos.push(datagram.contents.to_vec());
            return if caught.lets_pass { Verdict::Pass } else { Verdict::Drop };
        }
        if datagram.contents.starts_with(&[0, 1]) {
            caught.requests.push(datagram.contents.to_vec());
        }
        Verdict::Pass
    });
    let subscriber = watch(&mut conference, publisher);
    let hidden = Rc::clone(&caught);
    let is_hello_there = conference.run_until(SECOND * 5, |_| !hidden.borrow().hellos.is_empty());
    assert!(is_hello_there, "the subscriber begins its handshake");

    // The stranger is faster than the subscriber, and says exactly what the subscriber says. It even
    // knows the user name, but not the password.
    let hello = caught.borrow().hellos[0].clone();
    let mut request = caught.borrow().requests.last().expect("a request came first").clone();
    let integrity = request.len() - 8 - 20;
    request[integrity] ^= 1;
    send(&mut conference, STRANGER, hello.clone());
    send(&mut conference, STRANGER, request);
    conference.run_for(SECOND / 10);
    send(&mut conference, STRANGER, hello);
    conference.run_for(SECOND / 10);
    assert_eq!(conference.simulation().network().sent_to(STRANGER).datagrams, 0);
    assert!(!conference.subscriber(subscriber).is_connected());

    caught.borrow_mut().lets_pass = true;
    let is_seen = conference.run_until(SECOND * 5, |c| rendered(c, subscriber, 11) > 30);
    assert!(is_seen, "the subscriber is served as if nothing had happened");
    assert_eq!(conference.simulation().network().sent_to(STRANGER).datagrams, 0);
    conference.assert_clean();
}

#[test]
fn media_from_another_address_than_the_publishers_is_not_forwarded() {
    let mut conference = super::conference(4);
    let publisher = publish(&mut conference, 10);
    let subscriber = watch(&mut conference, publisher);
    conference.run_for(SECOND * 2);
    let before = rendered(&conference, subscriber, 11);
    let address = conference.address(publisher);
    let caught = Rc::new(RefCell::new(Vec::new()));
    let shared = Rc::clone(&caught);
    // The publisher's media goes to the stranger, who sends it on under his own address.
    conference.simulation().network_mut().set_filter(move |_, datagram| {
        let is_rtp = (128..192).contains(&datagram.contents[0]);
        if datagram.source == address && is_rtp {
            shared.borrow_mut().push(datagram.contents.to_vec());
            return Verdict::Drop;
        }
        Verdict::Pass
    });
    for _ in 0..300 {
        conference.run_for(SECOND / 100);
        for contents in caught.take() {
            send(&mut conference, STRANGER, contents);
        }
    }
    conference.assert_clean();
    // Two frames may have been on their way.
    assert!(before > 30 && rendered(&conference, subscriber, 11) <= before + 2);
    assert!(conference.core().counters().unroutable > 300);
}

const STRANGER: SocketAddr = address(66);

/// What a listener on the wire has seen.
#[derive(Default)]
struct Caught {
    hellos: Vec<Vec<u8>>,
    requests: Vec<Vec<u8>>,
    lets_pass: bool,
}

fn send(conference: &mut Conference, source: SocketAddr, contents: Vec<u8>) {
    let now = conference.now();
    let datagram = Datagram { source, destination: CORE, contents: contents.into() };
    conference.simulation().network_mut().send(now, datagram);
}

/// RFC 6347 §4.1 and §4.2.2: a handshake record with a message of type 1.
fn is_client_hello(datagram: &[u8]) -> bool {
    datagram.first() == Some(&22) && datagram.get(13) == Some(&1)
}

/// RFC 8489: a binding request that names a user.
fn binding_request(username: &str) -> Vec<u8> {
    let padded = username.len().next_multiple_of(4);
    let len = u8::try_from(padded + 4).expect("a short name");
    let name_len = u8::try_from(username.len()).expect("a short name");
    let mut message = vec![0, 1, 0, len, 0x21, 0x12, 0xa4, 0x42];
    message.extend([5; 12]);
    message.extend([0, 6, 0, name_len]);
    message.extend(username.as_bytes());
    message.resize(20 + 4 + padded, 0);
    message
}

fn fastrand_bytes(seed: u64) -> impl Iterator<Item = u8> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_be_bytes()[0]
    })
}
