//! A fake HTTP API that answers each request with the next of the replies it was given.
//! Must never be asked for more than it has.
//! Called by tests of what the gateway sends to others over HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(20);

/// A request as it came.
pub struct Asked {
    /// Request line and headers, in lower case.
    pub head: String,
    /// Its body.
    pub body: Value,
}

/// A listening API.
pub struct Api {
    asked: Receiver<Asked>,
    /// Where it is.
    pub url: String,
}

impl Api {
    /// With these replies: status and body, one for each request.
    pub fn start(replies: &[(u16, &str)]) -> Api {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let replies: Vec<(u16, String)> = replies
            .iter()
            .map(|(status, body)| (*status, (*body).to_owned()))
            .collect();
        let (sender, asked) = channel();
        thread::spawn(move || {
            for (status, body) in replies {
                let (mut stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut head, mut length) = (String::new(), 0);
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    let line = line.trim_end();
                    if line.is_empty() {
                        break;
                    }
                    if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
                        length = value.parse().unwrap();
                    }
                    head.push_str(line);
                    head.push('\n');
                }
                let mut sent = vec![0; length];
                reader.read_exact(&mut sent).unwrap();
                let body_of = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap_or_default();
                let said = Asked {
                    head,
                    body: body_of(&sent),
                };
                let reply = format!(
                    "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(reply.as_bytes()).unwrap();
                if sender.send(said).is_err() {
                    return;
                }
            }
        });
        Api { asked, url }
    }

    /// The next request.
    #[track_caller]
    pub fn next(&self) -> Asked {
        self.asked
            .recv_timeout(PATIENCE)
            .expect("the API was asked")
    }

    /// Whether nobody has asked any more.
    pub fn is_silent(&self) -> bool {
        self.asked.try_recv().is_err()
    }
}
