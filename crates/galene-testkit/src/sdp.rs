//! The little that the browser stand-in has to know about the text of SDP.

use crate::codec::MediaKind;

/// A media section of a session description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its MID.
    pub mid: String,
    /// Whether it is for sound or for pictures.
    pub kind: MediaKind,
    /// Whether it was rejected or stopped: its port is 0 and it is not bundled.
    pub is_stopped: bool,
    /// The direction, as the author of the description sees it: `sendonly` and so on.
    pub direction: String,
    /// The `MediaStream` id and the track id of `a=msid`.
    pub msid: Option<(String, String)>,
    /// The payload types, the most preferred first.
    pub payload_types: Vec<u8>,
    /// Whether transport-wide congestion control is agreed on.
    pub has_transport_cc: bool,
    /// The RIDs of `a=rid` lines.
    pub rids: Vec<String>,
}

/// Returns the audio and video sections of a description, in order.
pub fn sections(sdp: &str) -> Vec<Section> {
    let bundled: Vec<_> = attribute_of(&lines(sdp), "group:BUNDLE").map(words).unwrap_or_default();
    split(sdp).into_iter().skip(1).filter_map(|lines| section(&lines, &bundled)).collect()
}

/// Takes the candidates out, as a browser's description is before any were gathered.
pub(crate) fn without_candidates(sdp: &str) -> String {
    join(lines(sdp).into_iter().filter(|line| {
        !line.starts_with("a=candidate:") && !line.starts_with("a=end-of-candidates")
    }))
}

/// Takes out all that announces SSRCs for retransmission, which the engine announces in any case.
pub(crate) fn without_rtx_ssrcs(sdp: &str) -> String {
    let lines = lines(sdp);
    let groups = lines.iter().filter_map(|line| line.strip_prefix("a=ssrc-group:FID "));
    let repairs: Vec<_> = groups.filter_map(|group| group.split(' ').nth(1)).collect();
    join(lines.iter().copied().filter(|line| {
        let ssrc = line.strip_prefix("a=ssrc:").and_then(|rest| rest.split(' ').next());
        !line.starts_with("a=ssrc-group:FID ") && ssrc.is_none_or(|ssrc| !repairs.contains(&ssrc))
    }))
}

/// Puts redundant audio behind the codec that it protects, as in a browser's offer.
pub(crate) fn with_red_last(sdp: &str) -> String {
    let maps = lines(sdp).into_iter().filter_map(|line| line.strip_prefix("a=rtpmap:"));
    let red: Vec<_> = maps.filter_map(|map| map.split_once(" red/")).map(|(pt, _)| pt).collect();
    lines(sdp).into_iter().fold(String::new(), |sdp, line| {
        let mut words = words(line);
        if let (true, Some(types)) = (line.starts_with("m=audio"), words.get_mut(3..)) {
            types.sort_by_key(|pt| red.contains(pt));
        }
        sdp + &words.join(" ") + "\r\n"
    })
}

/// Takes the SSRCs out of sections with simulcast: browsers identify encodings by RID alone.
pub(crate) fn without_simulcast_ssrcs(sdp: &str) -> String {
    let sections = split(sdp).into_iter().flat_map(|lines| {
        let is_simulcast = lines.iter().any(|line| line.starts_with("a=simulcast:"));
        lines.into_iter().filter(move |line| !is_simulcast || !line.starts_with("a=ssrc"))
    });
    join(sections)
}

fn section(lines: &[&str], bundled: &[&str]) -> Option<Section> {
    let mut first = lines.first()?.strip_prefix("m=")?.split(' ');
    let kind = match first.next()? {
        "audio" => MediaKind::Audio,
        "video" => MediaKind::Video,
        _ => return None,
    };
    let port = first.next()?;
    let payload_types = first.skip(1).filter_map(|pt| pt.parse().ok()).collect();
    let mid = attribute_of(lines, "mid").unwrap_or_default();
    let direction = ["sendrecv", "sendonly", "recvonly", "inactive"]
        .into_iter()
        .find(|direction| lines.iter().any(|line| line.strip_prefix("a=") == Some(direction)));
    let msid = attribute_of(lines, "msid").and_then(|msid| {
        let (stream, track) = msid.split_once(' ')?;
        Some((stream.to_owned(), track.to_owned()))
    });
    let is_transport_cc =
        |line: &&str| line.starts_with("a=rtcp-fb:") && line.ends_with(" transport-cc");
    let rids = lines.iter().filter_map(|line| line.strip_prefix("a=rid:"));
    Some(Section {
        mid: mid.to_owned(),
        kind,
        is_stopped: port == "0" && !bundled.contains(&mid),
        direction: direction.unwrap_or("sendrecv").to_owned(),
        msid,
        payload_types,
        has_transport_cc: lines.iter().any(is_transport_cc),
        rids: rids.filter_map(|rid| rid.split(' ').next()).map(str::to_owned).collect(),
    })
}

fn attribute_of<'a>(lines: &[&'a str], name: &str) -> Option<&'a str> {
    lines.iter().find_map(|line| {
        let rest = line.strip_prefix("a=")?.strip_prefix(name)?;
        rest.strip_prefix([':', ' '])
    })
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

fn lines(sdp: &str) -> Vec<&str> {
    sdp.lines().collect()
}

/// Splits into the session part and the media sections.
fn split(sdp: &str) -> Vec<Vec<&str>> {
    let mut parts = vec![Vec::new()];
    for line in sdp.lines() {
        if line.starts_with("m=") {
            parts.push(Vec::new());
        }
        parts.last_mut().expect("never empty").push(line);
    }
    parts
}

fn join<'a>(lines: impl IntoIterator<Item = &'a str>) -> String {
    lines.into_iter().fold(String::new(), |sdp, line| sdp + line + "\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_read_from_the_text() {
        let sections = sections(SDP);
        assert_eq!(sections.len(), 3);
        assert_eq!(sections[0].kind, MediaKind::Audio);
        assert_eq!(sections[0].mid, "0");
        assert_eq!(sections[0].direction, "sendonly");
        assert_eq!(sections[0].msid, Some(("camera".to_owned(), "a0".to_owned())));
        assert_eq!(sections[0].payload_types, [111, 9]);
        assert!(!sections[0].has_transport_cc && sections[1].has_transport_cc);
        assert_eq!(sections[1].rids, ["h", "l"]);
        assert!(!sections[1].is_stopped && sections[2].is_stopped);
    }

    #[test]
    fn candidates_and_ssrcs_are_taken_out() {
        let bare = without_candidates(SDP);
        assert_eq!(bare.lines().count(), SDP.lines().count() - 1);
        assert!(!bare.contains("candidate"));
        assert!(!without_rtx_ssrcs(SDP).contains("222"));
        assert!(without_rtx_ssrcs(SDP).contains("a=ssrc:111 cname:x"));
        let simulcast = without_simulcast_ssrcs(SDP);
        assert!(!simulcast.contains("a=ssrc:111") && simulcast.contains("a=ssrc:333"));
    }

    const SDP: &str = "v=0\r\na=group:BUNDLE 0 1\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111 9\r\na=mid:0\r\na=sendonly\r\na=msid:camera a0\r\n\
        a=candidate:1 1 udp 2113937151 10.77.0.1 50000 typ host\r\na=ssrc:333 cname:y\r\n\
        m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=sendonly\r\na=rtcp-fb:96 transport-cc\r\n\
        a=rid:h send\r\na=rid:l send\r\na=simulcast:send h;l\r\na=ssrc-group:FID 111 222\r\n\
        a=ssrc:111 cname:x\r\na=ssrc:222 cname:x\r\n\
        m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:2\r\na=inactive\r\n";
}
