//! Administers a conference server by its HTTP interface, with Galène's commands and some more.
#![expect(clippy::disallowed_methods, reason = "a program for people reads the clock")]

mod api;
mod arguments;
mod client;
mod commands;
mod duration;
mod error;
mod listing;
mod pattern;
mod permissions;
mod progress;
mod prompt;
mod settings;
mod tls;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};

use crate::arguments::Arguments;

/// What the exit code says of a flag that does not exist or has no sensible value; of everything else
/// that fails it says 1.
const BAD_FLAG: u8 = 2;

fn main() -> ExitCode {
    let line = galene_arguments::to_clap(&Arguments::command(), std::env::args_os());
    let parsed = Arguments::command()
        .try_get_matches_from(line)
        .and_then(|matches| Arguments::from_arg_matches(&matches));
    let arguments = match parsed {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    let as_json = arguments.json;
    match commands::run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our output has read enough.
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            let _unread: io::Result<()> = if as_json {
                writeln!(io::stderr(), "{}", error.to_json())
            } else {
                writeln!(io::stderr(), "galenectl: {}", error.line())
            };
            ExitCode::FAILURE
        }
    }
}

/// Says what is wrong with the command line, or what was asked about it.
fn usage(error: &clap::Error) -> ExitCode {
    // There is nobody to tell if this fails.
    let _unread: io::Result<()> = error.print();
    let kind = error.kind();
    let is_bad_flag =
        matches!(kind, ErrorKind::InvalidValue | ErrorKind::ValueValidation | ErrorKind::NoEquals)
            || kind == ErrorKind::UnknownArgument && is_flag(error);
    if matches!(kind, ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        ExitCode::SUCCESS
    } else if is_bad_flag {
        ExitCode::from(BAD_FLAG)
    } else {
        ExitCode::FAILURE
    }
}

/// Whether what is unknown is a flag, and not an argument of a command that takes none.
fn is_flag(error: &clap::Error) -> bool {
    use clap::error::{ContextKind, ContextValue};
    matches!(error.get(ContextKind::InvalidArg), Some(ContextValue::String(name)) if name.starts_with('-'))
}
