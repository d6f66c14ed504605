//! Measures how good picture and sound are over bad links, and writes `docs/quality.md`.
//!
//! `quality [--seeds N] [WORD...]`: all rows and set-ups, or those whose names have all the words. The page is
//! written only if everything was measured. `quality estimators` compares the estimators alone and writes that
//! part of the page.

#![expect(clippy::print_stdout, reason = "this is what the program is for")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, thread};

use galene_tests::quality::{
    Contender, Contest, Figures, Outcome, Row, Setup, Table, contest_summary, contest_table,
    measure,
};

/// So many runs with different seeds make a figure.
const SEEDS: u64 = 5;

fn main() {
    let mut words: Vec<String> = env::args().skip(1).collect();
    let mut seeds = SEEDS;
    if let Some(at) = words.iter().position(|word| word == "--seeds") {
        seeds = words.get(at + 1).and_then(|n| n.parse().ok()).expect("--seeds has a number");
        words.drain(at..at + 2);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/quality.md");
    let write = |page: String| fs::write(&path, page).expect("docs/quality.md can be written");
    let only_estimators = words == ["estimators"];
    if only_estimators {
        let estimators = estimators(seeds);
        println!("{estimators}");
        if seeds == SEEDS {
            let page = fs::read_to_string(&path).expect("docs/quality.md can be read");
            let before = page.split_once(ESTIMATORS).map_or(page.as_str(), |(before, _)| before);
            write(format!("{}\n\n{estimators}", before.trim_end()));
        }
        return;
    }
    let cases = cases(&words);
    let figures = measure_all(&cases, seeds);
    let tables = tables(cases, &figures);
    if words.is_empty() && seeds == SEEDS {
        write(format!("{}\n{}", document(&tables), estimators(seeds)));
    }
    for table in &tables {
        println!("## {}\n\n{table}", heading(table));
    }
    let (kept, all) = count(&tables);
    println!("{kept} of {all} rows keep all that is promised.");
}

/// Returns what is to be measured. The undisturbed run of each set-up is always part of it, since others are
/// compared with it.
fn cases(words: &[String]) -> Vec<(Setup, Row)> {
    let mut cases = Vec::new();
    for setup in Setup::all() {
        for row in Row::all() {
            // With twenty receivers only a receiver's link is of interest.
            let makes_sense =
                row.receivers == 1 || setup.leg == galene_tests::quality::Leg::Receiver;
            let name = format!("{} {setup}", row.id);
            let is_meant = words.iter().all(|word| {
                if word.starts_with('Q') { row.id == word } else { name.contains(word.as_str()) }
            });
            if makes_sense && is_meant {
                cases.push((setup, row));
            }
        }
    }
    cases
}

/// Measures, and returns the medians in the order of the cases.
fn measure_all(cases: &[(Setup, Row)], seeds: u64) -> Vec<Figures> {
    let of_cases = on_all_cores(cases, seeds, |(setup, row), seed| measure(row, *setup, seed));
    of_cases.iter().map(|figures| Figures::median(figures)).collect()
}

/// Compares the estimators, and returns that part of the page.
fn estimators(seeds: u64) -> String {
    let both = [Contender::Ours, Contender::Engine];
    let runs: Vec<_> = Contest::all()
        .into_iter()
        .flat_map(|contest| both.map(|who| (contest.clone(), who)))
        .collect();
    let outcomes = on_all_cores(&runs, seeds, |(contest, who), seed| contest.run(*who, seed));
    let medians: Vec<_> = outcomes.iter().map(|outcomes| Outcome::median(outcomes)).collect();
    let pairs = runs.chunks(2).zip(medians.as_chunks().0);
    let pairs: Vec<_> = pairs.map(|(runs, medians)| (runs[0].0.clone(), *medians)).collect();
    let (table, summary) = (contest_table(&pairs), contest_summary(&pairs));
    format!("{ESTIMATORS}\n\n{CONTEST}\n{table}\n{summary}")
}

/// Runs each case with each seed, and returns what came out in the order of the cases.
fn on_all_cores<C: Sync, F: Copy + Send>(
    cases: &[C],
    seeds: u64,
    run: impl Fn(&C, u64) -> F + Sync,
) -> Vec<Vec<F>> {
    let jobs: Vec<_> =
        (0..cases.len()).flat_map(|case| (1..=seeds).map(move |seed| (case, seed))).collect();
    let next = AtomicUsize::new(0);
    let results: Mutex<BTreeMap<(usize, u64), F>> = Mutex::new(BTreeMap::new());
    let work = || {
        while let Some(&(case, seed)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let result = run(&cases[case], seed);
            results.lock().expect("nobody panics with it").insert((case, seed), result);
        }
    };
    thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        (0..cores).for_each(|_| drop(scope.spawn(work)));
    });
    let results = results.into_inner().expect("nobody panicked with it");
    let of_case = |case| results.range((case, 0)..(case + 1, 0)).map(|(_, result)| *result);
    (0..cases.len()).map(|case| of_case(case).collect()).collect()
}

fn tables(cases: Vec<(Setup, Row)>, figures: &[Figures]) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    for ((setup, row), figures) in cases.into_iter().zip(figures) {
        if tables.last().is_none_or(|table| table.setup != setup) {
            tables.push(Table { setup, rows: Vec::new(), undisturbed: 0.0 });
        }
        let table = tables.last_mut().expect("just made");
        if row.id == "Q0" {
            table.undisturbed = figures.published;
        }
        table.rows.push((row, *figures));
    }
    tables
}

fn heading(table: &Table) -> String {
    let name = table.setup.to_string();
    name[..1].to_uppercase() + &name[1..]
}

fn count(tables: &[Table]) -> (usize, usize) {
    let counts = tables.iter().map(Table::kept);
    counts.fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1))
}

fn document(tables: &[Table]) -> String {
    let (kept, all) = count(tables);
    let mut page = format!(
        "# Quality over bad links\n\n\
         What a member sees and hears while the link of somebody is bad: measured, and beside it what is \
         promised.\n\
         This page is written by `./bench quality`; nothing in it is written by hand.\n\n\
         **{kept} of {all} rows keep all that is promised.**\n\
         What is missed is bold.\n\n{METHOD}\n"
    );
    for table in tables {
        let (kept, all) = table.kept();
        let heading = heading(table);
        // Writing to a string cannot fail.
        let _ = write!(page, "## {heading}\n\n{kept} of {all} rows are kept.\n\n{table}\n");
    }
    page.truncate(page.trim_end().len());
    page + "\n"
}

const METHOD: &str = "\
## Method

Everything runs in virtual time on a virtual network, with the real forwarding core between stand-ins for \
browsers; the same seeds give the same figures.
Each figure is the median of five runs with the seeds 1 to 5, of 60 seconds each, after 20 seconds in which \
nothing is wrong.
The link that is meant has 25 ms in each direction, and what is wrong with it is wrong in both directions; all \
other links take 1 ms and lose nothing.
A narrow link has a queue of 32 kB in front of it and drops what does not fit.

The publisher sends a camera of 1280 by 720 at 30 frames in a second, VP8, up to 1.5 Mbit/s, and a microphone \
(Opus, 20 ms).
The sizes of frames vary with what moves; a keyframe has eight to ten times the size of an average frame, and \
the encoder saves afterwards what it took too much.
It begins at 300 kbit/s and adapts: from transport-wide feedback with an estimator of its own, or from REMB and \
loss; the lower of estimate and REMB counts.
*Three encodings* are sent at up to 1,500, 450 and 150 kbit/s, from the smallest to the largest as far as the \
rate goes, as libwebrtc does it.
Sound carries a copy of each packet in the next one (Opus in-band FEC) while the publisher is told that more than \
1 % gets lost.
Both ends take redundant audio (RFC 2198), as Chromium does; the publisher sends each packet twice if the answer \
prefers that.

The receiver puts frames together, asks for what is missing as libwebrtc does (by NACK at once, then every 100 ms, \
ten times), shows frames in time with a delay that adapts to the link, and asks for a keyframe 200 ms after the \
start or 3 s after the last frame if nothing can be decoded, and then every 200 ms.
It reports by transport-wide feedback where that is negotiated, and by REMB where not.

| column | meaning |
| --- | --- |
| frames | shown, of those that the publisher's encoder made in this time |
| per second | frames shown in a second |
| still | time in which the picture stands still, of all time, by libwebrtc's rule: gaps of at least three times \
the average, and 150 ms more than it |
| sound made up | time for which no packet, and no copy of it, was there to be played |
| keyframes asked/min | PLIs that reach the publisher in a minute, for any encoding |
| kbit/s | what the first receiver is sent, with everything |
| largest | frames from the largest encoding, of those shown |
| adapts | *down*: how long more is sent than the narrowed link carries; *up*: how long until the largest encoding, \
or four fifths of the former rate, is there again; *back*: how long until a picture is seen |
";

const ESTIMATORS: &str = "## Two estimators on the same links";

const CONTEST: &str = "\
How well the estimator that the server uses keeps to a link, and beside it the one that the engine has (str0m, a \
port of libwebrtc's).
One sender, one receiver and one link, without the server between them: a camera whose pictures have 2 Mbit/s if \
the link carries that, and else what the estimate allows; a receiver that gives transport-wide feedback and asks \
for nothing again.
Both begin with 600 kbit/s, and both are told the same by the same receiver.
They differ in how they send, since that is part of each: ours sends each picture at once and probes with short \
trains of padding, the engine spreads packets over time and probes in its own way.
Links, time and seeds are as above; packets that get lost by chance are part of what could have been sent.

| column | meaning |
| --- | --- |
| down | how long more was sent than the narrowed link carries, padding included |
| up | when, after the link was as before, the first second began in which pictures took 80 % of the 2 Mbit/s |
| used | what arrived of pictures, of what could have been sent |
| queue | how much longer than the quickest a packet took over the link: half of them at most, 95 % at most |
| late | how much longer than the quickest it took from when a picture was made, waiting at the sender included, till \
a packet arrived: 95 % at most |
| lost | packets that did not arrive, by chance or because they did not fit |
";
