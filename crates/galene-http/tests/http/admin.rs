//! The administrative interface: groups, users, passwords, keys, tokens, and who is there.

use std::fs;

use serde_json::{Value, json};

use crate::office::{Office, ROOT, global_token, group, token};
use crate::support::Reply;

const JSON: (&str, &str) = ("Content-Type", "application/json");

fn names(reply: &Reply) -> Vec<String> {
    serde_json::from_slice(&reply.body).unwrap()
}

#[tokio::test]
async fn a_group_is_made_read_changed_and_removed() {
    let office = Office::new();
    let path = "/.groups/new/sub";
    let made = office.put(path, &[("If-None-Match", "*")], &json!({"displayName": "New"})).await;
    assert_eq!((made.status, made.body.len()), (201, 0));
    let again = office.put(path, &[("If-None-Match", "*")], &json!({})).await;
    assert_eq!(again.status, 412);

    let read = office.get(path, ROOT).await;
    assert_eq!((read.status, read.json()), (200, json!({"displayName": "New"})));
    assert_eq!(read.header("content-type"), "application/json");
    assert_eq!(read.header("etag"), made.header("etag"));
    let etag = read.header("etag");
    let known = office.ask("GET", path, ROOT, &[("If-None-Match", etag)], "").await;
    assert_eq!((known.status, known.header("etag")), (304, etag));
    let head = office.ask("HEAD", path, ROOT, &[], "").await;
    assert_eq!((head.status, head.header("etag"), head.body.len()), (200, etag, 0));

    let changed = office.put(path, &[("If-Match", etag)], &json!({"public": true})).await;
    assert_eq!((changed.status, changed.body.len()), (204, 0));
    assert_ne!(changed.header("etag"), etag);
    let lost = office.put(path, &[("If-Match", etag)], &json!({"public": false})).await;
    assert_eq!(lost.status, 412);
    let mut listed = names(&office.get("/.groups/", ROOT).await);
    listed.sort();
    assert_eq!(listed, ["g", "new/sub"]);

    let lost = office.ask("DELETE", path, ROOT, &[("If-Match", etag)], "").await;
    assert_eq!(lost.status, 412);
    assert_eq!(office.delete(path).await.status, 204);
    for method in ["GET", "DELETE"] {
        assert_eq!(office.ask(method, path, ROOT, &[], "").await.status, 404, "{method}");
    }
}

#[tokio::test]
async fn users_and_keys_are_no_part_of_a_definition_and_stay_when_it_is_replaced() {
    let office = Office::new();
    let read = office.get("/.groups/g", ROOT).await;
    assert_eq!(read.json(), json!({"displayName": "G"}));
    assert_eq!(office.put("/.groups/g", &[], &json!({"public": true})).await.status, 204);
    let file = office.read_group("g");
    assert_eq!(file["users"], group()["users"]);
    assert_eq!(file["wildcard-user"], group()["wildcard-user"]);
    assert_eq!(file.get("displayName"), None);
}

#[tokio::test]
async fn users_are_made_read_changed_and_removed() {
    let office = Office::new();
    assert_eq!(names(&office.get("/.groups/g/.users/", ROOT).await), ["ann", "boss", "open"]);
    let path = "/.groups/g/.users/be%20n/x";
    let made = office.put(path, &[("If-None-Match", "*")], &json!({"permissions": "op"})).await;
    assert_eq!(made.status, 201);
    let read = office.get(path, ROOT).await;
    assert_eq!((read.status, read.json()), (200, json!({"permissions": "op"})));
    assert!(names(&office.get("/.groups/g/.users/", ROOT).await).contains(&"be n/x".to_owned()));
    let raw = json!({"permissions": ["present", "fly"]});
    assert_eq!(office.put(path, &[("If-Match", read.header("etag"))], &raw).await.status, 204);
    assert_eq!(office.get(path, ROOT).await.json(), raw);
    assert_eq!(office.delete(path).await.status, 204);
    assert_eq!(office.get(path, ROOT).await.status, 404);

    let wildcard = "/.groups/g/.wildcard-user";
    assert_eq!(office.get(wildcard, ROOT).await.json(), json!({"permissions": "message"}));
    let empty = "/.groups/g/.empty-user";
    assert_eq!(office.get(empty, ROOT).await.status, 404);
    assert_eq!(office.put(empty, &[], &json!({"permissions": "observe"})).await.status, 201);
    assert!(names(&office.get("/.groups/g/.users/", ROOT).await).contains(&String::new()));
    assert_eq!(office.put("/.groups/none/.users/x", &[], &json!({})).await.status, 404);
}

#[tokio::test]
async fn a_user_keeps_the_password_when_the_permissions_change() {
    let office = Office::new();
    let path = "/.groups/g/.users/ann";
    assert_eq!(office.put(path, &[], &json!({"permissions": "present"})).await.status, 204);
    let ann = &office.read_group("g")["users"]["ann"];
    assert_eq!(*ann, json!({"password": "a secret", "permissions": "present"}));
}

#[tokio::test]
async fn passwords_are_set_plain_or_hashed_and_removed() {
    let office = Office::new();
    let path = "/.groups/g/.users/ann/.password";
    let hashed = json!({"type": "bcrypt", "key": "$2a$10$afOr2f33onT/nDFFyT3mbOq5FMSw1wWXfyTXQTBMbKvZpBkoD3Qwu"});
    assert_eq!(office.put(path, &[], &hashed).await.status, 204);
    assert_eq!(office.join("g", "ann", "pass").await.wait_for("joined").await["kind"], "join");
    assert_eq!(office.join("g", "ann", "a secret").await.wait_for("joined").await["kind"], "fail");

    let text = [("Content-Type", "text/plain; charset=utf-8")];
    assert_eq!(office.ask("POST", path, ROOT, &text, "ne w").await.status, 204);
    let stored = office.read_group("g")["users"]["ann"]["password"].clone();
    assert_eq!(stored["type"], "bcrypt");
    assert!(stored["key"].as_str().unwrap().contains("$08$"), "{stored}");
    assert_eq!(office.join("g", "ann", "ne w").await.wait_for("joined").await["kind"], "join");

    assert_eq!(office.delete(path).await.status, 204);
    assert_eq!(office.join("g", "ann", "ne w").await.wait_for("joined").await["kind"], "fail");
    assert_eq!(office.delete("/.groups/g/.users/none/.password").await.status, 404);
    let wildcard = "/.groups/g/.wildcard-user/.password";
    assert_eq!(office.ask("POST", wildcard, ROOT, &text, "x").await.status, 204);
    assert_eq!(office.join("g", "zoe", "").await.wait_for("joined").await["kind"], "fail");
}

#[tokio::test]
async fn keys_are_set_and_removed() {
    let office = Office::new();
    let keys = [("Content-Type", "application/jwk-set+json")];
    let key = json!({"kty": "oct", "alg": "HS256", "k": "A".repeat(43)});
    let set = json!({"keys": [key]}).to_string();
    assert_eq!(office.ask("PUT", "/.groups/g/.keys", ROOT, &keys, &set).await.status, 204);
    assert_eq!(office.read_group("g")["authKeys"], json!([key]));
    assert_eq!(office.delete("/.groups/g/.keys").await.status, 204);
    assert_eq!(office.read_group("g").get("authKeys"), None);
    assert_eq!(office.ask("PUT", "/.groups/none/.keys", ROOT, &keys, &set).await.status, 404);
}

#[tokio::test]
async fn tokens_are_made_listed_changed_and_removed() {
    let office = Office::new();
    let path = "/.groups/g/.tokens/";
    let empty = office.get(path, ROOT).await;
    assert_eq!((empty.status, empty.json()), (200, json!([])));
    let wanted = json!({"permissions": ["present"], "expires": "2999-01-01T00:00:00Z"});
    let made = office.ask("POST", path, ROOT, &[JSON], &wanted.to_string()).await;
    assert_eq!(made.status, 201);
    let name = made.header("location");
    assert_eq!(names(&office.get(path, ROOT).await), [name]);

    let token_path = format!("{path}{name}");
    let read = office.get(&token_path, ROOT).await;
    assert_eq!(read.status, 200);
    let mut token = read.json();
    assert_eq!((&token["token"], &token["group"]), (&json!(""), &json!("")));
    token["username"] = "ann".into();
    let etag = read.header("etag");
    assert_eq!(office.put(&token_path, &[("If-Match", etag)], &token).await.status, 204);
    assert_eq!(office.put(&token_path, &[("If-Match", etag)], &token).await.status, 412);
    assert_eq!(office.get(&token_path, ROOT).await.json()["username"], "ann");
    let stranger = office.get(&format!("/.groups/.tokens/{name}"), ROOT).await;
    assert_eq!(stranger.status, 404, "it belongs to another group");

    assert_eq!(office.delete(&token_path).await.status, 204);
    assert_eq!(office.get(&token_path, ROOT).await.status, 404);
    assert_eq!(office.delete(&token_path).await.status, 404);
    assert_eq!(office.get("/.groups/none/.tokens/", ROOT).await.status, 404);
}

#[tokio::test]
async fn tokens_of_the_whole_server_belong_to_no_group() {
    let office = Office::new();
    office.configure(|settings| settings.writable_groups = false);
    let body = json!({"permissions": ["admin"], "includeSubgroups": true, "expires": "2999-01-01T00:00:00Z"});
    let path = "/.groups/.tokens/";
    let made = office.ask("POST", path, ROOT, &[JSON], &body.to_string()).await;
    assert_eq!(made.status, 201, "tokens are no part of group files");
    let name = made.header("location").to_owned();
    assert_eq!(names(&office.get(path, &name).await), std::slice::from_ref(&name));
    assert_eq!(office.get("/.stats", &name).await.status, 200);
}

#[tokio::test]
async fn administrators_are_those_of_the_server_those_of_the_group_and_bearers_of_tokens() {
    // An address may be wrong ten times, so each refusal is one at a server of its own.
    let office = || {
        let office = Office::new();
        office.write_group("other", &json!({}));
        let past = json!({"token": "past", "group": "", "includeSubgroups": true,
            "permissions": ["admin"], "expires": "2001-01-01T00:00:00Z"});
        office.write_tokens(&[
            global_token("global", &["admin"]),
            global_token("weak", &["op"]),
            token("rootonly", "", &["admin"]),
            token("ours", "g", &["admin"]),
            token("ours-weak", "g", &["op"]),
            token("theirs", "other", &["admin"]),
            past,
        ]);
        office
    };
    let may = async |who: &str, path: &str| office().get(path, who).await.status == 200;
    for who in [ROOT, "boss:b secret", "global", "ours"] {
        assert!(may(who, "/.groups/g").await, "{who}");
    }
    for who in [
        "",
        "op:po",
        "root:",
        "root:wrong",
        "ann:a secret",
        "open:",
        "weak",
        "ours-weak",
        "theirs",
        "rootonly",
        "past",
        "x",
    ] {
        let refused = office().get("/.groups/g", who).await;
        assert_eq!(refused.status, 401, "{who}");
        assert_eq!(refused.header("www-authenticate"), "basic realm=\"/galene-api/\"");
    }
    for path in ["/.stats", "/.groups/", "/.groups/.tokens/", "/.groups/other"] {
        assert!(!may("boss:b secret", path).await && !may("ours", path).await, "{path}");
        assert!(may(ROOT, path).await && may("global", path).await, "{path}");
    }
}

#[tokio::test]
async fn what_does_not_exist_is_told_to_administrators_alone() {
    let office = Office::new();
    assert_eq!(office.get("/.groups/none", "").await.status, 401);
    assert_eq!(office.get("/.groups/none", ROOT).await.status, 404);
    assert_eq!(office.get("/.groups/g/.other", "").await.status, 401);
    assert_eq!(office.get("/.groups/g/.other", ROOT).await.status, 404);
    for path in ["/other", "", "/.groups/g/.users", "/../v1/.stats"] {
        assert_eq!(
            office.get(path, ROOT).await.status / 100,
            if path.contains("..") { 3 } else { 4 }
        );
    }
}

#[tokio::test]
async fn a_subgroup_without_a_file_has_the_users_of_the_group_above() {
    let office = Office::new();
    let mut above = group();
    above["auto-subgroups"] = true.into();
    office.write_group("g", &above);
    assert_eq!(office.get("/.groups/g/sub", ROOT).await.status, 404);
    let users = office.get("/.groups/g/sub/.users/", ROOT).await;
    assert_eq!(
        (users.status, names(&users)),
        (200, vec!["ann".into(), "boss".into(), "open".into()])
    );
    assert_eq!(office.get("/.groups/g/sub/.users/", "boss:b secret").await.status, 200);
}

#[tokio::test]
async fn surprise_08_only_the_user_of_that_name_sets_a_password_and_never_by_an_open_one() {
    let office = Office::new();
    let set = async |user: &str, who: &str| {
        let path = format!("/.groups/g/.users/{user}/.password");
        office.ask("PUT", &path, who, &[JSON], "\"a secret\"").await.status
    };
    assert_eq!(set("ann", "ann:a secret").await, 204);
    assert_eq!(set("ann", "bob:a secret").await, 401, "another name");
    assert_eq!(set("ann", ":a secret").await, 401);
    assert_eq!(set("open", "open:").await, 401, "everybody knows that password");
    assert_eq!(set("open", "open:x").await, 401);
    assert_eq!(set("none", "none:").await, 401);
    assert_eq!(set("ann", "boss:b secret").await, 204, "an administrator may");
    let delete = office.ask("DELETE", "/.groups/g/.users/ann/.password", "ann:a secret", &[], "");
    assert_eq!(delete.await.status, 401, "nobody removes their own");
    let wildcard = office.ask("PUT", "/.groups/g/.wildcard-user/.password", "x:", &[JSON], "\"x\"");
    assert_eq!(wildcard.await.status, 401);
}

#[tokio::test]
async fn surprise_09_nothing_is_removed_where_groups_are_not_writable() {
    let office = Office::new();
    office.configure(|settings| settings.writable_groups = false);
    assert_eq!(office.delete("/.groups/g").await.status, 403);
    assert!(office.group_file("g").exists());
    assert_eq!(office.put("/.groups/g", &[], &json!({})).await.status, 403);
    assert_eq!(office.delete("/.groups/g/.users/ann").await.status, 403);
    office.configure(|settings| settings.writable_groups = true);
    assert_eq!(office.delete("/.groups/g").await.status, 204);
    assert!(!office.group_file("g").exists());
}

#[tokio::test]
async fn surprise_10_obsolete_keys_bring_no_users_in() {
    let office = Office::new();
    for key in ["op", "presenter", "other"] {
        let body = json!({key: [{"username": "eve", "password": "x"}]});
        assert_eq!(office.put("/.groups/g", &[], &body).await.status, 400, "{key}");
    }
    assert_eq!(office.read_group("g"), group());
}

#[tokio::test]
async fn surprise_11_a_token_of_a_new_name_can_be_put() {
    let office = Office::new();
    let body = json!({"permissions": ["present"]});
    let path = "/.groups/g/.tokens/chosen";
    assert_eq!(office.put(path, &[("If-None-Match", "*")], &body).await.status, 201);
    assert_eq!(office.put(path, &[("If-None-Match", "*")], &body).await.status, 412);
    assert_eq!(office.put(path, &[], &body).await.status, 204);
    let elsewhere = office.put("/.groups/.tokens/chosen", &[], &body).await;
    assert_eq!(elsewhere.status, 409);
}

#[tokio::test]
async fn surprise_86_pages_elsewhere_may_make_conditional_requests() {
    let office = Office::new();
    let from = async |method: &str, origin: &str| {
        office
            .ask(
                method,
                "/.groups/g",
                if method == "GET" { ROOT } else { "" },
                &[("Origin", origin)],
                "",
            )
            .await
    };
    let preflight = from("OPTIONS", "https://admin.example").await;
    assert_eq!(preflight.status, 200);
    assert_eq!(preflight.header("access-control-allow-origin"), "https://admin.example");
    assert_eq!(preflight.header("access-control-allow-methods"), "OPTIONS, HEAD, GET, PUT, DELETE");
    let allowed = preflight.header("access-control-allow-headers");
    for header in ["Authorization", "Content-Type", "If-Match", "If-None-Match"] {
        assert!(allowed.contains(header), "{allowed}");
    }
    let reply = from("GET", "https://admin.example").await;
    let exposed = reply.header("access-control-expose-headers");
    assert!(exposed.contains("ETag") && exposed.contains("Location"), "{exposed}");
    assert_eq!(reply.header("vary"), "Origin");
    assert_eq!(
        from("GET", "http://example.org").await.header("access-control-allow-origin"),
        "http://example.org"
    );
    let other = from("GET", "https://evil.example").await;
    assert_eq!((other.status, other.header("access-control-allow-origin")), (200, ""));
}

#[tokio::test]
async fn surprise_87_each_mistake_has_a_status_of_its_own() {
    let office = Office::new();
    let put = async |path: &str, kind: &str, body: &str| {
        office.ask("PUT", path, ROOT, &[("Content-Type", kind)], body).await
    };
    let json = "application/json";
    for (path, body) in [
        ("/.groups/g", "{"),
        ("/.groups/g", "[]"),
        ("/.groups/g", r#"{"public": "yes"}"#),
        ("/.groups/g", r#"{"users": {}}"#),
        ("/.groups/g", r#"{"wildcard-user": {}}"#),
        ("/.groups/g", r#"{"authKeys": []}"#),
        ("/.groups/g/.users/ann", r#"{"permissions": "king"}"#),
        ("/.groups/g/.users/ann", r#"{"password": "x"}"#),
        ("/.groups/g/.users/b%09b", "{}"),
        ("/.groups/g/.users/ann/.password", r#"{"type": "magic"}"#),
        ("/.groups/g/.users/ann/.password", "17"),
        ("/.groups/g/.tokens/t", r#"{"token": "x"}"#),
        ("/.groups/g/.tokens/t", r#"{"group": "g"}"#),
        ("/.groups/g/.tokens/t", r#"{"expires": "soon"}"#),
    ] {
        let reply = put(path, json, body).await;
        assert_eq!(reply.status, 400, "{path} {body}: {}", reply.text());
        assert!(!reply.text().is_empty(), "it says why");
    }
    let keys = "application/jwk-set+json";
    for body in ["{", "{}", r#"{"keys": [{"kty": "oct", "alg": "HS256", "k": "AA"}]}"#] {
        assert_eq!(put("/.groups/g/.keys", keys, body).await.status, 400, "{body}");
    }
    let wrong = put("/.groups/g", "text/plain", "{}").await;
    assert_eq!((wrong.status, wrong.header("accept")), (415, json));
    let wrong = put("/.groups/g/.keys", json, "{}").await;
    assert_eq!((wrong.status, wrong.header("accept")), (415, keys));
    let long = office
        .ask(
            "POST",
            "/.groups/g/.users/ann/.password",
            ROOT,
            &[("Content-Type", "text/plain")],
            &"x".repeat(73),
        )
        .await;
    assert_eq!(long.status, 400);
    let huge = put("/.groups/g", json, &" ".repeat((1 << 20) + 1)).await;
    assert_eq!(huge.status, 413);
    let patch = office.ask("PATCH", "/.groups/g", ROOT, &[], "").await;
    assert_eq!((patch.status, patch.header("allow")), (405, "OPTIONS, HEAD, GET, PUT, DELETE"));
    assert_eq!(office.read_group("g"), group(), "nothing has changed");
}

#[tokio::test]
async fn surprise_87_who_loses_a_race_is_told_so() {
    let office = Office::new();
    let etag = office.get("/.groups/g", ROOT).await.header("etag").to_owned();
    let headers = [("If-Match", etag.as_str())];
    let definitions: Vec<Value> = (0..8).map(|n| json!({"displayName": n.to_string()})).collect();
    let racing =
        definitions.iter().map(|definition| office.put("/.groups/g", &headers, definition));
    let mut statuses: Vec<u16> =
        futures_util::future::join_all(racing).await.iter().map(|reply| reply.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 412, 412, 412, 412, 412, 412, 412]);
}

#[tokio::test]
async fn surprise_91_a_token_of_the_whole_server_makes_groups() {
    let office = Office::new();
    office.write_tokens(&[global_token("global", &["admin"])]);
    let made = office.ask("PUT", "/.groups/new", "global", &[JSON], "{}").await;
    assert_eq!(made.status, 201);
    let op = global_token("op", &["op"]);
    office.write_tokens(&[global_token("global", &["admin"]), op]);
    assert_eq!(office.ask("PUT", "/.groups/newer", "op", &[JSON], "{}").await.status, 401);
}

#[tokio::test]
async fn surprise_92_the_location_of_a_new_token_is_its_name() {
    let office = Office::new();
    let made = office.ask("POST", "/.groups/g/.tokens/", ROOT, &[JSON], "{}").await;
    assert_eq!((made.status, made.header("location").len()), (201, 11));
    assert!(!made.header("location").contains('/'));
}

#[tokio::test]
async fn surprise_93_all_that_is_in_a_file_has_the_tag_of_the_file() {
    let office = Office::new();
    let etag = async |path: &str| office.get(path, ROOT).await.header("etag").to_owned();
    let before = etag("/.groups/g").await;
    assert_eq!(etag("/.groups/g/.users/").await, before);
    assert_eq!(etag("/.groups/g/.users/ann").await, before);
    office.put("/.groups/g/.users/zoe", &[], &json!({})).await;
    let after = etag("/.groups/g/.users/ann").await;
    assert_ne!(after, before);
    assert_eq!(etag("/.groups/g").await, after);
}

#[tokio::test]
async fn surprise_97_tokens_are_below_the_group_and_nowhere_else() {
    let office = Office::new();
    assert_eq!(office.get("/.groups/g/.users/ann/.tokens/", ROOT).await.status, 404);
    assert_eq!(office.get("/.groups/g/.tokens/", ROOT).await.status, 200);
}

#[tokio::test]
async fn a_change_is_in_force_when_it_is_reported() {
    let office = Office::new();
    let mut ann = office.join("g", "ann", "a secret").await;
    assert_eq!(ann.wait_for("joined").await["kind"], "join");
    assert_eq!(office.put("/.groups/g", &[], &json!({"displayName": "H"})).await.status, 204);
    let changed = ann.wait_for("joined").await;
    assert_eq!(changed["kind"], "change");
    assert_eq!(changed["status"]["displayName"], "H");
}

#[tokio::test]
async fn administrators_see_who_is_there_and_let_them_go() {
    let office = Office::new();
    let path = "/.groups/g/.clients/";
    assert_eq!(office.get(path, "boss:b secret").await.json(), json!([]));
    let mut ann = office.join("g", "ann", "a secret").await;
    assert_eq!(ann.wait_for("joined").await["kind"], "join");
    let clients = office.get(path, "boss:b secret").await.json();
    assert_eq!(clients[0]["username"], "ann");
    assert_eq!(clients[0]["address"], "127.0.0.1");
    assert!(clients[0]["permissions"].as_array().unwrap().contains(&json!("op")));
    let stats = office.get("/.stats", ROOT).await;
    assert_eq!(stats.json(), json!([{"name": "g", "clients": [{"id": "ann"}]}]));
    assert_eq!(stats.header("cache-control"), "no-cache");

    assert_eq!(office.get(path, "ann:a secret").await.status, 401);
    assert_eq!(office.delete(&format!("{path}nobody")).await.status, 404);
    let kicked = office.delete(&format!("{path}ann?message=time+is+up")).await;
    assert_eq!(kicked.status, 204);
    let told = ann.wait_for("usermessage").await;
    assert_eq!((&told["kind"], &told["value"]), (&json!("kicked"), &json!("time is up")));
    assert!(ann.close_frame().await.is_some());
    assert_eq!(office.get(path, ROOT).await.json(), json!([]));
}

#[tokio::test]
async fn old_names_of_the_statistics_lead_to_them() {
    let office = Office::new();
    let stream = tokio::net::TcpStream::connect(office.address).await.unwrap();
    let reply = crate::support::request(stream, "GET", "/stats.json", &[]).await;
    assert_eq!((reply.status, reply.header("location")), (308, "/galene-api/v0/.stats"));
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_a_fault_of_the_server() {
    let office = Office::new();
    fs::write(office.group_file("g"), "{").unwrap();
    assert_eq!(office.get("/.groups/g", ROOT).await.status, 500);
    assert_eq!(office.put("/.groups/g/.users/x", &[], &json!({})).await.status, 500);
    assert_eq!(fs::read_to_string(office.group_file("g")).unwrap(), "{", "nothing is lost");
}

#[tokio::test]
async fn made_up_groups_give_no_more_guesses_at_the_administrators_of_the_server() {
    let office = Office::new();
    let guess =
        async |n: usize| office.get(&format!("/.groups/none{n}"), "root:wrong").await.status;
    let guesses = futures_util::future::join_all((0..60).map(guess)).await;
    let refused = guesses.iter().filter(|status| **status == 429).count();
    assert_eq!(refused, 50, "{guesses:?}");
    assert_eq!(office.get("/.stats", ROOT).await.status, 429);
}

#[tokio::test]
async fn surprise_15_who_guesses_has_to_wait_and_others_have_not() {
    let office = Office::new();
    let guess = async || office.get("/.groups/g", "guessed-token").await.status;
    // However many come at once, ten are looked at, and the others are refused with them.
    let mut guesses = futures_util::future::join_all((0..40).map(|_| guess())).await;
    guesses.sort_unstable();
    assert_eq!(guesses, [[401; 10].as_slice(), &[429; 30]].concat());
    // Not even the right password helps now.
    let refused = office.get("/.groups/g", "boss:b secret").await;
    assert_eq!(refused.status, 429);
    assert!(refused.header("retry-after").parse::<u32>().unwrap() > 0);
    // Nor in another group, for it might be an administrator's that was guessed.
    for path in ["/.stats", "/.groups/made-up"] {
        assert_eq!(office.get(path, ROOT).await.status, 429, "{path}");
    }
    // From elsewhere, nothing has changed.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let stream = socket.connect(office.address).await.unwrap();
    let authorization = [("Authorization", "Basic Ym9zczpiIHNlY3JldA==")];
    let path = "/galene-api/v0/.groups/g";
    assert_eq!(crate::support::request(stream, "GET", path, &authorization).await.status, 200);
}
