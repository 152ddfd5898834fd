//! The stage the tests run on: what `make test` put into the environment.
//! Must never guess: a missing name is an error that says so.
//! Called by everything that needs an address, a key or a login.

use std::env;
use std::process::Command;

use crate::client::Client;

/// The value of one of the stage's variables.
pub fn name(variable: &str) -> String {
    env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run `make test`"))
}

/// A client of the stage's gateway with the key that this variable holds.
pub fn client(variable: &str) -> Client {
    Client::to(&name("UCRM_URL")).key(&name(variable))
}

/// A client of the stage's gateway without a credential. What it sends to be authenticated counts against 127.0.0.1.
pub fn nobody() -> Client {
    Client::to(&name("UCRM_URL"))
}

/// Starts, stops, restarts or crashes the server. Only for tests that hold the server's lock.
pub fn server(verb: &str) {
    let done = Command::new(name("UCRM_TEST_CLUSTER_CTL"))
        .arg(verb)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{verb}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}
