//! How large the pictures of a camera are once they are encoded.

use fastrand::Rng;

/// An encoder of moving pictures with a rate control of its own.
///
/// It aims at a bit rate as libvpx does in real time: what moves varies slowly, a keyframe is much larger
/// than the frames after it, and what it took too much is saved in the following frames. If that does
/// not suffice, frames are left out.
#[derive(Debug)]
pub(crate) struct Camera {
    rng: Rng,
    /// How much is going on in the picture: around zero, in standard deviations.
    motion: f64,
    /// What was spent more than planned, in bytes.
    debt: f64,
}

/// A keyframe has between so many and so many times the size of an average frame.
const KEYFRAME_FACTOR: (f64, f64) = (8.0, 10.0);

/// From frame to frame, so much of the motion stays.
const MOTION_STAYS: f64 = 0.95;

/// One standard deviation of motion makes a frame larger by about this share.
const MOTION_WEIGHT: f64 = 0.25;

/// And besides, each frame varies by itself by about this share.
const FRAME_WEIGHT: f64 = 0.15;

/// Debt is paid back within about half a second.
const PAYBACK_SECONDS: f64 = 0.5;

/// With a debt of more than this the next frame is left out.
const MAX_DEBT_SECONDS: f64 = 0.6;

/// Saving goes down to half of the usual size, and what was saved is spent slowly.
const CORRECTION: (f64, f64) = (0.5, 1.15);

impl Camera {
    pub(crate) fn new(seed: u64) -> Self {
        Self { rng: Rng::with_seed(seed), motion: 0.0, debt: 0.0 }
    }

    /// Returns the size of the next frame in bytes, or `None` if it is left out. `interval` is that
    /// between frames, in seconds.
    pub(crate) fn frame_size(
        &mut self,
        bitrate: u64,
        interval: f64,
        is_keyframe: bool,
    ) -> Option<usize> {
        let bytes_per_second = bitrate as f64 / 8.0;
        let average = bytes_per_second * interval;
        let innovation = (1.0 - MOTION_STAYS * MOTION_STAYS).sqrt();
        self.motion = MOTION_STAYS * self.motion + innovation * self.normal();
        let size = if is_keyframe {
            let (least, most) = KEYFRAME_FACTOR;
            average * (least + (most - least) * self.rng.f64())
        } else if self.debt > MAX_DEBT_SECONDS * bytes_per_second {
            self.debt -= average;
            return None;
        } else {
            let variation = MOTION_WEIGHT * self.motion + FRAME_WEIGHT * self.normal();
            let (least, most) = CORRECTION;
            let correction = 1.0 - self.debt / (PAYBACK_SECONDS * bytes_per_second);
            average * variation.exp() * correction.clamp(least, most)
        };
        self.debt += size - average;
        // What was saved long ago is not spent at once.
        self.debt = self.debt.max(-PAYBACK_SECONDS * bytes_per_second / 2.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive")]
        Some(size as usize)
    }

    /// Returns a number that is about normally distributed, with variance 1.
    fn normal(&mut self) -> f64 {
        // Twelve uniform numbers have variance 1.
        (0..12).map(|_| self.rng.f64()).sum::<f64>() - 6.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: f64 = 1.0 / 30.0;

    #[test]
    fn the_bit_rate_is_kept_and_sizes_vary() {
        let mut camera = Camera::new(1);
        let sizes: Vec<_> = (0..1_800)
            .map(|i| camera.frame_size(1_500_000, INTERVAL, i % 300 == 0).unwrap_or(0))
            .collect();
        let rate = sizes.iter().sum::<usize>() * 8 / 60;
        assert!((1_400_000..1_600_000).contains(&rate), "{rate} bit/s");
        let mut deltas: Vec<_> =
            (0..1_800).filter(|i| i % 300 != 0).map(|i| sizes[i]).filter(|s| *s > 0).collect();
        deltas.sort_unstable();
        let (small, median, large) =
            (deltas[deltas.len() / 20], deltas[deltas.len() / 2], deltas[deltas.len() * 19 / 20]);
        assert!(large > 2 * small, "{small}, {median}, {large}");
        assert!(sizes[300] > 6 * median && sizes[300] < 12 * median, "{} {median}", sizes[300]);
    }

    #[test]
    fn keyframes_in_a_row_are_paid_for_by_frames_left_out() {
        let mut camera = Camera::new(1);
        let sizes: Vec<_> =
            (0..60).map(|i| camera.frame_size(300_000, INTERVAL, i % 10 == 0)).collect();
        assert!(sizes.iter().any(Option::is_none));
        assert!(sizes.iter().step_by(10).all(Option::is_some), "a keyframe is never left out");
    }

    #[test]
    fn the_same_seed_gives_the_same_pictures() {
        let sizes = |seed| {
            let mut camera = Camera::new(seed);
            (0..100).map(|_| camera.frame_size(1_000_000, INTERVAL, false)).collect::<Vec<_>>()
        };
        assert_eq!(sizes(7), sizes(7));
        assert_ne!(sizes(7), sizes(8));
    }
}
