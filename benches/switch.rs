//! What does it cost when subscribers change what they want?
//!
//! `command` is the change of mind alone, from one simulcast encoding to the other. `steady` and `restless`
//! are conferences of the same length; in the latter everybody changes its mind every half second, so the
//! difference is what a switch costs with its keyframe. `resubscribe` takes a track out and in again, with
//! two negotiations and the replay of the last keyframe.

use std::time::Duration;

use galene_benches::{Bench, Lecture, Media, Meter};
use galene_sfu::EgressKind::Direct;
use galene_sfu::EncodingChoice::{self, Best, Lowest};

/// How long everybody is content.
const CALM: Duration = Duration::from_millis(500);

fn main() {
    let mut bench = Bench::new("switch", "What does a change of what is wanted cost?");
    let round = bench.round();
    let calm = CALM.min(round / 2);
    for number in bench.numbers(&[10, 100, 500]) {
        let connect = || Lecture::connect(Media::Simulcast, Direct, number);
        bench.case(&format!("command/{number}"), "switch", || {
            let (mut lecture, mut choice) = (connect(), Best);
            move |meter| {
                change_all(&mut lecture, &mut choice, meter);
                meter.count(number.into());
                lecture.run(calm, &mut Meter::off()); // so that the switch happens
            }
        });
        let steady = format!("steady/{number}");
        bench.case(&steady, "packet", || {
            let mut lecture = connect();
            move |meter| lecture.run(round, meter)
        });
        let restless = format!("restless/{number}");
        bench.case(&restless, "packet", || {
            let (mut lecture, mut choice) = (connect(), Best);
            move |meter| {
                for _ in 0..(round.as_millis() / calm.as_millis()) {
                    change_all(&mut lecture, &mut choice, meter);
                    lecture.run(calm, meter);
                }
            }
        });
        bench.ratio(&restless, &steady);
        bench.case(&format!("resubscribe/{number}"), "change", || {
            let mut lecture = connect();
            move |meter| {
                for subscriber in 0..lecture.subscribers() {
                    lecture.want(subscriber, None, meter);
                    lecture.want(subscriber, Some(Best), meter);
                }
                meter.count(number.into());
                lecture.run(calm, &mut Meter::off()); // so that there is a keyframe to replay
            }
        });
    }
}

/// Lets all subscribers want the other encoding.
fn change_all(lecture: &mut Lecture, choice: &mut EncodingChoice, meter: &mut Meter) {
    *choice = if *choice == Best { Lowest } else { Best };
    for subscriber in 0..lecture.subscribers() {
        lecture.want(subscriber, Some(*choice), meter);
    }
}
