//! What transports cost on which nothing happens.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use crate::arguments::IdleArguments;
use crate::publisher::PublisherConfig;
use crate::report::Report;
use crate::run::pause;
use crate::stage::{Stage, StageError, report_generator, report_server};
use crate::subscriber::SubscriberConfig;

/// After so long whatever came of the last packets is over.
const CALM: Duration = Duration::from_secs(2);
/// Enough to start both tracks, and little work while everybody joins.
const PUBLISH: PublisherConfig =
    PublisherConfig { video_bitrate: 50_000, fps: 10, audio: true, encodings: 1 };
const SUBSCRIBE: SubscriberConfig =
    SubscriberConfig { remb: 3_000_000, loss: 0.0, has_times: false };

/// Connects everybody, silences the publisher, and measures.
pub(crate) async fn run(arguments: &IdleArguments) -> Result<Report, StageError> {
    let mut stage = Stage::set_up(&arguments.target, 1).await?;
    let before = stage.resident()?;
    let mut report = Report::default();
    report.title("idle transports");
    report.count("transports", "transports", arguments.transports as u64);

    let mut publisher = stage.client(0);
    publisher.publish = Some(PUBLISH);
    stage.admit(publisher);
    let mut has_come = stage.wait_for_publishers(1).await;
    if has_come {
        let begun = Instant::now();
        for nth in 0..arguments.transports {
            pause(begun, nth, arguments.ramp).await;
            let mut subscriber = stage.client(0);
            subscriber.subscribe = Some(SUBSCRIBE);
            stage.admit(subscriber);
        }
        let tracks = arguments.transports * PUBLISH.tracks();
        has_come = stage.wait_until(|p| p.live_tracks.load(Relaxed) >= tracks).await;
    }
    if has_come {
        stage.shared.is_muted.store(true, Relaxed);
        tokio::time::sleep(CALM).await;
        stage.measure(arguments.duration).await?;
        let (after, used) = (stage.resident()?, stage.server_used()?);
        let generator = stage.generator_used()?;
        if let Some(used) = used {
            report_server(&mut report, &used);
            let thousands = arguments.transports as f64 / 1e3;
            let each = used.percent() / thousands;
            report.number("percent_per_1000", "CPU per 1,000 transports", each, 3, "% of a core");
        }
        if let (Some(before), Some(after)) = (before, after) {
            let each = after.saturating_sub(before) as f64 / arguments.transports as f64;
            report.figure("server_rss_before", before);
            report.figure("server_rss_end", after);
            report.figure("bytes_per_transport", each);
            report.line("memory per transport", format!("{:.1} kB", each / 1e3));
        }
        report_generator(&mut report, &generator);
    } else {
        let progress = &stage.shared.progress;
        let (joined, connected) = (progress.joined.load(Relaxed), progress.connected.load(Relaxed));
        report.fail(format!("only {joined} clients joined and {connected} transports connected"));
    }
    let tally = stage.strike().await;
    report.errors(&tally.errors);
    Ok(report)
}
