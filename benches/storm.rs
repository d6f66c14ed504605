//! What do joins at a thousand a second cost, with real WebSockets on loopback, and how long does it take
//! till everybody has heard of everybody?
//!
//! CPU time is that of the server's threads alone. The clients run on others, and on a machine with few
//! cores they slow the settling down.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use galene_benches::Bench;
use galene_conference::{Conference, Config};
use galene_group::{Description, GroupLookup, LookupError};
use galene_http::{
    Control, GroupStore, HttpConfig, HttpServer, MediaLink, NoTokens, SiteSettings, listen,
};
use galene_protocol::GroupName;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Barrier, mpsc, watch};

/// How often each number is measured; the best round counts.
const ROUNDS: u64 = 3;

/// Within how long a thousand join.
const STORM: Duration = Duration::from_secs(1);

fn main() {
    let bench = Bench::new("storm", "What do joins at a thousand a second cost?");
    for number in bench.numbers(&[100, 1_000]) {
        let name = format!("joins/{number}");
        if !bench.runs(&name) {
            continue;
        }
        let rounds = bench.repetitions(ROUNDS);
        let spread = STORM * u32::from(number) / 1_000;
        let rounds: Vec<Outcome> = (0..rounds).map(|_| storm(number, spread)).collect();
        let best = |figure: fn(&Outcome) -> Duration| rounds.iter().map(figure).min();
        let settled = best(|outcome| outcome.settled).unwrap_or_default();
        let cpu = best(|outcome| outcome.cpu).unwrap_or_default();
        let messages = f64::from(number) * f64::from(number);
        bench.figure(
            &format!("{name}/settled"),
            settled.as_secs_f64() * 1e3,
            "ms after the first join",
        );
        bench.figure(&format!("{name}/cpu"), cpu.as_secs_f64() * 1e3, "ms of the server's CPU");
        bench.figure(
            &format!("{name}/message"),
            cpu.as_nanos() as f64 / messages,
            "ns of CPU per message",
        );
    }
}

struct Outcome {
    settled: Duration,
    cpu: Duration,
}

/// Lets so many clients join one group, evenly spread over some time.
fn storm(number: u16, spread: Duration) -> Outcome {
    let (server, threads) = server_runtime();
    let address = server.block_on(serve());
    let clients =
        Builder::new_current_thread().enable_all().build().expect("threads can be started");
    let outcome = clients.block_on(async {
        let ready = Arc::new(Barrier::new(usize::from(number) + 1));
        let tasks: Vec<_> = (0..number)
            .map(|at| {
                let pause = spread * u32::from(at) / u32::from(number);
                let ready = ready.clone();
                tokio::spawn(async move {
                    client(address, at, number, pause, ready).await.expect("nobody is thrown out")
                })
            })
            .collect();
        ready.wait().await;
        let (start, before) = (now(), cpu_time(&threads));
        for task in tasks {
            task.await.expect("no client fails");
        }
        Outcome { settled: start.elapsed(), cpu: cpu_time(&threads) - before }
    });
    server.shutdown_background();
    outcome
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn now() -> Instant {
    Instant::now()
}

/// Joins, and returns when it has heard of so many members, itself included.
async fn client(
    address: SocketAddr,
    at: u16,
    members: u16,
    pause: Duration,
    ready: Arc<Barrier>,
) -> io::Result<()> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut stream = BufReader::with_capacity(16 << 10, stream);
    stream.write_all(UPGRADE.as_bytes()).await?;
    let mut end = [0; 4];
    while end != *b"\r\n\r\n" {
        end.rotate_left(1);
        end[3] = stream.read_u8().await?;
    }
    send(&mut stream, &format!(r#"{{"type":"handshake","version":["2"],"id":"{at:032x}"}}"#))
        .await?;
    let mut text = Vec::new();
    receive(&mut stream, &mut text).await?;
    ready.wait().await;
    tokio::time::sleep(pause).await;
    let join = format!(
        r#"{{"type":"join","kind":"join","group":"lounge","username":"user {at}","password":"x"}}"#
    );
    send(&mut stream, &join).await?;
    let mut heard = 0;
    while heard < members {
        receive(&mut stream, &mut text).await?;
        heard += u16::from(text.starts_with(br#"{"type":"user","kind":"add""#));
    }
    Ok(())
}

const UPGRADE: &str = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Sends a text frame (RFC 6455 §5.2), masked with zeros.
async fn send(stream: &mut BufReader<TcpStream>, text: &str) -> io::Result<()> {
    let length = u8::try_from(text.len()).expect("what clients say here is short");
    let mut frame = vec![0x81];
    match length {
        0..126 => frame.push(0x80 | length),
        126.. => frame.extend([0x80 | 126, 0, length]),
    }
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    stream.write_all(&frame).await
}

/// Reads a frame, which the server never fragments.
async fn receive(stream: &mut BufReader<TcpStream>, text: &mut Vec<u8>) -> io::Result<()> {
    let [first, length] = stream.read_u16().await?.to_be_bytes();
    let length = match length {
        127 => return Err(io::Error::other("nothing said here is that long")),
        126 => usize::from(stream.read_u16().await?),
        short => usize::from(short),
    };
    text.resize(length, 0);
    stream.read_exact(text).await?;
    if first == 0x81 {
        return Ok(());
    }
    // A close frame has a code of two bytes before the reason (RFC 6455 §5.5.1).
    let reason = text.get(2..).map(String::from_utf8_lossy).unwrap_or_default();
    Err(io::Error::other(format!("frame {first:#x}: {reason}")))
}

type Threads = Arc<Mutex<BTreeSet<String>>>;

/// Returns a runtime for the server, and the places in `/proc` of its threads.
fn server_runtime() -> (Runtime, Threads) {
    let threads = Threads::default();
    let seen = threads.clone();
    let note = move || {
        let place = fs::read_link("/proc/thread-self").expect("Linux has /proc");
        let place = place.to_string_lossy().into_owned();
        seen.lock().expect("nobody panics with it").insert(place);
    };
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().on_thread_start(note).build();
    (runtime.expect("threads can be started"), threads)
}

/// Returns how long the threads have run so far.
fn cpu_time(threads: &Threads) -> Duration {
    let threads = threads.lock().expect("nobody panics with it");
    let times = threads.iter().filter_map(|place| {
        // The first number is nanoseconds on a processor. A thread that has ended has no such file.
        let times = fs::read_to_string(format!("/proc/{place}/schedstat")).ok()?;
        times.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(times.sum())
}

/// Starts a server without a media plane and returns where it listens.
async fn serve() -> SocketAddr {
    let (commands, _unused) = mpsc::channel(1);
    let (_silent, events) = mpsc::unbounded_channel();
    let groups = Arc::new(OneGroup::new());
    let media = MediaLink { commands: vec![commands], events };
    let control = Control::start(
        Conference::new(Config::default(), 1),
        groups.clone(),
        Arc::new(NoTokens),
        media,
    );
    let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port is free");
    let settings = watch::channel(Arc::new(SiteSettings::default())).1;
    let config = HttpConfig::new(groups, settings);
    let server = HttpServer::start(listener, config, control.handle().clone());
    let server = server.expect("the listener is good");
    let address = server.address().expect("it listens on an address");
    // Both live as long as the runtime.
    tokio::spawn(async move {
        std::future::pending::<()>().await;
        drop((server, control));
    });
    address
}

/// Knows a group that anybody may join.
#[derive(Debug)]
struct OneGroup(Arc<Description>);

impl OneGroup {
    fn new() -> Self {
        const OPEN: &str =
            r#"{"wildcard-user": {"password": {"type": "wildcard"}, "permissions": "present"}}"#;
        Self(Arc::new(Description::parse(OPEN).expect("the description above is one")))
    }
}

impl GroupStore for OneGroup {
    fn lookup(&self, group: &GroupName) -> Result<GroupLookup, LookupError> {
        let (name, description) = (group.clone(), self.0.clone());
        Ok(GroupLookup { name, description, problem: None })
    }

    fn public_groups(&self) -> Vec<GroupLookup> {
        Vec::new()
    }
}
