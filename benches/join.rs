//! What does a newcomer cost the server?
//!
//! `connect` is its transport: offer, answer, ICE and DTLS, the server's share of each. `group` is the
//! control plane's share of its joining a group of so many members, and `encode` all that is said in the
//! course of it, written as JSON.

use galene_benches::{Bench, Lecture, Media, Meeting, Meter, encode};
use galene_sfu::EgressKind::Direct;
use galene_sfu::EncodingChoice::Best;

fn main() {
    let mut bench = Bench::new("join", "What does a newcomer cost?");
    let newcomers = bench.repetitions(100);
    bench.case("connect", "transport", || {
        move |meter: &mut Meter| {
            let mut lecture = Lecture::start(Media::Camera, Direct);
            for _ in 0..newcomers {
                lecture.subscribe(Best, meter);
            }
        }
    });
    for number in bench.numbers(&[10, 100, 1_000]) {
        let (group, wire) = (format!("group/{number}"), format!("encode/{number}"));
        let mut bytes = 0;
        bench.stages([(&group, "join"), (&wire, "join")], || {
            let mut meeting = Meeting::new(number);
            let bytes = &mut bytes;
            move |[joining, encoding]| {
                *bytes = 0;
                for _ in 0..newcomers {
                    let told = meeting.join(joining);
                    *bytes += encode(&told, encoding) / newcomers;
                    meeting.part();
                }
                joining.count(newcomers);
                encoding.count(newcomers);
            }
        });
        if bytes > 0 {
            bench.figure(&format!("{wire}/sent"), bytes as f64, "B sent per join");
        }
    }
}
