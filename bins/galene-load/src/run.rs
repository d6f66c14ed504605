//! Conferences: publishers, subscribers, and what becomes of the packets between them.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use crate::arguments::RunArguments;
use crate::process::CpuUse;
use crate::report::Report;
use crate::stage::{Stage, StageError, report_generator, report_server};
use crate::tally::Tally;

/// So many frames of a thousand may be late without a warning.
const MAX_LATE_PERMILLE: u64 = 1;

/// The server's memory at three moments, in bytes.
#[derive(Debug, Default, Clone, Copy)]
struct Resident {
    before: Option<u64>,
    settled: Option<u64>,
    end: Option<u64>,
}

/// Holds the conferences and reports.
pub(crate) async fn run(arguments: &RunArguments) -> Result<Report, StageError> {
    let mut report = Report::default();
    describe(&mut report, arguments);
    let mut stage = Stage::set_up(&arguments.target, arguments.groups).await?;
    let mut resident = Resident { before: stage.resident()?, ..Resident::default() };
    let settled = arrive(&mut stage, arguments).await;
    let (mut server, mut generator) = (None, None);
    match settled {
        Err(missing) => report.fail(missing),
        Ok(settled) => {
            resident.settled = stage.resident()?;
            report.number("settled_ms", "all had media after", ms(settled), 0, "ms");
            stage.measure(arguments.duration).await?;
            server = stage.server_used()?;
            resident.end = stage.resident()?;
            generator = Some(stage.generator_used()?);
            let each = arguments.receivers() as u64;
            let is_exact = arguments.is_exact();
            stage
                .drain(|tally| is_exact && tally.received.packets() == tally.sent.packets() * each)
                .await;
        }
    }
    let failed = stage.shared.progress.failed.load(Relaxed);
    let tally = stage.strike().await;
    if !report.has_failed() {
        if failed > 0 {
            report.fail(format!("{failed} clients failed or were thrown out"));
        }
        report_forwarding(&mut report, arguments, &tally);
        if let Some(server) = &server {
            report_cost(&mut report, arguments, &tally, server, resident);
        }
        if let Some(generator) = &generator {
            report_generator(&mut report, generator);
        }
        report_own_delays(&mut report, &tally);
    }
    report.errors(&tally.errors);
    Ok(report)
}

impl RunArguments {
    fn members(&self) -> usize {
        self.publishers + self.subscribers
    }

    /// Returns how many receive each stream.
    fn receivers(&self) -> usize {
        let others = if self.meeting { self.publishers.saturating_sub(1) } else { 0 };
        self.subscribers + others
    }

    /// Returns whether each subscriber is to get every packet that is sent. Who receives a smaller
    /// encoding gets fewer: then only gaps in the numbering are losses.
    fn is_exact(&self) -> bool {
        self.media.simulcast == 1
    }

    /// Returns how many transports the server sends on.
    fn transports(&self) -> usize {
        self.groups * self.publishers * self.receivers()
    }
}

/// Lets everybody come, and returns how long the subscribers took; or what is missing.
async fn arrive(stage: &mut Stage, arguments: &RunArguments) -> Result<Duration, String> {
    let publish = arguments.media.publisher();
    let subscribe = arguments.media.subscriber(arguments.loss, !arguments.no_kernel_times);
    let rate = if arguments.storm {
        #[expect(clippy::cast_precision_loss, reason = "a number of clients")]
        let everybody = (arguments.groups * arguments.subscribers) as f64;
        everybody
    } else {
        arguments.ramp
    };
    let chat = |index: usize| {
        let second = (arguments.chat > 0.0).then(|| Duration::from_secs_f64(1.0 / arguments.chat));
        second.map(|second| (second * count(arguments.members()), second * count(index)))
    };

    let mut begun = Instant::now();
    let clients = |per_group: usize| {
        (0..per_group).flat_map(|index| (0..arguments.groups).map(move |group| (group, index)))
    };
    for (nth, (group, index)) in clients(arguments.publishers).enumerate() {
        pause(begun, nth, rate).await;
        let mut client = stage.client(group);
        client.publish = Some(publish);
        client.subscribe = arguments.meeting.then_some(subscribe);
        client.chat = chat(index);
        stage.admit(client);
    }
    let publishers = arguments.groups * arguments.publishers;
    if !stage.wait_for_publishers(publishers).await {
        let came = stage.shared.progress.publishing.load(Relaxed);
        return Err(format!("only {came} of {publishers} publishers could connect"));
    }
    if arguments.subscribers > 0 {
        begun = Instant::now();
    }
    for (nth, (group, index)) in clients(arguments.subscribers).enumerate() {
        pause(begun, nth, rate).await;
        let mut client = stage.client(group);
        client.subscribe = Some(subscribe);
        client.chat = chat(arguments.publishers + index);
        stage.admit(client);
    }
    let tracks = arguments.transports() * publish.tracks();
    let clients = arguments.groups * arguments.members();
    let has_come = stage
        .wait_until(|p| p.live_tracks.load(Relaxed) >= tracks && p.joined.load(Relaxed) >= clients)
        .await;
    if has_come {
        return Ok(begun.elapsed());
    }
    let progress = &stage.shared.progress;
    let (joined, live) = (progress.joined.load(Relaxed), progress.live_tracks.load(Relaxed));
    let (failed, connected) = (progress.failed.load(Relaxed), progress.connected.load(Relaxed));
    let transports = arguments.transports();
    Err(format!(
        "{joined} of {clients} clients joined, {failed} failed; {connected} of {transports} transports \
         connected, and {live} of {tracks} tracks arrived"
    ))
}

/// Waits until it is time for the `nth` client.
pub(crate) async fn pause(begun: Instant, nth: usize, rate: f64) {
    if rate > 0.0 {
        let at = begun + Duration::from_secs_f64(f64::from(count(nth)) / rate);
        tokio::time::sleep_until(at.into()).await;
    }
}

fn describe(report: &mut Report, arguments: &RunArguments) {
    let RunArguments { groups, publishers, subscribers, media, .. } = arguments;
    report.title("load");
    report.line("groups", groups.to_string());
    report.line("publishers, subscribers per group", format!("{publishers}, {subscribers}"));
    let encodings = media.simulcast;
    report.line(
        "each publisher",
        format!("{} kbit/s, {} fps, encodings: {encodings}", media.video_kbps, media.fps),
    );
    report.figure("groups", groups);
    report.figure("publishers", publishers);
    report.figure("subscribers", subscribers);
    report.figure("meeting", arguments.meeting);
    report.figure("transports", arguments.transports());
    report.figure("video_kbps", media.video_kbps);
    report.figure("fps", media.fps);
    report.figure("audio", media.publisher().audio);
    report.figure("simulcast", encodings);
    report.figure("duration_s", arguments.duration.as_secs_f64());
    report.figure("loss_percent", arguments.loss);
    report.figure("storm", arguments.storm);
    report.figure("chat_per_second", arguments.chat);
}

fn report_forwarding(report: &mut Report, arguments: &RunArguments, tally: &Tally) {
    let (sent, received) = (&tally.sent, &tally.received);
    let seconds = arguments.duration.as_secs_f64();
    tally.report_joining(report);
    report.count("user_messages", "messages about members", tally.user_messages);

    report.title("forwarding");
    report.count("sent_video", "video packets sent", sent.video);
    report.count("sent_audio", "audio packets sent", sent.audio);
    let is_exact = arguments.is_exact();
    let each = arguments.receivers() as u64;
    let expected =
        if is_exact { sent.packets() * each } else { received.packets() + received.missing };
    let lost = |sent: u64, received: u64| (sent * each).saturating_sub(received);
    let (lost_video, lost_audio) =
        (lost(sent.video, received.video), lost(sent.audio, received.audio));
    let lost = expected.saturating_sub(received.packets());
    report.count("expected", "packets expected", expected);
    report.count("received", "packets received", received.packets());
    report.figure("received_video", received.video);
    report.figure("received_audio", received.audio);
    report.count("lost", "lost after repair", lost);
    if is_exact {
        report.count("lost_video", "... of video", lost_video);
        report.count("lost_audio", "... of audio (not sent again)", lost_audio);
    }
    report.count("missing", "gaps in sequence numbers", received.missing);
    report.count("duplicates", "duplicates", received.duplicates);
    report.count("out_of_order", "out of order", received.out_of_order);
    report.count("corrupt", "corrupt", received.corrupt);
    report.count("timestamp_errors", "wrong timestamps", received.timestamp_errors);
    report.count("frames", "frames complete", received.frames);
    let incomplete = if is_exact {
        (sent.frames * each).saturating_sub(received.frames)
    } else {
        received.partial_frames
    };
    report.count("frames_incomplete", "frames incomplete", incomplete);
    if tally.dropped_on_purpose > 0 {
        report.count("dropped_on_purpose", "dropped on purpose", tally.dropped_on_purpose);
    }
    report.count("keyframes_wanted", "keyframes asked of publishers", tally.keyframes_wanted);
    report.count("keyframe_requests", "keyframes asked by subscribers", tally.keyframe_requests);
    report.times("latency", "latency", &tally.latency);
    report.times("late_latency", "latency of what came late", &tally.late_latency);
    let rate = received.packets() as f64 / seconds;
    report.number("packets_per_second", "throughput", rate, 0, "packets/s");
    let mbit = received.bytes as f64 * 8.0 / seconds / 1e6;
    report.number("mbit_per_second", "", mbit, 1, "Mbit/s of payload");
    if arguments.chat > 0.0 {
        report.title("chat");
        let recipients = arguments.members() as u64;
        let expected = tally.chat_sent * recipients;
        report.count("chat_sent", "messages sent", tally.chat_sent);
        report.count("chat_expected", "deliveries expected", expected);
        report.count("chat_received", "deliveries", tally.chat_latency.count());
        report.times("chat_latency", "latency", &tally.chat_latency);
    }
}

fn report_own_delays(report: &mut Report, tally: &Tally) {
    report.times("lateness", "frames sent late by", &tally.lateness);
    report.times("dispatch", "packets looked at after", &tally.dispatch);
    report.figure("late_frames", tally.sent.late);
    report.figure("receive_overflows", tally.overflowed);
    if tally.sent.late * 1_000 > tally.lateness.count() * MAX_LATE_PERMILLE {
        let (late, all) = (tally.sent.late, tally.lateness.count());
        report.warn(format!("{late} of {all} frames left more than 20 ms after their time"));
    }
    if tally.overflowed > 0 {
        let lost = tally.overflowed;
        report.warn(format!("the generator's receive buffers had no room for {lost} datagrams"));
    }
}

fn report_cost(
    report: &mut Report,
    arguments: &RunArguments,
    tally: &Tally,
    used: &CpuUse,
    resident: Resident,
) {
    report_server(report, used);
    let nanos = used.cpu.as_nanos() as f64;
    let mut per = |key, label, packets: u64| {
        if packets > 0 {
            report.number(key, label, nanos / packets as f64, 0, "ns");
        }
    };
    per("server_ns_per_packet", "CPU per forwarded packet", tally.received.packets());
    per("server_ns_per_video_packet", "CPU per forwarded video packet", tally.received.video);
    let moments = [
        ("server_rss_before", "memory before anybody joined", resident.before),
        ("server_rss_settled", "memory when all had media", resident.settled),
        ("server_rss_end", "memory at the end", resident.end),
    ];
    for (key, label, bytes) in moments {
        report.figure(key, bytes);
        report.line(label, format!("{:.1} MB", bytes.unwrap_or_default() as f64 / 1e6));
    }
    if let (Some(before), Some(end)) = (resident.before, resident.end) {
        let each = end.saturating_sub(before) as f64 / arguments.transports().max(1) as f64;
        report.figure("server_bytes_per_transport", each);
        report.line("memory per subscriber transport", format!("{:.1} kB", each / 1e3));
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
