//! A real server, the one that was built beside this program.

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A running server. Killed when dropped.
pub(crate) struct RealServer {
    child: Child,
    pub(crate) url: String,
    _rest: Lines<BufReader<ChildStdout>>,
}

impl RealServer {
    /// Starts a server in a directory and waits till it is ready.
    pub(crate) fn start(directory: &Path, options: &[&str]) -> RealServer {
        let log = fs::File::create(directory.join("server.log")).unwrap();
        let mut child = Command::new(program())
            .current_dir(directory)
            .args(["-http", "127.0.0.1:0", "-udp-range", "0", "-shards", "1"])
            .args(["-advertise", "127.0.0.1"])
            .args(options)
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let line = line.trim();
            let rest = line.strip_prefix("http").filter(|_| line.contains("://"))?;
            let host = rest.split('/').nth(2)?;
            Some(format!("{}//{host}", line.split("//").next()?))
        });
        let url = url.unwrap_or_else(|| {
            panic!(
                "the server ended: {}",
                fs::read_to_string(directory.join("server.log")).unwrap()
            )
        });
        RealServer { child, url, _rest: lines }
    }
}

impl Drop for RealServer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// The server that was built beside this program, or the one that is named.
pub(crate) fn program() -> PathBuf {
    if let Some(path) = std::env::var_os("GALENE_SERVER") {
        return path.into();
    }
    let ours = Path::new(env!("CARGO_BIN_EXE_galenectl"));
    let program = ours.with_file_name(format!("galene-server{}", std::env::consts::EXE_SUFFIX));
    assert!(program.exists(), "galene-server has not been built: cargo build -p galene-server");
    program
}
