//! `--healthcheck`: asks a running gateway's /readyz, for containers that have no curl.
//! Must never need more than the admin address.
//! Called by main.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::{Request, header::HOST};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(4);

/// Asks once.
///
/// # Errors
/// A sentence saying what is not well.
pub async fn ask(mut admin: SocketAddr) -> Result<(), String> {
    if admin.ip().is_unspecified() {
        let is_v4 = admin.is_ipv4();
        admin.set_ip(match is_v4 {
            true => Ipv4Addr::LOCALHOST.into(),
            false => Ipv6Addr::LOCALHOST.into(),
        });
    }
    let exchange = async {
        let stream = TcpStream::connect(admin)
            .await
            .map_err(|error| error.to_string())?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| error.to_string())?;
        let driver = tokio::spawn(connection);
        let request = Request::get("/readyz")
            .header(HOST, admin.to_string())
            .body(Empty::<Bytes>::new())
            .map_err(|error| error.to_string())?;
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| error.to_string())?;
        driver.abort();
        match response.status().is_success() {
            true => Ok(()),
            false => Err(format!("/readyz answers {}", response.status())),
        }
    };
    timeout(PATIENCE, exchange)
        .await
        .unwrap_or_else(|_| Err("no answer in time".to_owned()))
        .map_err(|error| format!("UCRM_ADMIN_LISTEN {admin}: {error}"))
}
