//! What the commands do.

mod completions;
mod groups;
mod passwords;
mod setup;
mod tokens;
mod users;

use std::io::{Read, Write, stdin, stdout};

use serde::Serialize;
use serde_json::ser::PrettyFormatter;
use serde_json::{Map, Value};

use crate::arguments::{Arguments, Command, FileKind};
use crate::client::{Call, Client};
use crate::error::Error;
use crate::prompt;
use crate::settings::Settings;

/// How often a change is tried again because somebody else has changed something at the same time.
const MAX_TRIES: usize = 5;
/// The longest template: the server takes no longer one.
const MAX_TEMPLATE_BYTES: u64 = 1 << 20;

/// Runs a command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Error> {
    let as_json = arguments.json;
    let client = || connect(arguments);
    match &arguments.command {
        Command::Completions { shell } => completions::print(*shell),
        Command::CreateGroup(template) => groups::create(&mut client()?, template),
        Command::CreateToken(token) => tokens::create(&mut client()?, token, as_json),
        Command::CreateUser(template) => users::create(&mut client()?, template),
        Command::DeleteGroup(group) => groups::delete(&mut client()?, group),
        Command::DeletePassword(user) => passwords::delete(&mut client()?, user),
        Command::DeleteToken(token) => tokens::delete(&mut client()?, token),
        Command::DeleteUser(user) => users::delete(&mut client()?, user),
        Command::HashPassword(password) => passwords::print(password),
        Command::InitialSetup { config } => {
            setup::write(config, Settings::new(arguments)?, as_json)
        }
        Command::ListGroups { json, patterns } => {
            groups::list(&mut client()?, patterns, *json || as_json)
        }
        Command::ListTokens(list) => tokens::list(&mut client()?, list, list.json || as_json),
        Command::ListUsers(list) => users::list(&mut client()?, list, list.json || as_json),
        Command::RevokeToken(token) => tokens::revoke(&mut client()?, token),
        Command::Schema { kind: FileKind::Config } => print(galene_store::CONFIG_SCHEMA),
        Command::Schema { kind: FileKind::Group } => print(galene_group::GROUP_SCHEMA),
        Command::SetPassword { user, password } => passwords::set(&mut client()?, user, password),
        Command::ShowGroup(group) => groups::show(&mut client()?, group),
        Command::UpdateGroup(template) => groups::update(&mut client()?, template),
        Command::UpdateToken(update) => tokens::update(&mut client()?, update),
        Command::UpdateUser(template) => users::update(&mut client()?, template),
    }
}

fn connect(arguments: &Arguments) -> Result<Client, Error> {
    let mut settings = Settings::new(arguments)?;
    ask_who_we_are(&mut settings)?;
    Client::new(&settings)
}

/// Asks for the administrator's password if there is a name, nothing to prove it by, and somebody at a
/// terminal.
fn ask_who_we_are(settings: &mut Settings) -> Result<(), Error> {
    use std::io::IsTerminal;
    if let (Some(name), None, None) =
        (&settings.admin_username, &settings.admin_password, &settings.admin_token)
        && stdin().is_terminal()
    {
        let password = prompt::password(&format!("Password of {name}"));
        settings.admin_password = Some(password.map_err(Error::Prompt)?);
    }
    Ok(())
}

/// Changes a thing: gets it, changes it, and puts it back if nobody else has changed it. If somebody has,
/// begins anew.
fn change(
    client: &mut Client,
    path: &str,
    mut change: impl FnMut(&mut Map<String, Value>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut tries = MAX_TRIES;
    loop {
        let answer = client.call(&Call::new(http::Method::GET, path.to_owned()))?;
        let etag = answer.etag()?;
        let mut thing: Map<String, Value> = answer.json()?;
        change(&mut thing)?;
        let body = Value::Object(thing).to_string();
        let put = Call::new(http::Method::PUT, path.to_owned()).with_body(body).if_match(etag);
        tries -= 1;
        match client.call(&put) {
            Err(error) if error.is_conflict() && tries > 0 => {}
            result => return result.map(drop),
        }
    }
}

/// Reads the JSON object on standard input; what follows it is ignored.
fn template() -> Result<Map<String, Value>, Error> {
    let mut values =
        serde_json::Deserializer::from_reader(stdin().lock().take(MAX_TEMPLATE_BYTES)).into_iter();
    let missing = || Error::Usage("standard input has no JSON template".to_owned());
    values.next().ok_or_else(missing)?.map_err(Error::Template)
}

fn print(text: &str) -> Result<(), Error> {
    let mut stdout = stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(Error::Print)
}

/// Prints JSON for people: indented by four spaces.
fn print_json(value: &Value) -> Result<(), Error> {
    print(&pretty(value))
}

fn pretty(value: &impl Serialize) -> String {
    let mut text = Vec::new();
    let formatter = PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
    value.serialize(&mut serializer).expect("it has text keys and no failing parts");
    text.push(b'\n');
    String::from_utf8(text).expect("JSON is text")
}

/// Prints the names that are wanted, one on a line or as a JSON array.
fn print_names<E: Into<Error>>(
    names: Vec<String>,
    mut is_wanted: impl FnMut(&str) -> Result<bool, E>,
    json: bool,
) -> Result<(), Error> {
    let mut wanted = Vec::new();
    for name in names {
        if is_wanted(&name).map_err(Into::into)? {
            wanted.push(name);
        }
    }
    if json {
        return print_json(&wanted.into());
    }
    print(&wanted.iter().map(|name| format!("{name}\n")).collect::<String>())
}
