//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::publisher::{MAX_ENCODINGS, PublisherConfig};
use crate::subscriber::SubscriberConfig;
use crate::url::Url;

/// Puts load on a video conference server of Galène's protocol, and measures what becomes of it.
///
/// Publishers send VP8 and Opus as browsers do; subscribers are complete WebRTC clients that verify each
/// packet. All of them run in this process.
#[derive(Debug, Clone, Parser)]
#[command(name = "galene-load", version, about, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Command {
    /// Hold conferences and measure forwarding
    Run(RunArguments),
    /// Connect subscribers to a publisher that falls silent, and measure what they cost
    Idle(IdleArguments),
    /// Join and leave as fast as it goes, and measure what that costs
    Connect(ConnectArguments),
    /// Measure the least that a forwarded packet costs here: a cipher and a send
    Floor(FloorArguments),
    /// Start servers of ours and measure how costs grow with subscribers, groups and shards
    Growth(GrowthArguments),
    /// Start servers of ours and measure all that they promise
    Prove(ProveArguments),
}

/// Where the server is.
#[derive(Debug, Clone, Args)]
pub(crate) struct Target {
    /// The page of the group, http://HOST:PORT/group/NAME/; {n} in NAME stands for the number of the
    /// group, from 0
    pub(crate) url: Url,

    /// The user name; {n} stands for the number of the client
    #[arg(long, value_name = "NAME", default_value = "load-{n}")]
    pub(crate) username: String,

    /// The password, if the group wants one
    #[arg(long, default_value = "")]
    pub(crate) password: String,

    /// Accept any certificate
    #[arg(long)]
    pub(crate) insecure: bool,

    /// Accept the certificates in this file and those signed by them
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub(crate) certificate: Option<PathBuf>,

    /// The process of the server, if it runs here: its CPU time and memory are measured
    #[arg(long, value_name = "PID")]
    pub(crate) server_pid: Option<u32>,

    /// Threads for subscribers; publishers have one of their own
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: u16,

    /// How long to wait until everybody has joined and has media
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub(crate) patience: Duration,

    /// Write all figures to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// What publishers send.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Media {
    /// Rate of the video of a publisher; 0 for none
    #[arg(long, value_name = "KBPS", default_value_t = 1500)]
    pub(crate) video_kbps: u64,

    /// Frames per second
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=240))]
    pub(crate) fps: u32,

    /// Send sound too (the default)
    #[arg(long, overrides_with = "no_audio")]
    pub(crate) audio: bool,

    /// Send no sound
    #[arg(long)]
    pub(crate) no_audio: bool,

    /// Encodings of the video; the second and third have a third and a ninth of the rate
    #[arg(long, value_name = "ENCODINGS", default_value_t = 1, value_parser = encodings)]
    pub(crate) simulcast: usize,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) target: Target,

    #[command(flatten)]
    pub(crate) media: Media,

    /// Groups
    #[arg(long, default_value_t = 1)]
    pub(crate) groups: usize,

    /// Publishers in each group
    #[arg(long, default_value_t = 1)]
    pub(crate) publishers: usize,

    /// Subscribers in each group; each receives every publisher
    #[arg(long, default_value_t = 10)]
    pub(crate) subscribers: usize,

    /// Publishers receive each other too
    #[arg(long)]
    pub(crate) meeting: bool,

    /// How long to measure, once everybody has media
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub(crate) duration: Duration,

    /// How many subscribers join in a second
    #[arg(long, value_name = "PER_SECOND", default_value_t = 100.0)]
    pub(crate) ramp: f64,

    /// All subscribers join within one second
    #[arg(long, conflicts_with = "ramp")]
    pub(crate) storm: bool,

    /// Chat messages per second in each group, by its members in turn
    #[arg(long, value_name = "PER_SECOND", default_value_t = 0.0)]
    pub(crate) chat: f64,

    /// Tell latencies by when packets were received, not by when the kernel says that they arrived: that
    /// adds the generator's own delays to them, and saves the sender some 30 ns a packet
    #[arg(long)]
    pub(crate) no_kernel_times: bool,

    /// Lose so many of the packets on their way to the subscribers
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = percent)]
    pub(crate) loss: f64,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct IdleArguments {
    #[command(flatten)]
    pub(crate) target: Target,

    /// Subscribers, each with one transport
    #[arg(long, default_value_t = 1000)]
    pub(crate) transports: usize,

    /// How long to measure
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub(crate) duration: Duration,

    /// How many subscribers join in a second
    #[arg(long, value_name = "PER_SECOND", default_value_t = 100.0)]
    pub(crate) ramp: f64,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ConnectArguments {
    #[command(flatten)]
    pub(crate) target: Target,

    /// How many subscribers join, connect a transport and leave
    #[arg(long, default_value_t = 1000)]
    pub(crate) connections: usize,

    /// How many of them at once
    #[arg(long, default_value_t = 32)]
    pub(crate) in_flight: usize,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct FloorArguments {
    /// How many sockets to send to in turn
    #[arg(long, default_value_t = 100)]
    pub(crate) sinks: usize,

    /// The length of the datagrams
    #[arg(long, value_name = "BYTES", default_value_t = 1200,
          value_parser = clap::value_parser!(u16).range(64..=1472))]
    pub(crate) size: u16,

    /// Measure these parts alone
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    pub(crate) only: Vec<FloorPart>,

    /// Write all figures to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ProveArguments {
    /// The program that is measured: a release build of galene-server
    #[arg(value_name = "PROGRAM")]
    pub(crate) server: PathBuf,

    /// How long to measure each lecture
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub(crate) duration: Duration,

    /// Measure these parts alone
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    pub(crate) only: Vec<Part>,

    /// Write the figures of each scenario to a file in this directory, and all of them together
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) json: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct GrowthArguments {
    /// The program that is measured: a release build of galene-server
    #[arg(value_name = "PROGRAM")]
    pub(crate) server: PathBuf,

    /// How long to measure each size
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub(crate) duration: Duration,

    /// Let these grow alone
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub(crate) only: Vec<Growing>,

    /// Write the figures of each size to a file in this directory, and all of them together
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) json: Option<PathBuf>,
}

/// A part of the least that a packet costs, in the order in which they are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FloorPart {
    /// As fast as it goes, to nobody
    Tight,
    /// At the pace of a conference, with and without somebody who receives
    Paced,
    /// The same with sound, to somebody who receives
    Lecture,
}

/// What costs are to grow with, in the order in which it is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Growing {
    /// 10 to 1,000 subscribers of one lecture, on one shard
    Subscribers,
    /// The same of a lecture with a smaller picture
    Small,
    /// 1 to 1,000 groups with three members each
    Groups,
    /// One lecture on 1, 2 and 4 shards
    Shards,
}

/// A part of what a server promises, in the order in which they are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// What a forwarded packet costs and how long it takes
    Packets,
    /// How many can join in a second
    Connections,
    /// What transports cost on which nothing happens
    Idle,
    /// A thousand who join within a second
    Storm,
    /// Two shards against one
    Shards,
}

impl FloorArguments {
    /// Returns whether a part is measured: all are, unless some are named.
    pub(crate) fn has(&self, part: FloorPart) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

impl ProveArguments {
    /// Returns whether a part is measured: all are, unless some are named.
    pub(crate) fn has(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

impl GrowthArguments {
    /// Returns whether it is measured how costs grow with this: with all, unless some are named.
    pub(crate) fn has(&self, what: Growing) -> bool {
        self.only.is_empty() || self.only.contains(&what)
    }
}

impl Media {
    /// Returns what each publisher does.
    pub(crate) fn publisher(&self) -> PublisherConfig {
        PublisherConfig {
            video_bitrate: self.video_kbps * 1_000,
            fps: self.fps,
            audio: !self.no_audio,
            encodings: self.simulcast,
        }
    }

    /// Returns what each subscriber does that loses so many packets of a hundred.
    ///
    /// It reports that it could receive three times what is sent: a good line.
    pub(crate) fn subscriber(&self, loss: f64, has_times: bool) -> SubscriberConfig {
        let remb = (self.video_kbps * 3_000).max(3_000_000);
        SubscriberConfig { remb, loss: loss / 100.0, has_times }
    }
}

/// Reads `90s`, `500ms`, `2m`, or a number of seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: f64 = digits.parse().map_err(|_| "expected a time such as 30s or 2m".to_owned())?;
    let seconds = match &text[digits.len()..] {
        "ms" => number / 1_000.0,
        "" | "s" => number,
        "m" => number * 60.0,
        unit => return Err(format!("{unit} is no unit of time; ms, s and m are")),
    };
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn percent(text: &str) -> Result<f64, String> {
    let percent: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if (0.0..=100.0).contains(&percent) { Ok(percent) } else { Err("expected 0 to 100".to_owned()) }
}

fn encodings(text: &str) -> Result<usize, String> {
    let encodings = text.parse().ok().filter(|n| (1..=MAX_ENCODINGS).contains(n));
    encodings.ok_or_else(|| format!("expected 1 to {MAX_ENCODINGS}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn each_command_has_sensible_defaults() {
        for line in ["g run http://h/group/x/", "g idle http://h/group/x/", "g floor"] {
            assert!(read(line).is_ok(), "{line}");
        }
        assert!(read("g run").is_err() && read("g").is_err());
        assert!(read("g run http://h/group/x/ --storm --ramp 5").is_err());
    }

    #[test]
    fn media_are_as_asked_for() {
        let line = "g run http://h/group/x/ --no-audio --simulcast 2 --loss 5 --video-kbps 300";
        let Command::Run(run) = read(line).expect("valid").command else { panic!("run") };
        let publisher = run.media.publisher();
        assert_eq!((publisher.tracks(), publisher.encodings), (1, 2));
        assert_eq!(publisher.video_bitrate, 300_000);
        let subscriber = run.media.subscriber(run.loss, true);
        assert!((subscriber.loss - 0.05).abs() < 1e-9 && subscriber.remb == 3_000_000);
        for wrong in ["--simulcast 4", "--simulcast 0", "--loss 101", "--fps 0"] {
            assert!(read(&format!("g run http://h/group/x/ {wrong}")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn all_is_proved_unless_parts_are_named() {
        let parts = |line| {
            let Command::Prove(prove) = read(line).expect("valid").command else { panic!("prove") };
            let parts = Part::value_variants().iter().copied();
            parts.filter(|part| prove.has(*part)).collect::<Vec<_>>()
        };
        assert_eq!(parts("g prove server"), Part::value_variants());
        assert_eq!(parts("g prove server --only idle,packets"), [Part::Packets, Part::Idle]);
        assert!(read("g prove server --only nothing").is_err());
    }

    #[test]
    fn all_grows_unless_something_is_named() {
        let growing = |line| {
            let Command::Growth(growth) = read(line).expect("valid").command else {
                panic!("growth")
            };
            let all = Growing::value_variants().iter().copied();
            all.filter(|what| growth.has(*what)).collect::<Vec<_>>()
        };
        assert_eq!(growing("g growth server"), Growing::value_variants());
        assert_eq!(growing("g growth server --only shards"), [Growing::Shards]);
        assert!(read("g growth server --only nothing").is_err());
    }

    #[test]
    fn the_whole_floor_is_measured_unless_parts_are_named() {
        let parts = |line| {
            let Command::Floor(floor) = read(line).expect("valid").command else { panic!("floor") };
            let parts = FloorPart::value_variants().iter().copied();
            parts.filter(|part| floor.has(*part)).collect::<Vec<_>>()
        };
        assert_eq!(parts("g floor"), FloorPart::value_variants());
        let named = parts("g floor --only lecture,tight");
        assert_eq!(named, [FloorPart::Tight, FloorPart::Lecture]);
        assert!(read("g floor --only nothing").is_err());
    }

    #[test]
    fn times_have_units() {
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("1.5"), Ok(Duration::from_millis(1500)));
        assert!(duration("3h").is_err() && duration("-1s").is_err() && duration("").is_err());
    }
}
