//! The description of the administrative interface: it is the one in `docs/`, and the interface does
//! what it says.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::pin::pin;

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::office::{API, Office, RECORDING, ROOT, token};
use crate::support::{Client, Reply, request};

/// Where the description is kept for readers.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");

/// How many servers are tried at once.
const MAX_AT_ONCE: usize = 48;

/// What is answered with a status in a situation that is not made here: a body that comes too slowly
/// (see `limits.rs`), as many tokens as there may be, and a disk that cannot be written (both are for
/// the tests of the store).
const ELSEWHERE: [(&str, u16); 4] =
    [("", 408), ("postTokens", 409), ("postGlobalTokens", 409), ("deleteGroup", 500)];

async fn document(office: &Office) -> Value {
    let reply = office.get("/openapi.json", "").await;
    assert_eq!((reply.status, reply.header("content-type")), (200, "application/json"));
    reply.json()
}

#[tokio::test]
async fn the_description_in_the_documents_is_the_one_that_is_served() {
    let served = format!("{:#}\n", document(&Office::new()).await);
    let kept = fs::read_to_string(FILE).unwrap_or_default();
    if kept != served {
        fs::write(Path::new(FILE), &served).unwrap();
        panic!("docs/openapi.json was out of date and has been written anew; commit it");
    }
}

/// One operation, with what it takes to try it.
struct Operation<'a> {
    document: &'a Value,
    path: &'a str,
    verb: &'a str,
    described: &'a Value,
}

impl<'a> Operation<'a> {
    fn all(document: &'a Value) -> Vec<Operation<'a>> {
        let mut all = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (verb, described) in item.as_object().unwrap() {
                if verb != "parameters" {
                    all.push(Operation { document, path, verb, described });
                }
            }
        }
        all
    }

    fn id(&self) -> &str {
        self.described["operationId"].as_str().unwrap()
    }

    fn statuses(&self) -> Vec<u16> {
        let responses = self.described["responses"].as_object().unwrap();
        responses.keys().map(|status| status.parse().unwrap()).collect()
    }

    fn content_type(&self) -> Option<&str> {
        let content = self.described["requestBody"]["content"].as_object()?;
        content.keys().next().map(String::as_str)
    }

    /// The path of something that exists, or of something that does not.
    fn path(&self, exists: bool) -> String {
        let parts = [
            ("{group}", "g"),
            ("{user}", "ann"),
            ("{token}", "t"),
            ("{client}", "ann"),
            ("{file}", RECORDING),
        ];
        let parts = parts.map(|(name, part)| (name, if exists { part } else { "none" }));
        parts.iter().fold(self.path.to_owned(), |path, (name, part)| path.replace(name, part))
    }

    /// A body that is accepted.
    fn body(&self) -> String {
        let schema = self.content_type().map(|content_type| {
            &self.described["requestBody"]["content"][content_type]["schema"]["$ref"]
        });
        match schema.and_then(Value::as_str).and_then(|schema| schema.rsplit('/').next()) {
            None => String::new(),
            Some("PlainPassword") => "secret".to_owned(),
            Some("Password") => json!({"type": "plain", "key": "secret"}).to_string(),
            Some("KeySet") => {
                let key = json!({"kty": "oct", "alg": "HS256", "k": "A".repeat(43)});
                json!({"keys": [key]}).to_string()
            }
            Some("User") => json!({"permissions": "present"}).to_string(),
            Some("Token") => json!({"permissions": ["present"]}).to_string(),
            Some("Group") => json!({"displayName": "G"}).to_string(),
            Some(other) => panic!("no body for {other}"),
        }
    }

    async fn send(
        &self,
        office: &Office,
        exists: bool,
        who: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let mut all = headers.to_vec();
        if let Some(content_type) = self.content_type()
            && !headers.iter().any(|(name, _)| *name == "Content-Type")
        {
            all.push(("Content-Type", content_type));
        }
        let verb = self.verb.to_ascii_uppercase();
        office.ask(&verb, &self.path(exists), who, &all, body).await
    }

    /// Provokes a status. `None` if that is done elsewhere.
    async fn provoke(&self, status: u16) -> Option<Reply> {
        if ELSEWHERE
            .iter()
            .any(|(id, other)| *other == status && (id.is_empty() || *id == self.id()))
        {
            return None;
        }
        let (mut office, _member) = self.furnished().await;
        let body = self.body();
        if status == 503 {
            return Some(self.provoke_unavailable(&mut office, &body).await);
        }
        let send = async |exists, headers: &[(&str, &str)], body: &str| {
            self.send(&office, exists, ROOT, headers, body).await
        };
        Some(match status {
            200 | 204 => send(true, &[], &body).await,
            201 if self.verb == "post" => send(true, &[], &body).await,
            // What is not there yet, in a group that is.
            201 => {
                if self.path.ends_with("-user") {
                    office.write_group("g", &json!({}));
                }
                let path = self.path(true).replace("/ann", "/new").replace("/t", "/new");
                let path = if self.id() == "putGroup" { "/.groups/new".to_owned() } else { path };
                let content_type = self.content_type().unwrap();
                office.ask("PUT", &path, ROOT, &[("Content-Type", content_type)], &body).await
            }
            304 => {
                let etag = send(true, &[], "").await.header("etag").to_owned();
                send(true, &[("If-None-Match", &etag)], "").await
            }
            400 if self.content_type() == Some("text/plain") => {
                send(true, &[], &"x".repeat(73)).await
            }
            400 => send(true, &[], "{").await,
            401 => self.send(&office, true, "", &[], &body).await,
            403 => {
                office.configure(|settings| settings.writable_groups = false);
                send(true, &[], &body).await
            }
            404 => send(false, &[], &body).await,
            409 => {
                let elsewhere = if self.path.contains("{group}") { "" } else { "g" };
                office.write_tokens(&[token("t", elsewhere, &[])]);
                send(true, &[], &body).await
            }
            412 => send(true, &[("If-Match", "\"other\"")], &body).await,
            413 => send(true, &[], &" ".repeat((1 << 20) + 1)).await,
            415 => send(true, &[("Content-Type", "application/xml")], &body).await,
            429 => {
                // Tokens, which are looked up, for passwords take turns.
                let guesses = (0..10).map(|_| self.send(&office, true, "guess", &[], &body));
                for guess in join_all(guesses).await {
                    assert_eq!(guess.status, 401, "{}", self.id());
                }
                send(true, &[], &body).await
            }
            500 => {
                office.break_files();
                self.send(&office, true, ROOT, &[], &body).await
            }
            status => panic!("{}: no way to provoke {status}", self.id()),
        })
    }

    /// Asks when the server is about to stop, or another process keeps the files.
    async fn provoke_unavailable(&self, office: &mut Office, body: &str) -> Reply {
        let _locked = if self.path.contains(".clients/") || self.path == "/.stats" {
            office.close().await;
            None
        } else {
            Some(office.lock())
        };
        self.send(office, true, ROOT, &[], body).await
    }

    /// An office with all that the operation is about, and a member that stays as long as it is kept.
    async fn furnished(&self) -> (Office, Client) {
        let office = Office::new();
        let mut group = crate::office::group();
        group["users"][""] = json!({"permissions": "observe"});
        office.write_group("g", &group);
        let group = if self.path.contains("{group}") { "g" } else { "" };
        office.write_tokens(&[token("t", group, &[])]);
        let mut member = office.join("g", "ann", "a secret").await;
        assert_eq!(member.wait_for("joined").await["kind"], "join");
        (office, member)
    }

    /// Checks an answer against what is described.
    fn check(&self, reply: &Reply) {
        let described = &self.described["responses"][reply.status.to_string()];
        let what = format!("{} {}", self.id(), reply.status);
        assert!(described.is_object(), "{what} is not described: {reply:?}");
        for (name, header) in described["headers"].as_object().into_iter().flatten() {
            let value = reply.header(&name.to_ascii_lowercase());
            assert!(header["required"] != true || !value.is_empty(), "{what}: no {name}");
        }
        let Some(content) = described["content"].as_object() else {
            assert!(reply.body.is_empty(), "{what}: {:?}", reply.text());
            return;
        };
        let essence = reply.header("content-type").split(';').next().unwrap();
        let schema = content.get(essence).unwrap_or_else(|| panic!("{what}: {essence}"));
        let body = match essence {
            "application/json" => reply.json(),
            _ => Value::from(reply.text()),
        };
        let schema = json!({
            "$ref": schema["schema"]["$ref"],
            "components": self.document["components"],
        });
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors: Vec<String> =
            validator.iter_errors(&body).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{what}: {errors:?}");
    }
}

#[tokio::test]
async fn every_operation_answers_as_it_is_described() {
    let office = Office::new();
    let document = document(&office).await;
    let operations = Operation::all(&document);
    assert!(operations.len() >= 41, "{}", operations.len());
    let cases = operations
        .iter()
        .flat_map(|operation| operation.statuses().into_iter().map(move |s| (operation, s)));
    // Some have to wait for a lock that they do not get.
    let replies = stream::iter(cases)
        .map(async |(operation, status)| (operation, status, operation.provoke(status).await));
    let mut replies = pin!(replies.buffer_unordered(MAX_AT_ONCE));
    let mut provoked = BTreeMap::new();
    while let Some((operation, status, reply)) = replies.next().await {
        let Some(reply) = reply else { continue };
        assert_eq!(reply.status, status, "{}: {:?}", operation.id(), reply.text());
        operation.check(&reply);
        *provoked.entry(status).or_insert(0) += 1;
    }
    // Nothing that is described is left out but what is tested elsewhere.
    let described: usize = operations.iter().map(|operation| operation.statuses().len()).sum();
    let elsewhere = operations
        .iter()
        .flat_map(|operation| {
            operation.statuses().into_iter().map(|status| (operation.id(), status))
        })
        .filter(|(id, status)| {
            ELSEWHERE.iter().any(|(other, s)| s == status && (other.is_empty() || other == id))
        })
        .count();
    assert_eq!(provoked.values().sum::<usize>() + elsewhere, described, "{provoked:?}");
}

#[tokio::test]
async fn other_methods_are_refused_and_options_need_no_credentials() {
    let office = Office::new();
    let document = document(&office).await;
    for operation in Operation::all(&document) {
        let path = operation.path(true);
        let who = if operation.id() == "getOpenApi" { "" } else { ROOT };
        let patch = office.ask("PATCH", &path, ROOT, &[], "").await;
        assert_eq!(patch.status, 405, "{path}");
        let options = office.ask("OPTIONS", &path, "", &[], "").await;
        assert_eq!(options.status, 200, "{path}");
        assert_eq!(options.header("access-control-allow-methods"), patch.header("allow"));
        let verb = operation.verb.to_ascii_uppercase();
        let allowed: Vec<&str> = patch.header("allow").split(", ").collect();
        assert!(allowed.contains(&verb.as_str()), "{path}: {allowed:?}");
        if verb == "GET" {
            let get = office.ask("GET", &path, who, &[], "").await;
            let head = office.ask("HEAD", &path, who, &[], "").await;
            assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
            assert_eq!(head.header("content-length"), get.body.len().to_string(), "{path}");
            assert_eq!(head.header("etag"), get.header("etag"), "{path}");
        }
    }
}

#[tokio::test]
async fn other_versions_are_nothing() {
    let office = Office::new();
    for path in ["/galene-api/v1/.stats", "/galene-api/", "/galene-api/v0x", &format!("{API}/x")] {
        let stream = tokio::net::TcpStream::connect(office.address).await.unwrap();
        let reply = request(stream, "GET", path, &[]).await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (404, "text/plain; charset=utf-8")
        );
    }
}
