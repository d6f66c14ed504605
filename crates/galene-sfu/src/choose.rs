//! Decides which layers of a track a subscriber gets: the only place where that is decided.

use crate::ladder::Ladder;
use crate::{EncodingChoice, Layer};

/// What a subscriber may be sent of a track; the greater, the more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Limit {
    /// Nothing for now.
    Paused,
    /// This layer and those below it. If not even the lowest that there is lies below, that one.
    UpTo(Layer),
    /// Everything.
    #[default]
    None,
}

/// What a subscriber gets of a track, and why not more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Choice {
    /// The highest layers that are passed on; none if nothing is.
    pub(crate) layer: Option<Layer>,
    pub(crate) why: Why,
}

/// Why a subscriber does not get more than it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// It is what was wanted.
    Wanted,
    /// The publisher does not send what was wanted.
    Unavailable,
    /// The [`Limit`] does not allow more.
    Limited,
}

/// Chooses among the layers that there are the best that is wanted and allowed.
pub(crate) fn choose(ladder: &Ladder, wanted: EncodingChoice, limit: Limit) -> Choice {
    let smallest = ladder.encodings().saturating_sub(1);
    let wish = match wanted {
        EncodingChoice::Best => Layer::whole(0),
        EncodingChoice::Lowest => Layer { spatial: 0, ..Layer::whole(smallest) },
        EncodingChoice::AtMost(layer) => Layer { encoding: layer.encoding.min(smallest), ..layer },
        EncodingChoice::Nothing => return Choice { layer: None, why: Why::Wanted },
    };
    let allowed = match limit {
        Limit::None => wish,
        Limit::UpTo(limit) => lower(wish, limit),
        Limit::Paused => return Choice { layer: None, why: Why::Limited },
    };
    let unlimited = nearest(ladder, wish);
    let layer = lower(nearest(ladder, allowed), unlimited);
    let why = if ladder.top(layer) != ladder.top(unlimited) {
        Why::Limited
    } else if layer.encoding != wish.encoding {
        Why::Unavailable
    } else {
        Why::Wanted
    };
    Choice { layer: Some(layer), why }
}

/// Returns what is in both.
fn lower(a: Layer, b: Layer) -> Layer {
    if a.encoding != b.encoding {
        return a.min(b);
    }
    let (spatial, temporal) = (a.spatial.min(b.spatial), a.temporal.min(b.temporal));
    Layer { spatial, temporal, ..a }
}

/// Returns the same layers if their encoding is sent, or else all of the next smaller one that is, or
/// else the least of the smallest.
///
/// Which layers the encoding has does not count, so that one that comes up is passed on at once.
fn nearest(ladder: &Ladder, wish: Layer) -> Layer {
    let sent = |layer: &Layer| layer.encoding >= wish.encoding;
    let mut layers = ladder.rungs().iter().map(|rung| rung.layer);
    match layers.clone().rev().find(sent) {
        Some(layer) if layer.encoding == wish.encoding => wish,
        Some(layer) => Layer::whole(layer.encoding),
        None => layers.next().map_or(wish, |lowest| Layer {
            encoding: lowest.encoding,
            spatial: 0,
            temporal: wish.temporal,
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ladder::Rung;

    const PLAIN: [Layer; 3] = [Layer::base(2), Layer::base(1), Layer::base(0)];

    #[test]
    fn the_best_and_the_lowest_are_what_they_say() {
        let ladder = ladder(3, &PLAIN);
        let best = choose(&ladder, EncodingChoice::Best, Limit::None);
        assert_eq!(best, Choice { layer: Some(Layer::whole(0)), why: Why::Wanted });
        let lowest = choose(&ladder, EncodingChoice::Lowest, Limit::None);
        let layer = Layer { spatial: 0, ..Layer::whole(2) };
        assert_eq!(lowest, Choice { layer: Some(layer), why: Why::Wanted });
    }

    #[test]
    fn what_is_not_sent_is_replaced_by_the_next_smaller_or_else_by_the_smallest() {
        let only = |layers: &[Layer], wanted| {
            let choice = choose(&ladder(3, layers), wanted, Limit::None);
            (choice.layer.map(|l| l.encoding), choice.why)
        };
        let (best, lowest) = (EncodingChoice::Best, EncodingChoice::Lowest);
        assert_eq!(only(&PLAIN[..2], best), (Some(1), Why::Unavailable));
        assert_eq!(only(&PLAIN[1..], lowest), (Some(1), Why::Unavailable));
        assert_eq!(only(&PLAIN[2..], lowest), (Some(0), Why::Unavailable));
        assert_eq!(only(&[], best), (Some(0), Why::Wanted), "before anything was sent");
    }

    #[test]
    fn low_video_of_one_encoding_is_its_lowest_spatial_layer_in_full_motion() {
        let svc = [(0, 0), (0, 1), (1, 0), (1, 1)];
        let svc = svc.map(|(spatial, temporal)| Layer { encoding: 0, spatial, temporal });
        let layer = choose(&ladder(1, &svc), EncodingChoice::Lowest, Limit::None).layer;
        assert_eq!(layer, Some(Layer { spatial: 0, ..Layer::whole(0) }));
    }

    #[test]
    fn a_limit_takes_away_and_never_adds() {
        let ladder = ladder(3, &PLAIN);
        let limit = Limit::UpTo(Layer::whole(1));
        let best = choose(&ladder, EncodingChoice::Best, limit);
        assert_eq!(best, Choice { layer: Some(Layer::whole(1)), why: Why::Limited });
        let lowest = choose(&ladder, EncodingChoice::Lowest, limit);
        assert_eq!((lowest.layer.map(|l| l.encoding), lowest.why), (Some(2), Why::Wanted));
        let paused = choose(&ladder, EncodingChoice::Best, Limit::Paused);
        assert_eq!(paused, Choice { layer: None, why: Why::Limited });
        let nothing = choose(&ladder, EncodingChoice::Nothing, Limit::None);
        assert_eq!(nothing, Choice { layer: None, why: Why::Wanted });
    }

    #[test]
    fn a_limit_above_all_that_is_sent_is_none() {
        let ladder = ladder(1, &[Layer::base(0)]);
        let choice = choose(&ladder, EncodingChoice::Best, Limit::UpTo(Layer::base(0)));
        assert_eq!(choice.why, Why::Wanted);
    }

    #[test]
    fn below_a_limit_that_nothing_meets_is_the_lowest_there_is() {
        let ladder = ladder(3, &PLAIN[2..]);
        let choice = choose(&ladder, EncodingChoice::Best, Limit::UpTo(Layer::base(2)));
        assert_eq!(choice.layer, Some(Layer::base(0)));
    }

    #[test]
    fn where_nothing_meets_the_limit_no_more_is_given_than_was_wanted() {
        let ladder = ladder(3, &[Layer::base(0)]);
        let limit = Limit::UpTo(Layer { encoding: 1, spatial: 0, temporal: 1 });
        let choice = choose(&ladder, EncodingChoice::AtMost(Layer::base(0)), limit);
        assert_eq!(choice.layer, Some(Layer::base(0)));
    }

    proptest! {
        /// Whatever there is, wanted and allowed: what is chosen is sent, a lower limit never gives
        /// more, and only a pause gives nothing.
        #[test]
        fn what_is_chosen_is_there_and_falls_with_the_limit(
            layers in proptest::collection::btree_set(any_layer(), 1..20),
            wanted in any_wish(),
            limits in (any_layer(), any_layer()),
        ) {
            let ladder = ladder(3, &layers.into_iter().collect::<Vec<_>>());
            let top = |limit| {
                let layer = choose(&ladder, wanted, limit).layer.expect("it is not paused");
                prop_assert!(ladder.rungs().iter().any(|r| r.layer.encoding == layer.encoding));
                Ok(layer)
            };
            let (low, high) = (limits.0.min(limits.1), limits.0.max(limits.1));
            let unlimited = top(Limit::None)?;
            prop_assert!(top(Limit::UpTo(high))? <= unlimited);
            if low.encoding != high.encoding {
                prop_assert!(top(Limit::UpTo(low))?.encoding >= top(Limit::UpTo(high))?.encoding);
            }
        }
    }

    fn any_layer() -> impl Strategy<Value = Layer> {
        let fields = (0..3_usize, 0..=Layer::MAX_SPATIAL, 0..=Layer::MAX_TEMPORAL);
        fields.prop_map(|(encoding, spatial, temporal)| Layer { encoding, spatial, temporal })
    }

    fn any_wish() -> impl Strategy<Value = EncodingChoice> {
        prop_oneof![
            Just(EncodingChoice::Best),
            Just(EncodingChoice::Lowest),
            any_layer().prop_map(EncodingChoice::AtMost),
        ]
    }

    fn ladder(encodings: usize, layers: &[Layer]) -> Ladder {
        let mut ladder = Ladder::new(encodings);
        let rung = |layer: &Layer| Rung { layer: *layer, bitrate: 0 };
        ladder.replace(layers.iter().map(rung).collect());
        ladder
    }
}
