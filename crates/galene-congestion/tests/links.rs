//! The estimator on links of which everything is known: how fast they are, how long their queue is, what
//! they lose.

mod link;

use link::{Course, Link, run};

const MBIT: f64 = 1e6;

fn steady(capacity: f64) -> Link {
    Link { capacity: Box::new(move |_| capacity), ..Link::default() }
}

#[test]
fn a_link_with_room_is_found_within_a_second() {
    let course = run(steady(10.0 * MBIT), 3.0 * MBIT, 5);
    let at_one_second = course.estimate_at(1.0);
    assert!(at_one_second >= 3.0 * MBIT, "{at_one_second}");
    assert!(course.longest_queue(0.0, 5.0) < 0.05);
}

#[test]
fn a_link_is_filled_and_its_queue_kept_short() {
    for capacity in [0.5, 1.0, 2.0, 5.0] {
        let course = run(steady(capacity * MBIT), 10.0 * MBIT, 60);
        let used = course.delivered(10.0, 60.0) / (capacity * MBIT);
        assert!(used > 0.75, "{used} of {capacity} Mbit/s");
        let queue = course.median_queue(10.0, 60.0);
        assert!(queue < 0.1, "{queue} s on {capacity} Mbit/s");
    }
}

#[test]
fn a_link_that_becomes_slow_is_followed_within_two_seconds_and_back() {
    let capacity = |t: f64| if (20.0..40.0).contains(&t) { 0.3 * MBIT } else { 3.0 * MBIT };
    let course = run(Link { capacity: Box::new(capacity), ..Link::default() }, 2.0 * MBIT, 60);
    let before = course.estimate_at(19.0);
    assert!(before >= 1.8 * MBIT, "{before} before");
    let dropped = course.estimate_at(22.0);
    assert!(dropped < 0.32 * MBIT, "{dropped} two seconds after");
    let back = course.estimate_at(52.0);
    assert!(back >= 1.8 * MBIT, "{back} twelve seconds after it has returned");
}

#[test]
fn jitter_is_not_taken_for_a_queue() {
    for jitter in [0.010, 0.030, 0.050] {
        let course = run(Link { jitter, ..steady(10.0 * MBIT) }, 2.0 * MBIT, 60);
        let (least, mean) = (course.least_estimate(5.0, 60.0), course.mean_estimate(5.0, 60.0));
        assert!(mean >= 1.8 * MBIT, "{mean} with {jitter} s of jitter");
        // So much jitter that packets overtake each other hides a queue now and then.
        let floor = if jitter > 0.03 { 0.8 } else { 1.6 };
        assert!(least >= floor * MBIT, "{least} with {jitter} s of jitter");
    }
}

#[test]
fn a_path_that_becomes_longer_is_taken_for_a_queue_for_some_seconds_only() {
    let course = run(Link { longer: (20.0, 0.225), ..steady(10.0 * MBIT) }, 2.0 * MBIT, 60);
    let (mean, least) = (course.mean_estimate(28.0, 36.0), course.least_estimate(32.0, 60.0));
    assert!(mean >= 1.8 * MBIT && least >= 1.8 * MBIT, "{mean} and then {least}");
}

#[test]
fn random_loss_does_not_take_the_link_away() {
    for loss in [0.01, 0.05, 0.2] {
        let course = run(Link { loss, ..steady(10.0 * MBIT) }, 2.0 * MBIT, 60);
        let mean = course.mean_estimate(5.0, 60.0);
        assert!(mean >= 1.8 * MBIT, "{mean} with {loss} lost");
    }
}

#[test]
fn a_policer_that_drops_without_delaying_is_kept_to() {
    let link = Link { queue_bytes: 12_000.0, ..steady(MBIT) };
    let course = run(link, 5.0 * MBIT, 60);
    let lost = course.lost(20.0, 60.0);
    assert!(lost < 0.1, "{lost} lost");
    assert!(course.delivered(20.0, 60.0) > 0.6 * MBIT);
}

#[test]
fn two_receivers_that_share_a_link_both_get_a_part() {
    // The other one is steady and takes half.
    let capacity = |t: f64| if t > 20.0 { 1.5 * MBIT } else { 3.0 * MBIT };
    let course = run(Link { capacity: Box::new(capacity), ..Link::default() }, 5.0 * MBIT, 60);
    assert!(course.delivered(30.0, 60.0) > 1.1 * MBIT);
    assert!(course.median_queue(30.0, 60.0) < 0.15);
}

#[test]
fn several_transports_of_one_receiver_share_one_estimate() {
    let link = Link { transports: 3, ..steady(2.0 * MBIT) };
    let course: Course = run(link, 10.0 * MBIT, 60);
    let used = course.delivered(10.0, 60.0) / (2.0 * MBIT);
    assert!((0.75..1.01).contains(&used), "{used}");
    assert!(course.median_queue(10.0, 60.0) < 0.1);
}

#[test]
fn an_interruption_is_over_when_it_is_over() {
    let capacity = |t: f64| if (20.0..25.0).contains(&t) { 1.0 } else { 3.0 * MBIT };
    let course = run(Link { capacity: Box::new(capacity), ..Link::default() }, MBIT, 40);
    let back = course.estimate_at(29.0);
    assert!(back >= 0.9 * MBIT, "{back} four seconds after");
}
