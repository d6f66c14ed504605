//! What does one forwarded packet cost, by number of subscribers, by what is published, and by stage?
//!
//! All that the forwarding core does is measured, from the datagram that comes in to the sealed datagrams
//! that are ready to go out, without any socket. Beside it stands the cipher alone, for packets of the
//! same sizes under as many keys.

use galene_benches::{Bench, Cipher, Lecture, Media, SealFloor, Stages};
use galene_sfu::EgressKind::{Direct, Reference};

fn main() {
    let mut bench = Bench::new("forward", "What does one forwarded packet cost?");
    let round = bench.round();

    // The cipher that two stand-ins and the core agree upon is AES-256-GCM; browsers prefer AES-128-GCM.
    let mut sizes = Vec::new();
    for (name, cipher) in [("seal", Cipher::Aes256), ("seal128", Cipher::Aes128)] {
        for number in bench.numbers(&[10, 100, 500, 1_000]) {
            bench.case(&format!("{name}/{number}"), "packet", || {
                if sizes.is_empty() {
                    sizes = Lecture::connect(Media::Camera, Direct, 1).datagram_sizes(round);
                }
                let mut floor = SealFloor::new(cipher, number);
                floor.reserve(sizes.iter().copied().max().unwrap_or_default());
                let sizes = sizes.clone();
                move |meter| {
                    let sealed = meter.measure(|| sizes.iter().map(|&s| floor.seal(s)).sum());
                    meter.count(sealed);
                }
            });
        }
    }
    for (media, name) in [
        (Media::Camera, "camera"),
        (Media::Sound, "sound"),
        (Media::Layers, "layers"),
        (Media::Simulcast, "simulcast"),
    ] {
        bench.case(&format!("ingest/{name}"), "packet in", || {
            let mut lecture = Lecture::connect(media, Direct, 0);
            move |meter| lecture.ingest(round, meter)
        });
        for number in bench.numbers(&[10, 100, 500, 1_000]) {
            let case = format!("{name}/direct/{number}");
            bench.case(&case, "packet", || {
                let mut lecture = Lecture::connect(media, Direct, number);
                move |meter| lecture.run(round, meter)
            });
            if media == Media::Camera {
                bench.ratio(&case, &format!("seal/{number}"));
            }
            // The same packets, for each of which it has to be decided whether its layer is wanted.
            if media == Media::Layers {
                bench.ratio(&case, &format!("camera/direct/{number}"));
            }
        }
    }
    for number in bench.numbers(&[10, 100, 500, 1_000]) {
        let [ingest, forward, poll, timers] =
            ["ingest", "forward", "poll", "timers"].map(|stage| format!("stages/{number}/{stage}"));
        let names = [
            (&*ingest, "packet in"),
            (&*forward, "packet"),
            (&*poll, "packet"),
            (&*timers, "packet"),
        ];
        bench.stages(names, || {
            let mut lecture = Lecture::connect(Media::Camera, Direct, number);
            move |[ingest, forward, poll, timers]| {
                lecture.run_by_stages(round, Stages { ingest, forward, poll, timers });
            }
        });
        // What forwarding takes besides the cipher: deciding, numbers, the header, copying the payload.
        if let (Some(all), Some(seal)) =
            (bench.time(&forward), bench.time(&format!("seal/{number}")))
        {
            bench.figure(&format!("{forward}/unsealed"), all - seal, "ns besides the cipher");
        }
    }
    for number in bench.numbers(&[10, 100, 500]) {
        bench.case(&format!("camera/reference/{number}"), "packet", || {
            let mut lecture = Lecture::connect(Media::Camera, Reference, number);
            move |meter| lecture.run(round, meter)
        });
    }
}
