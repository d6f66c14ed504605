//! Every message against its golden file in `tests/fixtures/protocol`, which JavaScript reads, too.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use galene_protocol::{
    ClientBody, ClientMessage, CloseCode, GroupAction, Joined, ServerMessage, UserAction,
    UserActionKind, UserMessage, UserUpdate,
};
use serde_json::Value;

/// Defines a function from a message to the name of its golden files, and the list of these names, so
/// that a variant without a file fails the tests.
macro_rules! names {
    ($function:ident, $list:ident, $message:ty, $($pattern:pat => $name:literal,)*) => {
        const $list: &[&str] = &[$($name),*];

        fn $function(message: &$message) -> &'static str {
            match message {
                $($pattern => $name,)*
            }
        }
    };
}

names! { client_name, CLIENT_NAMES, ClientBody,
    ClientBody::Abort { .. } => "abort",
    ClientBody::Answer(_) => "answer",
    ClientBody::Chat(_) => "chat",
    ClientBody::Close { .. } => "close",
    ClientBody::GroupAction(GroupAction::ClearChat(_)) => "groupaction-clearchat",
    ClientBody::GroupAction(GroupAction::EditToken(_)) => "groupaction-edittoken",
    ClientBody::GroupAction(GroupAction::ListTokens) => "groupaction-listtokens",
    ClientBody::GroupAction(GroupAction::Lock { .. }) => "groupaction-lock",
    ClientBody::GroupAction(GroupAction::MakeToken(_)) => "groupaction-maketoken",
    ClientBody::GroupAction(GroupAction::Record) => "groupaction-record",
    ClientBody::GroupAction(GroupAction::SetData(_)) => "groupaction-setdata",
    ClientBody::GroupAction(GroupAction::Subgroups) => "groupaction-subgroups",
    ClientBody::GroupAction(GroupAction::Unknown { .. }) => "groupaction-unknown",
    ClientBody::GroupAction(GroupAction::Unlock) => "groupaction-unlock",
    ClientBody::GroupAction(GroupAction::Unrecord) => "groupaction-unrecord",
    ClientBody::Handshake(_) => "handshake",
    ClientBody::Ice(_) => "ice",
    ClientBody::Join(_) => "join",
    ClientBody::Leave { .. } => "leave",
    ClientBody::Offer(_) => "offer",
    ClientBody::Ping => "ping",
    ClientBody::Pong => "pong",
    ClientBody::Renegotiate { .. } => "renegotiate",
    ClientBody::Request(_) => "request",
    ClientBody::RequestStream { .. } => "request-stream",
    ClientBody::UserAction(UserAction { kind: UserActionKind::Identify, .. }) => "useraction-identify",
    ClientBody::UserAction(UserAction { kind: UserActionKind::Kick { .. }, .. }) => "useraction-kick",
    ClientBody::UserAction(UserAction { kind: UserActionKind::Op, .. }) => "useraction-op",
    ClientBody::UserAction(UserAction { kind: UserActionKind::Present, .. }) => "useraction-present",
    ClientBody::UserAction(UserAction { kind: UserActionKind::SetData(_), .. }) => "useraction-setdata",
    ClientBody::UserAction(UserAction { kind: UserActionKind::Shutup, .. }) => "useraction-shutup",
    ClientBody::UserAction(UserAction { kind: UserActionKind::Unknown { .. }, .. }) => "useraction-unknown",
    ClientBody::UserAction(UserAction { kind: UserActionKind::Unop, .. }) => "useraction-unop",
    ClientBody::UserAction(UserAction { kind: UserActionKind::Unpresent, .. }) => "useraction-unpresent",
    ClientBody::UserAction(UserAction { kind: UserActionKind::Unshutup, .. }) => "useraction-unshutup",
    ClientBody::UserMessage(_) => "usermessage",
}

names! { server_name, SERVER_NAMES, ServerMessage,
    ServerMessage::Abort { .. } => "abort",
    ServerMessage::Answer(_) => "answer",
    ServerMessage::Chat(_) => "chat",
    ServerMessage::ChatHistory(_) => "chathistory",
    ServerMessage::Close { .. } => "close",
    ServerMessage::Encodings { .. } => "encodings",
    ServerMessage::Handshake { .. } => "handshake",
    ServerMessage::Ice(_) => "ice",
    ServerMessage::Joined(Joined::Change(_)) => "joined-change",
    ServerMessage::Joined(Joined::Fail { .. }) => "joined-fail",
    ServerMessage::Joined(Joined::Join(_)) => "joined-join",
    ServerMessage::Joined(Joined::Leave(_)) => "joined-leave",
    ServerMessage::Joined(Joined::Redirect { .. }) => "joined-redirect",
    ServerMessage::Offer(_) => "offer",
    ServerMessage::Ping => "ping",
    ServerMessage::Pong => "pong",
    ServerMessage::Renegotiate { .. } => "renegotiate",
    ServerMessage::Speakers(_) => "speakers",
    ServerMessage::StreamStatus { .. } => "streamstatus",
    ServerMessage::User(UserUpdate::Add(_)) => "user-add",
    ServerMessage::User(UserUpdate::Change(_)) => "user-change",
    ServerMessage::User(UserUpdate::Delete { .. }) => "user-delete",
    ServerMessage::UserMessage(UserMessage::ClearChat(_)) => "usermessage-clearchat",
    ServerMessage::UserMessage(UserMessage::Error { .. }) => "usermessage-error",
    ServerMessage::UserMessage(UserMessage::Kicked { .. }) => "usermessage-kicked",
    ServerMessage::UserMessage(UserMessage::Relayed(_)) => "usermessage-relayed",
    ServerMessage::UserMessage(UserMessage::Token(_)) => "usermessage-token",
    ServerMessage::UserMessage(UserMessage::TokenList(_)) => "usermessage-tokenlist",
    ServerMessage::UserMessage(UserMessage::UserInfo(_)) => "usermessage-userinfo",
    ServerMessage::UserMessage(UserMessage::Warning { .. }) => "usermessage-warning",
}

#[test]
fn every_client_message_has_golden_files_that_survive_a_round_trip() {
    check_folder("client", CLIENT_NAMES, |json| {
        let message = ClientMessage::decode(json).map_err(|error| error.to_string())?;
        let encoded = message.encode();
        let again = ClientMessage::decode(encoded.as_bytes()).map_err(|error| error.to_string())?;
        assert_eq!(again, message);
        Ok((client_name(&message.body), encoded))
    });
}

#[test]
fn every_server_message_has_golden_files_that_survive_a_round_trip() {
    check_folder("server", SERVER_NAMES, |json| {
        let message = ServerMessage::decode(json).map_err(|error| error.to_string())?;
        let encoded = message.encode();
        let again = ServerMessage::decode(encoded.as_bytes()).map_err(|error| error.to_string())?;
        assert_eq!(again, message);
        Ok((server_name(&message), encoded))
    });
}

#[test]
fn what_a_server_refuses_is_refused_with_the_right_code_and_reason() {
    for (name, case) in folder("bad") {
        let error = ClientMessage::decode(text_of(&case).as_bytes()).expect_err(&name);
        let code = error.close_code().map(u16::from);
        assert_eq!(code.map(u64::from), case["close"].as_u64(), "{name}: {error}");
        assert_eq!(Some(error.to_string().as_str()), case["reason"].as_str(), "{name}");
    }
}

#[test]
fn other_ways_to_say_the_same_are_understood() {
    for (name, case) in folder("tolerated") {
        let same_as = case["same_as"].as_str().expect("the name of a file");
        let (direction, golden) = same_as.split_once('/').expect("a folder and a file");
        let (text, golden) = (text_of(&case), folder(direction)[golden].to_string());
        match direction {
            "client" => {
                let message = ClientMessage::decode(text.as_bytes()).expect(&name);
                assert_eq!(Ok(message), ClientMessage::decode(golden.as_bytes()), "{name}");
            }
            _ => {
                let message = ServerMessage::decode(text.as_bytes()).expect(&name);
                assert_eq!(Ok(message), ServerMessage::decode(golden.as_bytes()), "{name}");
            }
        }
    }
}

#[test]
fn a_message_that_is_cut_short_anywhere_is_refused() {
    for (name, golden) in folder("client") {
        let json = golden.to_string();
        for length in 0..json.len() {
            let error = ClientMessage::decode(&json.as_bytes()[..length]).expect_err(&name);
            assert_eq!(
                error.close_code(),
                Some(CloseCode::Internal),
                "{name} after {length} bytes"
            );
        }
    }
}

/// Checks that each file of a folder is canonical and named after its message, and that no message
/// lacks a file.
fn check_folder(
    name: &str,
    expected: &[&str],
    round_trip: impl Fn(&[u8]) -> Result<(&'static str, String), String>,
) {
    let mut seen = BTreeSet::new();
    for (file, golden) in folder(name) {
        let (variant, encoded) = round_trip(golden.to_string().as_bytes())
            .unwrap_or_else(|error| panic!("{file}: {error}"));
        let encoded: Value = serde_json::from_str(&encoded).expect("encoding gives JSON");
        assert_eq!(encoded, golden, "{file}");
        assert_eq!(file.split('.').next(), Some(variant), "{file}");
        seen.insert(variant);
    }
    assert_eq!(seen, expected.iter().copied().collect(), "messages with and without a golden file");
}

/// Returns the files of a folder, by name without extension.
fn folder(name: &str) -> BTreeMap<String, Value> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/protocol").join(name);
    let files = fs::read_dir(&path).expect("the folder of golden files").map(|entry| {
        let path = entry.expect("an entry of the folder").path();
        let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("a golden file");
        let json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, json)
    });
    files.collect()
}

/// Returns what is sent: JSON, or text as it stands.
fn text_of(case: &Value) -> String {
    case["text"].as_str().map_or_else(|| case["message"].to_string(), str::to_owned)
}
