//! How much a peer can ask of the core.

use galene_sfu::{Command, Event, TransportId};
use galene_testkit::sections;

use crate::offers::{AUDIO, VIDEO, chrome_offer};
use crate::raw::{FRAME, RawPublisher, vp8_and_opus};
use crate::room::{Room, SECOND, track};

#[test]
fn an_offer_may_have_sixty_four_sections_and_no_more() {
    let mut room = Room::new();
    room.hold(1);
    let small = |count| chrome_offer(&vec![SMALL; count]);
    room.offer_text(1, &small(65));
    assert_eq!(room.refusals(1).len(), 1);
    assert_eq!(room.transport_count(), 0);
    room.offer_text(1, &small(64));
    assert_eq!(sections(&room.last_answer(1)).len(), 64);
}

#[test]
fn a_description_may_have_sixty_four_kilobytes_and_no_more() {
    let sdp = chrome_offer(&[AUDIO, VIDEO]);
    let mut room = Room::new();
    for (id, len, is_taken) in [(1, 65_536, true), (2, 65_537, false)] {
        room.hold(id);
        let filler = "a=x-filler:".to_owned() + &"x".repeat(len - sdp.len() - 13) + "\r\n";
        assert_eq!(sdp.len() + filler.len(), len);
        room.offer_text(id, &(sdp.clone() + &filler));
        assert_eq!(room.refusals(id).is_empty(), is_taken, "{len}: {:?}", room.refusals(id));
    }
}

#[test]
fn a_publisher_that_changes_its_ssrc_with_every_packet_is_put_up_with_for_a_while() {
    let mut room = Room::new();
    let mut publisher = RawPublisher::connect(&mut room, 1, vp8_and_opus(), |sdp| sdp);
    publisher.send_frame(&mut room, true);
    room.run(FRAME);
    room.subscribe(2, &[track(1, 0)], |config| config);
    room.run(SECOND / 2);
    for ssrc in 10_000..11_000 {
        publisher.take_ssrc(&mut room, ssrc);
        publisher.send_frame(&mut room, true);
        room.run(FRAME / 16);
    }
    room.run(FRAME);
    assert!(room.counters().forwarded > 100);
    assert_eq!(room.counters().published, 256, "the streams that a transport may bring in");
    assert_eq!(room.counters().faults, 0);
    room.assert_no_number_used_twice();
}

#[test]
fn a_thousand_transports_that_never_connect_leave_nothing_behind() {
    let mut room = Room::new();
    let sdp = chrome_offer(&[AUDIO, VIDEO]);
    for id in 1..=1_000 {
        room.hold(id);
        room.offer_text(id, &sdp);
    }
    assert_eq!(room.transport_count(), 1_000);
    assert_eq!(room.count(1_000, |event| matches!(event, Event::Answer { .. })), 1);
    for id in 1..=1_000 {
        room.command(Command::Close { transport: TransportId(id) });
    }
    assert_eq!(room.transport_count(), 0);
    let sfu = &mut room.simulation.get_mut(room.core).sfu;
    assert_eq!(sfu.poll_timeout(), None);
    assert!(sfu.poll_event().is_none() && sfu.poll_transmit(1).is_none());
}

const SMALL: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\n@COMMON\
    a=sendonly\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n";
