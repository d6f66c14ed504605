//! The quickest of what `./bench quality` measures, with bounds that leave room: nothing here depends on
//! the clock, so a figure that falls below has a cause.

use galene_testkit::Feedback;
use galene_tests::quality::{Contender, Contest, Figures, Leg, Row, Setup, measure};

#[test]
fn over_a_perfect_link_everything_is_seen_and_heard_and_no_keyframe_is_asked_for() {
    for setup in Setup::all() {
        let figures = run("Q0", setup);
        assert_eq!((figures.frames, figures.freeze, figures.concealed), (1.0, 0.0, 0.0), "{setup}");
        assert_eq!((figures.keyframes, figures.faults), (0.0, 0.0), "{setup}: {figures:?}");
        assert!(figures.frames_per_second > 29.5, "{setup}: {figures:?}");
    }
}

#[test]
fn a_camera_reaches_its_full_rate_over_a_perfect_link() {
    let figures = run("Q0", RECEIVER);
    assert!((1_400_000.0..1_800_000.0).contains(&figures.received), "{figures:?}");
}

#[test]
fn five_percent_of_loss_on_either_link_are_hardly_seen() {
    for leg in [Leg::Receiver, Leg::Publisher] {
        let figures = run("Q2", Setup { leg, ..RECEIVER });
        assert!(figures.frames > 0.98, "{leg:?}: {figures:?}");
        assert!(figures.freeze < 0.03, "{leg:?}: {figures:?}");
        assert!(figures.keyframes <= 2.0, "{leg:?}: {figures:?}");
    }
}

#[test]
fn packets_that_come_late_or_twice_do_no_harm() {
    for id in ["Q7", "Q8"] {
        let figures = run(id, RECEIVER);
        assert!(figures.frames > 0.995 && figures.freeze < 0.005, "{id}: {figures:?}");
        assert_eq!((figures.keyframes, figures.concealed), (0.0, 0.0), "{id}: {figures:?}");
    }
}

#[test]
fn after_five_seconds_without_a_connection_the_picture_is_back_soon() {
    for leg in [Leg::Receiver, Leg::Publisher] {
        let figures = run("Q12", Setup { leg, ..RECEIVER });
        let back = figures.back.expect("the picture comes back").as_secs_f64();
        assert!(back < 2.0, "{leg:?}: {figures:?}");
    }
}

#[test]
fn a_receiver_whose_link_becomes_narrow_is_sent_less_within_two_seconds_and_more_again_later() {
    let setup = Setup { is_simulcast: true, ..RECEIVER };
    let figures = run("Q11", setup);
    let [down, up] = [figures.down, figures.up].map(|at| at.expect("it adapts").as_secs_f64());
    assert!(down <= 2.0 && up <= 15.0, "{figures:?}");
    assert!(figures.freeze < 0.05, "{figures:?}");
}

#[test]
fn delays_by_chance_are_no_reason_to_send_less() {
    let figures = run("Q9", RECEIVER);
    assert!(figures.received > 1_200_000.0, "{figures:?}");
}

#[test]
fn the_same_seed_gives_the_same_figures() {
    assert_eq!(run("Q3", RECEIVER), run("Q3", RECEIVER));
}

#[test]
fn on_a_link_that_becomes_narrow_both_estimators_come_down_and_go_up_again() {
    let contest = Contest::all().into_iter().find(|contest| contest.row.id == "Q11");
    let contest = contest.expect("a row of this name");
    for who in [Contender::Ours, Contender::Engine] {
        let outcome = contest.run(who, 1);
        assert!(outcome.down.is_some() && outcome.up.is_some(), "{who:?}: {outcome:?}");
        assert!(outcome.used > 0.5 && outcome.lost < 0.05, "{who:?}: {outcome:?}");
        assert_eq!(outcome, contest.run(who, 1), "the same seed gives the same outcome");
    }
}

const RECEIVER: Setup =
    Setup { leg: Leg::Receiver, is_simulcast: false, feedback: Feedback::TransportWide };

fn run(id: &str, setup: Setup) -> Figures {
    let row = Row::all().into_iter().find(|row| row.id == id).expect("a row of this name");
    measure(&row, setup, 1)
}
