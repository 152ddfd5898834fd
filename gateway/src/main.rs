//! UCRM's HTTP gateway: HTTP in, one statement, HTTP out.
//! Owns the way from the command line to a running server; must never hold authority of its own.
//! Called by the operator.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod address;
mod admin;
mod announcer;
mod body;
mod call;
mod certificate;
mod config;
mod credential;
mod database;
mod destination;
mod discreet;
mod docs;
mod encryption;
mod export;
mod failure;
mod fetch;
mod gateway;
mod gauges;
mod headers;
mod healthcheck;
mod housekeeper;
mod jsonb;
mod jwks;
mod lease;
mod listener;
mod log;
mod login;
mod mail;
mod metrics;
mod options;
mod origin;
mod password;
mod problem;
mod reply;
mod reply_body;
mod request;
mod sealer;
mod secret;
mod server;
mod session;
mod site;
mod trouble;
mod trust;
mod variant;
mod verifier;
mod verify_audit;
mod webhook;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use tokio::runtime::Builder;

use crate::config::Config;
use crate::options::Options;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    if arguments
        .nth(1)
        .is_some_and(|name| name == verify_audit::NAME)
    {
        return verify_audit::run(std::env::args_os().skip(1));
    }
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("ucrm-gateway: {message}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> Result<(), String> {
    let arguments = variant::with_files(
        &Options::command(),
        std::env::args_os(),
        |name| std::env::var_os(name),
        |path| std::fs::read_to_string(path),
    )?;
    let options = Options::parse_from(arguments);
    // As many workers as cores: tokio's own default.
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    if options.hash_password {
        println!("{}", runtime.block_on(password::of_operator())?);
        return Ok(());
    }
    if options.healthcheck {
        let admin = config::address("UCRM_ADMIN_LISTEN", &options.admin_listen)?;
        return runtime.block_on(healthcheck::ask(admin));
    }
    let only_check = options.check;
    let config = Config::of(options)?;
    log::start(&config.log)?;
    if only_check {
        runtime.block_on(server::check(&config))?;
        println!("ucrm-gateway: settings and database are in order");
        return Ok(());
    }
    runtime.block_on(server::run(config))
}
