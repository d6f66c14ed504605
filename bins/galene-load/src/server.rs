//! A server of our own to be measured: started for one scenario, and ended after it.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The group's definition: whoever comes may publish, and groups below it are like it.
const GROUP: &str = r#"{
  "wildcard-user": {"password": {"type": "wildcard"}, "permissions": "present"},
  "max-clients": 10000,
  "auto-subgroups": true
}
"#;

/// A running `galene-server` with a directory of its own, both of which go with this.
pub(crate) struct Server {
    child: Child,
    directory: PathBuf,
    /// The page of its group.
    pub(crate) url: String,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerError {
    #[error("cannot make a directory for the server")]
    Directory(#[source] io::Error),
    #[error("cannot start {program}: {source}")]
    Start { program: PathBuf, source: io::Error },
    #[error("{0} ended before it was ready, or says nowhere where it listens")]
    Silent(PathBuf),
}

impl Server {
    /// Starts the program on loopback with these options beside those that it needs.
    pub(crate) fn start(program: &Path, options: &[&str]) -> Result<Self, ServerError> {
        let directory =
            std::env::temp_dir().join(format!("galene-load-{:016x}", fastrand::u64(..)));
        fs::create_dir_all(directory.join("groups"))
            .and_then(|()| fs::write(directory.join("groups/load.json"), GROUP))
            .map_err(ServerError::Directory)?;
        let path = fs::canonicalize(program).unwrap_or_else(|_| program.to_owned());
        let fixed = ["-insecure", "-http", "127.0.0.1:0", "-advertise", "127.0.0.1"];
        let child = Command::new(path)
            .args(fixed)
            .args(["-udp-range", "20000-29999"])
            .args(options)
            .current_dir(&directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let child =
            child.map_err(|source| ServerError::Start { program: program.to_owned(), source })?;
        let mut server = Self { child, directory, url: String::new() };
        let output = server.child.stdout.take().map(BufReader::new);
        let lines = output.into_iter().flat_map(|output| output.lines().map_while(Result::ok));
        let port = lines.into_iter().find_map(|line| port(&line));
        let port = port.ok_or_else(|| ServerError::Silent(program.to_owned()))?;
        server.url = format!("http://127.0.0.1:{port}/group/load/");
        Ok(server)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // What cannot be ended or removed is left behind; nothing depends on it.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
        let _removed = fs::remove_dir_all(&self.directory);
    }
}

/// Finds the port in a line with a URL of the server.
fn port(line: &str) -> Option<u16> {
    let (_, rest) = line.split_once("http://")?;
    let (_, rest) = rest.split_once(':')?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_found_where_the_server_says_where_it_is() {
        assert_eq!(port("  http://127.0.0.1:8443/group/load/"), Some(8443));
        assert_eq!(port("http://[::1]/"), None);
        assert_eq!(port("Open in a browser:"), None);
    }

    #[test]
    fn a_program_that_is_no_server_is_refused() {
        assert!(matches!(
            Server::start(Path::new("/nowhere/galene-server"), &[]),
            Err(ServerError::Start { .. })
        ));
        assert!(matches!(Server::start(Path::new("/bin/true"), &[]), Err(ServerError::Silent(_))));
    }
}
