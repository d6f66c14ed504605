//! What needs no server.

use std::fs;

use galene_auth::Password;
use serde_json::{Value, json};

use crate::program::Home;

#[test]
fn passwords_are_hashed_in_galene_s_forms() {
    let home = Home::new();
    for (arguments, start) in [
        (&["hash-password", "-password", "pass"][..], r#"{"type":"bcrypt","key":"$2a$08$"#),
        (&["hash-password", "-password=pass", "-cost", "4"], r#"{"type":"bcrypt","key":"$2a$04$"#),
        (
            &["hash-password", "--type=pbkdf2", "--password", "pass"],
            r#"{"type":"pbkdf2","hash":"sha-256","key":""#,
        ),
    ] {
        let printed = home.run(arguments).printed();
        assert!(printed.starts_with(start) && printed.ends_with("}\n"), "{printed}");
        let password: Password = serde_json::from_str(&printed).unwrap();
        assert_eq!(password.matches(&"pass".into()), Ok(true));
        assert_eq!(password.matches(&"Pass".into()), Ok(false));
    }
    let pbkdf2: Value = serde_json::from_str(
        &home.run(&["hash-password", "-type", "pbkdf2", "-password", "x"]).printed(),
    )
    .unwrap();
    assert_eq!(pbkdf2["iterations"], 4096);
    assert_eq!(pbkdf2["key"].as_str().unwrap().len(), 64);
    assert_eq!(pbkdf2["salt"].as_str().unwrap().len(), 16);
    let wildcard = home.run(&["hash-password", "-type", "wildcard"]).printed();
    assert_eq!(wildcard, "{\"type\":\"wildcard\"}\n");
}

#[test]
fn a_password_can_come_by_standard_input() {
    let home = Home::new();
    let printed = home.run_with(&["hash-password", "-cost", "4"], "from a pipe\n").printed();
    let password: Password = serde_json::from_str(&printed).unwrap();
    assert_eq!(password.matches(&"from a pipe".into()), Ok(true));
    let complaint = home.run(&["hash-password"]).complaint(1);
    assert_eq!(complaint, "galenectl: cannot ask for a password: there was none\n");
}

#[test]
fn the_command_line_is_judged_as_galene_judges_it() {
    let home = Home::new();
    for (arguments, code, complaint) in [
        (&[][..], 1, "Usage: galenectl"),
        (&["no-such-command"], 1, "no-such-command"),
        (&["list-groups", "-l"], 2, "'-l'"),
        (&["list-users", "-grupo", "a"], 2, "'--group'"),
        (&["create-token", "-group", "a", "-duration", "1d"], 2, "write 24h for a day"),
        (&["hash-password", "-cost", "many"], 2, "many"),
        (&["hash-password", "-type", "plain"], 2, "[possible values: bcrypt, pbkdf2, wildcard]"),
        (&["show-group"], 1, "--group"),
        (&["show-group", "-group", ""], 1, "galenectl: -group is missing\n"),
        (&["show-group", "-group", "../a"], 1, "not a group's name"),
        (&["show-group", "-group", "a", "b"], 1, "'b'"),
        (&["set-password", "-group", "a"], 1, "galenectl: -user or -wildcard is missing\n"),
        (&["set-password", "-group", "a", "-user", "b", "-wildcard"], 1, "exclude each other"),
        (&["hash-password", "-type", "wildcard", "-password", "x"], 1, "takes no -password"),
        (&["hash-password", "-cost", "3", "-password", "x"], 1, "bcrypt cost 3 is out of range"),
        (&["update-user", "-group", "a"], 1, "-user or -wildcard is missing"),
        (&["-server", "example.org", "list-groups"], 1, "is not a server such as"),
    ] {
        let said = home.run(arguments).complaint(code);
        assert!(said.contains(complaint), "{arguments:?}: {said}");
    }
    let usage = home.run(&[]).stderr;
    for command in ["create-group", "revoke-token", "set-password", "completions"] {
        assert!(usage.contains(command), "{usage}");
    }
    for help in [&["-h"][..], &["-help"], &["--help"], &["list-users", "-help"]] {
        let ran = home.run(help);
        assert!(ran.code == Some(0) && ran.stdout.contains("Usage: galenectl"), "{ran:?}");
    }
    let said = home.run(&["-json", "show-group", "-group", ""]).complaint(1);
    assert_eq!(said, "{\"error\":\"-group is missing\"}\n");
}

#[test]
fn a_new_server_is_set_up_once() {
    let home = Home::new();
    let setup = ["-server", "https://a.org", "-admin-username", "root", "initial-setup"];
    let printed = home.run_with(&setup, "very secret\n").printed();
    assert!(printed.contains(&home.path("config.json").display().to_string()), "{printed}");
    assert!(printed.contains("clear text"), "{printed}");

    let read = |name: &str| -> (String, Value) {
        let text = fs::read_to_string(home.path(name)).unwrap();
        (text.clone(), serde_json::from_str(&text).unwrap())
    };
    let (text, server) = read("config.json");
    assert!(text.starts_with("{\n    \"users\": {\n        \"root\": {\n"), "{text}");
    assert_eq!(server["writableGroups"], true);
    assert_eq!(server["users"]["root"]["permissions"], "admin");
    let key = server["users"]["root"]["password"]["key"].as_str().unwrap();
    assert!(key.starts_with("$2a$12$"), "{key}");
    let password: Password =
        serde_json::from_value(server["users"]["root"]["password"].clone()).unwrap();
    assert_eq!(password.matches(&"very secret".into()), Ok(true));
    let (_, own) = read(".config/galene/galenectl.json");
    let expected = json!({ "server": "https://a.org", "admin-username": "root", "admin-password": "very secret" });
    assert_eq!(own, expected);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |name: &str| fs::metadata(home.path(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("config.json"), mode(".config/galene/galenectl.json")), (0o600, 0o600));
        assert_eq!(mode(".config/galene"), 0o700);
    }

    assert!(home.run_with(&setup, "x\n").complaint(1).contains("config.json exists already"));
    fs::remove_file(home.path("config.json")).unwrap();
    let complaint = home.run_with(&setup, "x\n").complaint(1);
    assert!(complaint.contains("galenectl.json exists already"), "{complaint}");
    assert!(!home.path("config.json").exists(), "one without the other is of no use");
    let complaint = Home::new().run(&["initial-setup"]).complaint(1);
    assert!(complaint.contains("-admin-username is missing"), "{complaint}");
}

#[test]
fn a_broken_configuration_is_named_with_the_place() {
    let home = Home::new();
    fs::write(home.path("ctl.json"), "{\n  \"admin-pasword\": \"x\"\n}").unwrap();
    let complaint = home.run(&["-config", "ctl.json", "list-groups"]).complaint(1);
    assert!(complaint.starts_with("galenectl: ctl.json:2:"), "{complaint}");
    assert!(complaint.contains("did you mean `admin-password`?"), "{complaint}");
}

#[test]
fn shells_get_scripts_that_know_the_commands() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = home.run(&["completions", shell]).printed();
        assert!(script.contains("create-token") && script.contains("include-subgroups"), "{shell}");
    }
}

#[test]
fn editors_get_a_schema_of_either_kind_of_file() {
    for (arguments, key) in [
        (&["schema"][..], "public"),
        (&["schema", "group"], "public"),
        (&["schema", "config"], "writableGroups"),
    ] {
        let schema: Value = serde_json::from_str(&Home::new().run(arguments).printed()).unwrap();
        assert_eq!(schema["properties"][key]["type"], "boolean", "{arguments:?}");
    }
    let said = Home::new().run(&["schema", "tokens"]).complaint(2);
    assert!(said.contains("config, group"), "{said}");
}
