//! An HTTP reply as the tests look at it.
//! Must never accept a refusal of another shape than the one every refusal has.
//! Made by client.

use std::io::{self, BufRead};

use serde_json::Value;

/// Status, headers (names in lower case) and body.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// In the order they came.
    pub headers: Vec<(String, String)>,
    /// Without transfer coding.
    pub body: Vec<u8>,
    /// Whether another request may follow on the connection.
    pub reusable: bool,
}

impl Reply {
    /// Reads a reply; `bodyless` after HEAD.
    pub fn read(from: &mut impl BufRead, bodyless: bool) -> io::Result<Reply> {
        loop {
            let (status, headers) = head(from)?;
            if (100..200).contains(&status) {
                continue;
            }
            let mut reply = Reply {
                status,
                headers,
                body: Vec::new(),
                reusable: true,
            };
            reply.reusable = reply.header("connection") != Some("close");
            if bodyless || matches!(status, 204 | 304) {
                return Ok(reply);
            }
            if reply.header("transfer-encoding") == Some("chunked") {
                chunks(from, &mut reply.body)?;
            } else if let Some(length) = reply.header("content-length") {
                let length = length.parse().map_err(io::Error::other)?;
                reply.body.resize(length, 0);
                from.read_exact(&mut reply.body)?;
            } else {
                reply.reusable = false;
                from.read_to_end(&mut reply.body)?;
            }
            return Ok(reply);
        }
    }

    /// The value of the only header of this name.
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} was sent twice");
        value
    }

    /// The body as text.
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("{}: {}", self.status, String::from_utf8_lossy(&self.body)))
    }

    /// Asserts the status.
    #[track_caller]
    pub fn is(self, status: u16) -> Reply {
        assert_eq!(
            self.status,
            status,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        self
    }

    /// `data` of a reply that must have this status.
    #[track_caller]
    pub fn data(self, status: u16) -> Value {
        self.is(status).json()["data"].take()
    }

    /// Asserts a refusal: its status and code, and the shape that all of them have. Returns its body.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> Value {
        let body = self.json();
        assert_eq!(
            (self.status, body["code"].as_str()),
            (status, Some(code)),
            "{body}"
        );
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        for key in ["type", "title", "detail", "message"] {
            assert!(body[key].is_string(), "{key}: {body}");
        }
        for key in ["details", "hint", "errors"] {
            assert!(body.get(key).is_some(), "{key}: {body}");
        }
        assert_eq!(body["status"], status);
        assert_eq!(body["detail"], body["message"]);
        assert_eq!(
            body["request_id"].as_str(),
            self.header("x-request-id"),
            "{body}"
        );
        body
    }

    /// Asserts a refusal that names exactly these fields.
    #[track_caller]
    pub fn refused_fields(&self, status: u16, code: &str, fields: &[&str]) -> Value {
        let body = self.refused(status, code);
        let mut named: Vec<&str> = body["errors"]
            .as_array()
            .unwrap_or_else(|| panic!("no errors: {body}"))
            .iter()
            .map(|error| error["field"].as_str().unwrap())
            .collect();
        named.sort_unstable();
        assert_eq!(named, fields, "{body}");
        body
    }

    /// The body of a refusal without what differs from request to request.
    #[track_caller]
    pub fn anonymous(&self) -> Value {
        let mut body = self.json();
        body.as_object_mut().unwrap().remove("request_id").unwrap();
        body
    }
}

type Head = (u16, Vec<(String, String)>);

fn head(from: &mut impl BufRead) -> io::Result<Head> {
    let first = line(from)?;
    let status = first
        .strip_prefix("HTTP/1.1 ")
        .or_else(|| first.strip_prefix("HTTP/1.0 "))
        .and_then(|rest| rest.get(..3)?.parse().ok())
        .ok_or_else(|| io::Error::other(format!("not a status line: {first:?}")))?;
    let mut headers = Vec::new();
    loop {
        let line = line(from)?;
        if line.is_empty() {
            return Ok((status, headers));
        }
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| io::Error::other(format!("not a header: {line:?}")))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn chunks(from: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let size = usize::from_str_radix(&line(from)?, 16).map_err(io::Error::other)?;
        let start = body.len();
        body.resize(start + size, 0);
        from.read_exact(&mut body[start..])?;
        line(from)?;
        if size == 0 {
            return Ok(());
        }
    }
}

fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line)?;
    match line.strip_suffix(b"\r\n") {
        Some(line) => String::from_utf8(line.to_vec()).map_err(io::Error::other),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
