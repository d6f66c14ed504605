//! `-check`: says what is wrong with the files before a server uses them.

use std::io::{self, Write};
use std::process::ExitCode;

use galene_store::{Config, GroupFiles, Problem, TokenFile};

use crate::arguments::Arguments;
use crate::{ice_servers, site};

/// Looks at all files and prints a line for each problem. Fails if one of them is more than a warning.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let config = arguments.data.join("config.json");
    let groups = GroupFiles::new(arguments.groups.clone());
    let tokens = TokenFile::new(arguments.data.join("var/tokens.jsonl"));
    let problems = galene_store::check(&config, &groups, &tokens);
    let mut errors = problems.iter().filter(|problem| matches!(problem, Problem::Error(_))).count();
    let mut lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    if let Ok(read) = Config::read(&config)
        && let Err(error) = site::settings(&read)
    {
        errors += 1;
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        let directory = arguments.data.display();
        lines.push(format!("error: {directory}/{error}{}", cause.unwrap_or_default()));
    }
    let ice_servers = ice_servers::problems(&arguments.data.join("ice-servers.json"));
    errors += ice_servers.len();
    lines.extend(ice_servers.into_iter().map(|problem| format!("error: {problem}")));
    let warnings = lines.len() - errors;
    lines.push(format!(
        "{}: {} groups, {errors} errors, {warnings} warnings",
        arguments.groups.display(),
        groups.names().len()
    ));
    // Whoever does not read it still gets the exit code.
    let _unread: io::Result<()> = writeln!(io::stdout(), "{}", lines.join("\n"));
    if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
