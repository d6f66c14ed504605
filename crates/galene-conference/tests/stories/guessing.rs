//! Somebody who guesses passwords, and everybody else.

use serde_json::json;

use crate::harness::{Client, Server, kind};

const ATTACKER: &str = "198.51.100.1";

fn connects_from(server: &mut Server, address: &str, id: &str) -> Client {
    let client = server.open_from(&format!("{address}:5000"));
    server.says(client, json!({"type": "handshake", "version": ["2"], "id": id}));
    server.hears(client);
    client
}

/// Somebody tries a wrong password; returns what it is told at last.
fn guesses(server: &mut Server, client: Client) -> String {
    server.tries_to_join(client, "lounge", "olga", "guess");
    server.millis(200);
    server.hears_one(client)["value"].as_str().unwrap().to_owned()
}

#[test]
fn surprise_15_an_address_has_ten_guesses_a_minute_however_many_connections_it_has() {
    let mut server = Server::new();
    let mut judged = 0;
    for n in 0..300 {
        let client = connects_from(&mut server, ATTACKER, &format!("attacker {n}"));
        judged += usize::from(!guesses(&mut server, client).contains("too many"));
        // A connection that is dropped before the answer counts all the same.
    }
    assert_eq!(judged, 10, "in the first minute");
    server.millis(60_000);
    let client = connects_from(&mut server, ATTACKER, "attacker");
    assert!(!guesses(&mut server, client).contains("too many"), "a new minute");
}

#[test]
fn others_log_in_meanwhile_under_the_very_name_that_is_guessed_at() {
    let mut server = Server::new();
    for n in 0..50 {
        let client = connects_from(&mut server, ATTACKER, &format!("attacker {n}"));
        guesses(&mut server, client);
    }
    let olga = connects_from(&mut server, "203.0.113.9", "olga");
    server.tries_to_join(olga, "lounge", "olga", "op");
    assert_eq!(kind(&server.hears(olga)[0]), "joined/join");
    let victim = connects_from(&mut server, ATTACKER, "victim");
    server.tries_to_join(victim, "lounge", "victim", "secret");
    let told = server.hears_one(victim)["value"].as_str().unwrap().to_owned();
    assert!(told.contains("try again in"), "who shares the address is told how long: {told}");
}

#[test]
fn guesses_that_are_under_way_count_even_if_their_client_hangs_up() {
    let mut server = Server::new();
    server.slow_shell = true;
    for n in 0..40 {
        let client = connects_from(&mut server, ATTACKER, &format!("attacker {n}"));
        server.tries_to_join(client, "lounge", "olga", "guess");
        server.answer_load();
        server.hangs_up(client);
    }
    assert_eq!(server.open_questions(), 10, "no more are looked at");
    for _ in 0..10 {
        server.answer_authorise();
    }
    assert_eq!(server.open_questions(), 0, "and those who left are forgotten");
    server.slow_shell = false;
    let late = connects_from(&mut server, ATTACKER, "late");
    assert!(guesses(&mut server, late).contains("too many"));
}

#[test]
fn a_class_behind_one_address_gets_in_one_after_the_other() {
    let mut server = Server::new();
    server.slow_shell = true;
    let pupils: Vec<Client> = (0..100)
        .map(|n| {
            let pupil = connects_from(&mut server, ATTACKER, &format!("pupil {n}"));
            server.tries_to_join(pupil, "lounge", &format!("pupil {n}"), "secret");
            server.answer_load();
            pupil
        })
        .collect();
    assert_eq!(server.open_questions(), 10);
    let mut answers = 0;
    while server.open_questions() > 0 {
        server.answer_authorise();
        answers += 1;
    }
    assert_eq!(answers, 100);
    for pupil in pupils {
        assert_eq!(kind(&server.hears(pupil)[0]), "joined/join");
    }
}

#[test]
fn a_class_with_an_address_each_in_one_network_gets_in_too() {
    let mut server = Server::new();
    server.slow_shell = true;
    let pupils: Vec<Client> = (1..=40)
        .map(|n| {
            let pupil = connects_from(&mut server, &format!("[2001:db8::{n}]"), &format!("{n}"));
            server.tries_to_join(pupil, "lounge", &format!("pupil {n}"), "secret");
            server.answer_load();
            pupil
        })
        .collect();
    assert_eq!(server.open_questions(), 10);
    // Who has waited enough goes, and nobody else has to wait longer for that.
    for gone in &pupils[10..15] {
        server.hangs_up(*gone);
    }
    while server.open_questions() > 0 {
        server.answer_authorise();
    }
    for pupil in pupils[..10].iter().chain(&pupils[15..]) {
        assert_eq!(kind(&server.hears(*pupil)[0]), "joined/join");
    }
}

#[test]
fn those_who_wait_behind_wrong_guesses_are_told_when_there_is_no_more_room() {
    let mut server = Server::new();
    server.slow_shell = true;
    let clients: Vec<Client> = (0..15)
        .map(|n| {
            let client = connects_from(&mut server, ATTACKER, &format!("attacker {n}"));
            server.tries_to_join(client, "lounge", "olga", "guess");
            server.answer_load();
            client
        })
        .collect();
    for _ in 0..10 {
        server.answer_authorise();
    }
    assert_eq!(server.open_questions(), 0);
    server.millis(200);
    for (n, client) in clients.into_iter().enumerate() {
        let told = server.hears_one(client)["value"].as_str().unwrap().to_owned();
        assert_eq!(told.contains("too many"), n >= 10, "{n}: {told}");
    }
}
