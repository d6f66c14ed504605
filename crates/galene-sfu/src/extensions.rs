//! Writes RTP header extensions of more than one element, or long ones, and finds one (RFC 8285).

/// So much fits: the frame of two words, and elements of up to 255 bytes and a few short ones.
pub(crate) const MAX_BYTES: usize = 4 + 2 + 255 + 16;

/// Writes these elements, each with its number and value, and returns how many bytes that took: a
/// multiple of four, or nothing where there are none.
///
/// Values of 1 to 16 bytes under numbers below 15 are written in the one-byte form; if there are others,
/// all are in the two-byte form, which whoever negotiates such an element has agreed to (RFC 8285 §4.1.2).
/// Elements that do not fit into `room` are left out.
pub(crate) fn write<'a>(
    room: &mut [u8],
    elements: impl Iterator<Item = (u8, &'a [u8])> + Clone,
) -> usize {
    let head = head_bytes(elements.clone().map(|(id, value)| (id, value.len())));
    let mut end = 4;
    for (id, value) in elements {
        let Ok(len) = u8::try_from(value.len()) else {
            continue;
        };
        let next = end + head + value.len();
        if next.next_multiple_of(4) > room.len() {
            continue;
        }
        if head == 1 {
            room[end] = id << 4 | (len - 1);
        } else {
            room[end..end + 2].copy_from_slice(&[id, len]);
        }
        room[end + head..next].copy_from_slice(value);
        end = next;
    }
    if end == 4 {
        return 0;
    }
    let padded = end.next_multiple_of(4);
    room[end..padded].fill(0);
    let profile: u16 = if head == 1 { 0xbede } else { 0x1000 };
    let words = u16::try_from(padded / 4 - 1).unwrap_or(0);
    room[..2].copy_from_slice(&profile.to_be_bytes());
    room[2..4].copy_from_slice(&words.to_be_bytes());
    padded
}

/// Returns how many bytes [`write()`] takes for elements with these numbers and lengths, given room for all.
pub(crate) fn len(elements: impl Iterator<Item = (u8, usize)> + Clone) -> usize {
    let head = head_bytes(elements.clone());
    let elements = elements.filter(|(_, len)| *len <= MAX_VALUE_BYTES);
    match elements.map(|(_, len)| head + len).sum::<usize>() {
        0 => 0,
        bytes => (4 + bytes).next_multiple_of(4),
    }
}

/// Returns the value of the element with this number, given the header extension with its first word.
pub(crate) fn find(extension: &[u8], id: u8) -> Option<&[u8]> {
    let (head, mut rest) = extension.split_first_chunk::<4>()?;
    let profile = u16::from_be_bytes([head[0], head[1]]);
    let is_short = profile == 0xbede;
    if !is_short && profile & 0xfff0 != 0x1000 {
        return None;
    }
    while let Some((&first, after)) = rest.split_first() {
        if first == 0 {
            // Padding, of a byte at a time.
            rest = after;
            continue;
        }
        let (found, len, after) = if is_short {
            (first >> 4, usize::from(first & 0x0f) + 1, after)
        } else {
            let (&len, after) = after.split_first()?;
            (first, usize::from(len), after)
        };
        // Number 15 of the short form ends the extension (RFC 8285 §4.2).
        if is_short && found == 15 {
            return None;
        }
        let (value, next) = after.split_at_checked(len)?;
        if found == id {
            return Some(value);
        }
        rest = next;
    }
    None
}

/// What the length of an element in the two-byte form can say (RFC 8285 §4.3).
const MAX_VALUE_BYTES: usize = 255;

/// Returns how many bytes there are in front of each value.
fn head_bytes(mut elements: impl Iterator<Item = (u8, usize)>) -> usize {
    if elements.all(|(id, len)| id < 15 && (1..=16).contains(&len)) { 1 } else { 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_values_are_written_in_the_one_byte_form() {
        let mut room = [0xff; MAX_BYTES];
        let elements = [(2, &[1, 2, 3][..]), (12, &[9, 8, 7, 6])];
        let len = write(&mut room, elements.into_iter());
        let expected = [0xbe, 0xde, 0, 3, 0x22, 1, 2, 3, 0xc3, 9, 8, 7, 6, 0, 0, 0];
        assert_eq!(room[..len], expected);
    }

    #[test]
    fn a_long_value_puts_all_into_the_two_byte_form() {
        let mut room = [0xff; MAX_BYTES];
        let long = [7; 17];
        let len = write(&mut room, [(2, &[1, 2, 3][..]), (12, &long)].into_iter());
        assert_eq!(room[..9], [0x10, 0, 0, 6, 2, 3, 1, 2, 3]);
        assert_eq!((room[9], room[10], room[11]), (12, 17, 7));
        assert_eq!(len, 28);
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let mut room = [0; 12];
        let len = write(&mut room, [(1, &[0; 300][..]), (2, &[5; 3])].into_iter());
        assert_eq!((len, room[4], room[5]), (12, 2, 3));
        assert_eq!(write(&mut room, std::iter::empty()), 0);
    }

    #[test]
    fn what_was_written_is_found_in_either_form() {
        let long = [7; 40];
        for value in [&long[..4], &long] {
            let mut room = [0xff; MAX_BYTES];
            let len = write(&mut room, [(2, &[1, 2, 3][..]), (12, value)].into_iter());
            assert_eq!(find(&room[..len], 2), Some(&[1, 2, 3][..]));
            assert_eq!(find(&room[..len], 12), Some(value));
            assert_eq!(find(&room[..len], 3), None);
            (0..len - value.len()).for_each(|end| assert_eq!(find(&room[..end], 12), None));
        }
        assert_eq!(find(&[0xbe, 0xde, 0, 1, 0xf0, 1, 0x30, 1], 3), None, "the end");
        assert_eq!(find(&[0, 0, 0, 1, 0x30, 1, 0, 0], 3), None, "another profile");
    }

    #[test]
    fn the_length_is_known_before_anything_is_written() {
        let value = [3; 300];
        for long in [0, 1, 3, 4, 16, 17, 18, 254, 255, 256] {
            let mut room = [0; MAX_BYTES];
            let elements = [(3, &value[..2]), (12, &value[..long])];
            let expected = write(&mut room, elements.into_iter());
            assert_eq!(len(elements.into_iter().map(|(id, v)| (id, v.len()))), expected, "{long}");
        }
        assert_eq!(len([(3, 2)].into_iter()), 8);
        assert_eq!(len(std::iter::empty()), 0);
    }
}
