//! How large a picture is.

/// The size of a picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FrameSize {
    /// From left to right.
    pub width: u16,
    /// From top to bottom.
    pub height: u16,
}
