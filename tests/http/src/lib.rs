//! Support for the HTTP tests: a client, the stage, workspaces, people and gateways of a test's own.
//! Must never assert a rule of UCRM's, except the shape that every refusal has.
//! Called by the files in tests/, one noun each.
#![allow(clippy::unwrap_used, clippy::expect_used)]

pub mod api;
pub mod certificate;
pub mod client;
pub mod crowd;
pub mod database;
pub mod dice;
pub mod gateway;
pub mod holder;
pub mod hooks;
pub mod issuer;
pub mod outbox;
pub mod own_gate;
pub mod person;
pub mod player;
pub mod receiver;
pub mod reply;
pub mod rest;
pub mod session;
pub mod smtp;
pub mod stage;
pub mod stream;
pub mod verifier;
pub mod wait;
pub mod workspace;
