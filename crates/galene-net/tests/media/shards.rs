//! Several shards, each with a port of its own.

use galene_sfu::ShardId;

use crate::stage::{Stage, loopback};

fn one_publisher_for_all(shards: u16) {
    let mut stage = Stage::new(&loopback(shards));
    assert_eq!(stage.plane.addresses().len(), usize::from(shards), "each has a port");
    let publisher = stage.publish(ShardId(0));
    for shard in (0..shards).chain(0..shards) {
        stage.subscribe(ShardId(shard), &[publisher]);
    }
    stage.show_more(publisher, 60);
    stage.assert_clean();
    for (shard, peer) in stage.subscribers.values() {
        let sources: Vec<_> = peer.heard_from.keys().copied().collect();
        assert_eq!(sources, [stage.plane.addresses()[usize::from(shard.0)]]);
    }

    let done = stage.end();
    assert!(done[0].core.relayed > 0 && done[0].relay_batches > 0, "{:?}", done[0]);
    for shard in &done {
        assert!(shard.core.forwarded > 0 && shard.sent.datagrams > 0, "{shard:?}");
        assert_eq!((shard.steered, shard.strangers_dropped, shard.relay_dropped), (0, 0, 0));
    }
    let relayed = done[0].core.relayed;
    let published = done[0].core.published;
    // Each shard gets each packet once, however many subscribers it has.
    assert!(relayed <= published * u64::from(shards - 1), "{relayed} of {published}");
}

#[test]
fn media_crosses_to_another_shard() {
    one_publisher_for_all(2);
}

#[test]
fn media_crosses_to_two_other_shards() {
    one_publisher_for_all(3);
}

#[test]
fn publishers_on_all_shards_are_seen_on_all_shards() {
    let mut stage = Stage::new(&loopback(3));
    let shards = [0, 1, 2].map(ShardId);
    let publishers = shards.map(|shard| stage.publish(shard));
    for shard in shards {
        stage.subscribe(shard, &publishers);
    }
    for publisher in publishers {
        stage.show_more(publisher, 20);
    }
    stage.assert_clean();
    stage.end();
}

#[test]
fn a_subscriber_on_another_shard_reaches_the_publisher_with_its_wish_for_a_keyframe() {
    let mut stage = Stage::new(&loopback(2));
    let publisher = stage.publish(ShardId(0));
    let subscriber = stage.subscribe(ShardId(1), &[publisher]);
    stage.show_more(publisher, 10);
    stage.ask_for_keyframe(subscriber, publisher);
    stage.assert_clean();
    stage.end();
}

#[test]
fn shards_publish_what_they_do_while_they_do_it() {
    let mut stage = Stage::new(&loopback(2));
    let publisher = stage.publish(ShardId(0));
    stage.subscribe(ShardId(1), &[publisher]);
    stage.run_until(|stage| {
        let [here, there] = stage.statistics()[..] else { panic!("two shards") };
        let counts = [here.core.relayed, there.core.forwarded, there.sent.bytes];
        counts.iter().all(|count| *count > 0) && (here.transports, there.transports) == (1, 1)
    });
    stage.end();
}
