//! Which media a receiver wants.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::envelope::null_as_default;

/// What a receiver wants of each stream, by the stream's label.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamRequest(BTreeMap<String, Wanted>);

impl StreamRequest {
    /// Returns what is wanted of streams with this label: what was said for the label, else what was
    /// said for all others (the label `""`), else nothing.
    pub fn wanted(&self, label: &str) -> Wanted {
        self.0.get(label).or_else(|| self.0.get("")).copied().unwrap_or(Wanted::NOTHING)
    }

    /// Returns the labels with what is wanted of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, Wanted)> {
        self.0.iter().map(|(label, &wanted)| (label.as_str(), wanted))
    }
}

impl<L: Into<String>> FromIterator<(L, Wanted)> for StreamRequest {
    fn from_iter<I: IntoIterator<Item = (L, Wanted)>>(wanted: I) -> Self {
        Self(wanted.into_iter().map(|(label, wanted)| (label.into(), wanted)).collect())
    }
}

impl Serialize for StreamRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for StreamRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Entry(#[serde(deserialize_with = "null_as_default")] Wanted);

        let entries = BTreeMap::<String, Entry>::deserialize(deserializer)?;
        Ok(entries.into_iter().map(|(label, Entry(wanted))| (label, wanted)).collect())
    }
}

/// Which tracks of a stream are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// Whether the audio track is.
    pub audio: bool,
    /// Whether the video track is, and how much of it.
    pub video: Option<VideoRequest>,
}

/// How much of a video track is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VideoRequest {
    /// The best encoding (`video`).
    Best,
    /// The smallest encoding (`video-low`).
    Low,
}

impl Wanted {
    /// Audio and the best video.
    pub const EVERYTHING: Self = Self { audio: true, video: Some(VideoRequest::Best) };
    /// No media at all.
    pub const NOTHING: Self = Self { audio: false, video: None };

    /// Returns whether no track is wanted.
    pub fn is_nothing(&self) -> bool {
        *self == Self::NOTHING
    }
}

impl Serialize for Wanted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let video = self.video.map(|video| match video {
            VideoRequest::Best => "video",
            VideoRequest::Low => "video-low",
        });
        serializer.collect_seq(self.audio.then_some("audio").into_iter().chain(video))
    }
}

impl<'de> Deserialize<'de> for Wanted {
    /// Passes over tracks of other kinds; `video` wins over `video-low`.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut wanted = Self::NOTHING;
        for track in Vec::<String>::deserialize(deserializer)? {
            match track.as_str() {
                "audio" => wanted.audio = true,
                "video" => wanted.video = Some(VideoRequest::Best),
                "video-low" => wanted.video = wanted.video.or(Some(VideoRequest::Low)),
                _ => {}
            }
        }
        Ok(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<StreamRequest, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn a_label_that_is_not_listed_gets_the_default() {
        let request = parse(r#"{"": ["audio"], "screenshare": [], "camera": ["audio", "video"]}"#);
        let request = request.expect("a well-formed request");
        assert_eq!(request.wanted("camera"), Wanted::EVERYTHING);
        assert_eq!(request.wanted("screenshare"), Wanted::NOTHING);
        assert_eq!(request.wanted("else"), Wanted { audio: true, video: None });
        assert_eq!(StreamRequest::default().wanted("camera"), Wanted::NOTHING);
    }

    #[test]
    fn video_wins_over_low_video_in_any_order() {
        for json in [r#"["video", "video-low"]"#, r#"["video-low", "video"]"#] {
            let wanted: Wanted = serde_json::from_str(json).expect("an array of strings");
            assert_eq!(wanted.video, Some(VideoRequest::Best));
        }
    }

    #[test]
    fn unknown_tracks_and_nulls_are_passed_over_but_wrong_types_are_not() {
        let request =
            parse(r#"{"a": ["smell", "video-low"], "b": null}"#).expect("a well-formed request");
        assert_eq!(request.wanted("a"), Wanted { audio: false, video: Some(VideoRequest::Low) });
        assert!(request.wanted("b").is_nothing());
        for json in [r#"["audio"]"#, r#"{"": "audio"}"#, r#"{"": [1]}"#, "1"] {
            assert!(parse(json).is_err(), "{json}");
        }
    }
}
