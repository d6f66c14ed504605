//! A running server.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc;

use tempfile::TempDir;

/// A directory to run servers in.
pub(crate) struct Place {
    pub(crate) directory: TempDir,
}

impl Place {
    pub(crate) fn new() -> Place {
        Place { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn command(&self, options: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_galene-server"));
        command.current_dir(self.directory.path()).args(options).env_remove("RUST_LOG");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts a server on free ports of 127.0.0.1 and waits till it is ready.
    pub(crate) fn start(&self, options: &[&str]) -> Server {
        let mut all = vec!["-advertise", "127.0.0.1"];
        if !options.contains(&"-http") {
            all.extend(["-http", "127.0.0.1:0"]);
        }
        if !options.contains(&"-udp-range") {
            all.extend(["-udp-range", "0"]);
        }
        all.extend(options);
        let mut child = self.command(&all).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let log = Log::of(child.stderr.take().unwrap());
        let mut server = Server { child, log, banner: Vec::new(), rest: None };
        server.read_banner(stdout);
        server
    }

    /// Runs a server that ends by itself.
    pub(crate) fn run(&self, options: &[&str]) -> Output {
        self.command(options).output().unwrap()
    }
}

/// A server that is ready. Killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) log: Log,
    /// What it printed when it was ready.
    pub(crate) banner: Vec<String>,
    rest: Option<BufReader<ChildStdout>>,
}

impl Server {
    fn read_banner(&mut self, stdout: ChildStdout) {
        let mut reader = BufReader::new(stdout);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap() == 0 {
                panic!("the server ended: {:?}", self.log.rest());
            }
            let line = line.trim_end().to_owned();
            // The ways in which what is printed ends.
            let is_last = ["Anybody else joins", "Names and passwords are", "There is no group"]
                .iter()
                .any(|start| line.starts_with(start));
            self.banner.push(line);
            if is_last {
                self.rest = Some(reader);
                return;
            }
        }
    }

    /// The first URL that was printed.
    pub(crate) fn url(&self) -> &str {
        self.banner.iter().find_map(|line| line.strip_prefix("  ")).unwrap()
    }

    /// Where HTTP is served.
    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.url().split('/').nth(2).unwrap().parse().unwrap()
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        let kill = format!("kill -TERM {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits till the process ends. Returns its exit code, and what else it printed.
    pub(crate) fn wait(&mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.rest.take().unwrap().read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// The lines of a server's log, as they come.
pub(crate) struct Log(mpsc::Receiver<String>);

impl Log {
    fn of(stderr: ChildStderr) -> Log {
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Log(lines)
    }

    /// Waits for a line that contains a text.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        let mut seen = Vec::new();
        for line in &self.0 {
            if line.contains(text) {
                return line;
            }
            seen.push(line);
        }
        panic!("the server ended without {text:?} in its log: {seen:?}")
    }

    /// How many of the lines that are there contain a text.
    pub(crate) fn try_count(&self, text: &str) -> usize {
        self.0.try_iter().filter(|line| line.contains(text)).count()
    }

    /// All further lines till the end.
    pub(crate) fn rest(&self) -> Vec<String> {
        self.0.iter().collect()
    }
}

/// The text of a file.
pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}
