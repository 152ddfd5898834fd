//! Mail by Resend's HTTP API: POST /emails (resend.com/docs/api-reference/emails/send-email).
//! Must never send an Idempotency-Key: a second attempt has another link, and Resend refuses another body under one key.
//! Called by transport.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

use crate::mail::letter::Letter;
use crate::mail::outcome::Outcome;
use crate::secret::Secret;

const LONGEST_REPLY: usize = 64 * 1024;

/// Where the API is, and whom to believe about it.
pub struct Resend {
    url: Url,
    tls: Arc<ClientConfig>,
}

/// What kept a reply from coming; nothing of it says anything about the mail.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("no connection: {0}")]
    Connection(#[from] std::io::Error),
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
    #[error("the API key or the URL cannot be sent")]
    Request,
}

impl Resend {
    /// At this URL, under which is `/emails`.
    pub fn new(url: Url, tls: Arc<ClientConfig>) -> Self {
        Self { url, tls }
    }

    /// Sends with this API key.
    pub async fn send(&self, key: &Secret, letter: &Letter) -> Outcome {
        match self.exchange(key, letter).await {
            Ok((status, told)) => outcome(status, told),
            Err(trouble) => Outcome::retry("connection", trouble.to_string()),
        }
    }

    async fn exchange(
        &self,
        key: &Secret,
        letter: &Letter,
    ) -> Result<(StatusCode, String), Trouble> {
        let request = self.request(key, letter)?;
        let host = self.url.host_str().ok_or(Trouble::Request)?;
        let port = self.url.port_or_known_default().ok_or(Trouble::Request)?;
        // Brackets are the URL's, not the address's.
        let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
        let response = match self.url.scheme() {
            "https" => {
                let name = ServerName::try_from(host.to_owned()).map_err(|_| Trouble::Request)?;
                let stream = TlsConnector::from(self.tls.clone())
                    .connect(name, stream)
                    .await?;
                ask(stream, request).await?
            }
            _ => ask(stream, request).await?,
        };
        let status = response.status();
        let body = Limited::new(response.into_body(), LONGEST_REPLY);
        let body = body.collect().await.map(|body| body.to_bytes());
        Ok((status, told(status, &body.unwrap_or_default())))
    }

    fn request(&self, key: &Secret, letter: &Letter) -> Result<Request<Full<Bytes>>, Trouble> {
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", key.expose()))
            .map_err(|_| Trouble::Request)?;
        bearer.set_sensitive(true);
        let body = json!({
            "from": letter.from.to_string(),
            "to": [letter.to.to_string()],
            "subject": letter.content.subject,
            "text": letter.content.text,
            "html": letter.content.html,
            "headers": { "Auto-Submitted": "auto-generated" },
        });
        let path = format!("{}/emails", self.url.path().trim_end_matches('/'));
        Request::post(path)
            .header(HOST, self.url.authority())
            .header(
                USER_AGENT,
                concat!("ucrm-gateway/", env!("CARGO_PKG_VERSION")),
            )
            .header(AUTHORIZATION, bearer)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body.to_string().into()))
            .map_err(|_| Trouble::Request)
    }
}

async fn ask<S>(
    stream: S,
    request: Request<Full<Bytes>>,
) -> Result<Response<hyper::body::Incoming>, Trouble>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with the reply, or with us.
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?)
}

// Resend's errors are {name, message}.
fn told(status: StatusCode, body: &[u8]) -> String {
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let part = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
    format!("{} {} {}", status.as_u16(), part("name"), part("message"))
        .trim_end()
        .to_owned()
}

fn outcome(status: StatusCode, told: String) -> Outcome {
    match status.as_u16() {
        200..=299 => Outcome::sent(),
        // The key, or the quota: an operator may mend it.
        401 | 403 => Outcome::retry("authentication", told),
        408 | 409 | 425 | 429 => Outcome::retry("refused for now", told),
        400..=499 => Outcome::failed("refused", told),
        _ => Outcome::retry("refused for now", told),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::outcome::Ending;

    #[test]
    fn each_status_means_what_an_operator_can_do_about_it() {
        for (status, ending) in [
            (200, Ending::Sent),
            (401, Ending::Retry),
            (403, Ending::Retry),
            (404, Ending::Failed),
            (422, Ending::Failed),
            (429, Ending::Retry),
            (500, Ending::Retry),
            (503, Ending::Retry),
            (301, Ending::Retry),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(outcome(status, String::new()).ending, ending, "{status}");
        }
    }

    #[test]
    fn what_resend_said_is_kept_and_nonsense_is_not() {
        let body = br#"{"statusCode": 422, "name": "validation_error", "message": "Invalid to"}"#;
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        assert_eq!(told(status, body), "422 validation_error Invalid to");
        assert_eq!(told(status, b"<html>"), "422");
    }
}
