//! Two stand-ins connected directly: what the kit reports must be what the network did.

use std::time::Duration;

use galene_testkit::{
    Codec, MediaKind, NodeKey, Profile, PublisherConfig, PublisherPeer, Report, Simulation,
    SubscriberConfig, SubscriberPeer, TrackSpec, address, epoch,
};

const PUBLISHER: std::net::SocketAddr = address(1);
const SUBSCRIBER: std::net::SocketAddr = address(2);
const AUDIO: u32 = 10;
const VIDEO: u32 = 11;

#[test]
fn without_loss_everything_arrives() {
    let mut call = Call::new(1, camera(), watcher());
    call.run(10);
    let (audio, video) = call.finish();

    let sent = call.publisher().counts(1, 0);
    assert!(sent.frames >= 295, "{} frames sent", sent.frames);
    // The last frame may be on its way.
    assert!(video.frames_complete + 1 >= sent.frames, "{video} of {} frames", sent.frames);
    assert_eq!(video.frames_rendered, video.frames_complete);
    assert_eq!((video.frames_lost, video.packets_lost, video.freezes), (0, 0, 0));
    assert_eq!((video.keyframes, sent.keyframe_requests), (1, 0));
    assert_eq!(video.latency(1.0), Some(Duration::from_millis(1)));
    assert!(audio.packets >= 495 && audio.packets_lost == 0, "{audio}");
    assert_eq!((video.streams, audio.streams), ([VIDEO].into(), [AUDIO].into()));
}

#[test]
fn five_percent_of_loss_are_repaired_for_video_and_counted_for_audio() {
    let mut call = Call::new(2, camera(), watcher().may_miss_start());
    let lossy = Profile::ideal().delay(Duration::from_millis(25)).loss(0.05);
    call.simulation.network_mut().set_profile(PUBLISHER, SUBSCRIBER, lossy);
    call.run(30);
    let (audio, video) = call.finish();

    assert!(video.complete_share() > 0.995, "{video}");
    assert!(video.latency(1.0) > Some(Duration::from_millis(70)), "repair takes a round trip");
    assert!((0.03..0.07).contains(&audio.packet_loss()), "{audio}");
    let sent = call.publisher().counts(0, 0);
    assert!(audio.packets + audio.packets_lost + 20 >= sent.packets, "{audio}");
}

#[test]
fn without_rtx_a_lost_packet_costs_frames_and_a_keyframe_goes_on() {
    let camera = camera().without_rtx();
    let mut call = Call::new(3, camera, watcher().without_rtx().may_miss_start());
    let lossy = Profile::ideal().delay(Duration::from_millis(25)).loss(0.01);
    call.simulation.network_mut().set_profile(PUBLISHER, SUBSCRIBER, lossy);
    call.run(30);
    let (_, video) = call.finish();

    assert!(video.packets_lost > 0 && video.frames_lost > 0, "{video}");
    let requests = call.publisher().counts(1, 0).keyframe_requests;
    assert!(requests > 0 && video.keyframes > 1, "{video}");
    assert!(video.last_rendered > Some(call.simulation.now() - Duration::from_secs(1)), "{video}");
}

#[test]
fn the_same_seed_repeats_the_same_call() {
    let run = |seed| {
        let mut call = Call::new(seed, camera(), watcher().may_miss_start());
        let lossy = Profile::ideal().loss(0.1).jitter(Duration::from_micros(500));
        call.simulation.network_mut().set_profile(PUBLISHER, SUBSCRIBER, lossy);
        call.run(10);
        call.finish()
    };
    assert_eq!(run(4), run(4));
    assert_ne!(run(4), run(5));
}

#[test]
fn reordered_and_repeated_packets_harm_nothing() {
    let mut call = Call::new(6, camera(), watcher().may_miss_start());
    let rough = Profile::ideal().reorder(0.05, Duration::from_millis(30)).duplicate(0.1);
    call.simulation.network_mut().set_profile(PUBLISHER, SUBSCRIBER, rough);
    call.run(10);
    let (audio, video) = call.finish();
    assert_eq!((video.frames_lost, audio.packets_lost), (0, 0), "{video}");
}

#[test]
fn all_codecs_go_through() {
    for codec in Codec::ALL {
        let camera = camera().codecs(&[codec]);
        let mut call = Call::new(7, camera, watcher());
        call.run(3);
        let section = usize::from(codec.kind() == MediaKind::Video);
        assert_eq!(call.publisher().codec(section), Some(codec));
        let subscriber = call.simulation.get(call.subscriber);
        subscriber.assert_clean();
        assert_eq!(subscriber.tracks().count(), 1, "{codec}");
        let report = subscriber.tracks_of(section).next().expect("a track").checker().report();
        assert!(report.frames_complete > 80 && report.frames_lost == 0, "{codec}: {report}");
    }
}

#[test]
fn both_simulcast_encodings_arrive_each_on_its_own_ssrc() {
    let camera = PublisherConfig::new(PUBLISHER).track(TrackSpec::video(VIDEO).simulcast());
    let mut call = Call::new(8, camera, watcher());
    call.run(3);
    let subscriber = call.simulation.get(call.subscriber);
    subscriber.assert_clean();
    let mut bytes: Vec<_> = subscriber.tracks_of(0).map(|t| t.checker().report().bytes).collect();
    bytes.sort_unstable();
    assert_eq!(bytes.len(), 2);
    assert!(bytes[1] > 3 * bytes[0], "{bytes:?}");
}

#[test]
fn the_publisher_keeps_to_the_bit_rate_of_remb() {
    let mut call = Call::new(9, camera(), watcher().remb(240_000));
    call.run(2);
    let before = call.publisher().counts(1, 0).bytes;
    call.run(12);
    let bits = (call.publisher().counts(1, 0).bytes - before) * 8 / 12;
    assert_eq!(call.publisher().remb(), Some(240_000));
    assert!((190_000..210_000).contains(&bits), "{bits} bits per second");
    call.finish();
}

#[test]
fn sequence_numbers_and_timestamps_wrap_around() {
    let video = TrackSpec::video(VIDEO).starting_at(65_500, u32::MAX - 90_000);
    let audio = TrackSpec::audio(AUDIO).starting_at(65_500, u32::MAX - 48_000);
    let camera = PublisherConfig::new(PUBLISHER).track(audio).track(video);
    let mut call = Call::new(10, camera, watcher());
    call.run(5);
    let (audio, video) = call.finish();
    assert!(video.frames_complete > 140 && audio.packets > 240, "{video}");
    assert_eq!((video.frames_lost, audio.packets_lost), (0, 0));
}

#[test]
fn a_track_is_added_while_the_call_goes_on() {
    let camera = PublisherConfig::new(PUBLISHER).track(TrackSpec::audio(AUDIO));
    let mut call = Call::new(11, camera, watcher());
    call.run(2);
    call.simulation.get_mut(call.publisher).add_track(TrackSpec::video(VIDEO));
    call.negotiate();
    call.run(5);
    let (audio, video) = call.finish();
    assert!(audio.packets > 240 && video.frames_complete > 80, "{audio}; {video}");
    assert_eq!((audio.packets_lost, video.frames_lost), (0, 0));
}

#[test]
fn an_ice_restart_moves_the_call_to_another_address() {
    let mut call = Call::new(12, camera(), watcher());
    call.run(2);
    let elsewhere = address(3);
    call.simulation.network_mut().set_profiles(PUBLISHER, SUBSCRIBER, Profile::ideal().dead());
    call.simulation.add_address(call.publisher, elsewhere);
    let offer = call.simulation.get_mut(call.publisher).move_to(elsewhere);
    call.answer(&offer);
    call.run(5);
    let now = call.simulation.now();
    assert!(call.simulation.network().sent(elsewhere, SUBSCRIBER).datagrams > 300);
    let video = call.report(VIDEO);
    assert!(video.last_rendered > Some(now - Duration::from_millis(100)), "{video}");
}

#[test]
fn sound_and_pictures_are_presented_together() {
    let mut call = Call::new(13, camera(), watcher());
    call.run(10);
    let subscriber = call.simulation.get(call.subscriber);
    let offset = |stream| {
        let track = subscriber.track_from(stream).expect("the track arrived");
        assert!(track.sender_reports() > 0);
        track.presentation_offset().expect("sender reports arrived")
    };
    let skew = offset(AUDIO).abs_diff(offset(VIDEO));
    assert!(skew < Duration::from_millis(2), "{skew:?}");
}

#[test]
fn closing_is_noticed_by_the_other_side() {
    let mut call = Call::new(14, camera(), watcher());
    call.run(2);
    let now = call.simulation.now();
    call.simulation.get_mut(call.subscriber).close(now);
    call.run(1);
    assert!(call.publisher().is_closed());
    let sent = call.publisher().counts(0, 0);
    call.run(1);
    assert_eq!(call.publisher().counts(0, 0), sent);
}

fn camera() -> PublisherConfig {
    PublisherConfig::new(PUBLISHER).track(TrackSpec::audio(AUDIO)).track(TrackSpec::video(VIDEO))
}

fn watcher() -> SubscriberConfig {
    SubscriberConfig::new(SUBSCRIBER)
}

struct Call {
    simulation: Simulation,
    publisher: NodeKey<PublisherPeer>,
    subscriber: NodeKey<SubscriberPeer>,
}

impl Call {
    fn new(seed: u64, camera: PublisherConfig, watcher: SubscriberConfig) -> Self {
        let mut simulation = Simulation::new(seed);
        let publisher = PublisherPeer::new(epoch(), camera);
        let publisher = simulation.add(&[PUBLISHER], publisher);
        let subscriber = SubscriberPeer::new(epoch(), watcher);
        let subscriber = simulation.add(&[SUBSCRIBER], subscriber);
        let mut call = Self { simulation, publisher, subscriber };
        call.negotiate();
        call
    }

    fn negotiate(&mut self) {
        let offer = self.simulation.get_mut(self.publisher).offer();
        self.answer(&offer);
    }

    fn answer(&mut self, offer: &str) {
        let now = self.simulation.now();
        let subscriber = self.simulation.get_mut(self.subscriber);
        let answer = subscriber.handle_offer(now, offer).expect("a good offer");
        let candidates = subscriber.candidates(&answer);
        let publisher = self.simulation.get_mut(self.publisher);
        publisher.handle_answer(now, &answer).expect("a good answer");
        publisher.add_candidate(now, &candidates[1]).expect("a good candidate");
        let candidates = publisher.candidates(offer);
        let subscriber = self.simulation.get_mut(self.subscriber);
        subscriber.add_candidate(now, &candidates[1]).expect("a good candidate");
    }

    fn run(&mut self, seconds: u64) {
        self.simulation.run_for(Duration::from_secs(seconds));
    }

    fn publisher(&self) -> &PublisherPeer {
        self.simulation.get(self.publisher)
    }

    fn report(&self, stream: u32) -> Report {
        let track = self.simulation.get(self.subscriber).track_from(stream);
        track.expect("the track arrived").checker().report()
    }

    /// Checks that nothing was wrong and returns the reports of sound and pictures.
    fn finish(&self) -> (Report, Report) {
        self.simulation.get(self.subscriber).assert_clean();
        (self.report(AUDIO), self.report(VIDEO))
    }
}
