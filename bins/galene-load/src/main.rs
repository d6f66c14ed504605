//! A load generator for servers of Galène's protocol: publishers and subscribers in one process.
#![expect(clippy::disallowed_methods, reason = "a program that measures reads the clock")]

mod arguments;
mod attendance;
mod client;
mod clock;
mod connect;
mod connection;
mod cores;
mod crypto;
mod floor;
mod growth;
mod histogram;
mod idle;
mod packets;
mod process;
mod prove;
mod publisher;
mod report;
mod route;
mod run;
mod scenario;
mod server;
mod signalling;
mod socket;
mod source;
mod stage;
mod stamp;
mod subscriber;
mod tally;
mod track;
mod transport;
mod url;
mod window;
mod worker;

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Command};
use crate::report::Report;

fn main() -> ExitCode {
    match perform(Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("galene-load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn perform(arguments: Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (report, json): (Report, Option<PathBuf>) = match arguments.command {
        Command::Run(run) => (runtime.block_on(run::run(&run))?, run.target.json),
        Command::Idle(idle) => (runtime.block_on(idle::run(&idle))?, idle.target.json),
        Command::Connect(connect) => {
            (runtime.block_on(connect::run(&connect))?, connect.target.json)
        }
        Command::Floor(floor) => (floor::run(&floor)?, floor.json),
        Command::Growth(growth) => {
            let json = scenario::json_of(growth.json.as_deref(), "growth");
            (runtime.block_on(growth::run(&growth))?, json)
        }
        Command::Prove(prove) => {
            let json = scenario::json_of(prove.json.as_deref(), "prove");
            (runtime.block_on(prove::run(&prove))?, json)
        }
    };
    if let Some(json) = json {
        report.write_json(&json)?;
    }
    std::io::stdout().lock().write_all(report.to_string().as_bytes())?;
    Ok(if report.has_failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
