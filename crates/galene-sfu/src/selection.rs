//! What one subscriber is to get of one track.

use crate::EncodingChoice;
use crate::choose::{Choice, Limit, choose};
use crate::ladder::Ladder;

/// A wish and a limit, and what follows from them.
///
/// What follows is worked out again only when one of them or the ladder has changed, so that asking for
/// it with every packet costs next to nothing.
#[derive(Debug)]
pub(crate) struct Selection {
    wanted: EncodingChoice,
    limit: Limit,
    /// The choice, and for which version of the ladder it holds.
    chosen: Option<(u32, Choice)>,
}

impl Selection {
    pub(crate) fn new(wanted: EncodingChoice) -> Self {
        Self { wanted, limit: Limit::None, chosen: None }
    }

    /// Sets what is wanted; returns whether that is something else than before.
    pub(crate) fn want(&mut self, wanted: EncodingChoice) -> bool {
        self.chosen = None;
        std::mem::replace(&mut self.wanted, wanted) != wanted
    }

    /// Sets what is allowed; returns whether that is something else than before.
    pub(crate) fn limit(&mut self, limit: Limit) -> bool {
        self.chosen = None;
        std::mem::replace(&mut self.limit, limit) != limit
    }

    /// Returns what to forward, and why not more.
    pub(crate) fn choose(&mut self, ladder: &Ladder) -> Choice {
        match self.chosen {
            Some((version, choice)) if version == ladder.version() => choice,
            _ => {
                let choice = self.peek(ladder);
                self.chosen = Some((ladder.version(), choice));
                choice
            }
        }
    }

    /// Returns the same without remembering it.
    pub(crate) fn peek(&self, ladder: &Ladder) -> Choice {
        choose(ladder, self.wanted, self.limit)
    }

    /// Returns what is wanted.
    pub(crate) fn wanted(&self) -> EncodingChoice {
        self.wanted
    }

    /// Returns what is allowed.
    pub(crate) fn current_limit(&self) -> Limit {
        self.limit
    }

    /// Returns whether nothing is to be forwarded for now.
    pub(crate) fn is_paused(&self) -> bool {
        self.limit == Limit::Paused || self.wanted == EncodingChoice::Nothing
    }

    /// Returns the encoding that would serve the wish best if all `encodings`, at least one, were sent
    /// and nothing were limited.
    pub(crate) fn asked_encoding(&self, encodings: usize) -> Option<usize> {
        match self.wanted {
            EncodingChoice::Best => Some(0),
            EncodingChoice::Lowest => Some(encodings - 1),
            EncodingChoice::AtMost(layer) => Some(layer.encoding.min(encodings - 1)),
            EncodingChoice::Nothing => None,
        }
    }

    /// Returns the encoding that would serve the wish best within the limit if all `encodings`, at least
    /// one, were sent.
    pub(crate) fn wished_encoding(&self, encodings: usize) -> Option<usize> {
        let wish = self.asked_encoding(encodings)?;
        match self.limit {
            Limit::None => Some(wish),
            Limit::UpTo(layer) => Some(layer.encoding.max(wish).min(encodings - 1)),
            Limit::Paused => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;
    use crate::ladder::Rung;

    #[test]
    fn a_choice_is_made_again_when_anything_has_changed() {
        let mut ladder = Ladder::new(2);
        let rung = |encoding| Rung { layer: Layer::base(encoding), bitrate: 0 };
        ladder.replace(vec![rung(1)]);
        let mut selection = Selection::new(EncodingChoice::Best);
        let encoding = |selection: &mut Selection, ladder: &Ladder| {
            selection.choose(ladder).layer.map(|layer| layer.encoding)
        };
        assert_eq!(encoding(&mut selection, &ladder), Some(1));
        ladder.replace(vec![rung(1), rung(0)]);
        assert_eq!(encoding(&mut selection, &ladder), Some(0));
        assert!(selection.limit(Limit::UpTo(Layer::whole(1))));
        assert_eq!(encoding(&mut selection, &ladder), Some(1));
        assert!(selection.limit(Limit::None) && !selection.limit(Limit::None));
        assert!(selection.want(EncodingChoice::Nothing) && selection.is_paused());
        assert_eq!(encoding(&mut selection, &ladder), None);
    }
}
