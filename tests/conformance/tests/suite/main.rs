//! The suite: a file for each part of the specification.

mod api_access;
mod api_groups;
mod api_tokens;
mod api_users;
mod auth_portal;
mod auth_server;
mod chat;
mod data;
mod errors;
mod group_actions;
mod handshake;
mod history;
mod joining;
mod jwt;
mod leaving;
mod limits;
mod pages;
mod status;
mod streams;
mod token_file;
mod token_logins;
mod token_messages;
mod upgrade;
mod user_actions;
mod user_messages;
