//! Picture numbers of VP8 that go on without a gap.

use crate::{PictureId, Vp8Descriptor};

/// What to add to the numbers in a [`Vp8Descriptor`], each modulo what its field can hold.
///
/// It is meant as a part of a label in a [`SequenceMap`](crate::SequenceMap), so that a packet that is
/// late or sent again is rewritten as those around it were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Vp8Shift {
    /// What to add to PictureID.
    pub picture_id: u16,
    /// What to add to TL0PICIDX.
    pub tl0_pic_idx: u8,
}

/// Keeps PictureID and TL0PICIDX of one subscriber's stream continuous where frames are left out and
/// where the source changes.
///
/// A receiver takes a gap in these numbers for a lost frame (RFC 7741 §4.2). KEYIDX stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Vp8Numbering {
    shift: Vp8Shift,
    latest_picture_id: Option<PictureId>,
    latest_tl0_pic_idx: Option<u8>,
}

impl Vp8Numbering {
    /// Creates the state of a stream of which nothing has been sent; the first source keeps its
    /// numbers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes up another source, of which the first packet to be sent has this descriptor: its numbers
    /// become the next after the latest that were sent.
    pub fn switch(&mut self, first: &Vp8Descriptor) {
        self.shift = Vp8Shift::default();
        if let (Some(latest), Some(first)) = (self.latest_picture_id, first.picture_id()) {
            self.shift.picture_id = latest.wrapping_add(1).value().wrapping_sub(first.value());
        }
        if let (Some(latest), Some(first)) = (self.latest_tl0_pic_idx, first.tl0_pic_idx()) {
            self.shift.tl0_pic_idx = latest.wrapping_add(1).wrapping_sub(first);
        }
    }

    /// Closes the gap of one frame that is left out, for the frames after it. It must not be of
    /// temporal layer 0, whose frames TL0PICIDX counts.
    pub fn omit_frame(&mut self) {
        self.shift.picture_id = self.shift.picture_id.wrapping_sub(1);
    }

    /// Remembers the descriptor of a packet as it was sent.
    pub fn sent(&mut self, outgoing: &Vp8Descriptor) {
        if let Some(id) = outgoing.picture_id()
            && self.latest_picture_id.is_none_or(|latest| id.is_at_or_after(latest))
        {
            self.latest_picture_id = Some(id);
        }
        if let Some(index) = outgoing.tl0_pic_idx()
            && self.latest_tl0_pic_idx.is_none_or(|latest| index.wrapping_sub(latest) < 0x80)
        {
            self.latest_tl0_pic_idx = Some(index);
        }
    }

    /// Returns what to add to the numbers of the current source from now on.
    pub fn shift(&self) -> Vp8Shift {
        self.shift
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_source_keeps_its_numbers() {
        let mut numbering = Vp8Numbering::new();
        numbering.switch(&descriptor(700, 9));
        assert_eq!(numbering.shift(), Vp8Shift::default());
    }

    #[test]
    fn another_source_continues_after_the_latest() {
        let mut numbering = Vp8Numbering::new();
        numbering.sent(&descriptor(0x7ffe, 254));
        numbering.sent(&descriptor(0x7fff, 255));
        numbering.sent(&descriptor(0x7ffd, 254));
        let first = descriptor(700, 9);
        numbering.switch(&first);
        assert_eq!(first.shifted(numbering.shift()), descriptor(0, 0));
        let second = descriptor(701, 10);
        assert_eq!(second.shifted(numbering.shift()), descriptor(1, 1));
    }

    #[test]
    fn surprise_57_a_frame_left_out_leaves_no_gap() {
        let mut numbering = Vp8Numbering::new();
        numbering.sent(&descriptor(5, 3));
        numbering.omit_frame();
        assert_eq!(descriptor(7, 4).shifted(numbering.shift()), descriptor(6, 4));
        numbering.omit_frame();
        assert_eq!(descriptor(9, 5).shifted(numbering.shift()), descriptor(7, 5));
    }

    #[test]
    fn numbers_of_seven_bits_continue_those_of_fifteen() {
        let mut numbering = Vp8Numbering::new();
        numbering.sent(&descriptor(0x1234, 0));
        let short = Vp8Descriptor::parse(&[0x90, 0x80, 0x05]).unwrap();
        numbering.switch(&short);
        assert_eq!(short.shifted(numbering.shift()).as_bytes(), [0x90, 0x80, 0x35]);
    }

    fn descriptor(picture_id: u16, tl0_pic_idx: u8) -> Vp8Descriptor {
        let [high, low] = picture_id.to_be_bytes();
        Vp8Descriptor::parse(&[0x90, 0xc0, high | 0x80, low, tl0_pic_idx]).unwrap()
    }
}
