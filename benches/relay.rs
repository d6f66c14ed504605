//! What does it cost that a packet crosses to one more shard?
//!
//! One publisher, and one subscriber on each of the other shards. `export` is the share of the publisher's
//! shard and `import` that of the one that takes the packet in, without the thread that carries it over and
//! without forwarding it to subscribers there.

use galene_benches::{Bench, Lecture, Media};

fn main() {
    let mut bench =
        Bench::new("relay", "What does it cost that a packet crosses to one more shard?");
    let round = bench.round();
    for number in bench.numbers(&[1, 3, 15]) {
        let [export, import] = ["export", "import"].map(|side| format!("{side}/{number}"));
        bench.stages([(&export, "crossing"), (&import, "crossing")], || {
            let mut lecture = Lecture::across(Media::Camera, number);
            move |[export, import]| lecture.cross(round, export, import)
        });
    }
}
