//! `docs/administration.md` tells the truth, and what it leaves out works, too.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use galene_auth::Password;
use serde_json::Value;

use crate::program::Home;
use crate::real_server::{RealServer, program};

const DOCUMENT: &str = include_str!("../../../../docs/administration.md");
/// Where the document says that its server listens.
const URL: &str = "http://127.0.0.1:8080";
/// Where in the document the server is started.
const START: &str = "```sh\ngalene-server -insecure";

/// A command of the document, and what it prints.
struct Step {
    command: String,
    printed: Vec<String>,
}

#[test]
fn the_commands_of_the_document_do_what_it_says() {
    let home = Home::new();
    let directory = home.path("");
    // What the document calls galenectl is told where the test's server is; all else is as it stands.
    let bin = home.path("bin");
    fs::create_dir(&bin).unwrap();
    symlink(program(), bin.join("galene-server")).unwrap();
    let galenectl = env!("CARGO_BIN_EXE_galenectl");
    let script = format!(
        "#!/bin/sh\nif [ -e \"$HOME/url\" ]; then exec {galenectl} -server \"$(cat \"$HOME/url\")\" \"$@\"\nelse exec {galenectl} \"$@\"; fi\n"
    );
    fs::write(bin.join("galenectl"), script).unwrap();
    fs::set_permissions(bin.join("galenectl"), fs::Permissions::from_mode(0o755)).unwrap();

    let (before, after) = DOCUMENT.split_once(START).unwrap();
    replay(&directory, before, "");
    let server = RealServer::start(&directory, &["-insecure"]);
    fs::write(home.path("url"), &server.url).unwrap();
    let steps = replay(&directory, after, &server.url);
    assert!(steps > 20, "only {steps} commands were found");

    let text = fs::read_to_string(home.path("groups/lectures.json")).unwrap();
    let group: Value = serde_json::from_str(&text).unwrap();
    let password: Password =
        serde_json::from_value(group["users"]["ann"]["password"].clone()).unwrap();
    assert_eq!(password.matches(&"second secret".into()), Ok(true));
    assert_eq!(group["wildcard-user"]["password"]["type"], "wildcard");
    assert!(!home.path("data/var/tokens.jsonl").exists(), "the last token has gone");
}

/// Runs the commands of a part of the document in one shell, compares, and returns how many there were.
fn replay(directory: &Path, part: &str, url: &str) -> usize {
    let steps = steps(part);
    let mut script = String::new();
    for step in &steps {
        script.push_str(&format!("{}\nprintf '\\036'\n", step.command));
    }
    let path = format!("{}:{}", directory.join("bin").display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", &format!("exec 2>&1\n{script}")])
        .current_dir(directory)
        .env("HOME", directory)
        .env("PATH", path)
        .env_remove("XDG_CONFIG_HOME")
        .output()
        .unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let output = if url.is_empty() { output } else { output.replace(url, URL) };
    let printed: Vec<&str> = output.split('\u{1e}').collect();
    assert_eq!(printed.len(), steps.len() + 1, "{output}");
    for (step, printed) in steps.iter().zip(printed) {
        let printed: Vec<&str> = printed.lines().map(str::trim_end).collect();
        let is_same = printed.len() == step.printed.len()
            && printed.iter().zip(&step.printed).all(|(line, expected)| matches(expected, line));
        assert!(is_same, "$ {}\n{}", step.command, printed.join("\n"));
    }
    steps.len()
}

/// Returns the commands in the blocks of a part of the document that show a console.
fn steps(part: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for block in part.split("```console\n").skip(1) {
        for line in block.split("```").next().unwrap().lines() {
            match line.strip_prefix("$ ") {
                Some(command) => {
                    steps.push(Step { command: command.to_owned(), printed: Vec::new() });
                }
                None => steps.last_mut().unwrap().printed.push(line.trim_end().to_owned()),
            }
        }
    }
    steps
}

/// Whether a line is as expected, where `…` stands for at least one character.
fn matches(expected: &str, line: &str) -> bool {
    let Some((start, rest)) = expected.split_once('…') else { return expected == line };
    let Some(line) = line.strip_prefix(start) else { return false };
    let ends = line.char_indices().map(|(at, c)| at + c.len_utf8());
    ends.into_iter().any(|end| matches(rest, &line[end..]))
}

#[test]
fn the_document_leaves_out_no_key_no_option_and_no_command() {
    let has = |word: &str| {
        let quoted = [format!("`{word}`"), format!("`{word} ")];
        assert!(quoted.iter().any(|quoted| DOCUMENT.contains(quoted)), "{word} is left out");
    };
    galene_group::DEFINITION_KEYS.iter().for_each(|key| has(key));
    for help in [
        Command::new(program()).arg("-help"),
        Command::new(env!("CARGO_BIN_EXE_galenectl")).arg("-help"),
    ] {
        let help = String::from_utf8(help.output().unwrap().stdout).unwrap();
        let (commands, options) = help.split_once("Options:").unwrap();
        let options = options.lines().filter_map(|line| line.trim().strip_prefix("--"));
        let options: Vec<&str> =
            options.map(|option| option.split([' ', '[', '=']).next().unwrap()).collect();
        assert!(options.len() > 4, "{help}");
        for option in options {
            let is_named = DOCUMENT.contains(&format!("-{option}"));
            assert!(is_named, "-{option} is left out");
        }
        for line in
            commands.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        {
            has(line.trim().split(' ').next().unwrap());
        }
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_accepted_only_if_one_says_so() {
    let home = Home::new();
    let setup = ["-admin-username", "root", "-admin-password", "pw", "initial-setup"];
    assert!(home.run(&setup).printed().contains("config.json"));
    fs::create_dir(home.path("data")).unwrap();
    fs::rename(home.path("config.json"), home.path("data/config.json")).unwrap();
    let server = RealServer::start(&home.path(""), &[]);
    assert!(server.url.starts_with("https://"), "{}", server.url);
    let said = home.run(&["-server", &server.url, "list-groups"]).complaint(1);
    assert!(said.contains("-insecure accepts"), "{said}");
    let insecure = ["-insecure", "-server", &server.url, "list-groups"];
    assert_eq!(home.run(&insecure).printed(), "meeting\n");
    let wrong = ["-insecure", "-server", &server.url, "-admin-password", "wrong", "list-groups"];
    assert!(home.run(&wrong).complaint(1).contains("401 Unauthorized (wrong administrator's name"));
}

#[test]
fn every_command_works_on_a_real_server() {
    let home = Home::new();
    let server_setup = ["-admin-username", "root", "-admin-password", "pw", "initial-setup"];
    home.run(&server_setup).printed();
    fs::create_dir(home.path("data")).unwrap();
    fs::rename(home.path("config.json"), home.path("data/config.json")).unwrap();
    let server = RealServer::start(&home.path(""), &["-insecure"]);
    let run = |line: &str, input: &str| {
        let mut arguments = vec!["-server", server.url.as_str()];
        arguments.extend(line.split(' '));
        home.run_with(&arguments, input).printed()
    };
    for (line, input, printed) in [
        ("create-group -group a/b -auto-subgroups", "", ""),
        ("create-group -group c -json", r#"{"description": "x"}"#, ""),
        ("list-groups", "", "a/b\nc\nmeeting\n"),
        ("list-groups a/* c", "", "a/b\nc\n"),
        ("update-group -group c -unrestricted-tokens -json", r#"{"description": null}"#, ""),
        ("show-group -group c", "", "{\n    \"unrestricted-tokens\": true\n}\n"),
        ("update-group -group c -unrestricted-tokens=false", "", ""),
        ("show-group -group c", "", "{\n    \"unrestricted-tokens\": false\n}\n"),
        ("create-user -group a/b -user x/y", "", ""),
        ("create-user -group a/b -user é -permissions []", "", ""),
        ("create-user -group a/b -wildcard -json", r#"{"permissions": "observe"}"#, ""),
        ("list-users -group a/b", "", "x/y\né\n"),
        ("list-users -l -group a/b", "", "x/y          present\né            []\n"),
        ("update-user -group a/b -user x/y -permissions op", "", ""),
        ("update-user -group a/b -wildcard -permissions message", "", ""),
        ("list-users -l -group a/b x/*", "", "x/y          op\n"),
        ("set-password -group a/b -user x/y -type pbkdf2 -password p", "", ""),
        ("set-password -group a/b -wildcard -type wildcard", "", ""),
        ("delete-password -group a/b -wildcard", "", ""),
        ("delete-password -group a/b -user x/y", "", ""),
        ("delete-user -group a/b -user é", "", ""),
        ("delete-user -group a/b -wildcard", "", ""),
        ("list-users -group a/b", "", "x/y\n"),
        ("delete-group -group c", "", ""),
        ("list-groups", "", "a/b\nmeeting\n"),
        ("list-tokens -group a/b", "", ""),
    ] {
        assert_eq!(run(line, input), printed, "{line}");
    }

    let global = run("create-token -group= -include-subgroups -permissions admin -duration 1h", "");
    let global = global.trim();
    assert_eq!(global.len(), 11, "{global}");
    let listed = run("list-tokens -l -group=", "");
    assert!(listed.starts_with(&format!("{global} {:20} Ha   ", "")), "{listed}");
    // Surprise 91: a token of the whole server is as good as an administrator's password.
    let ours =
        ["-server", &server.url, "-admin-token", global, "create-group", "-group", "by-token"];
    assert_eq!(home.run(&ours).printed(), "");
    let token = run("create-token -group a/b -user ann", "");
    let token = token.trim();
    assert!(
        run("list-tokens -l -group a/b", "")
            .starts_with(&format!("{token} ann                  mp   2"))
    );
    run(&format!("update-token -group a/b -token {token} -permissions op -duration 48h"), "");
    assert!(run("list-tokens -l -group a/b", "").contains(" cmopt 2"));
    run(&format!("revoke-token -group a/b -token {token}"), "");
    assert!(run("list-tokens -l -group a/b", "").trim_end().ends_with("(expired)"));
    run(&format!("delete-token -group a/b -token {token}"), "");
    assert_eq!(run("list-tokens -group a/b", ""), "");
}
