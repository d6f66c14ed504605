//! What the server promises, measured one after the other on this machine, and held against the floor
//! that is measured in the same run.

use std::collections::BTreeMap;
use std::error::Error;

use clap::ValueEnum;

use crate::arguments::{Part, ProveArguments};
use crate::report::Report;
use crate::scenario::Scenarios;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A promise: what was measured, and the bound that it is to keep.
struct Promise {
    text: String,
    measured: Option<f64>,
    bound: f64,
    is_minimum: bool,
    unit: &'static str,
}

/// A lecture, as measured.
struct Lecture {
    subscribers: u32,
    report: Report,
}

/// The least that a packet costs, in nanoseconds.
struct Floor {
    /// Sealed and sent one after the other, as fast as it goes, to nobody.
    tight: f64,
    /// Sealed and sent as in a lecture, to somebody who receives.
    lecture: f64,
    /// The same with a frame in one send.
    lecture_offload: f64,
}

/// Measures what is asked for and reports.
pub(crate) async fn run(arguments: &ProveArguments) -> Result<Report> {
    let mut report = Report::default();
    let mut promises = Vec::new();
    let scenarios = Scenarios::new(&arguments.server, arguments.json.as_deref())?;
    let prover = Prover { arguments, scenarios };
    let mut offload = Vec::new();
    for part in Part::value_variants().iter().filter(|part| arguments.has(**part)) {
        match part {
            Part::Packets => offload = prover.packets(&mut report, &mut promises).await?,
            Part::Connections => prover.joins(&mut report, &mut promises).await?,
            Part::Idle => prover.idles(&mut report, &mut promises).await?,
            Part::Storm => prover.storm(&mut report, &mut promises).await?,
            Part::Shards => prover.shards(&mut report, &mut promises, &offload).await?,
        }
    }
    report.title("promises");
    for promise in &promises {
        promise.show(&mut report);
    }
    report.figure("kept", promises.iter().filter(|p| p.is_kept()).count());
    report.figure("promises", promises.len());
    Ok(report)
}

/// How lectures are called in which the packets of a frame leave together.
const OFFLOAD: &str = "segmentation offload";

struct Prover<'a> {
    arguments: &'a ProveArguments,
    scenarios: Scenarios<'a>,
}

impl Prover<'_> {
    /// Lets a fresh server be measured by a command line of this program.
    async fn scenario(&self, name: &str, options: &[&str], line: &str) -> Result<Report> {
        self.scenarios.measure(name, options, "", line).await
    }

    async fn lectures(&self, way: &str, options: &[&str], sizes: &[u32]) -> Result<Vec<Lecture>> {
        let seconds = self.arguments.duration.as_secs_f64();
        let mut lectures = Vec::new();
        for &subscribers in sizes {
            let name = format!("{way} {subscribers}");
            let line = format!("run --subscribers {subscribers} --duration {seconds}s");
            let report = self.scenario(&name, options, &line).await?;
            lectures.push(Lecture { subscribers, report });
        }
        Ok(lectures)
    }

    /// Lectures of several sizes, and the floor of each. Returns those with offload.
    async fn packets(
        &self,
        report: &mut Report,
        promises: &mut Vec<Promise>,
    ) -> Result<Vec<Lecture>> {
        let plain = self
            .lectures("one send per packet", &["-shards", "1", "-no-offload"], &[100, 300, 500])
            .await?;
        let offload = self.lectures(OFFLOAD, &["-shards", "1"], &[50, 100, 300, 500]).await?;
        let mut floors = BTreeMap::new();
        for &Lecture { subscribers, .. } in &offload {
            let name = format!("floor {subscribers}");
            let floor = self.scenarios.floor(&name, subscribers, "tight,lecture")?;
            floors.insert(subscribers, Floor::of(&floor));
        }
        let tight = floors.values().fold(f64::INFINITY, |least, floor| least.min(floor.tight));
        show_floors(report, tight, &floors);

        for (way, bound, lectures) in
            [("one send per packet", 1.35, &plain), (OFFLOAD, 0.9, &offload)]
        {
            show_lectures(report, way, lectures, tight, &floors);
            for lecture in lectures.iter().filter(|lecture| lecture.subscribers >= 100) {
                let subscribers = lecture.subscribers;
                promises.push(Promise {
                    text: format!("{way}, {subscribers} subscribers: multiple of the floor"),
                    measured: lecture.video_ns().map(|ns| ns / tight),
                    bound,
                    is_minimum: false,
                    unit: "",
                });
            }
        }
        let costs: Vec<f64> = offload.iter().filter_map(Lecture::video_ns).collect();
        let (least, most) =
            costs.iter().fold((f64::MAX, 0.0_f64), |(a, b), c| (a.min(*c), b.max(*c)));
        promises.push(Promise {
            text: "50 to 500 subscribers: dearest packet against cheapest".to_owned(),
            measured: (!costs.is_empty()).then(|| most / least),
            bound: 1.15,
            is_minimum: false,
            unit: "",
        });
        promises.push(Promise {
            text: "latency, 99th percentile, 300 subscribers".to_owned(),
            measured: offload
                .iter()
                .find(|l| l.subscribers == 300)
                .and_then(|l| l.report.get("latency/p99_ms")),
            bound: 5.0,
            is_minimum: false,
            unit: "ms",
        });
        Ok(offload)
    }

    async fn joins(&self, report: &mut Report, promises: &mut Vec<Promise>) -> Result<()> {
        let measured =
            self.scenario("connections", &["-shards", "1"], "connect --connections 2000").await?;
        report.title("connections: join, connect a transport, leave");
        report.copy(&measured, "server_us_per_connection", "server CPU per connection", 0, "µs");
        report.copy(&measured, "per_second", "rate reached", 0, "per second");
        promises.push(Promise {
            text: "new connections per second and core".to_owned(),
            measured: measured.get("per_second_and_core"),
            bound: 2_500.0,
            is_minimum: true,
            unit: "",
        });
        Ok(())
    }

    async fn idles(&self, report: &mut Report, promises: &mut Vec<Promise>) -> Result<()> {
        let measured = self
            .scenario("idle", &["-shards", "1"], "idle --transports 1000 --duration 20s")
            .await?;
        report.title("1,000 idle transports");
        report.copy(&measured, "server_cpu_percent", "server CPU", 2, "% of a core");
        promises.push(Promise {
            text: "CPU per 1,000 idle transports".to_owned(),
            measured: measured.get("percent_per_1000"),
            bound: 0.5,
            is_minimum: false,
            unit: "% of a core",
        });
        promises.push(Promise {
            text: "memory per connected transport and its client".to_owned(),
            measured: measured.get("bytes_per_transport").map(|bytes| bytes / 1e3),
            bound: 100.0,
            is_minimum: false,
            unit: "kB",
        });
        Ok(())
    }

    async fn storm(&self, report: &mut Report, promises: &mut Vec<Promise>) -> Result<()> {
        let line =
            "run --subscribers 1000 --storm --video-kbps 150 --fps 10 --duration 5s --patience 30s";
        let measured = self.scenario("storm", &[], line).await?;
        report.title("storm: 1,000 subscribers join one group within a second");
        report.copy(&measured, "settled_ms", "all had media after", 0, "ms");
        report.copy(&measured, "user_messages", "messages about members", 0, "");
        promises.push(Promise {
            text: "storm: settled after".to_owned(),
            measured: measured.get("settled_ms").filter(|_| !measured.has_failed()),
            bound: 3_000.0,
            is_minimum: false,
            unit: "ms",
        });
        promises.push(Promise {
            text: "storm: packets lost".to_owned(),
            measured: measured.get("lost"),
            bound: 0.0,
            is_minimum: false,
            unit: "",
        });
        Ok(())
    }

    /// Two shards against one: what the busiest media thread does is what limits a server. `one` has what
    /// was measured already.
    async fn shards(
        &self,
        report: &mut Report,
        promises: &mut Vec<Promise>,
        one: &[Lecture],
    ) -> Result<()> {
        let alone = match one.iter().any(|lecture| lecture.subscribers == 500) {
            true => Vec::new(),
            false => self.lectures(OFFLOAD, &["-shards", "1"], &[500]).await?,
        };
        let two = self.lectures("two shards", &["-shards", "2"], &[500]).await?;
        report.title("one lecture of 500 on two shards");
        let pairs = one.iter().chain(&alone).find(|l| l.subscribers == 500).zip(two.first());
        let busiest = |lecture: &Lecture| lecture.report.busiest("server_threads", "media-");
        let ratio = pairs.and_then(|(one, two)| {
            let (one, two) = (busiest(one)?, busiest(two)?);
            report.number("one_shard_percent", "media thread of one shard", one, 1, "% of a core");
            report.number(
                "two_shards_percent",
                "busier media thread of two",
                two,
                1,
                "% of a core",
            );
            Some(one / two)
        });
        promises.push(Promise {
            text: "what two shards carry against one, by CPU time".to_owned(),
            measured: ratio,
            bound: 1.8,
            is_minimum: true,
            unit: "",
        });
        Ok(())
    }
}

impl Lecture {
    fn video_ns(&self) -> Option<f64> {
        self.report.get("server_ns_per_video_packet")
    }
}

impl Floor {
    fn of(measured: &Report) -> Self {
        let get = |key| measured.get(key).unwrap_or(f64::NAN);
        Self {
            tight: get("floor_ns"),
            lecture: get("lecture_ns"),
            lecture_offload: get("lecture_gso_ns"),
        }
    }
}

impl Promise {
    fn is_kept(&self) -> bool {
        self.measured.is_some_and(|measured| {
            if self.is_minimum { measured >= self.bound } else { measured <= self.bound }
        })
    }

    fn show(&self, report: &mut Report) {
        let bound = if self.is_minimum { "at least" } else { "at most" };
        let measured = self.measured.map_or("not measured".to_owned(), |m| format!("{m:.2}"));
        let verdict = if self.is_kept() { "kept  " } else { "MISSED" };
        let text = format!("{} {} ({bound} {} {})", self.text, measured, self.bound, self.unit);
        report.line(verdict, text.trim_end());
        report.figure(&self.text, self.measured);
    }
}

/// Reports the floors, by how many receive.
fn show_floors(report: &mut Report, tight: f64, floors: &BTreeMap<u32, Floor>) {
    report.title("floor: AES-128-GCM and a send, CPU time per packet");
    report.number("floor_ns", "1,200 bytes, as fast as it goes, to nobody", tight, 0, "ns");
    for (receivers, floor) in floors {
        let Floor { lecture, lecture_offload, .. } = floor;
        report.line(
            &format!("a lecture to {receivers} receivers"),
            format!("{lecture:.0} ns, with a frame in one send {lecture_offload:.0} ns"),
        );
        report.figure(&format!("floor_lecture_{receivers}_ns"), lecture);
        report.figure(&format!("floor_lecture_gso_{receivers}_ns"), lecture_offload);
    }
}

fn show_lectures(
    report: &mut Report,
    way: &str,
    lectures: &[Lecture],
    tight: f64,
    floors: &BTreeMap<u32, Floor>,
) {
    report.title(&format!("one publisher, 1.5 Mbit/s of VP8 and Opus, one shard, {way}"));
    for Lecture { subscribers, report: measured } in lectures {
        let get = |key| measured.get(key).unwrap_or(f64::NAN);
        let video = get("server_ns_per_video_packet");
        let per_packet = get("server_ns_per_packet");
        let lecture = floors.get(subscribers).map_or(f64::NAN, |floor| {
            if way == OFFLOAD { floor.lecture_offload } else { floor.lecture }
        });
        let of_lecture = per_packet / lecture;
        // What sound adds to each packet of video stands in both.
        let least = lecture * video / per_packet / tight;
        report.line(
            &format!("{subscribers} subscribers"),
            format!(
                "{video:.0} ns per video packet ({:.2} of the floor, of which {least:.2} cannot be less), \
                 {per_packet:.0} per packet ({of_lecture:.2} of the lecture's floor); CPU {:.1} %; p50 {:.2} \
                 p99 {:.2} ms; lost {:.0}",
                video / tight,
                get("server_cpu_percent"),
                get("latency/p50_ms"),
                get("latency/p99_ms"),
                get("lost"),
            ),
        );
        let key = format!("{}_{subscribers}", way.replace(' ', "_"));
        report.figure(&format!("{key}_video_ns"), video);
        report.figure(&format!("{key}_packet_ns"), per_packet);
        report.figure(&format!("{key}_of_lecture_floor"), of_lecture);
        report.figure(&format!("{key}_least_of_floor"), least);
        for warning in measured.warnings() {
            report.line("", format!("warning: {warning}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_is_kept_within_its_bound_and_never_without_a_figure() {
        let promise = |measured, is_minimum| Promise {
            text: String::new(),
            measured,
            bound: 2.0,
            is_minimum,
            unit: "",
        };
        assert!(promise(Some(2.0), false).is_kept() && !promise(Some(2.1), false).is_kept());
        assert!(promise(Some(2.0), true).is_kept() && !promise(Some(1.9), true).is_kept());
        assert!(!promise(None, false).is_kept() && !promise(Some(f64::NAN), false).is_kept());
    }
}
