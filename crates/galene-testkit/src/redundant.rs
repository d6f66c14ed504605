//! Redundant audio as the stand-ins write and read it (RFC 2198), apart from what they test.

/// One block: how many ticks it is older than the packet, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block<'a> {
    pub(crate) payload_type: u8,
    pub(crate) age: u32,
    pub(crate) payload: &'a [u8],
}

/// Writes a packet's sound with that of the packet before, if the fields can tell of it: as libwebrtc does.
pub(crate) fn write(own: (u8, &[u8]), before: Option<(u32, &[u8])>) -> Vec<u8> {
    let (payload_type, payload) = own;
    let before = before.filter(|(age, old)| *age < 1 << 14 && old.len() < 1 << 10);
    let mut out = Vec::new();
    if let Some((age, old)) = before {
        let length = u32::try_from(old.len()).expect("ten bits");
        let header = 1 << 31 | u32::from(payload_type) << 24 | age << 10 | length;
        out.extend_from_slice(&header.to_be_bytes());
    }
    out.push(payload_type);
    before.inspect(|(_, old)| out.extend_from_slice(old));
    out.extend_from_slice(payload);
    out
}

/// Reads a payload: the packet's own sound comes last. `None` if it is not what it should be.
pub(crate) fn read(payload: &[u8]) -> Option<Vec<Block<'_>>> {
    let mut headers = Vec::new();
    let mut rest = payload;
    while rest.first()? & 0x80 != 0 {
        let (header, after) = rest.split_first_chunk::<4>()?;
        headers.push(u32::from_be_bytes(*header));
        rest = after;
    }
    let (&own, mut rest) = rest.split_first()?;
    let mut blocks = Vec::new();
    for header in headers {
        let (payload, after) = rest.split_at_checked((header & 0x3ff) as usize)?;
        let payload_type = (header >> 24 & 0x7f) as u8;
        blocks.push(Block { payload_type, age: header >> 10 & 0x3fff, payload });
        rest = after;
    }
    blocks.push(Block { payload_type: own, age: 0, payload: rest });
    Some(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_cut_off_is_not() {
        let bytes = write((111, b"now"), Some((960, b"before")));
        let before = Block { payload_type: 111, age: 960, payload: b"before" };
        let own = Block { payload_type: 111, age: 0, payload: b"now" };
        assert_eq!(read(&bytes), Some(vec![before, own]));
        assert_eq!(read(&bytes[..8]), None);
        assert_eq!(read(&write((111, b"now"), None)), Some(vec![own]));
        let too_old = write((111, b"now"), Some((1 << 14, b"before")));
        assert_eq!(read(&too_old), Some(vec![own]));
    }
}
