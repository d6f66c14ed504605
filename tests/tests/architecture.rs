//! Holds the dependencies between the crates of this workspace to the table below.
//!
//! A new crate needs a row and a new edge needs an entry: both change the architecture, so they are
//! settled in `docs/architecture.md` first.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use Ring::{Development, Parts, Program, Shell, Whole, Words};
use cargo_metadata::camino::Utf8Path;
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// How far out a crate lies. Dependencies point inwards, or aside within a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ring {
    /// 0: words and bytes.
    Words,
    /// 1: state machines, each for one concern.
    Parts,
    /// 2: the state machine of a whole server.
    Whole,
    /// 3: sockets, files, tasks and the clock.
    Shell,
    /// 4: what is run.
    Program,
    /// What is built only to be tried, measured or shown.
    Development,
}

/// Each crate, its ring, and the crates of ours that it may use as normal or build dependencies.
#[rustfmt::skip]
const TABLE: [(&str, Ring, &[&str]); 21] = [
    ("galene-congestion", Words,       &[]),
    ("galene-protocol",   Words,       &[]),
    ("galene-rtp",        Words,       &[]),

    ("galene-auth",       Parts,       &["galene-protocol"]),
    ("galene-group",      Parts,       &["galene-auth", "galene-protocol"]),
    ("galene-sfu",        Parts,       &["galene-congestion", "galene-rtp"]),

    ("galene-conference", Whole,       &["galene-auth", "galene-group", "galene-protocol", "galene-sfu"]),

    ("galene-arguments",  Shell,       &[]),
    ("galene-http",       Shell,       &["galene-auth", "galene-conference", "galene-group",
                                         "galene-protocol", "galene-store", "galene-web"]),
    ("galene-net",        Shell,       &["galene-sfu"]),
    ("galene-store",      Shell,       &["galene-auth", "galene-group", "galene-protocol"]),
    ("galene-trust",      Shell,       &[]),
    ("galene-web",        Shell,       &[]),

    ("galene-server",     Program,     &["galene-arguments", "galene-auth", "galene-conference", "galene-group",
                                         "galene-http", "galene-net", "galene-protocol",
                                         "galene-sfu", "galene-store", "galene-web"]),

    ("galene-load",       Program,     &["galene-protocol", "galene-trust"]),
    ("galenectl",         Program,     &["galene-arguments", "galene-auth", "galene-group",
                                         "galene-protocol", "galene-store", "galene-trust"]),

    ("galene-testkit",    Development, &[]),
    ("galene-benches",    Development, &["galene-conference", "galene-congestion", "galene-group",
                                         "galene-protocol", "galene-sfu", "galene-testkit"]),
    ("galene-conformance", Development, &[]),
    ("galene-examples",   Development, &[]),
    ("galene-tests",      Development, &["galene-auth", "galene-conference", "galene-congestion",
                                         "galene-group", "galene-protocol", "galene-sfu",
                                         "galene-testkit"]),
];

/// What talks to the network or to an executor of tasks, by the start of its name. Rings 0 to 2 do
/// neither.
const OUTSIDE_WORLD: [&str; 7] =
    ["hyper", "if-addrs", "mio", "quinn-udp", "socket2", "tokio", "tungstenite"];

/// The media engine and its companions, by the start of their names. It changes its API about once a
/// month, and what stands for browsers in tests and under load has to be made of it too.
const ENGINE: [&str; 3] = ["dimpl", "sctp-proto", "str0m"];
const ENGINE_USERS: [&str; 3] = ["galene-load", "galene-sfu", "galene-testkit"];

/// The packages that are nothing but tests or benchmarks; all others use the testkit only in theirs.
const TESTKIT_USERS: [&str; 2] = ["galene-benches", "galene-tests"];

#[test]
fn every_crate_has_a_row_and_every_row_a_crate() {
    let crates: BTreeSet<String> =
        workspace().workspace_packages().iter().map(|p| p.name.to_string()).collect();
    let rows: BTreeSet<String> = TABLE.iter().map(|row| row.0.to_owned()).collect();
    assert_eq!(crates, rows);
}

#[test]
fn the_table_points_inwards() {
    for (name, ring, uses) in TABLE {
        for used in uses {
            assert!(ring_of(used) <= ring, "{name} may not use {used}, which lies further out");
        }
    }
}

#[test]
fn crates_use_no_crates_but_those_of_their_rows() {
    let workspace = workspace();
    let mut violations = Vec::new();
    for package in workspace.workspace_packages() {
        let (name, _, uses) = row(&package.name);
        for used in built_into(package).filter(|used| is_ours(used)) {
            if !uses.contains(&used) {
                violations.push(format!("{name} uses {used}"));
            }
        }
    }
    assert_eq!(violations, Vec::<String>::new());
}

#[test]
fn rings_0_to_2_stay_away_from_the_outside_world() {
    let workspace = workspace();
    let packages: BTreeMap<&str, &Package> =
        workspace.workspace_packages().iter().map(|&p| (p.name.as_str(), p)).collect();
    let mut violations = Vec::new();
    for (name, ring, _) in TABLE {
        if ring > Whole {
            continue;
        }
        // Through our own crates, but not through others: what an engine can do is not what we use.
        let mut to_visit = vec![name];
        let mut visited = BTreeSet::new();
        while let Some(visiting) = to_visit.pop() {
            if !visited.insert(visiting) {
                continue;
            }
            for used in built_into(packages[visiting]) {
                if is_ours(used) {
                    to_visit.push(used);
                } else if starts_with_any(used, &OUTSIDE_WORLD) {
                    violations.push(format!("{name} uses {used}, by way of {visiting}"));
                }
            }
        }
    }
    assert_eq!(violations, Vec::<String>::new());
}

#[test]
fn only_the_forwarding_core_and_the_testkit_know_the_engine() {
    let mut violations = Vec::new();
    for package in workspace().workspace_packages() {
        for dependency in &package.dependencies {
            if starts_with_any(&dependency.name, &ENGINE)
                && !ENGINE_USERS.contains(&package.name.as_str())
            {
                violations.push(format!("{} uses {}", package.name, dependency.name));
            }
        }
    }
    assert_eq!(violations, Vec::<String>::new());
}

#[test]
fn the_testkit_is_for_development_and_knows_nothing_of_what_it_tests() {
    for package in workspace().workspace_packages() {
        if !TESTKIT_USERS.contains(&package.name.as_str()) {
            assert!(
                built_into(package).all(|used| used != "galene-testkit"),
                "{} is built with the testkit",
                package.name
            );
        }
        if package.name == "galene-testkit" {
            let ours = package.dependencies.iter().find(|d| is_ours(&d.name));
            assert_eq!(ours.map(|d| &d.name), None, "a crate under test");
        }
    }
}

#[test]
fn every_crate_inherits_the_lints_and_the_minimum_version_of_the_workspace() {
    for package in workspace().workspace_packages() {
        let manifest = fs::read_to_string(&package.manifest_path).expect("it was just listed");
        let lines: Vec<&str> = manifest.lines().map(str::trim).collect();
        let inherits_lints = lines.windows(2).any(|w| w == ["[lints]", "workspace = true"]);
        assert!(inherits_lints, "{} has its own lints", package.name);
        for line in ["edition.workspace = true", "rust-version.workspace = true"] {
            assert!(lines.contains(&line), "{} lacks `{line}`", package.name);
        }
    }
}

#[test]
fn every_crate_is_called_after_its_folder() {
    let workspace = workspace();
    for package in workspace.workspace_packages() {
        let folder = package.manifest_path.parent().expect("a manifest lies in a folder");
        let path = folder.strip_prefix(&workspace.workspace_root).expect("a member lies within");
        let expected = match path.parent().map(Utf8Path::as_str) {
            Some("crates" | "bins") => path.file_name().map(str::to_owned),
            _ => path.file_name().map(|folder| format!("galene-{folder}")),
        };
        assert_eq!(Some(package.name.to_string()), expected, "in {path}");
    }
}

fn workspace() -> Metadata {
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo can read this workspace, from which it built this test")
}

fn row(name: &str) -> (&'static str, Ring, &'static [&'static str]) {
    let row = TABLE.into_iter().find(|row| row.0 == name);
    row.unwrap_or_else(|| panic!("{name} has no row in the table"))
}

fn ring_of(name: &str) -> Ring {
    row(name).1
}

fn is_ours(name: &str) -> bool {
    name.starts_with("galene")
}

fn starts_with_any(name: &str, starts: &[&str]) -> bool {
    starts.iter().any(|start| name.starts_with(start))
}

/// Returns what a crate is built with when it is not being tested.
fn built_into(package: &Package) -> impl Iterator<Item = &str> {
    let dependencies = package.dependencies.iter();
    dependencies.filter(|d| d.kind != DependencyKind::Development).map(|d| d.name.as_str())
}
