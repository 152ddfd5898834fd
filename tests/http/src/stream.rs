//! A reply that is read as it comes, line by line, and may be left half-way.
//! Must never read ahead of what the test asks for, by more than a buffer.
//! Called by tests of what is streamed.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::client::Client;
use crate::reply::Reply;
use crate::stage::name;

/// A request that was sent whole, and the connection its reply comes on. Dropped, the client hangs up.
pub struct Stream {
    from: BufReader<TcpStream>,
}

impl Stream {
    /// Sends this with a key to the stage's gateway.
    #[track_caller]
    pub fn open(key: &str, method: &str, target: &str, headers: &str, body: &[u8]) -> Stream {
        let mut stream = Client::to(&name("UCRM_URL")).connect().unwrap();
        let head = format!(
            "{method} {target} HTTP/1.1\r\nhost: test\r\nx-api-key: {key}\r\n{headers}content-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        Stream {
            from: BufReader::with_capacity(256, stream),
        }
    }

    /// The next line that is JSON: head and sizes of chunks are passed over.
    #[track_caller]
    pub fn line(&mut self) -> Value {
        loop {
            let mut line = String::new();
            let read = self.from.read_line(&mut line).unwrap();
            assert!(read > 0, "the reply ended");
            if line.starts_with('{') {
                return serde_json::from_str(&line).unwrap();
            }
        }
    }

    /// So many bytes more, whatever they are.
    #[track_caller]
    pub fn skip(&mut self, bytes: usize) {
        let mut bytes = vec![0; bytes];
        self.from.read_exact(&mut bytes).unwrap();
    }

    /// The whole of a reply of which nothing was read yet.
    pub fn whole(mut self) -> io::Result<Reply> {
        Reply::read(&mut self.from, false)
    }
}
