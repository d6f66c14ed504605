//! Scripts for shells.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::arguments::Arguments;
use crate::error::Error;

/// Prints a script that completes commands and flags.
pub(crate) fn print(shell: Shell) -> Result<(), Error> {
    let mut script = Vec::new();
    generate(shell, &mut Arguments::command(), "galenectl", &mut script);
    super::print(&String::from_utf8_lossy(&script))
}
