//! The command line: Galène's commands and flags, and some of our own.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::duration::{SignedDuration, parse};

/// Administers a conference server.
///
/// Flags may be written with one dash or with two.
#[derive(Debug, Parser)]
#[command(name = "galenectl", version, about, disable_help_subcommand = true)]
// Of a flag that is given twice the last one counts, as in Galène.
#[command(subcommand_required = true, args_override_self = true)]
pub(crate) struct Arguments {
    /// The file with the server's URL and the administrator's credentials
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// The server; a path before its own is allowed [default: https://localhost:8443]
    #[arg(long, value_name = "URL", global = true)]
    pub(crate) server: Option<String>,

    /// Do not verify the server's certificate
    #[arg(long, global = true)]
    pub(crate) insecure: bool,

    /// The administrator's name
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) admin_username: Option<String>,

    /// The administrator's password
    #[arg(long, value_name = "PASSWORD", global = true)]
    pub(crate) admin_password: Option<String>,

    /// A token of an administrator, in place of name and password
    #[arg(long, value_name = "TOKEN", global = true)]
    pub(crate) admin_token: Option<String>,

    /// Print results and errors as JSON; must stand before the command
    #[arg(long, id = "json_output")]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What is to be done. In alphabetical order, in which they are listed.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print a script that completes commands and flags in a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Create a group
    CreateGroup(GroupTemplate),
    /// Create a token, which is an invitation, and print its name
    CreateToken(CreateToken),
    /// Create a user of a group
    CreateUser(UserTemplate),
    /// Delete a group
    DeleteGroup(Group),
    /// Delete a user's password
    DeletePassword(User),
    /// Delete a token
    DeleteToken(Token),
    /// Delete a user of a group
    DeleteUser(User),
    /// Hash a password and print it as group files have it
    HashPassword(NewPassword),
    /// Write a configuration for a new server, and one for this program
    InitialSetup {
        /// The server's configuration
        #[arg(long, value_name = "FILE", default_value = "config.json")]
        config: PathBuf,
    },
    /// List the groups
    ListGroups {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Shell patterns; a group is listed if one matches
        #[arg(value_name = "PATTERN")]
        patterns: Vec<String>,
    },
    /// List the tokens of a group
    ListTokens(ListTokens),
    /// List the users of a group
    ListUsers(ListUsers),
    /// Let a token expire
    RevokeToken(Token),
    /// Print the JSON schema of a kind of files, for editors
    Schema {
        /// Which files
        #[arg(default_value = "group")]
        kind: FileKind,
    },
    /// Set a user's password
    SetPassword {
        #[command(flatten)]
        user: User,
        #[command(flatten)]
        password: NewPassword,
    },
    /// Print a group's definition
    ShowGroup(Group),
    /// Change a group
    UpdateGroup(GroupTemplate),
    /// Change a token
    UpdateToken(UpdateToken),
    /// Change a user of a group
    UpdateUser(UserTemplate),
}

#[derive(Debug, Args)]
pub(crate) struct Group {
    /// The group
    #[arg(long, value_name = "GROUP", required = true)]
    pub(crate) group: String,
}

#[derive(Debug, Args)]
pub(crate) struct GroupTemplate {
    #[command(flatten)]
    pub(crate) group: Group,
    /// Whether those who may publish may also make tokens
    #[arg(long, value_name = "BOOL", num_args(0..=1), require_equals = true, default_missing_value = "true")]
    pub(crate) unrestricted_tokens: Option<bool>,
    /// Whether groups below exist by themselves
    #[arg(long, value_name = "BOOL", num_args(0..=1), require_equals = true, default_missing_value = "true")]
    pub(crate) auto_subgroups: Option<bool>,
    /// Read a definition, a JSON object, from standard input
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct User {
    #[command(flatten)]
    pub(crate) group: Group,
    /// The user
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// The entry for everybody who has none
    #[arg(long)]
    pub(crate) wildcard: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UserTemplate {
    #[command(flatten)]
    pub(crate) user: User,
    /// A role, or a JSON array of permissions [default for a new user: present]
    #[arg(long, value_name = "PERMISSIONS")]
    pub(crate) permissions: Option<String>,
    /// Read the entry, a JSON object, from standard input
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct NewPassword {
    /// The password; asked for if it is not given
    #[arg(long, value_name = "PASSWORD")]
    pub(crate) password: Option<String>,
    /// How it is stored
    #[arg(long = "type", value_name = "TYPE", value_enum, default_value = "bcrypt")]
    pub(crate) kind: PasswordKind,
    /// The cost of bcrypt; each step doubles the work
    #[arg(long, value_name = "COST", default_value_t = 8)]
    pub(crate) cost: u32,
    /// The iterations of PBKDF2
    #[arg(long, value_name = "N", default_value_t = 4096)]
    pub(crate) iterations: i64,
    /// The length of PBKDF2's key in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 32)]
    pub(crate) key: usize,
    /// The length of PBKDF2's salt in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 8)]
    pub(crate) salt: usize,
}

/// A kind of files that people write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FileKind {
    /// data/config.json of the server
    Config,
    /// groups/NAME.json
    Group,
}

/// How a password is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PasswordKind {
    Bcrypt,
    Pbkdf2,
    /// Any password is right.
    Wildcard,
}

#[derive(Debug, Args)]
pub(crate) struct ListUsers {
    #[command(flatten)]
    pub(crate) group: Group,
    /// List permissions too
    #[arg(long, short)]
    pub(crate) l: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Shell patterns; a user is listed if one matches
    #[arg(value_name = "PATTERN")]
    pub(crate) patterns: Vec<String>,
}

/// The group of a token, which may be the empty name: the whole server.
#[derive(Debug, Args)]
pub(crate) struct TokenGroup {
    /// The group; empty for tokens of the whole server
    #[arg(long, value_name = "GROUP", required = true)]
    pub(crate) group: String,
}

#[derive(Debug, Args)]
pub(crate) struct ListTokens {
    #[command(flatten)]
    pub(crate) group: TokenGroup,
    /// List what the tokens are good for, too
    #[arg(long, short)]
    pub(crate) l: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Token {
    #[command(flatten)]
    pub(crate) group: TokenGroup,
    /// The token
    #[arg(long, value_name = "TOKEN", required = true)]
    pub(crate) token: String,
}

#[derive(Debug, Args)]
pub(crate) struct CreateToken {
    #[command(flatten)]
    pub(crate) group: TokenGroup,
    /// Whether the token is good for groups below, too
    #[arg(long, value_name = "BOOL", num_args(0..=1), require_equals = true, default_missing_value = "true")]
    pub(crate) include_subgroups: Option<bool>,
    /// The name that the bearer gets; the bearer chooses one if it is not given
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// A role, or a JSON array of permissions
    #[arg(long, value_name = "PERMISSIONS", default_value = "present")]
    pub(crate) permissions: String,
    /// How long the token is good for, such as 90m or 24h
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = parse)]
    pub(crate) duration: SignedDuration,
}

#[derive(Debug, Args)]
pub(crate) struct UpdateToken {
    #[command(flatten)]
    pub(crate) token: Token,
    /// A role, or a JSON array of permissions
    #[arg(long, value_name = "PERMISSIONS")]
    pub(crate) permissions: Option<String>,
    /// How long the token is good for from now on
    #[arg(long, value_name = "DURATION", value_parser = parse)]
    pub(crate) duration: Option<SignedDuration>,
}

/// How long ago a token that is revoked has expired, in case that clocks differ.
pub(crate) const REVOKED_BEFORE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_its_commands_are_in_order() {
        Arguments::command().debug_assert();
        let command = Arguments::command();
        let names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        assert!(names.is_sorted(), "{names:?}");
        assert_eq!(names.len(), 20);
    }
}
