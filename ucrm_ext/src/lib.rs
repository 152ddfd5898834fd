//! UCRM's Rust leaves: an index, and what happens when the library is loaded.
//!
//! Every leaf returns a value or a decision; the SQL in `sql/` declares, grants and acts on it. A noun here is the
//! same noun there and in `tests/`.

// trunk counts one level a file.
#![recursion_limit = "256"]

mod advance;
mod audit;
mod body;
mod border;
mod bulk;
mod call;
mod change;
mod context;
mod custom;
mod export;
mod gate;
mod generation;
mod handle;
mod horizon;
mod image;
mod import;
mod jwt;
mod link;
mod lock;
mod login;
mod memo;
mod money;
mod permission;
mod principal;
mod query;
mod raw;
mod read;
mod request;
mod rest;
mod route;
mod row;
mod run;
mod search;
mod secret;
mod setting;
mod shared;
mod stream;
mod token;
mod totp;
mod trunk;
mod uuid_text;
mod webhook;
mod window;

pgrx::pg_module_magic!(name, version);

/// Runs once per server when preloaded. It never raises: pg_upgrade loads the library without preloading it, and
/// the extension's script says what is missing.
#[pgrx::pg_guard]
#[allow(non_snake_case)]
pub extern "C-unwind" fn _PG_init() {
    setting::define();
    secret::define();
    shared::request();
    generation::follow_transactions();
}
