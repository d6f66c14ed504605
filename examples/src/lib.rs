//! Examples: one file each.
