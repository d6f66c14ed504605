//! The conference server: arguments, files, clock and signals around the libraries.
#![expect(clippy::disallowed_methods, reason = "the shell reads the clock for the pure crates")]

mod arguments;
mod banner;
mod certificate;
mod check;
mod first_start;
mod ice_servers;
mod open_files;
mod run;
mod site;
mod watch;

use std::error::Error;
use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use crate::arguments::Arguments;

/// What is logged unless `RUST_LOG` says otherwise. The libraries below tell of every connection, with
/// addresses.
const DEFAULT_LOG: &str = "info,str0m=warn,str0m_proto=warn,dimpl=warn,sctp_proto=warn";
/// How long work that cannot be interrupted, such as the hashing of a password, may hold up the exit.
const EXIT_TIMEOUT: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    let arguments = match Arguments::read(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    if arguments.check {
        return check::run(&arguments);
    }
    start_log();
    open_files::raise_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(signalling_threads())
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    let result = runtime.block_on(run::run(arguments));
    runtime.shutdown_timeout(EXIT_TIMEOUT);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// Half as many threads as cores serve pages and WebSockets: media has a thread for each core, and most
/// of what is said in a meeting passes through one task anyway. More of them wake each other up for next
/// to nothing, which makes up a tenth of what a newcomer costs.
fn signalling_threads() -> usize {
    let cores = available_parallelism().map_or(1, NonZeroUsize::get);
    (cores / 2).max(1)
}

fn start_log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_LOG));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}

/// Says in one line what is wrong.
fn fail(error: &dyn Error) -> ExitCode {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        source = cause.source();
    }
    eprintln!("galene-server: {line}");
    ExitCode::FAILURE
}
