//! How fast clients can join, connect a transport and leave.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::arguments::ConnectArguments;
use crate::publisher::PublisherConfig;
use crate::report::Report;
use crate::stage::{Stage, StageError, report_generator, report_server};
use crate::subscriber::SubscriberConfig;

/// Sound alone: subscribers know by a first packet that all works.
const PUBLISH: PublisherConfig =
    PublisherConfig { video_bitrate: 0, fps: 30, audio: true, encodings: 1 };
const SUBSCRIBE: SubscriberConfig =
    SubscriberConfig { remb: 3_000_000, loss: 0.0, has_times: false };
/// How often the meters are read: threads that end in between are not seen.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(500);

/// Lets clients come and go, and measures.
pub(crate) async fn run(arguments: &ConnectArguments) -> Result<Report, StageError> {
    let mut stage = Stage::set_up(&arguments.target, 1).await?;
    let mut report = Report::default();
    report.title("connections");
    let mut publisher = stage.client(0);
    publisher.publish = Some(PUBLISH);
    stage.admit(publisher);
    if stage.wait_for_publishers(1).await {
        measure(&mut stage, arguments, &mut report).await?;
    } else {
        report.fail("the publisher could not connect".to_owned());
    }
    let tally = stage.strike().await;
    tally.report_joining(&mut report);
    if tally.join.count() < arguments.connections as u64 {
        let count = tally.join.count();
        report.fail(format!("only {count} of {} had media", arguments.connections));
    }
    report.errors(&tally.errors);
    Ok(report)
}

async fn measure(
    stage: &mut Stage,
    arguments: &ConnectArguments,
    report: &mut Report,
) -> Result<(), StageError> {
    stage.restart_meters()?;
    let begun = Instant::now();
    let mut sampled = begun;
    let in_flight = Arc::new(Semaphore::new(arguments.in_flight.max(1)));
    let mut clients = Vec::with_capacity(arguments.connections);
    for _ in 0..arguments.connections {
        let permit = in_flight.clone().acquire_owned().await.expect("it is never closed");
        let mut client = stage.client(0);
        client.subscribe = Some(SUBSCRIBE);
        client.leaves_with_media = true;
        let left = stage.spawn(client, std::future::pending());
        clients.push(tokio::spawn(async move {
            // What became of the client is counted where it ran.
            let _ended = left.await;
            drop(permit);
        }));
        if sampled.elapsed() >= SAMPLE_INTERVAL {
            sampled = Instant::now();
            stage.sample_meters()?;
        }
    }
    for client in clients {
        // These do nothing that could fail.
        let _ended = client.await;
    }
    let took = begun.elapsed();
    let connections = arguments.connections as f64;
    report.count("connections", "connections", arguments.connections as u64);
    let rate = connections / took.as_secs_f64();
    report.number("per_second", "rate reached", rate, 0, "per second");
    if let Some(used) = stage.server_used()? {
        report_server(report, &used);
        let each = used.cpu.as_secs_f64() / connections;
        report.number("server_us_per_connection", "CPU per connection", each * 1e6, 0, "µs");
        let possible = if each > 0.0 { 1.0 / each } else { 0.0 };
        report.number("per_second_and_core", "", possible, 0, "per second and core");
    }
    let generator = stage.generator_used()?;
    report_generator(report, &generator);
    Ok(())
}
