//! Editors go by the schemas, and the server by its parsers: both take what is documented and refuse what
//! is wrong.

use std::fs;
use std::path::Path;

use galene_group::{Description, GROUP_SCHEMA};
use galene_store::{CONFIG_SCHEMA, Config};
use serde_json::Value;

/// A kind of file.
struct Kind {
    /// Its heading in the page about administration.
    heading: &'static str,
    schema: &'static str,
    /// Why the server refuses a text, if it does.
    parse: fn(&str) -> Result<(), String>,
}

const CONFIG: Kind =
    Kind { heading: "### `data/config.json`", schema: CONFIG_SCHEMA, parse: parse_config };
const GROUP: Kind =
    Kind { heading: "### `groups/NAME.json`", schema: GROUP_SCHEMA, parse: parse_group };

fn parse_config(text: &str) -> Result<(), String> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("config.json");
    fs::write(&path, text).expect("writable");
    Config::read(&path).map(drop).map_err(|error| error.to_string())
}

fn parse_group(text: &str) -> Result<(), String> {
    Description::parse(text).map(drop).map_err(|error| error.to_string())
}

impl Kind {
    /// Whether an editor with the schema finds nothing wrong with a text.
    fn is_valid(&self, text: &str) -> bool {
        let schema: Value = serde_json::from_str(self.schema).expect("a schema is JSON");
        let validator = jsonschema::validator_for(&schema).expect("this is a schema");
        validator.is_valid(&serde_json::from_str(text).expect("the sample is JSON"))
    }

    /// The samples below the heading.
    fn samples(&self) -> Vec<String> {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/administration.md");
        let page = fs::read_to_string(page).expect("a page of this repository");
        let (_, rest) = page.split_once(self.heading).expect("the heading is there");
        let section = rest.split("\n##").next().unwrap_or(rest);
        let blocks = section.split("```json\n").skip(1);
        blocks.map(|block| block.split("```").next().unwrap_or(block).to_owned()).collect()
    }
}

#[test]
fn the_documented_samples_are_good() {
    for kind in [CONFIG, GROUP] {
        let samples = kind.samples();
        assert!(!samples.is_empty(), "{}", kind.heading);
        for sample in samples {
            assert_eq!((kind.parse)(&sample), Ok(()), "{sample}");
            assert!(kind.is_valid(&sample), "{sample}");
        }
    }
}

#[test]
fn what_is_wrong_is_wrong_for_editors_too() {
    for (kind, text) in [
        (CONFIG, r#"{"writableGroup": true}"#),
        (CONFIG, r#"{"writableGroups": "yes"}"#),
        (CONFIG, r#"{"allowOrigin": "https://example.org"}"#),
        (CONFIG, r#"{"trustedProxies": [1]}"#),
        (CONFIG, r#"{"roles": {"op": ["present"]}}"#),
        (CONFIG, r#"{"roles": {"": ["present"]}}"#),
        (CONFIG, r#"{"roles": {"guest": "present"}}"#),
        (CONFIG, r#"{"users": {"root": {"passwort": "x"}}}"#),
        (CONFIG, r#"{"users": {"root": {"permissions": true}}}"#),
        (CONFIG, r#"{"canonicalHost": 1}"#),
        (GROUP, r#"{"dispayName": "x"}"#),
        (GROUP, r#"{"public": "yes"}"#),
        (GROUP, r#"{"max-clients": "many"}"#),
        (GROUP, r#"{"codecs": "vp8"}"#),
        (GROUP, r#"{"users": [{"username": "ann"}]}"#),
        (GROUP, r#"{"users": {"ann": {"permission": "op"}}}"#),
        (GROUP, r#"{"wildcard-user": {"permissions": {"op": true}}}"#),
        (GROUP, r#"{"op": [{"name": "ann"}]}"#),
    ] {
        assert!((kind.parse)(text).is_err(), "{text}");
        assert!(!kind.is_valid(text), "{text}");
    }
}

#[test]
fn a_misspelt_key_gets_a_hint_in_both() {
    for (kind, text, hint) in [
        (CONFIG, r#"{"writeableGroups": true}"#, "did you mean `writableGroups`?"),
        (CONFIG, r#"{"allowOrigins": []}"#, "did you mean `allowOrigin`?"),
        (CONFIG, r#"{"users": {"root": {"permission": "admin"}}}"#, "did you mean `permissions`?"),
        (GROUP, r#"{"maxClients": 5}"#, "did you mean `max-clients`?"),
        (GROUP, r#"{"users": {"ann": {"passwrod": "x"}}}"#, "did you mean `password`?"),
    ] {
        let error = (kind.parse)(text).expect_err("there is no such key");
        assert!(error.contains(hint), "{error}");
    }
}
