//! The few things about SDP text that the engine does not tell or cannot do.

use crate::MediaKind;

/// How long a description may be. An offer of 16 sections with every codec of a browser is half of it.
pub(crate) const MAX_SDP_BYTES: usize = 64 * 1024;

/// How many media sections a description may have.
pub(crate) const MAX_SECTIONS: usize = 64;

/// What a publisher's offer says about one media section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OfferedSection {
    /// Absent for a section that carries no media (a data channel).
    pub(crate) kind: Option<MediaKind>,
    pub(crate) mid: String,
    /// The ids of its `MediaStream` and track (RFC 8830).
    pub(crate) msid: Option<(String, String)>,
    /// The simulcast encodings in the order of `a=simulcast`, by decreasing preference (RFC 8853 §5.2).
    pub(crate) rids: Vec<String>,
    /// Whether lost packets can be sent again (RFC 4588).
    pub(crate) has_rtx: bool,
}

/// Lists the media sections of an offer.
pub(crate) fn offered_sections(sdp: &str) -> Vec<OfferedSection> {
    let mut sections: Vec<OfferedSection> = Vec::new();
    for line in sdp.lines() {
        if let Some(media) = line.strip_prefix("m=") {
            let kind = match media.split(' ').next() {
                Some("audio") => Some(MediaKind::Audio),
                Some("video") => Some(MediaKind::Video),
                _ => None,
            };
            sections.push(OfferedSection {
                kind,
                mid: String::new(),
                msid: None,
                rids: vec![],
                has_rtx: false,
            });
        }
        let Some(section) = sections.last_mut() else {
            continue;
        };
        if let Some(mid) = line.strip_prefix("a=mid:") {
            section.mid = mid.trim().to_owned();
        } else if let Some(msid) = line.strip_prefix("a=msid:") {
            let (stream, track) = msid.trim().split_once(' ').unwrap_or((msid.trim(), ""));
            section.msid = Some((stream.to_owned(), track.to_owned()));
        } else if is_rtx_map(line) {
            section.has_rtx = true;
        } else if let Some(simulcast) = line.strip_prefix("a=simulcast:") {
            section.rids = sent_rids(simulcast);
        }
    }
    sections
}

/// Returns the names after `send`: `send h;~m,n;l recv x` has h, m and l. Of alternatives the first is
/// taken, and a tilde marks an encoding that is paused at first.
fn sent_rids(simulcast: &str) -> Vec<String> {
    let mut words = simulcast.split_whitespace();
    let Some(list) = words.find(|w| *w == "send").and(words.next()) else {
        return Vec::new();
    };
    let first = |alternatives: &str| {
        alternatives.split(',').next().map(|rid| rid.trim_start_matches('~').to_owned())
    };
    list.split(';').filter_map(first).filter(|rid| !rid.is_empty()).collect()
}

/// Takes the candidates out of a description and lists them.
pub(crate) fn split_candidates(sdp: &str) -> (String, Vec<&str>) {
    let mut text = String::with_capacity(sdp.len());
    let mut candidates = Vec::new();
    for line in sdp.lines() {
        match line.strip_prefix("a=").filter(|rest| rest.starts_with("candidate:")) {
            Some(candidate) => candidates.push(candidate),
            None => push_line(&mut text, line),
        }
    }
    (text, candidates)
}

/// Takes the candidates out of an answer and lists them, and leaves out what the engine has no use for: to
/// read a line takes it microseconds. What it needs once per session, such as the fingerprint, browsers
/// repeat in each section.
pub(crate) fn split_answer(sdp: &str) -> (String, Vec<&str>) {
    const OF_NO_USE: [&str; 8] = [
        "a=end-of-candidates",
        "a=extmap-allow-mixed",
        "a=ice-options:",
        "a=msid",
        "a=rtcp:",
        "a=rtcp-rsize",
        // Whoever only receives has none that matter.
        "a=ssrc:",
        "a=ssrc-group:",
    ];
    const ONCE: [&str; 4] = ["a=fingerprint:", "a=ice-pwd:", "a=ice-ufrag:", "a=setup:"];
    let mut text = String::with_capacity(sdp.len());
    let (mut candidates, mut seen) = (Vec::new(), Vec::new());
    for line in sdp.lines() {
        if let Some(candidate) = line.strip_prefix("a=").filter(|l| l.starts_with("candidate:")) {
            candidates.push(candidate);
        } else if OF_NO_USE.iter().any(|prefix| line.starts_with(prefix)) || seen.contains(&line) {
            continue;
        } else {
            if ONCE.iter().any(|prefix| line.starts_with(prefix)) {
                seen.push(line);
            }
            push_line(&mut text, line);
        }
    }
    (text, candidates)
}

/// Takes away from an offer's sections that they receive, since whoever publishes over a transport
/// receives nothing over it. Without an attribute a section sends and receives (RFC 8866 §6.7).
pub(crate) fn make_send_only(sdp: &str) -> String {
    const DIRECTIONS: [&str; 4] = ["a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"];
    let mut text = String::with_capacity(sdp.len() + 64);
    for (index, section) in split_sections(sdp).enumerate() {
        let directed = section.lines().any(|l| DIRECTIONS.contains(&l));
        let media = section.starts_with("m=audio") || section.starts_with("m=video");
        for line in section.lines() {
            let line = match line {
                "a=sendrecv" if index > 0 => "a=sendonly",
                "a=recvonly" if index > 0 => "a=inactive",
                _ => line,
            };
            push_line(&mut text, line);
        }
        if media && !directed {
            push_line(&mut text, "a=sendonly");
        }
    }
    text
}

/// Gives the sections of an answer the MIDs that they have in the offer. The engine knows MIDs of up to
/// 16 letters and digits, and makes such of others.
pub(crate) fn restore_mids(answer: &str, offered: &[OfferedSection]) -> String {
    let known = answer.lines().filter_map(|line| line.strip_prefix("a=mid:"));
    let names: Vec<_> = known.zip(offered.iter().map(|section| section.mid.as_str())).collect();
    if names.iter().all(|(known, offered)| known == offered) {
        return answer.to_owned();
    }
    let restored = |known: &str| {
        let name = names.iter().find(|(name, _)| *name == known);
        name.map_or(known, |(_, offered)| offered).to_owned()
    };
    let mut text = String::with_capacity(answer.len() + 64);
    for line in answer.lines() {
        if let Some(mid) = line.strip_prefix("a=mid:") {
            push_line(&mut text, &format!("a=mid:{}", restored(mid)));
        } else if let Some(mids) = line.strip_prefix("a=group:BUNDLE ") {
            let mids: Vec<_> = mids.split(' ').map(restored).collect();
            push_line(&mut text, &format!("a=group:BUNDLE {}", mids.join(" ")));
        } else {
            push_line(&mut text, line);
        }
    }
    text
}

/// Leaves in each media section of our offer only the payload types for which `keep(mid, type)` holds.
/// Redundant audio comes after what it protects: the first format of a section is the track's own, as
/// clients of Galène have always seen it.
pub(crate) fn keep_formats(sdp: &str, keep: impl Fn(&str, u8) -> bool) -> String {
    const ABOUT_A_FORMAT: [&str; 3] = ["a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"];
    let mut text = String::with_capacity(sdp.len());
    for section in split_sections(sdp) {
        let mid = section.lines().find_map(|l| l.strip_prefix("a=mid:")).unwrap_or_default();
        let mut kept = Vec::new();
        for line in section.lines() {
            if line.starts_with("m=") {
                // Media, port and protocol, and then the formats.
                let formats = line.match_indices(' ').nth(2).map_or(line.len(), |(at, _)| at);
                let (head, formats) = line.split_at(formats);
                let is_kept = |word: &&str| word.parse().is_ok_and(|pt| keep(mid, pt));
                kept.extend(formats.split(' ').filter(is_kept));
                if kept.is_empty() {
                    // A section that was rejected has none, and a line must have one.
                    push_line(&mut text, line);
                    continue;
                }
                if kept.len() > 1 {
                    let red: Vec<&str> = red_types(section).collect();
                    kept.sort_by_key(|word| red.contains(word));
                }
                text.push_str(head);
                for word in &kept {
                    text.push(' ');
                    text.push_str(word);
                }
                text.push_str("\r\n");
                continue;
            }
            let format = ABOUT_A_FORMAT.iter().find_map(|prefix| line.strip_prefix(prefix));
            let format = format.and_then(|rest| rest.split(' ').next());
            if format.is_none_or(|word| kept.contains(&word)) {
                push_line(&mut text, line);
            }
        }
    }
    text
}

/// Lists the MIDs of the sections in which an answer takes retransmissions (RFC 4588).
pub(crate) fn sections_with_rtx(sdp: &str) -> Vec<&str> {
    let sections = split_sections(sdp).filter(|section| section.lines().any(is_rtx_map));
    sections.filter_map(|s| s.lines().find_map(|l| l.strip_prefix("a=mid:"))).collect()
}

/// Lists the MIDs of the sections in which an answer takes redundant audio (RFC 2198).
pub(crate) fn sections_with_red(sdp: &str) -> Vec<&str> {
    let sections = split_sections(sdp).filter(|section| red_types(section).next().is_some());
    sections.filter_map(|s| s.lines().find_map(|l| l.strip_prefix("a=mid:"))).collect()
}

/// Lists the payload types of redundant data in a section.
fn red_types(section: &str) -> impl Iterator<Item = &str> {
    let maps = section.lines().filter_map(|line| line.strip_prefix("a=rtpmap:")?.split_once(' '));
    maps.filter(|(_, map)| names(map, "red/")).map(|(pt, _)| pt)
}

fn is_rtx_map(line: &str) -> bool {
    let map = line.strip_prefix("a=rtpmap:").and_then(|rest| rest.split_once(' '));
    map.is_some_and(|(_, map)| names(map, "rtx/"))
}

/// Returns whether a format is called so, which may be written in any case (RFC 4855 §3).
fn names(map: &str, name: &str) -> bool {
    map.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
}

/// Cuts a description before each `m=` line; the first piece is the session level.
fn split_sections(sdp: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(sdp);
    std::iter::from_fn(move || {
        let text = rest?;
        let cut = text.match_indices("\nm=").next().map(|(at, _)| at + 1);
        let (section, tail) = cut.map_or((text, None), |at| (&text[..at], Some(&text[at..])));
        rest = tail;
        Some(section)
    })
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=sendrecv\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\na=mid:0\r\na=msid:stream audio\r\na=sendrecv\r\n\
        a=rtpmap:111 opus/48000/2\r\na=rtpmap:0 PCMU/8000\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:1\r\na=simulcast:send h;~m,n;l recv x\r\n\
        a=rtpmap:96 VP8/90000\r\na=fmtp:97 apt=96\r\na=rtcp-fb:96 nack pli\r\n\
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\n";

    #[test]
    fn an_offer_tells_what_its_sections_carry() {
        let sections = offered_sections(OFFER);
        assert_eq!(sections.len(), 3);
        assert_eq!(sections[0].kind, Some(MediaKind::Audio));
        assert_eq!(sections[0].msid, Some(("stream".to_owned(), "audio".to_owned())));
        assert_eq!(sections[1].rids, ["h", "m", "l"]);
        assert_eq!(sections[2].kind, None);
    }

    #[test]
    fn a_publisher_only_sends() {
        let sections: Vec<_> = split_sections(&make_send_only(OFFER)).map(str::to_owned).collect();
        assert!(sections[0].contains("a=sendrecv"), "the session level stays as it is");
        assert!(sections[1].contains("a=sendonly") && !sections[1].contains("a=sendrecv"));
        assert!(sections[2].contains("a=sendonly"));
        assert!(!sections[3].contains("a=sendonly"));
    }

    #[test]
    fn a_section_keeps_only_its_own_formats() {
        let text =
            keep_formats(OFFER, |mid, pt| (mid == "0" && pt == 111) || mid == "1" && pt == 96);
        assert!(text.contains("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"));
        assert!(!text.contains("PCMU"));
        assert!(text.contains("m=video 9 UDP/TLS/RTP/SAVPF 96\r\n"));
        assert!(!text.contains("a=fmtp:97"));
        assert!(text.contains("a=rtcp-fb:96 nack pli"));
    }

    #[test]
    fn an_answer_keeps_what_matters_and_that_once() {
        let section = |mid: &str| {
            format!(
                "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:{mid}\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
                 a=ice-ufrag:u\r\na=ice-pwd:p\r\na=fingerprint:sha-256 AA\r\na=setup:active\r\n\
                 a=candidate:1 1 udp 2 192.0.2.1 3 typ host\r\na=end-of-candidates\r\n\
                 a=recvonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=ssrc:1 cname:x\r\n\
                 a=rtpmap:111 opus/48000/2\r\n"
            )
        };
        let answer = format!("v=0\na=msid-semantic: WMS *\r\n{}{}", section("0"), section("1"));
        let (text, candidates) = split_answer(&answer);
        assert_eq!(candidates, ["candidate:1 1 udp 2 192.0.2.1 3 typ host"; 2]);
        let rest = "a=recvonly\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n";
        assert_eq!(
            text,
            format!(
                "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:u\r\n\
                 a=ice-pwd:p\r\na=fingerprint:sha-256 AA\r\na=setup:active\r\n{rest}\
                 m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:1\r\n{rest}"
            )
        );
    }

    #[test]
    fn what_differs_between_sections_is_kept() {
        let answer = "v=0\r\nm=audio 9 X 1\r\na=fingerprint:sha-256 AA\r\n\
            m=audio 9 X 1\r\na=fingerprint:sha-256 BB\r\n";
        assert_eq!(split_answer(answer).0, answer);
    }

    #[test]
    fn redundant_audio_comes_after_what_it_protects() {
        let offer = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 63 111 0\r\na=mid:0\r\n\
            a=rtpmap:111 opus/48000/2\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n\
            m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:1\r\na=rtpmap:111 opus/48000/2\r\n";
        let text = keep_formats(offer, |_, pt| pt != 0);
        assert!(text.contains("m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\n"), "{text}");
        assert!(text.contains("a=fmtp:63 111/111\r\n"));
        assert_eq!(sections_with_red(&text), ["0"]);
    }
}
