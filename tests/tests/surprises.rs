//! Holds the list of Galène's defects that are mended here against the tests that show it.
//!
//! The numbers are those of `docs/protocol.md`. A test is named after its number, so that it is found
//! from there; this one finds out when such a test goes or is renamed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The defects that are mended, each with a test that shows it.
#[rustfmt::skip]
const MENDED: [(u8, &str); 36] = [
    (1, "surprise_01_who_was_refused_can_do_nothing_even_with_the_right_credentials"),
    (2, "surprise_02_a_group_that_sends_its_members_elsewhere_keeps_no_ghosts"),
    (3, "surprise_03_who_leaves_at_once_after_joining_does_no_harm"),
    (4, "surprise_04_the_id_of_somebody_elses_stream_is_refused_and_harms_nobody"),
    (5, "surprise_05_a_transport_that_ended_is_told_to_its_receiver_alone"),
    (6, "surprise_06_a_wish_for_a_stream_that_is_gone_is_passed_over"),
    (7, "surprise_07_tokens_of_other_groups_are_out_of_reach"),
    (8, "surprise_08_only_the_user_of_that_name_sets_a_password_and_never_by_an_open_one"),
    (9, "surprise_09_nothing_is_removed_where_groups_are_not_writable"),
    (10, "surprise_10_a_definition_sets_no_users_by_whatever_name"),
    (11, "surprise_11_a_token_of_a_new_name_can_be_put"),
    (13, "surprise_13_the_server_says_who_speaks"),
    (14, "surprise_14_files_cannot_be_probed_without_a_password"),
    (15, "surprise_15_who_guesses_has_to_wait_and_others_have_not"),
    (19, "surprise_19_nothing_is_heard_twice_or_before_joined"),
    (33, "surprise_33_captions_are_not_remembered"),
    (38, "surprise_38_a_kick_with_a_long_message_closes_properly"),
    (46, "surprise_46_an_offer_is_answered_before_candidates_are_named"),
    (52, "surprise_52_the_best_is_the_first_of_the_description_and_the_lowest_the_last"),
    (57, "surprise_57_a_frame_left_out_leaves_no_gap"),
    (58, "surprise_58_a_full_intra_request_counts_whatever_its_number"),
    (59, "surprise_59_sound_and_picture_stay_together_however_wrong_the_publishers_clock_is"),
    (60, "surprise_60_another_choice_switches_at_a_keyframe_without_an_offer"),
    (77, "surprise_77_the_file_is_read_when_it_appears_changes_or_goes"),
    (83, "surprise_83_redirects_to_the_group_keep_the_query"),
    (86, "surprise_86_pages_elsewhere_may_make_conditional_requests"),
    (87, "surprise_87_each_mistake_has_a_status_of_its_own"),
    (91, "surprise_91_a_token_of_the_whole_server_makes_groups"),
    (94, "surprise_94_listed_groups_that_lead_elsewhere_have_a_location"),
    (95, "surprise_95_a_directory_takes_the_place_of_the_embedded_client"),
    (98, "surprise_98_everybody_is_told_and_let_go"),
    (105, "surprise_105_names_with_odd_characters_can_be_followed"),
    (106, "surprise_106_receivers_keep_the_old_stream_until_the_new_one_has_something_to_show"),
    (107, "surprise_107_a_replacement_that_is_replaced_before_it_was_shown_hands_its_predecessor_down"),
    (109, "surprise_109_what_is_too_long_is_refused_and_the_connection_goes_on"),
    (115, "surprise_115_the_location_of_a_group_with_an_odd_name_is_escaped"),
];

/// Where there are tests.
const PLACES: [&str; 3] = ["bins", "crates", "tests"];

#[test]
fn every_mended_defect_has_the_test_that_is_named_here() {
    let mut found = BTreeSet::new();
    for place in PLACES {
        collect(&Path::new(ROOT).join(place), &mut found);
    }
    let missing: Vec<_> = MENDED.iter().filter(|(_, test)| !found.contains(*test)).collect();
    assert_eq!(missing, Vec::<&(u8, &str)>::new());
}

#[test]
fn the_names_carry_their_numbers_in_order() {
    assert!(MENDED.is_sorted_by(|a, b| a.0 < b.0));
    for (number, test) in MENDED {
        let digits: String =
            test.trim_start_matches("surprise_").chars().take_while(char::is_ascii_digit).collect();
        assert_eq!(digits.parse(), Ok(number), "{test}");
    }
}

/// Gathers the names of tests that are named after a number.
fn collect(directory: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).expect("a directory of this repository") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            if !path.ends_with("target") && !path.ends_with("node_modules") {
                collect(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("sources are UTF-8");
            // The attribute stands on the line before, perhaps with others.
            let names = text.lines().filter_map(|line| {
                let line = line.trim_start().trim_start_matches("async ");
                let name = line.strip_prefix("fn surprise_")?.split('(').next()?;
                Some(format!("surprise_{name}"))
            });
            found.extend(names);
        }
    }
}
