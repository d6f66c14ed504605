//! Conferences on a virtual network, in virtual time, all of them on one shard.

#[path = "stories.rs"]
mod stories;

const SHARDS: u16 = 1;
