//! Shares out what a receiver's link carries among the videos that it receives.

use crate::choose::Limit;
use crate::ladder::Rung;

/// Returns for each video how much of it fits into `budget`, in bits per second. Each is
/// given by the layers that are wanted and sent of it, the lowest first; videos that matter more come first,
/// and the first `favoured` ones matter more than one layer does.
///
/// First every video gets its lowest layer; if not all fit, the last ones pause, but never the first: it
/// is what shows that the link has room again. What is left goes round, a layer each time: among those that
/// are favoured first, and what they leave among the others. A video of
/// which all that is wanted fits has no limit, and neither has one that has not been measured yet.
pub(crate) fn allocate(budget: u64, videos: &[&[Rung]], favoured: usize) -> Vec<Limit> {
    let mut left = budget;
    let mut levels: Vec<Option<usize>> = Vec::with_capacity(videos.len());
    for (at, rungs) in videos.iter().enumerate() {
        let least = rungs.first().map_or(0, cost);
        let fits = least <= left;
        levels.push((fits || at == 0).then_some(0));
        if fits || at == 0 {
            left = left.saturating_sub(least);
        }
    }
    for part in [0..favoured, favoured..videos.len()] {
        left = go_round(left, &videos[part.clone()], &mut levels[part]);
    }
    let limit = |(rungs, level): (&&[Rung], Option<usize>)| match level {
        None => Limit::Paused,
        Some(level) if level + 1 >= rungs.len() => Limit::None,
        Some(level) => Limit::UpTo(rungs[level].layer),
    };
    videos.iter().zip(levels).map(limit).collect()
}

/// Gives each video a layer more, again and again, as far as `left` goes; returns what is left of that.
fn go_round(mut left: u64, videos: &[&[Rung]], levels: &mut [Option<usize>]) -> u64 {
    let mut has_changed = true;
    while std::mem::take(&mut has_changed) {
        for (rungs, level) in videos.iter().zip(levels.iter_mut()) {
            let Some(now) = *level else { continue };
            let Some(next) = rungs.get(now + 1) else { continue };
            let extra = cost(next).saturating_sub(cost(&rungs[now]));
            if extra <= left {
                (*level, left, has_changed) = (Some(now + 1), left - extra, true);
            }
        }
    }
    left
}

/// Returns what a video takes under a limit, in bits per second.
pub(crate) fn taken(rungs: &[Rung], limit: Limit) -> u64 {
    match limit {
        Limit::Paused => 0,
        Limit::None => rungs.last().map_or(0, cost),
        Limit::UpTo(layer) => {
            let below = rungs.iter().rev().find(|rung| rung.layer <= layer);
            below.or(rungs.first()).map_or(0, cost)
        }
    }
}

/// Returns the least budget with which, beside what all videos are given now, one of them gets its next layer.
pub(crate) fn next_budget(videos: &[&[Rung]], limits: &[Limit]) -> u64 {
    let now = |(rungs, limit): (&&[Rung], &Limit)| taken(rungs, *limit);
    let total: u64 = videos.iter().zip(limits).map(now).sum();
    let extra = videos.iter().zip(limits).filter_map(|(rungs, limit)| {
        let have = taken(rungs, *limit);
        rungs.iter().map(cost).find(|cost| *cost > have).map(|cost| cost - have)
    });
    total + extra.min().unwrap_or(0)
}

/// Returns what a layer takes on the link: rates are measured without headers, which add about a
/// sixteenth.
fn cost(rung: &Rung) -> u64 {
    rung.bitrate + rung.bitrate / 16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Layer;

    const LOW: Limit = Limit::UpTo(Layer::base(2));
    const MIDDLE: Limit = Limit::UpTo(Layer::base(1));

    #[test]
    fn what_fits_has_no_limit() {
        assert_eq!(allocate(5_000_000, &[&camera(), &camera()], 0), [Limit::None; 2]);
        assert_eq!(allocate(0, &[&[]], 0), [Limit::None]);
    }

    #[test]
    fn a_video_alone_gets_the_best_that_fits_and_never_less_than_the_least() {
        assert_eq!(allocate(1_000_000, &[&camera()], 0), [MIDDLE]);
        assert_eq!(allocate(300_000, &[&camera()], 0), [LOW]);
        assert_eq!(allocate(40_000, &[&camera()], 0), [LOW]);
    }

    #[test]
    fn what_is_there_is_shared_evenly_before_anybody_gets_the_best() {
        assert_eq!(allocate(1_300_000, &[&camera(), &camera()], 0), [MIDDLE, MIDDLE]);
        assert_eq!(allocate(2_300_000, &[&camera(), &camera()], 0), [Limit::None, MIDDLE]);
    }

    #[test]
    fn the_last_ones_pause_rather_than_that_all_suffer() {
        assert_eq!(
            allocate(250_000, &[&camera(), &camera(), &camera()], 0),
            [LOW, LOW, Limit::Paused]
        );
    }

    #[test]
    fn what_is_favoured_gets_all_before_the_others_get_more_than_the_least() {
        let videos: [&[Rung]; 3] = [&camera(), &camera(), &camera()];
        assert_eq!(allocate(2_000_000, &videos, 1), [Limit::None, LOW, LOW]);
        assert_eq!(allocate(2_700_000, &videos, 1), [Limit::None, MIDDLE, MIDDLE]);
        assert_eq!(allocate(900_000, &videos, 1), [MIDDLE, LOW, LOW]);
        assert_eq!(allocate(250_000, &videos, 1), [LOW, LOW, Limit::Paused]);
        assert_eq!(allocate(9_000_000, &videos, 3), [Limit::None; 3]);
    }

    #[test]
    fn what_is_tried_next_is_the_cheapest_layer() {
        let (one, other) = (camera(), demand([50_000, 200_000, 900_000]));
        let videos: [&[Rung]; 2] = [&one, &other];
        let budget = next_budget(&videos, &[MIDDLE, LOW]);
        assert_eq!(allocate(budget, &videos, 0), [MIDDLE, MIDDLE]);
        let all = next_budget(&videos, &[Limit::None; 2]);
        assert_eq!(allocate(all, &videos, 0), [Limit::None; 2]);
    }

    proptest! {
        #[test]
        fn no_more_is_given_than_there_is_but_the_least_of_the_first(
            rates in proptest::collection::vec((20_000..200_000_u64, 1..4_u64, 1..4_u64), 1..6),
            budget in 0..6_000_000_u64,
            favoured in 0..6_usize,
        ) {
            let demands: Vec<_> = rates.iter().map(|(low, a, b)| {
                demand([*low, low * (1 + a), low * (1 + a) * (1 + b)])
            }).collect();
            let spent = |budget| {
                let videos: Vec<&[Rung]> = demands.iter().map(<[Rung; 3]>::as_slice).collect();
                let limits = allocate(budget, &videos, favoured.min(videos.len()));
                limits.iter().zip(&demands).map(|(limit, demand)| taken(demand, *limit)).sum::<u64>()
            };
            let least = cost(&demands[0][0]);
            prop_assert!(spent(budget) <= budget.max(least));
        }
    }

    fn camera() -> [Rung; 3] {
        demand([100_000, 500_000, 1_500_000])
    }

    fn demand(bitrates: [u64; 3]) -> [Rung; 3] {
        let rung = |at: usize| Rung { layer: Layer::base(2 - at), bitrate: bitrates[at] };
        [rung(0), rung(1), rung(2)]
    }
}
