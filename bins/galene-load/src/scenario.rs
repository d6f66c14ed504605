//! Scenarios: servers of our own, each started, measured by a command line of this program, and ended.

use std::error::Error;
use std::path::{Path, PathBuf};

use clap::Parser;

use crate::arguments::{Arguments, Command};
use crate::cores::Cores;
use crate::report::Report;
use crate::server::Server;
use crate::{connect, floor, idle, run};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Where servers come from, and where figures go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenarios<'a> {
    /// The program that is measured.
    server: &'a Path,
    /// The directory that gets a file with the figures of each scenario.
    json: Option<&'a Path>,
}

impl<'a> Scenarios<'a> {
    /// Makes the directory for the figures, if there is none yet.
    pub(crate) fn new(server: &'a Path, json: Option<&'a Path>) -> Result<Self> {
        if let Some(directory) = json {
            std::fs::create_dir_all(directory)
                .map_err(|error| format!("{}: {error}", directory.display()))?;
        }
        Ok(Self { server, json })
    }

    /// Lets a fresh server with these options be measured by a command line of this program. `group` is
    /// the path below that of the server's group; groups below it exist once somebody joins them.
    ///
    /// A server that is told how many shards to have gets as many cores of its own, if any are left then for
    /// the generator.
    pub(crate) async fn measure(
        &self,
        name: &str,
        options: &[&str],
        group: &str,
        line: &str,
    ) -> Result<Report> {
        let shards = options.iter().skip_while(|option| **option != "-shards").nth(1);
        let cores = Cores::set_aside(shards.map_or(Ok(0), |shards| shards.parse())?)?;
        let server = cores.as_server(|| Server::start(self.server, options))??;
        let (pid, url) = (server.pid().to_string(), format!("{}{group}", server.url));
        let mut words = line.split_whitespace();
        let command = words.next().unwrap_or_default();
        let fixed = ["galene-load", command, &url, "--server-pid", &pid, "--threads", "1"];
        eprintln!("measuring: {name}");
        // What follows is one future of one task, and its threads are started where it runs.
        cores.become_generator()?;
        let measured = match Arguments::try_parse_from(fixed.into_iter().chain(words))?.command {
            Command::Run(run) => run::run(&run).await?,
            Command::Idle(idle) => idle::run(&idle).await?,
            Command::Connect(connect) => connect::run(&connect).await?,
            Command::Floor(_) | Command::Growth(_) | Command::Prove(_) => {
                return Err("no scenario".into());
            }
        };
        cores.share()?;
        self.write(name, &measured)?;
        Ok(measured)
    }

    /// Measures these parts of the floor for so many receivers.
    pub(crate) fn floor(&self, name: &str, receivers: u32, parts: &str) -> Result<Report> {
        eprintln!("measuring: {name}");
        let receivers = receivers.to_string();
        let line = ["galene-load", "floor", "--sinks", &receivers, "--only", parts];
        let Command::Floor(arguments) = Arguments::try_parse_from(line)?.command else {
            return Err("no floor".into());
        };
        let report = floor::run(&arguments)?;
        self.write(name, &report)?;
        Ok(report)
    }

    fn write(&self, name: &str, report: &Report) -> Result<()> {
        if let Some(file) = json_of(self.json, name) {
            report.write_json(&file)?;
        }
        Ok(())
    }
}

/// Returns where the figures of a scenario go.
pub(crate) fn json_of(directory: Option<&Path>, scenario: &str) -> Option<PathBuf> {
    directory.map(|directory| directory.join(format!("{}.json", scenario.replace(' ', "-"))))
}
