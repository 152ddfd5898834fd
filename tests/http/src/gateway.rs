//! A gateway process of a test's own, on free ports, gone when the test is over.
//! Must never be the stage's gateway, which the other tests need.
//! Called by tests that change its settings, trust addresses, cut its connections or kill it.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::{env, fs::File};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use uuid::Uuid;

use crate::client::Client;
use crate::stage::name;
use crate::wait::until;

/// A running gateway.
pub struct Gateway {
    child: Child,
    log: PathBuf,
    /// For clients.
    pub url: String,
    /// For the operator.
    pub admin_url: String,
}

impl Gateway {
    /// Started with these settings, and serving.
    #[track_caller]
    pub fn start(settings: &[(&str, &str)]) -> Gateway {
        Gateway::attempt(settings).unwrap_or_else(|said| panic!("no gateway: {said}"))
    }

    /// One that believes the test about the client's address.
    #[track_caller]
    pub fn behind_proxy() -> Gateway {
        Gateway::start(&[("UCRM_TRUSTED_PROXIES", "127.0.0.0/8")])
    }

    /// Started with these settings; what it said when it ended instead.
    pub fn attempt(settings: &[(&str, &str)]) -> Result<Gateway, String> {
        let log = env::temp_dir().join(format!("ucrm-test-{}.log", Uuid::new_v4().simple()));
        let file = File::create(&log).unwrap();
        let url_file = name("UCRM_TEST_DATABASE_URL_FILE");
        let mut command = Command::new(name("UCRM_TEST_GATEWAY_BIN"));
        command
            .env_clear()
            .env("UCRM_LISTEN", "127.0.0.1:0")
            .env("UCRM_ADMIN_LISTEN", "127.0.0.1:0")
            // The stage's gateway sends the stage's mails, and delivers its webhooks.
            .env("UCRM_MAIL_WORKERS", "0")
            .env("UCRM_WEBHOOK_WORKERS", "0")
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file);
        if !settings
            .iter()
            .any(|(known, _)| *known == "UCRM_DATABASE_URL")
        {
            command.env("UCRM_DATABASE_URL_FILE", url_file);
        }
        command.envs(settings.iter().copied());
        let mut gateway = Gateway {
            child: command.spawn().unwrap(),
            log,
            url: String::new(),
            admin_url: String::new(),
        };
        let serving = until("the gateway serves or ends", || {
            let line = gateway
                .log()
                .into_iter()
                .find(|line| line["message"] == "serving");
            match line {
                Some(line) => Some(Ok(line)),
                None => gateway.child.try_wait().unwrap().map(Err),
            }
        });
        let Ok(line) = serving else {
            return Err(gateway.said());
        };
        let url = |key: &str| {
            let address: SocketAddr = line[key].as_str().unwrap().parse().unwrap();
            format!("http://{address}")
        };
        (gateway.url, gateway.admin_url) = (url("listen"), url("admin"));
        Ok(gateway)
    }

    /// A client with this key.
    pub fn client(&self, key: &str) -> Client {
        Client::to(&self.url).key(key)
    }

    /// A client without a credential that says it comes from this address.
    pub fn from(&self, address: &str) -> Client {
        Client::to(&self.url).with("x-forwarded-for", address)
    }

    /// Everything it has written.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// The complete lines of its log so far.
    pub fn log(&self) -> Vec<Value> {
        let said = self.said();
        let whole = said.rfind('\n').map_or("", |end| &said[..end]);
        whole
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).unwrap();
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Its end, which must come by itself.
    #[track_caller]
    pub fn end(&mut self) -> ExitStatus {
        until("the gateway ends", || self.child.try_wait().unwrap())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.log);
    }
}

/// An address that nobody else counts under: documentation space (RFC 3849), a /64 of its own.
pub fn fresh_address() -> String {
    let random = Uuid::new_v4();
    let bytes = random.as_bytes();
    format!(
        "2001:db8:{:x}:{:x}::1",
        u16::from_be_bytes([bytes[0], bytes[1]]),
        u16::from_be_bytes([bytes[2], bytes[3]]),
    )
}
