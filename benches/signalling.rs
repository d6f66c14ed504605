//! What does it cost to tell everybody, per recipient?
//!
//! `chat` is a message to all, `user` the news of a newcomer together with its introduction to everybody:
//! in a group of N that is N messages each way. Of each, `conference` is the control plane's share and
//! `encode` the writing as JSON.

use galene_benches::{Bench, Delivery, Meeting, Meter, encode};

fn main() {
    let mut bench = Bench::new("signalling", "What does it cost to tell everybody, per recipient?");
    let repetitions = bench.repetitions(100);
    for number in bench.numbers(&[10, 100, 1_000]) {
        fan_out(&mut bench, "chat", number, |meeting, meter| {
            (0..repetitions).flat_map(|_| meeting.chat(meter)).collect()
        });
        fan_out(&mut bench, "user", number, |meeting, meter| {
            let mut told = Vec::new();
            for _ in 0..repetitions {
                told.extend(meeting.join(meter));
                meeting.part();
            }
            told
        });
    }
}

/// Measures something that happens in a group of so many members, and what everybody is told of it.
fn fan_out(
    bench: &mut Bench,
    what: &str,
    members: u16,
    mut happen: impl FnMut(&mut Meeting, &mut Meter) -> Vec<Delivery>,
) {
    let names = ["conference", "encode"].map(|stage| format!("{what}/{members}/{stage}"));
    let [conference, wire] = &names;
    let mut bytes = 0.0;
    bench.stages([(conference, "recipient"), (wire, "recipient")], || {
        let mut meeting = Meeting::new(members);
        let bytes = &mut bytes;
        move |[telling, encoding]| {
            let told = happen(&mut meeting, telling);
            let recipients: usize = told.iter().map(|delivery| delivery.recipients).sum();
            *bytes = encode(&told, encoding) as f64 / recipients as f64;
            telling.count(recipients as u64);
            encoding.count(recipients as u64);
        }
    });
    if bytes > 0.0 {
        bench.figure(&format!("{wire}/sent"), bytes, "B sent per recipient");
    }
}
