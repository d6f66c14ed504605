//! The suite: a file for each part of the specification.

mod chat;
mod data;
mod errors;
mod group_actions;
mod handshake;
mod history;
mod joining;
mod leaving;
mod limits;
mod pages;
mod status;
mod streams;
mod upgrade;
mod user_actions;
mod user_messages;
