//! Kills processes in the middle of writing, a thousand times, and looks at what they left.
//!
//! Two processes at a time change the same files, each its own tokens, users and groups. They say what
//! they are about to do and what they have done. After both are killed, every file must be readable, and
//! hold for each process what it said was done, with or without what it was about to do.
//!
//! A plain program and not a test of the usual kind, since it starts itself.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "it tells what it found")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use galene_protocol::{GroupName, Token};
use galene_store::{GroupFiles, Precondition, ReadError, TokenFile, UserKey};

/// How many processes are killed.
const KILLS: usize = 1000;
/// How many of them at a time.
const WRITERS: usize = 2;
/// How many things of a kind each process changes: few, so that each is made, changed and removed often.
const THINGS: u64 = 4;
const CHILD: &str = "GALENE_STORE_CRASH_CHILD";

fn main() {
    match std::env::var(CHILD) {
        Ok(order) => write_till_killed(&order),
        Err(_) => kill_writers(),
    }
}

/// What a writer does: sets a thing to a number, or removes it.
type Change = (String, Option<u64>);

/// What there is of a writer's things.
type State = BTreeMap<String, u64>;

fn kill_writers() {
    let directory = match Path::new("/dev/shm").is_dir() {
        // What a killed process has written is there whether or not it is synced; without waiting for a
        // disk, more kills hit what is between two system calls.
        true => tempfile::tempdir_in("/dev/shm"),
        false => tempfile::tempdir(),
    };
    let directory = directory.unwrap();
    let mut random = fastrand::Rng::with_seed(0x5eed);
    let mut states = vec![State::new(); WRITERS];
    let (mut acknowledged, mut interrupted, mut torn) = (0, 0, 0);
    for round in 0..KILLS / WRITERS {
        let mut writers: Vec<Child> =
            (0..WRITERS).map(|writer| start(directory.path(), writer, random.u64(..))).collect();
        let readers: Vec<_> = writers
            .iter_mut()
            .map(|child| BufReader::new(child.stdout.take().unwrap()).lines())
            .collect();
        let mut said: Vec<Vec<String>> = vec![Vec::new(); WRITERS];
        for (writer, mut lines) in readers.into_iter().enumerate() {
            for _ in 0..random.usize(1..8) {
                said[writer].push(lines.next().expect("a writer stops only when killed").unwrap());
            }
            for _ in 0..random.u32(0..60_000) {
                std::hint::spin_loop();
            }
            writers[writer].kill().unwrap();
            writers[writer].wait().unwrap();
            said[writer].extend(lines.map_while(Result::ok));
        }
        torn += usize::from(is_torn(&directory.path().join("tokens.jsonl")));
        for (writer, said) in said.iter().enumerate() {
            let (done, doing) = changes(said);
            acknowledged += done.len();
            interrupted += usize::from(doing.is_some());
            let state = &mut states[writer];
            done.into_iter().for_each(|change| apply(state, change));
            let mut other = state.clone();
            doing.into_iter().for_each(|change| apply(&mut other, change));
            let found = find(directory.path(), writer);
            assert!(
                found == *state || found == other,
                "round {round}, writer {writer}: {found:?} is neither {state:?} nor {other:?}"
            );
            *state = found;
        }
    }
    println!(
        "{KILLS} processes killed, {interrupted} of them while writing: {acknowledged} changes were \
         acknowledged, 0 of them lost, 0 files unreadable, {torn} lines cut off"
    );
    assert!(interrupted > KILLS / 4, "the kills hit too few writes to prove anything");
    assert!(acknowledged > KILLS, "the writers got too little done to prove anything");
}

fn start(directory: &Path, writer: usize, seed: u64) -> Child {
    let order = format!("{writer} {seed} {}", directory.display());
    Command::new(std::env::current_exe().unwrap())
        .env(CHILD, order)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Returns what a writer said that it had done, and what it was doing when it was killed.
fn changes(said: &[String]) -> (Vec<Change>, Option<Change>) {
    let (mut done, mut doing) = (Vec::new(), None);
    for line in said {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["done"] => done.extend(doing.take()),
            ["set", thing, number] => {
                doing = Some((thing.to_owned(), Some(number.parse().unwrap())))
            }
            ["remove", thing] => doing = Some((thing.to_owned(), None)),
            // The last line may be cut off: nothing had begun.
            _ => break,
        }
    }
    (done, doing)
}

fn apply(state: &mut State, (thing, number): Change) {
    match number {
        Some(number) => drop(state.insert(thing, number)),
        None => drop(state.remove(&thing)),
    }
}

fn write_till_killed(order: &str) {
    let mut words = order.splitn(3, ' ');
    let mut word = || words.next().unwrap();
    let (writer, seed, directory) = (word().parse().unwrap(), word().parse().unwrap(), word());
    let mut random = fastrand::Rng::with_seed(seed);
    let store = Store::open(Path::new(directory), writer);
    let mut stdout = std::io::stdout();
    let mut say = |line: String| writeln!(stdout, "{line}").and_then(|()| stdout.flush()).unwrap();
    loop {
        let kind = *random.choice(&["token", "user", "group"]).unwrap();
        let thing = format!("{kind}-{}", random.u64(..THINGS));
        if random.u8(..3) == 0 && store.number(&thing).is_some() {
            say(format!("remove {thing}"));
            store.remove(&thing);
        } else {
            let number = random.u64(..1_000_000);
            say(format!("set {thing} {number}"));
            store.set(&thing, number);
        }
        say("done".to_owned());
    }
}

/// Returns what there is of a writer's things, as a process sees it that was not there before.
fn find(directory: &Path, writer: usize) -> State {
    let store = Store::open(directory, writer);
    let things = ["token", "user", "group"]
        .into_iter()
        .flat_map(|kind| (0..THINGS).map(move |number| format!("{kind}-{number}")));
    things.filter_map(|thing| store.number(&thing).map(|number| (thing, number))).collect()
}

fn is_torn(tokens: &Path) -> bool {
    std::fs::read(tokens).is_ok_and(|text| text.last().is_some_and(|last| *last != b'\n'))
}

/// The files as one writer uses them.
struct Store {
    tokens: TokenFile,
    groups: GroupFiles,
    /// The group in whose file both writers have users.
    shared: GroupName,
    writer: usize,
}

impl Store {
    fn open(directory: &Path, writer: usize) -> Store {
        let groups: PathBuf = directory.join("groups");
        let store = Store {
            tokens: TokenFile::new(directory.join("tokens.jsonl")),
            groups: GroupFiles::new(groups),
            shared: GroupName::parse("shared").unwrap(),
            writer,
        };
        // Whoever comes second finds it made.
        let _made = store.groups.put_definition(&store.shared, "{}", &Precondition::is_new());
        store
    }

    fn name(&self, thing: &str) -> String {
        format!("{}-{thing}", self.writer)
    }

    fn group(&self, thing: &str) -> GroupName {
        GroupName::parse(&self.name(thing)).unwrap()
    }

    fn user(&self, thing: &str) -> UserKey {
        UserKey::Named(self.name(thing))
    }

    fn set(&self, thing: &str, number: u64) {
        let any = &Precondition::NONE;
        match kind(thing) {
            "token" => {
                let issued_by = Some(number.to_string());
                let token = self.name(thing).as_str().into();
                let token = Token { token, issued_by, ..Token::default() };
                self.tokens.put(token, any).unwrap();
            }
            "user" => {
                let body = format!(r#"{{"permissions": ["{number}"]}}"#);
                self.groups.put_user(&self.shared, &self.user(thing), &body, any).unwrap();
            }
            _ => {
                let body = format!(r#"{{"comment": "{number}"}}"#);
                self.groups.put_definition(&self.group(thing), &body, any).unwrap();
            }
        }
    }

    fn remove(&self, thing: &str) {
        let any = &Precondition::NONE;
        match kind(thing) {
            "token" => drop(self.tokens.delete("", &self.name(thing), any).unwrap()),
            "user" => {
                drop(self.groups.delete_user(&self.shared, &self.user(thing), any).unwrap());
            }
            _ => self.groups.delete(&self.group(thing), any).unwrap(),
        }
    }

    /// Returns what a thing is set to. A file that cannot be read ends the test.
    fn number(&self, thing: &str) -> Option<u64> {
        let text = match kind(thing) {
            "token" => self.tokens.get(&self.name(thing)).map(|token| token.issued_by.unwrap()),
            "user" => self.groups.user(&self.shared, &self.user(thing)).map(|(body, _)| body),
            _ => self.groups.definition(&self.group(thing)).map(|(body, _)| body),
        };
        let digits = |text: String| text.chars().filter(char::is_ascii_digit).collect::<String>();
        match text {
            Ok(text) => Some(digits(text).parse().unwrap()),
            Err(ReadError::NotFound) => None,
            Err(error) => panic!("unreadable: {error}"),
        }
    }
}

fn kind(thing: &str) -> &str {
    thing.split('-').next().unwrap()
}
