//! Holds the list of what is surprising in Galène against the tests that show what this server does.
//!
//! The numbers are those of `docs/protocol.md` and `docs/http.md`. A test is named after its number, so
//! that it is found from there (in JavaScript, `test("surprise 82: …"`); this one finds out when such a
//! test goes or is renamed, when a number is not explained, and when there is a test with a number that
//! is listed nowhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A number and the name of a test that shows it.
type Shown = (u8, &'static str);

/// The defects that are mended.
#[rustfmt::skip]
const MENDED: [Shown; 41] = [
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
    (39, "surprise_39_recording_that_is_not_possible_is_said_and_no_reason_to_part"),
    (46, "surprise_46_an_offer_is_answered_before_candidates_are_named"),
    (52, "surprise_52_the_best_is_the_first_of_the_description_and_the_lowest_the_last"),
    (57, "surprise_57_a_frame_left_out_leaves_no_gap"),
    (58, "surprise_58_a_full_intra_request_counts_whatever_its_number"),
    (59, "surprise_59_sound_and_picture_stay_together_however_wrong_the_publishers_clock_is"),
    (60, "surprise_60_another_choice_switches_at_a_keyframe_without_an_offer"),
    (68, "surprise_68_however_much_is_lost_and_sent_again_no_loss_is_less_than_none"),
    (77, "surprise_77_the_file_is_read_when_it_appears_changes_or_goes"),
    (82, "surprise_82_a_token_that_lives_for_a_moment_is_shown_once_to_join"),
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
    (113, "surprise_113_the_recorder_is_no_receiver"),
    (115, "surprise_115_the_location_of_a_group_with_an_odd_name_is_escaped"),
    (116, "surprise_116_a_permission_is_taken_from_a_member_and_not_from_its_role"),
];

/// What Galène's clients take either way, and is decided here.
#[rustfmt::skip]
const DECIDED: [Shown; 15] = [
    (26, "surprise_26_a_kicked_member_is_told_by_whom_and_why"),
    (28, "surprise_28_every_change_of_a_membership_brings_the_data_of_the_group"),
    (31, "surprise_31_who_leaves_is_told_so_and_the_others_hear_of_its_streams_first"),
    (37, "surprise_37_leaving_a_group_that_one_is_not_in_is_an_error_but_no_reason_to_part"),
    (48, "surprise_48_only_those_who_received_a_stream_hear_of_its_end"),
    (49, "surprise_49_the_wish_for_one_stream_goes_over_to_its_successor"),
    (66, "surprise_66_sound_is_negotiated_in_mono_even_if_stereo_is_offered"),
    (76, "surprise_76_a_broken_file_leaves_the_last_good_definition_in_force_and_is_spoken_of"),
    (78, "surprise_78_a_new_public_group_is_listed_without_anybody_asking_for_it"),
    (81, "surprise_81_names_with_dot_segments_are_no_groups"),
    (85, "surprise_85_pages_of_listed_origins_may_read_the_status"),
    (99, "surprise_99_the_address_of_a_client_comes_from_trusted_proxies_alone"),
    (110, "surprise_110_a_receiver_that_does_not_answer_loses_the_stream_after_30_s"),
    (111, "surprise_111_a_group_that_locks_itself_does_so_when_its_last_operator_goes_or_is_one_no_more"),
    (114, "surprise_114_members_hear_of_a_changed_file_without_anybody_asking"),
];

/// What is surprising, and kept because clients depend on it.
#[rustfmt::skip]
const KEPT: [Shown; 36] = [
    (18, "surprise_18_a_newcomer_hears_that_it_joined_then_the_history_then_itself_then_the_others"),
    (20, "surprise_20_malformed_json_ends_the_connection_with_1011_and_a_word_why"),
    (21, "surprise_21_binary_frames_are_read_as_text"),
    (22, "surprise_22_a_silent_client_is_pinged_after_20_s_and_given_up_after_45_s"),
    (23, "surprise_23_unknown_protocol_versions_are_only_warned_about"),
    (24, "surprise_24_an_empty_username_is_said_and_other_empty_members_are_not"),
    (25, "surprise_25_members_change_their_own_data"),
    (27, "surprise_27_every_joined_carries_the_rtc_configuration"),
    (29, "surprise_29_an_operator_made_where_nothing_is_recorded_may_not_record"),
    (30, "surprise_30_who_may_no_longer_publish_loses_its_streams_between_the_two_news"),
    (32, "surprise_32_whoever_may_not_write_may_not_send_messages_of_any_kind"),
    (34, "surprise_34_newcomers_hear_what_was_said_to_all"),
    (35, "surprise_35_a_private_message_is_for_one_and_not_remembered"),
    (36, "surprise_36_operators_clear_a_message_a_members_messages_or_all"),
    (40, "surprise_40_a_locked_group_tells_the_lock_message_to_who_is_refused_and_to_nobody_else"),
    (41, "surprise_41_a_group_with_autolock_is_locked_without_an_operator"),
    (44, "surprise_44_members_hear_of_a_changed_definition_and_keep_their_permissions"),
    (45, "surprise_45_the_status_of_a_private_group_says_nothing_of_its_members"),
    (47, "surprise_47_candidates_reach_the_media_plane_and_the_end_of_candidates_does_not"),
    (50, "surprise_50_an_aborted_stream_is_confirmed_closed_and_comes_back_at_the_next_push"),
    (51, "surprise_51_a_stream_is_offered_200_ms_after_its_last_track_started_and_once"),
    (69, "surprise_69_a_configured_user_with_a_wrong_password_is_refused_and_may_try_again"),
    (70, "surprise_70_tokens_are_valid_between_two_moments_and_need_an_end"),
    (71, "surprise_71_tokens_are_for_a_group_or_for_those_below"),
    (72, "surprise_72_permissions_of_a_token_are_granted_as_they_stand"),
    (73, "surprise_73_roles_grow_by_what_the_group_allows_and_lists_do_not"),
    (74, "surprise_74_the_audience_is_a_path_of_any_host_and_may_be_one_of_several"),
    (75, "surprise_75_what_looks_like_a_jwt_is_never_looked_up_and_all_else_is"),
    (79, "surprise_79_an_empty_group_is_remembered_for_the_age_of_its_history"),
    (80, "surprise_80_automatic_subgroups_inherit_and_are_apart"),
    (84, "surprise_84_the_status_has_a_second_name_that_leads_to_the_first"),
    (92, "surprise_92_the_location_of_a_new_token_is_its_name"),
    (93, "surprise_93_all_that_is_in_a_file_has_the_tag_of_the_file"),
    (97, "surprise_97_tokens_are_below_the_group_and_nowhere_else"),
    (108, "surprise_108_closing_a_replacement_before_it_was_shown_closes_what_it_was_to_replace"),
    (112, "surprise_112_members_may_share_a_name"),
];

/// Where there are tests.
const PLACES: [&str; 4] = ["bins", "crates", "tests", "web"];

/// The pages with tables whose rows start with the numbers.
const PAGES: [&str; 2] = ["docs/protocol.md", "docs/http.md"];

#[test]
fn every_number_has_the_test_that_is_named_here() {
    let found = numbered_tests();
    let missing: Vec<_> = listed().filter(|(_, test)| !found.contains(*test)).collect();
    assert_eq!(missing, Vec::<Shown>::new());
}

#[test]
fn every_numbered_test_is_about_something_listed() {
    let numbers: BTreeSet<u8> = listed().map(|(number, _)| number).collect();
    let unlisted: Vec<_> = numbered_tests()
        .into_iter()
        .filter(|test| !number_of(test).is_some_and(|number| numbers.contains(&number)))
        .collect();
    assert_eq!(unlisted, Vec::<String>::new());
}

#[test]
fn the_names_carry_their_numbers_in_order() {
    for list in [MENDED.as_slice(), &DECIDED, &KEPT] {
        assert!(list.is_sorted_by(|a, b| a.0 < b.0));
    }
    for (number, test) in listed() {
        assert_eq!(number_of(test), Some(number), "{test}");
    }
}

#[test]
fn every_number_is_explained() {
    let explained: BTreeSet<u8> = PAGES.into_iter().flat_map(explained_in).collect();
    let silent: Vec<_> = listed().filter(|(number, _)| !explained.contains(number)).collect();
    assert_eq!(silent, Vec::<Shown>::new());
}

/// All that is listed here.
fn listed() -> impl Iterator<Item = Shown> {
    MENDED.into_iter().chain(DECIDED).chain(KEPT)
}

/// The number in the name of a test.
fn number_of(test: &str) -> Option<u8> {
    test.strip_prefix("surprise_")?.split('_').next()?.parse().ok()
}

/// The numbers in the first column of a page's tables: one, or several with commas.
fn explained_in(page: &str) -> Vec<u8> {
    let text = fs::read_to_string(Path::new(ROOT).join(page)).expect("a page of this repository");
    let cells = text.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    cells.flat_map(|cell| cell.split(", ")).filter_map(|number| number.parse().ok()).collect()
}

/// The names of all tests that are named after a number.
fn numbered_tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for place in PLACES {
        collect(&Path::new(ROOT).join(place), &mut found);
    }
    found
}

/// Gathers the names of tests that are named after a number.
fn collect(directory: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).expect("a directory of this repository") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            if !path.ends_with("target") && !path.ends_with("node_modules") {
                collect(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "js") {
            let text = fs::read_to_string(&path).expect("sources are UTF-8");
            // What is a name in Rust is a text in JavaScript.
            let titles = text.lines().filter_map(|line| {
                let title = line.strip_prefix("test(\"surprise ")?.split('"').next()?;
                let words = title.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty());
                Some(format!("surprise_{}", words.collect::<Vec<_>>().join("_")))
            });
            found.extend(titles);
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
