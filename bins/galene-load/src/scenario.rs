//! Scenarios: servers of our own, each started, measured by a command line of this program, and ended.

use std::error::Error;
use std::path::{Path, PathBuf};

use clap::Parser;

use crate::arguments::{Arguments, Command};
use crate::report::Report;
use crate::server::Server;
use crate::{connect, floor, idle, run};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Where servers come from, and where figures go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenarios<'a> {
    /// The program that is measured.
    pub(crate) server: &'a Path,
    /// The directory that gets a file with the figures of each scenario.
    pub(crate) json: Option<&'a Path>,
}

/// The least that a packet costs: the lower of two measurements, since whatever disturbs adds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Floor {
    /// Sealed and sent one after the other, as fast as it goes, to nobody.
    pub(crate) tight: f64,
    /// Sealed and sent in frames, with rests between them, to somebody who receives.
    pub(crate) paced: f64,
    /// The same with a frame in one send.
    pub(crate) paced_offload: f64,
}

impl Scenarios<'_> {
    /// Lets a fresh server with these options be measured by a command line of this program. `group` is
    /// the path below that of the server's group; groups below it exist once somebody joins them.
    pub(crate) async fn measure(
        &self,
        name: &str,
        options: &[&str],
        group: &str,
        line: &str,
    ) -> Result<Report> {
        let server = Server::start(self.server, options)?;
        let (pid, url) = (server.pid().to_string(), format!("{}{group}", server.url));
        let mut words = line.split_whitespace();
        let command = words.next().unwrap_or_default();
        let fixed = ["galene-load", command, &url, "--server-pid", &pid, "--threads", "1"];
        eprintln!("measuring: {name}");
        let measured = match Arguments::try_parse_from(fixed.into_iter().chain(words))?.command {
            Command::Run(run) => run::run(&run).await?,
            Command::Idle(idle) => idle::run(&idle).await?,
            Command::Connect(connect) => connect::run(&connect).await?,
            Command::Floor(_) | Command::Growth(_) | Command::Prove(_) => {
                return Err("no scenario".into());
            }
        };
        self.write(name, &measured)?;
        Ok(measured)
    }

    /// Measures the floor.
    pub(crate) fn floor(&self, name: &str) -> Result<Report> {
        eprintln!("measuring: {name}");
        let line = ["galene-load", "floor", "--sinks", "300"];
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

impl Floor {
    /// Takes the lower of two measurements.
    pub(crate) fn of(before: &Report, after: &Report) -> Self {
        let least = |key| {
            let get = |report: &Report| report.get(key).unwrap_or(f64::NAN);
            get(before).min(get(after))
        };
        Self {
            tight: least("floor_ns"),
            paced: least("paced_received_ns"),
            paced_offload: least("paced_gso_received_ns"),
        }
    }

    /// Reports it.
    pub(crate) fn show(&self, report: &mut Report) {
        report.title("floor: AES-128-GCM and a send, CPU time per packet of 1,200 bytes");
        report.number("floor_ns", "as fast as it goes, to nobody", self.tight, 0, "ns");
        report.number("floor_paced_ns", "30 frames/s, to receivers", self.paced, 0, "ns");
        let offload = self.paced_offload;
        report.number("floor_paced_gso_ns", "the same, a frame in one send", offload, 0, "ns");
    }
}
