//! How costs grow: with the subscribers of a lecture, with groups, and with shards.

use std::error::Error;

use clap::ValueEnum;
use serde::Serialize;

use crate::arguments::{Growing, GrowthArguments};
use crate::report::Report;
use crate::scenario::Scenarios;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Subscribers of the one publisher of a lecture.
const SUBSCRIBERS: [usize; 5] = [10, 30, 100, 300, 1_000];
/// Half as many packets as in a lecture of 1.5 Mbit/s, so that twice as many receive them before one
/// machine has no CPU left for server and generator.
const SMALL_MEDIA: &str = "--video-kbps 500 --fps 15";
/// Groups of [`GROUP_SUBSCRIBERS`] and a publisher each.
const GROUPS: [usize; 4] = [1, 10, 100, 1_000];
const GROUP_SUBSCRIBERS: usize = 2;
/// What the publisher of a group sends: five packets of some 750 bytes a second and no sound. A thousand
/// groups get a sixth of what 300 subscribers of a lecture do, and report as much as 2,000 receivers.
const GROUP_MEDIA: &str = "--video-kbps 30 --fps 5 --no-audio";
/// Shards; more than a small machine has cores.
const SHARDS: [u16; 3] = [1, 2, 4];
/// How many subscribe to the lecture that is spread over shards.
const SHARDS_SUBSCRIBERS: usize = 500;
/// Whoever loses more than so many packets of a thousand is overloaded.
const MAX_LOST_PERMILLE: f64 = 1.0;

/// What was measured at one size.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Row {
    /// Subscribers, groups or shards.
    size: usize,
    /// Nothing if the figures would not be those of the server alone.
    figures: Option<Figures>,
    /// Why there are no figures.
    overloaded: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Figures {
    packets_per_second: f64,
    /// CPU time of the server for each packet that a subscriber got.
    ns_per_packet: f64,
    /// The same in multiples of the floor of the same pace and the same way of sending.
    of_paced_floor: f64,
    cpu_percent: f64,
    /// That of the media thread that has most to do.
    busiest_media_thread_percent: f64,
    /// All that the server has in use.
    memory_mb: f64,
    /// What it took since nobody was there, for each member of a group: a client and its transport.
    kb_per_member: f64,
    p50_ms: f64,
    p99_ms: f64,
    lost: f64,
}

/// The least that a packet costs: the lower of two measurements, since whatever disturbs adds.
#[derive(Debug, Clone, Copy)]
struct Floor {
    /// Sealed and sent one after the other, as fast as it goes, to nobody.
    tight: f64,
    /// Sealed and sent in frames, with rests between them, to somebody who receives.
    paced: f64,
    /// The same with a frame in one send.
    paced_offload: f64,
}

/// Measures what is asked for and reports.
pub(crate) async fn run(arguments: &GrowthArguments) -> Result<Report> {
    let scenarios = Scenarios::new(&arguments.server, arguments.json.as_deref())?;
    let measure_floor = |name| scenarios.floor(name, 300, "tight,paced");
    let before = measure_floor("floor")?;
    let mut measured = Vec::new();
    for what in Growing::value_variants().iter().filter(|what| arguments.has(**what)) {
        for size in what.sizes() {
            let name = format!("{} {size}", what.name());
            let line = what.line(size, arguments.duration.as_secs_f64());
            let options = what.options(size);
            let options: Vec<_> = options.iter().map(String::as_str).collect();
            let report = scenarios.measure(&name, &options, what.group(), &line).await?;
            measured.push((*what, size, report));
        }
    }
    let floor = Floor::of(&before, &measure_floor("floor again")?);

    let mut report = Report::default();
    floor.show(&mut report);
    for what in Growing::value_variants().iter().filter(|what| arguments.has(**what)) {
        let rows = measured.iter().filter(|(of, ..)| of == what);
        let rows: Vec<_> =
            rows.map(|(_, size, measured)| Row::of(*size, measured, what.floor(&floor))).collect();
        show(&mut report, *what, &rows);
    }
    Ok(report)
}

impl Floor {
    fn of(before: &Report, after: &Report) -> Self {
        let least = |key| {
            let [before, after] = [before, after].map(|floor| floor.get(key).unwrap_or(f64::NAN));
            before.min(after)
        };
        Self {
            tight: least("floor_ns"),
            paced: least("paced_received_ns"),
            paced_offload: least("paced_gso_received_ns"),
        }
    }

    fn show(&self, report: &mut Report) {
        report.title("floor: AES-128-GCM and a send, CPU time per packet of 1,200 bytes");
        report.number("floor_ns", "as fast as it goes, to nobody", self.tight, 0, "ns");
        report.number("floor_paced_ns", "30 frames/s, to receivers", self.paced, 0, "ns");
        let offload = self.paced_offload;
        report.number("floor_paced_gso_ns", "the same, a frame in one send", offload, 0, "ns");
    }
}

impl Growing {
    fn name(self) -> &'static str {
        match self {
            Self::Subscribers => "subscribers",
            Self::Small => "small",
            Self::Groups => "groups",
            Self::Shards => "shards",
        }
    }

    fn title(self) -> String {
        match self {
            Self::Subscribers => {
                "subscribers of one lecture, 1.5 Mbit/s of VP8 and Opus, one shard".to_owned()
            }
            Self::Small => {
                "subscribers of a smaller lecture, 500 kbit/s at 15 fps and Opus, one shard"
                    .to_owned()
            }
            Self::Groups => format!(
                "groups with one publisher of 30 kbit/s (5 packets/s) and {GROUP_SUBSCRIBERS} \
                 subscribers, one shard"
            ),
            Self::Shards => format!("shards of a lecture with {SHARDS_SUBSCRIBERS} subscribers"),
        }
    }

    fn sizes(self) -> Vec<usize> {
        match self {
            Self::Subscribers | Self::Small => SUBSCRIBERS.to_vec(),
            Self::Groups => GROUPS.to_vec(),
            Self::Shards => SHARDS.map(usize::from).to_vec(),
        }
    }

    /// Returns the options of the server.
    fn options(self, size: usize) -> [String; 2] {
        let shards = if self == Self::Shards { size } else { 1 };
        ["-shards".to_owned(), shards.to_string()]
    }

    /// Returns the path below that of the server's group.
    fn group(self) -> &'static str {
        match self {
            Self::Subscribers | Self::Small | Self::Shards => "",
            Self::Groups => "{n}/",
        }
    }

    /// Returns what packets cost at the least that leave at this pace, in nanoseconds: alone where each is
    /// a frame.
    fn floor(self, floor: &Floor) -> f64 {
        match self {
            Self::Subscribers | Self::Small | Self::Shards => floor.paced_offload,
            Self::Groups => floor.paced,
        }
    }

    /// Returns the scenario as a command line of this program.
    fn line(self, size: usize, seconds: f64) -> String {
        let what = match self {
            Self::Subscribers => format!("--subscribers {size}"),
            Self::Small => format!("--subscribers {size} {SMALL_MEDIA}"),
            Self::Groups => {
                format!("--groups {size} --subscribers {GROUP_SUBSCRIBERS} {GROUP_MEDIA}")
            }
            Self::Shards => format!("--subscribers {SHARDS_SUBSCRIBERS}"),
        };
        format!("run {what} --duration {seconds}s --patience 30s")
    }
}

impl Row {
    /// Takes the figures of a scenario, unless something was overloaded or did not come about.
    fn of(size: usize, measured: &Report, floor: f64) -> Self {
        let mut overloaded: Vec<_> =
            measured.failures().iter().chain(measured.warnings()).cloned().collect();
        let (lost, expected) = (measured.get("lost"), measured.get("expected"));
        if let (Some(lost), Some(expected)) = (lost, expected)
            && lost * 1e3 > expected * MAX_LOST_PERMILLE
        {
            overloaded.push(format!("{lost} of {expected} packets were lost"));
        }
        let figures = overloaded.is_empty().then(|| Figures::of(measured, floor)).flatten();
        if figures.is_none() && overloaded.is_empty() {
            overloaded.push("not everything could be measured".to_owned());
        }
        Self { size, figures, overloaded }
    }
}

impl Figures {
    /// Takes them from a scenario; `None` if one is not there.
    fn of(measured: &Report, floor: f64) -> Option<Self> {
        let ns_per_packet = measured.get("server_ns_per_packet")?;
        let per_group = measured.get("publishers")? + measured.get("subscribers")?;
        let members = measured.get("groups")? * per_group;
        let memory = measured.get("server_rss_end")? - measured.get("server_rss_before")?;
        Some(Self {
            packets_per_second: measured.get("packets_per_second")?,
            ns_per_packet,
            of_paced_floor: ns_per_packet / floor,
            cpu_percent: measured.get("server_cpu_percent")?,
            busiest_media_thread_percent: measured.busiest("server_threads", "media-")?,
            memory_mb: measured.get("server_rss_end")? / 1e6,
            kb_per_member: memory / 1e3 / members,
            p50_ms: measured.get("latency/p50_ms")?,
            p99_ms: measured.get("latency/p99_ms")?,
            lost: measured.get("lost")?,
        })
    }
}

fn show(report: &mut Report, what: Growing, rows: &[Row]) {
    report.title(&what.title());
    report.line(
        what.name(),
        "packets/s  ns/packet  of floor   CPU %  busiest  memory MB  kB/member  p50 ms  p99 ms  lost",
    );
    for row in rows {
        let label = row.size.to_string();
        match &row.figures {
            Some(figures) => report.line(&label, figures.to_string()),
            None => report.line(&label, "no figures, since something was overloaded:"),
        }
        for reason in &row.overloaded {
            report.line("", format!("- {reason}"));
        }
    }
    report.figure(what.name(), rows);
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { packets_per_second, ns_per_packet, of_paced_floor, cpu_percent, .. } = self;
        write!(
            f,
            "{packets_per_second:>9.0}  {ns_per_packet:>9.0}  {of_paced_floor:>8.2}  {cpu_percent:>6.1}"
        )?;
        let Self { busiest_media_thread_percent, memory_mb, kb_per_member, .. } = self;
        write!(f, "  {busiest_media_thread_percent:>7.1}  {memory_mb:>9.1}  {kb_per_member:>9.0}")?;
        let Self { p50_ms, p99_ms, lost, .. } = self;
        write!(f, "  {p50_ms:>6.2}  {p99_ms:>6.2}  {lost:>4.0}")
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::Arguments;

    const FLOOR: f64 = 1_500.0;

    /// A scenario in which everything was measured.
    fn measured() -> Report {
        let mut report = Report::default();
        for key in ["packets_per_second", "server_cpu_percent", "lost"] {
            report.figure(key, 0.0);
        }
        for (key, figure) in [("groups", 2), ("publishers", 1), ("subscribers", 4)] {
            report.figure(key, figure);
        }
        for (key, figure) in [
            ("server_ns_per_packet", 3_000.0),
            ("server_rss_before", 5e6),
            ("server_rss_end", 6e6),
            ("expected", 1e4),
        ] {
            report.figure(key, figure);
        }
        report.figure("latency", serde_json::json!({"p50_ms": 1.0, "p99_ms": 5.0}));
        let thread = serde_json::json!({"name": "media-0", "max_percent": 20.0});
        report.figure("server_threads", [thread]);
        report
    }

    #[test]
    fn figures_stand_in_a_table_and_in_json() {
        let row = Row::of(30, &measured(), FLOOR);
        let figures = row.figures.expect("nothing was overloaded");
        assert!((figures.of_paced_floor - 2.0).abs() < 1e-9);
        assert!((figures.kb_per_member - 100.0).abs() < 1e-9);

        let mut report = Report::default();
        show(&mut report, Growing::Groups, &[row]);
        let table = report.to_string();
        assert!(table.contains("3000      2.00") && table.contains("5 packets/s"), "{table}");
    }

    #[test]
    fn an_overloaded_size_shows_why_instead_of_figures() {
        let mut busy = measured();
        busy.warn("the generator's thread subscribers-0 is 97 % busy".to_owned());
        let mut lossy = measured();
        lossy.figure("lost", 11);
        let mut absent = measured();
        absent.fail("only 3 of 10 came".to_owned());
        let mut incomplete = measured();
        incomplete.figure("server_rss_end", None::<u64>);
        for (report, reason) in [
            (busy, "97 % busy"),
            (lossy, "11 of 10000 packets"),
            (absent, "only 3 of 10"),
            (incomplete, "not everything"),
        ] {
            let row = Row::of(1_000, &report, FLOOR);
            assert_eq!(row.figures, None);
            let mut table = Report::default();
            show(&mut table, Growing::Subscribers, &[row]);
            let table = table.to_string();
            assert!(table.contains(reason) && !table.contains("3000"), "{table}");
        }
    }

    #[test]
    fn every_size_is_a_scenario_of_this_program() {
        for what in Growing::value_variants() {
            for size in what.sizes() {
                let line = format!(
                    "galene-load {} http://h/group/x/{}",
                    what.line(size, 5.0),
                    what.group()
                );
                let read = Arguments::try_parse_from(line.split_whitespace());
                assert!(read.is_ok(), "{line}");
            }
        }
    }
}
