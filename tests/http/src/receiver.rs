//! A receiver of webhooks (webhook_receiver.py) that does what each path asks for, gone when the test is over.
//! Must never listen beyond this machine.
//! Called by tests about webhooks.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::certificate::Certificate;
use crate::wait::until_within;

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/webhook_receiver.py");
const PATIENCE: Duration = Duration::from_secs(30);

/// A running receiver.
pub struct Receiver {
    child: Child,
    taken: Arc<Mutex<Vec<Value>>>,
    /// Where it listens.
    pub port: u16,
}

impl Receiver {
    /// Over TLS, with this certificate, on a free port of 127.0.0.1.
    pub fn tls(certificate: &Certificate) -> Receiver {
        Receiver::start(json!({"cert": certificate.certificate(), "key": certificate.key()}))
    }

    /// In clear.
    pub fn clear() -> Receiver {
        Receiver::start(json!({}))
    }

    #[track_caller]
    fn start(wishes: Value) -> Receiver {
        let mut child = Command::new("/usr/bin/python3")
            .args([PROGRAM, &wishes.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        let taken = Arc::new(Mutex::new(Vec::new()));
        let keep = taken.clone();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let request = serde_json::from_str(&line).unwrap();
                keep.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(request);
            }
        });
        Receiver {
            child,
            taken,
            port: first["port"].as_u64().unwrap().try_into().unwrap(),
        }
    }

    /// Everything it was sent so far.
    pub fn taken(&self) -> Vec<Value> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.clone()
    }

    /// Its requests, once there are so many.
    #[track_caller]
    pub fn until(&self, many: usize) -> Vec<Value> {
        until_within(PATIENCE, &format!("{many} requests were sent"), || {
            let taken = self.taken();
            (taken.len() >= many).then_some(taken)
        })
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
