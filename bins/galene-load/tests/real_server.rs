//! The generator as a process, against a real server.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::process::{Command, Output};
use std::sync::Arc;

use galene_conference::{Conference, Config, ShardId};
use galene_group::{Description, GroupLookup, Loaded, LookupError, resolve};
use galene_http::{Control, GroupStore, HttpConfig, HttpServer, MediaLink, NoTokens, listen};
use galene_net::{MediaConfig, MediaPlane, PortRange};
use galene_protocol::GroupName;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};

#[test]
fn everything_that_is_sent_arrives_and_is_told() {
    let server = Server::start();
    let options = "--subscribers 5 --duration 2s --chat 5 --video-kbps 500";
    let (output, figures) = server.load("run", options);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("forwarding") && text.contains("CPU per forwarded packet"), "{text}");

    let count = |key: &str| figures[key].as_u64().unwrap_or_else(|| panic!("no {key} in {text}"));
    assert!(count("sent_video") > 0 && count("sent_audio") > 0);
    assert_eq!(count("expected"), (count("sent_video") + count("sent_audio")) * 5);
    assert_eq!(count("received"), count("expected"), "{text}");
    for key in ["lost", "missing", "duplicates", "corrupt", "timestamp_errors", "frames_incomplete"]
    {
        assert_eq!(count(key), 0, "{key}: {text}");
    }
    assert_eq!(figures["join"]["count"], 5);
    let in_order = count("received") - count("out_of_order");
    assert_eq!(figures["latency"]["count"].as_u64().unwrap(), in_order);
    assert!(figures["latency"]["p50_ms"].as_f64().unwrap() > 0.0);
    assert!(count("chat_sent") > 0);
    assert_eq!(count("chat_received"), count("chat_sent") * 6, "{text}");
    assert!(count("server_cpu_ns") > 0 && count("server_rss_end") > 0);
    assert_eq!(figures["errors"], serde_json::json!({}));
}

#[test]
fn losses_on_the_way_are_repaired_and_encodings_switch() {
    let server = Server::start();
    let options =
        "--publishers 2 --subscribers 2 --duration 2s --no-audio --loss 3 --simulcast 2 --meeting";
    let (output, figures) = server.load("run", options);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(figures["dropped_on_purpose"].as_u64().unwrap() > 0, "{text}");
    assert!(figures["late_latency"]["count"].as_u64().unwrap() > 0, "{text}");
    assert_eq!((&figures["corrupt"], &figures["duplicates"]), (&0.into(), &0.into()), "{text}");
}

#[test]
fn transports_connect_idle_and_leave() {
    let server = Server::start();
    let (output, figures) = server.load("idle", "--transports 3 --duration 1s");
    assert!(output.status.success(), "{figures}");
    assert!(figures["percent_per_1000"].as_f64().unwrap() > 0.0);
    let (output, figures) = server.load("connect", "--connections 10 --in-flight 3");
    assert!(output.status.success(), "{figures}");
    assert_eq!(figures["join"]["count"], 10);
    assert!(figures["server_us_per_connection"].as_f64().unwrap() > 0.0);
}

#[test]
fn who_cannot_join_fails_and_says_why() {
    let server = Server::start();
    let (output, figures) = server.load("run", "--subscribers 1 --password x --username ann");
    assert_eq!(output.status.code(), Some(1));
    assert!(!figures["failures"].as_array().unwrap().is_empty(), "{figures}");
    assert!(!figures["errors"].as_object().unwrap().is_empty(), "{figures}");
}

/// A server on loopback, in this process.
struct Server {
    address: SocketAddr,
    _media: MediaPlane,
    _control: Control,
    _http: HttpServer,
    _runtime: Runtime,
}

impl Server {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let _guard = runtime.enter();
        let (report, events) = mpsc::unbounded_channel();
        let media = MediaConfig {
            ports: PortRange::single(0),
            advertise: vec![[127, 0, 0, 1].into()],
            shards: NonZeroU16::new(1),
            ..MediaConfig::default()
        };
        let report = move |shard, event| {
            // When the control plane is gone, nobody wants to know.
            let _gone = report.send((ShardId(shard), event));
        };
        let media = MediaPlane::start(&media, Arc::new(report)).unwrap();
        let conference = Conference::new(Config::default(), 1);
        let link = MediaLink { commands: media.commands(), events };
        let control = Control::start(conference, Arc::new(OneGroup), Arc::new(NoTokens), link);
        let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let config = HttpConfig::new(Arc::new(OneGroup), watch::channel(Arc::default()).1);
        let http = HttpServer::start(listener, config, control.handle().clone()).unwrap();
        let address = http.address().unwrap();
        Self { address, _media: media, _control: control, _http: http, _runtime: runtime }
    }

    /// Runs the generator, and returns what it says and the figures that it wrote, if any.
    fn load(&self, command: &str, options: &str) -> (Output, Value) {
        let directory = tempfile::tempdir().unwrap();
        let json = directory.path().join("figures.json");
        let output = Command::new(env!("CARGO_BIN_EXE_galene-load"))
            .args([command, &format!("http://{}/group/load/", self.address)])
            .args(["--server-pid", &std::process::id().to_string(), "--json"])
            .arg(&json)
            .args(options.split(' '))
            .output()
            .unwrap();
        let figures = std::fs::read(&json).map(|text| serde_json::from_slice(&text).unwrap());
        (output, figures.unwrap_or_default())
    }
}

/// One group, open to anybody but `ann`, who has a password.
#[derive(Debug)]
struct OneGroup;

impl GroupStore for OneGroup {
    fn lookup(&self, group: &GroupName) -> Result<GroupLookup, LookupError> {
        resolve(group, |name| {
            let text = r#"{
                "users": {"ann": {"password": "secret", "permissions": "op"}},
                "wildcard-user": {"password": {"type": "wildcard"}, "permissions": "present"}
            }"#;
            let description = Arc::new(Description::parse(text).unwrap());
            let loaded = Loaded { description, problem: None };
            Ok((name.as_str() == "load").then_some(loaded))
        })
    }

    fn public_groups(&self) -> Vec<GroupLookup> {
        Vec::new()
    }
}
