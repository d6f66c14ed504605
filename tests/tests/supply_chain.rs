//! Holds what is built to the lists of `deny.toml`, with nothing but cargo.
//!
//! cargo-deny reads the same file and knows more (advisories, licence texts); this test is what every
//! run of the tests can afford.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use cargo_metadata::semver::{Version, VersionReq};
use cargo_metadata::{MetadataCommand, Package};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// How many crates, ours included, the server may be built from. Each is code that someone has to
/// trust; when the number was chosen there were 177.
const MAX_SERVER_CRATES: usize = 250;

#[test]
fn every_licence_is_allowed() {
    let allowed = list("licenses", "allow");
    let refused: BTreeSet<String> = packages()
        .iter()
        .map(|package| (&package.name, package.license.as_deref().unwrap_or("none")))
        .filter(|(_, licence)| !is_allowed(licence, &allowed))
        .map(|(name, licence)| format!("{name}: {licence}"))
        .collect();
    assert_eq!(refused, BTreeSet::new());
}

#[test]
fn nothing_banned_is_built() {
    let bans: Vec<(String, VersionReq)> = list("bans", "deny")
        .iter()
        .map(|spec| {
            let (name, versions) = spec.split_once(':').unwrap_or((spec, "*"));
            (name.to_owned(), VersionReq::parse(versions).expect("deny.toml is well-formed"))
        })
        .collect();
    let built = tree(&["--workspace", "--edges", "normal,build,dev"]);
    let banned: Vec<_> = built
        .iter()
        .filter(|(name, version)| bans.iter().any(|(n, v)| n == name && v.matches(version)))
        .collect();
    assert_eq!(banned, Vec::<&(String, Version)>::new());
}

#[test]
fn the_list_of_what_is_built_is_not_empty_of_what_is_known_to_be() {
    // Without this, a change in cargo's output would make the test above pass for nothing.
    let built = tree(&["--workspace", "--edges", "normal,build,dev"]);
    for known in ["galene-server", "str0m", "rustls", "proptest"] {
        assert!(built.iter().any(|(name, _)| name == known), "{known} is missing");
    }
}

#[test]
fn everything_comes_from_the_registries_that_are_allowed() {
    let allowed: Vec<String> =
        list("sources", "allow-registry").iter().map(|url| format!("registry+{url}")).collect();
    for package in packages() {
        if let Some(source) = &package.source {
            assert!(allowed.contains(&source.repr), "{} comes from {source}", package.name);
        }
    }
}

#[test]
fn our_crates_say_which_versions_they_need() {
    for package in packages().iter().filter(|p| p.source.is_none()) {
        for dependency in &package.dependencies {
            assert!(
                dependency.path.is_some() || dependency.req != VersionReq::STAR,
                "{} takes any version of {}",
                package.name,
                dependency.name
            );
        }
    }
}

#[test]
fn the_server_is_built_from_few_crates() {
    let built = tree(&["--package", "galene-server", "--edges", "normal,build"]);
    let count = built.len();
    assert!(count <= MAX_SERVER_CRATES, "the server is built from {count} crates");
}

#[test]
fn a_licence_expression_is_allowed_if_one_of_its_alternatives_is() {
    let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
    for expression in [
        "MIT",
        "GPL-3.0 OR MIT",
        "MIT/Apache-2.0",
        "ISC AND (GPL-3.0 OR MIT)",
        "GPL-3.0 AND MIT OR ISC",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert!(is_allowed(expression, &allowed), "{expression}");
    }
    for expression in [
        "",
        "GPL-3.0",
        "GPL-3.0 AND MIT",
        "(GPL-3.0 OR MIT) AND GPL-3.0",
        "Apache-2.0",
        "MIT WITH Classpath-exception-2.0",
        "MIT (",
        "(MIT",
    ] {
        assert!(!is_allowed(expression, &allowed), "{expression}");
    }
}

/// Returns the first string on each line of a list in `deny.toml`.
fn list(section: &str, key: &str) -> Vec<String> {
    let text = fs::read_to_string(format!("{ROOT}/deny.toml")).expect("deny.toml is in the root");
    let list: Vec<String> = text
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != format!("[{section}]"))
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .skip_while(|line| *line != format!("{key} = ["))
        .skip(1)
        .take_while(|line| *line != "]")
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split('"').nth(1).expect("each line has a string").to_owned())
        .collect();
    assert!(!list.is_empty(), "{key} of [{section}] was not found");
    list
}

/// Returns everything that building this workspace, tests included, could need on our targets.
fn packages() -> Vec<Package> {
    let options = list("graph", "targets")
        .into_iter()
        .flat_map(|target| ["--filter-platform".to_owned(), target])
        .chain(["--locked".to_owned()])
        .collect::<Vec<_>>();
    MetadataCommand::new()
        .manifest_path(format!("{ROOT}/Cargo.toml"))
        .other_options(options)
        .exec()
        .expect("cargo can read this workspace, from which it built this test")
        .packages
}

/// Returns the crates that are built on our targets with the features that are switched on, which
/// cargo's metadata does not tell exactly.
fn tree(options: &[&str]) -> BTreeSet<(String, Version)> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(ROOT).args(["tree", "--locked", "--prefix", "none", "--format", "{p}"]);
    command.args(options);
    for target in list("graph", "targets") {
        command.args(["--target", &target]);
    }
    let output = command.output().expect("the cargo that built this test still exists");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).expect("names of crates are UTF-8");
    // Each line is a name, a version, and more that is of no interest here.
    lines
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let name = words.next().filter(|name| !name.is_empty())?;
            let version = words.next()?.strip_prefix('v')?;
            Some((name.to_owned(), Version::parse(version).ok()?))
        })
        .collect()
}

/// Returns whether a licence expression (SPDX, annex D) can be met by the licences in `allowed`.
///
/// An expression that cannot be read is not allowed.
fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    // An older notation has a slash for OR.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = &tokens[..];
    alternatives(&mut rest, allowed) == Some(true) && rest.is_empty()
}

fn alternatives(rest: &mut &[&str], allowed: &[String]) -> Option<bool> {
    let mut result = conjunction(rest, allowed)?;
    while take(rest, "OR") {
        result |= conjunction(rest, allowed)?;
    }
    Some(result)
}

fn conjunction(rest: &mut &[&str], allowed: &[String]) -> Option<bool> {
    let mut result = licence(rest, allowed)?;
    while take(rest, "AND") {
        result &= licence(rest, allowed)?;
    }
    Some(result)
}

fn licence(rest: &mut &[&str], allowed: &[String]) -> Option<bool> {
    if take(rest, "(") {
        let result = alternatives(rest, allowed)?;
        return take(rest, ")").then_some(result);
    }
    let mut name = rest.split_off_first()?.to_string();
    if take(rest, "WITH") {
        name = format!("{name} WITH {}", rest.split_off_first()?);
    }
    Some(allowed.contains(&name))
}

fn take(rest: &mut &[&str], token: &str) -> bool {
    let is_next = rest.first() == Some(&token);
    if is_next {
        *rest = &rest[1..];
    }
    is_next
}
