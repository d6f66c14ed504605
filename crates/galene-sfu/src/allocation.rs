//! Shares out what a receiver's link carries among the videos that it receives.

use crate::Layer;
use crate::choose::Limit;
use crate::ladder::Rung;

/// A video that a receiver wants.
#[derive(Debug, Clone)]
pub(crate) struct Demand {
    /// The layers that are sent of it and wanted, the lowest first.
    pub(crate) rungs: Vec<Rung>,
}

/// Returns for each video how much of it fits into `budget`, in bits per second. Videos that matter more
/// come first.
///
/// First every video gets its lowest layer; if not all fit, the last ones pause, but never the first: it
/// is what shows that the link has room again. What is left goes round, a layer each time. A video of
/// which all that is wanted fits has no limit, and neither has one that has not been measured yet.
pub(crate) fn allocate(budget: u64, demands: &[Demand]) -> Vec<Limit> {
    let mut left = budget;
    let mut levels: Vec<Option<usize>> = Vec::with_capacity(demands.len());
    for (at, demand) in demands.iter().enumerate() {
        let least = demand.rungs.first().map_or(0, cost);
        let fits = least <= left;
        levels.push((fits || at == 0).then_some(0));
        if fits || at == 0 {
            left = left.saturating_sub(least);
        }
    }
    let mut has_changed = true;
    while std::mem::take(&mut has_changed) {
        for (demand, level) in demands.iter().zip(&mut levels) {
            let Some(now) = *level else { continue };
            let Some(next) = demand.rungs.get(now + 1) else { continue };
            let extra = cost(next).saturating_sub(cost(&demand.rungs[now]));
            if extra <= left {
                (*level, left, has_changed) = (Some(now + 1), left - extra, true);
            }
        }
    }
    let limit = |(demand, level): (&Demand, Option<usize>)| match level {
        None => Limit::Paused,
        Some(level) if level + 1 >= demand.rungs.len() => Limit::None,
        Some(level) => Limit::UpTo(demand.rungs[level].layer),
    };
    demands.iter().zip(levels).map(limit).collect()
}

/// Returns what a video takes under a limit, in bits per second.
pub(crate) fn taken(demand: &Demand, limit: Limit) -> u64 {
    match limit {
        Limit::Paused => 0,
        Limit::None => demand.rungs.last().map_or(0, cost),
        Limit::UpTo(layer) => {
            let below = demand.rungs.iter().rev().find(|rung| rung.layer <= layer);
            below.or(demand.rungs.first()).map_or(0, cost)
        }
    }
}

/// Returns a number that is the greater, the more a limit allows.
pub(crate) fn rank(limit: Limit) -> (u8, Layer) {
    match limit {
        Limit::Paused => (0, Layer::base(0)),
        Limit::UpTo(layer) => (1, layer),
        Limit::None => (2, Layer::base(0)),
    }
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

    const LOW: Limit = Limit::UpTo(Layer::base(2));
    const MIDDLE: Limit = Limit::UpTo(Layer::base(1));

    #[test]
    fn what_fits_has_no_limit() {
        assert_eq!(allocate(5_000_000, &[camera(), camera()]), [Limit::None; 2]);
        assert_eq!(allocate(0, &[Demand { rungs: Vec::new() }]), [Limit::None]);
    }

    #[test]
    fn a_video_alone_gets_the_best_that_fits_and_never_less_than_the_least() {
        assert_eq!(allocate(1_000_000, &[camera()]), [MIDDLE]);
        assert_eq!(allocate(300_000, &[camera()]), [LOW]);
        assert_eq!(allocate(40_000, &[camera()]), [LOW]);
    }

    #[test]
    fn what_is_there_is_shared_evenly_before_anybody_gets_the_best() {
        assert_eq!(allocate(1_300_000, &[camera(), camera()]), [MIDDLE, MIDDLE]);
        assert_eq!(allocate(2_300_000, &[camera(), camera()]), [Limit::None, MIDDLE]);
    }

    #[test]
    fn the_last_ones_pause_rather_than_that_all_suffer() {
        assert_eq!(allocate(250_000, &[camera(), camera(), camera()]), [LOW, LOW, Limit::Paused]);
    }

    proptest! {
        #[test]
        fn no_more_is_given_than_there_is_but_the_least_of_the_first(
            rates in proptest::collection::vec((20_000..200_000_u64, 1..4_u64, 1..4_u64), 1..6),
            budget in 0..6_000_000_u64,
        ) {
            let demands: Vec<_> = rates.iter().map(|(low, a, b)| {
                demand([*low, low * (1 + a), low * (1 + a) * (1 + b)])
            }).collect();
            let spent = |budget| {
                let limits = allocate(budget, &demands);
                limits.iter().zip(&demands).map(|(limit, demand)| taken(demand, *limit)).sum::<u64>()
            };
            let least = cost(&demands[0].rungs[0]);
            prop_assert!(spent(budget) <= budget.max(least));
        }
    }

    fn camera() -> Demand {
        demand([100_000, 500_000, 1_500_000])
    }

    fn demand(bitrates: [u64; 3]) -> Demand {
        let rung = |(at, bitrate): (usize, u64)| Rung { layer: Layer::base(2 - at), bitrate };
        Demand { rungs: bitrates.into_iter().enumerate().map(rung).collect() }
    }
}
