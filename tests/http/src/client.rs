//! A client that sends what it is told to, byte for byte, over a connection it keeps.
//! Must never repair a request, follow a redirect, or wait longer than half a minute.
//! Called by every test.

use std::io::{self, BufReader, Write};
use std::net::TcpStream;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::reply::Reply;

const PATIENCE: Duration = Duration::from_secs(30);
// Less than the gateway keeps an idle connection.
const IDLE: Duration = Duration::from_secs(4);

/// One connection at a time, opened when it is needed, and the headers of each request.
pub struct Client {
    address: String,
    headers: Vec<(String, String)>,
    open: Mutex<Option<(BufReader<TcpStream>, Instant)>>,
}

impl Client {
    /// For a URL without path.
    pub fn to(url: &str) -> Client {
        let address = url.strip_prefix("http://").unwrap_or(url);
        Client {
            address: address.trim_end_matches('/').to_owned(),
            headers: Vec::new(),
            open: Mutex::new(None),
        }
    }

    /// The same with this header (once more, if it has it already), on a connection of its own.
    pub fn with(&self, name: &str, value: &str) -> Client {
        let mut headers = self.headers.clone();
        headers.push((name.to_owned(), value.to_owned()));
        Client {
            address: self.address.clone(),
            headers,
            open: Mutex::new(None),
        }
    }

    /// The same with an API key.
    pub fn key(&self, key: &str) -> Client {
        self.with("x-api-key", key)
    }

    /// The same on another connection.
    pub fn again(&self) -> Client {
        Client {
            address: self.address.clone(),
            headers: self.headers.clone(),
            open: Mutex::new(None),
        }
    }

    /// GET.
    #[track_caller]
    pub fn get(&self, target: &str) -> Reply {
        self.send("GET", target, &[], None)
    }

    /// DELETE.
    #[track_caller]
    pub fn delete(&self, target: &str) -> Reply {
        self.send("DELETE", target, &[], None)
    }

    /// POST of JSON.
    #[track_caller]
    pub fn post(&self, target: &str, body: &Value) -> Reply {
        self.json("POST", target, body)
    }

    /// PATCH of JSON.
    #[track_caller]
    pub fn patch(&self, target: &str, body: &Value) -> Reply {
        self.json("PATCH", target, body)
    }

    /// Any method with a JSON body.
    #[track_caller]
    pub fn json(&self, method: &str, target: &str, body: &Value) -> Reply {
        let body = body.to_string();
        let json = [("content-type", "application/json")];
        self.send(method, target, &json, Some(body.as_bytes()))
    }

    /// Anything; fails when the connection does.
    #[track_caller]
    pub fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Reply {
        self.attempt(method, target, headers, body)
            .unwrap_or_else(|error| panic!("{method} {target}: {error}"))
    }

    /// Anything; the connection may fail.
    pub fn attempt(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> io::Result<Reply> {
        let mut request = format!("{method} {target} HTTP/1.1\r\nhost: {}\r\n", self.address);
        let own = self.headers.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        for (name, value) in own.chain(headers.iter().copied()) {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = body {
            request.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        let mut bytes = request.into_bytes();
        bytes.extend_from_slice(body.unwrap_or_default());
        self.exchange(&bytes, method == "HEAD")
    }

    /// These bytes, and the reply to them.
    pub fn exchange(&self, bytes: &[u8], bodyless: bool) -> io::Result<Reply> {
        let kept = self.kept().take();
        let mut stream = match kept {
            Some((stream, used)) if used.elapsed() < IDLE => stream,
            _ => BufReader::new(self.connect()?),
        };
        // A server may answer and close before it has read everything.
        let sent = stream.get_mut().write_all(bytes);
        let reply =
            Reply::read(&mut stream, bodyless).map_err(|error| sent.err().unwrap_or(error))?;
        if reply.reusable {
            *self.kept() = Some((stream, Instant::now()));
        }
        Ok(reply)
    }

    fn kept(&self) -> MutexGuard<'_, Option<(BufReader<TcpStream>, Instant)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A bare connection.
    pub fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(&self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    }
}
