//! Galène's way of writing command lines, for programs that describe theirs by clap.
//!
//! Galène's flags are Go's: `-name value`, `--name value`, `-name=value`, and for a flag that is either
//! on or off `-name`, `-name=true` or `-name=false`. Clap knows `--name`. [`to_clap`] translates.

use std::ffi::{OsStr, OsString};

use clap::{Arg, ArgAction, Command};

/// Translates a command line, the name of the program first, for clap to parse by `command`.
///
/// What follows a flag that takes a value is its value even if it begins with a dash. Unlike in Go, flags
/// may also follow arguments that are none; `--` ends them.
pub fn to_clap(command: &Command, line: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut command = command.clone();
    command.build();
    let mut command = &command;
    let mut line = line.into_iter();
    let mut translated: Vec<OsString> = line.next().into_iter().collect();
    while let Some(argument) = line.next() {
        let Some((name, value)) = argument.to_str().and_then(flag) else {
            let is_end = argument == "--";
            command =
                argument.to_str().and_then(|name| command.find_subcommand(name)).unwrap_or(command);
            translated.push(argument);
            if is_end {
                translated.extend(line);
                break;
            }
            continue;
        };
        let known = command.get_arguments().find(|known| known.get_long() == Some(name));
        match known {
            Some(known) if is_switch(known) => translated.extend(switch(known, name, value)),
            Some(_) => match value.map(OsString::from).or_else(|| line.next()) {
                Some(value) => translated.push(with_value(name, &value)),
                None => translated.push(format!("--{name}").into()),
            },
            // One letter is what clap calls a short flag, such as that for help.
            None if name.len() == 1 && value.is_none() => {
                translated.push(format!("-{name}").into())
            }
            None => translated.push(match value {
                Some(value) => format!("--{name}={value}").into(),
                None => format!("--{name}").into(),
            }),
        }
    }
    translated
}

/// Splits an argument that is a flag into its name and the value after the equals sign.
fn flag(argument: &str) -> Option<(&str, Option<&str>)> {
    let flag = argument.strip_prefix('-')?;
    let flag = flag.strip_prefix('-').unwrap_or(flag);
    let (name, value) = match flag.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (flag, None),
    };
    name.starts_with(|c: char| c.is_ascii_alphabetic()).then_some((name, value))
}

/// Whether a flag is on or off, or, if that has to be told from its absence, may do without a value.
fn is_switch(flag: &Arg) -> bool {
    !flag.get_action().takes_values() || flag.is_require_equals_set()
}

fn switch(known: &Arg, name: &str, value: Option<&str>) -> Option<OsString> {
    let on = value.map(|value| (value, truth(value)));
    match (known.get_action(), on) {
        (_, None) => Some(format!("--{name}").into()),
        (ArgAction::Set, Some((_, Some(on)))) => Some(format!("--{name}={on}").into()),
        (_, Some((_, Some(on)))) => on.then(|| format!("--{name}").into()),
        // Clap says what is wrong with it.
        (_, Some((value, None))) => Some(format!("--{name}={value}").into()),
    }
}

/// Reads what Go takes for true or false.
fn truth(value: &str) -> Option<bool> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

fn with_value(name: &str, value: &OsStr) -> OsString {
    let mut flag = OsString::from(format!("--{name}="));
    flag.push(value);
    flag
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translate(line: &str) -> String {
        let maybe = Arg::new("maybe").long("maybe").num_args(0..=1).require_equals(true);
        let sub = Command::new("list").arg(Arg::new("group").long("group")).arg(maybe);
        let on = Arg::new("on").long("on").action(ArgAction::SetTrue);
        let name = Arg::new("name").long("name").global(true);
        let command = Command::new("x").arg(on).arg(name).subcommand(sub);
        let line = line.split(' ').map(OsString::from);
        let translated = to_clap(&command, line);
        translated.iter().map(|part| part.to_str().expect("text")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn one_dash_or_two_and_a_value_in_either_form() {
        assert_eq!(translate("x -name a"), "x --name=a");
        assert_eq!(translate("x --name a"), "x --name=a");
        assert_eq!(translate("x -name=a=b"), "x --name=a=b");
        assert_eq!(translate("x -name= list"), "x --name= list");
        assert_eq!(translate("x list -group a b"), "x list --group=a b");
        assert_eq!(translate("x list b -group a -name c"), "x list b --group=a --name=c");
    }

    #[test]
    fn a_value_may_begin_with_a_dash_but_a_switch_has_none() {
        assert_eq!(translate("x -name -on"), "x --name=-on");
        assert_eq!(translate("x -on -name b"), "x --on --name=b");
        assert_eq!(translate("x -on=false -on=T list"), "x --on list");
        assert_eq!(translate("x list -maybe -group -1h"), "x list --maybe --group=-1h");
        assert_eq!(translate("x list -maybe=0"), "x list --maybe=false");
        assert_eq!(translate("x -on=maybe"), "x --on=maybe");
    }

    #[test]
    fn the_rest_is_for_clap_to_judge() {
        assert_eq!(translate("x -h"), "x -h");
        assert_eq!(translate("x -help"), "x --help");
        assert_eq!(translate("x -nmae a"), "x --nmae a");
        assert_eq!(translate("x list -group"), "x list --group");
        assert_eq!(translate("x list -- -group a"), "x list -- -group a");
        assert_eq!(translate("x - -5"), "x - -5");
    }
}
