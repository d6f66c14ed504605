//! The same conferences with their peers spread over three shards, so that nearly all that is forwarded is
//! relayed, and what only shards can show.

mod relay;
#[path = "../simulated/stories.rs"]
mod stories;

const SHARDS: u16 = 3;
