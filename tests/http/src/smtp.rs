//! A real SMTP server (aiosmtpd) that does what a test asks for, gone when the test is over.
//! Must never listen beyond this machine.
//! Called by tests about mail.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/smtp_server.py");
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server.
pub struct Smtp {
    child: Child,
    said: Receiver<Value>,
    /// Where it listens.
    pub port: u16,
}

impl Smtp {
    /// On a free port of 127.0.0.1; smtp_server.py says what can be wished.
    pub fn start(wishes: Value) -> Smtp {
        Smtp::at("127.0.0.1", 0, wishes)
    }

    /// On this address and port.
    #[track_caller]
    pub fn at(host: &str, port: u16, mut wishes: Value) -> Smtp {
        wishes["host"] = json!(host);
        wishes["port"] = json!(port);
        // Debian's own interpreter: it has Debian's aiosmtpd.
        let mut child = Command::new("/usr/bin/python3")
            .args([PROGRAM, &wishes.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, said) = channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if sender.send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        let mut server = Smtp {
            child,
            said,
            port: 0,
        };
        let port = server.next()["port"].as_u64();
        server.port = port.unwrap().try_into().unwrap();
        server
    }

    /// What it says next: a mail it was given.
    #[track_caller]
    pub fn next(&self) -> Value {
        self.said
            .recv_timeout(PATIENCE)
            .expect("the SMTP server was given a mail")
    }

    /// Whether it has said nothing more.
    pub fn is_silent(&self) -> bool {
        self.said.try_recv().is_err()
    }

    /// Its address as UCRM_SMTP_URL takes it.
    pub fn url(&self, login: &str, query: &str) -> String {
        format!("smtp://{login}127.0.0.1:{}{query}", self.port)
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
