//! A server process of our own.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running `galene-server`. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// Where it serves HTTP, without a slash at the end.
    pub(crate) url: String,
}

impl Process {
    /// Starts a server in a directory and waits till it is ready.
    pub(crate) fn start(directory: &Path) -> Process {
        let program = program();
        let mut child = Command::new(&program)
            .current_dir(directory)
            .args(["-http", "127.0.0.1:0", "-insecure", "-udp-range", "0", "-shards", "1"])
            .args(["-advertise", "127.0.0.1"])
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let stdout = child.stdout.take().expect("it was asked for");
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let url = lines.find_map(|line| {
            let rest = line.trim().strip_prefix("http://")?;
            Some(format!("http://{}", rest.split('/').next()?))
        });
        // What it prints later must find a reader.
        std::thread::spawn(move || lines.for_each(drop));
        let url = url.expect("a server prints its address once it is ready; this one ended");
        Process { child, url }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// The server that was built together with these tests, or the one that is named.
fn program() -> PathBuf {
    if let Some(path) = env::var_os("GALENE_SERVER") {
        return path.into();
    }
    built("galene-server", "cargo build -p galene-server")
}

/// Returns the example of this name that was built together with these tests.
pub fn example(name: &str) -> PathBuf {
    built(&format!("examples/{name}"), "cargo build -p galene-examples --examples")
}

fn built(name: &str, by: &str) -> PathBuf {
    // Tests are in target/debug/deps/.
    let test = env::current_exe().expect("a running test has a file");
    let profile = test.parent().and_then(Path::parent).expect("tests are two directories down");
    let program = profile.join(format!("{name}{}", env::consts::EXE_SUFFIX));
    assert!(program.exists(), "{name} has not been built: {by}");
    program
}
