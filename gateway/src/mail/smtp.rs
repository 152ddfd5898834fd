//! Mail by SMTP: one connection a mail, each step with its own meaning when it fails.
//! Must never send a password or a mail in clear where encryption was asked for.
//! Called by transport.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream};
use lettre::transport::smtp::extension::ClientId;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::mail::bounded::{Bounded, Encrypted};
use crate::mail::letter::Letter;
use crate::mail::outcome::Outcome;
use crate::mail::queue::Begin;
use crate::mail::roots::Roots;
use crate::secret::Secret;

/// For one of a server's addresses to take the connection; there may be others.
const CONNECT: Duration = Duration::from_secs(5);
const LEAVE: Duration = Duration::from_secs(5);

/// A mail server, and who we are there.
#[derive(Clone)]
pub struct Server {
    /// As its certificate has it.
    pub host: String,
    /// 587 unless said otherwise.
    pub port: u16,
    /// None: in clear.
    pub tls: Option<Begin>,
    /// Name and password.
    pub login: Option<(String, Secret)>,
}

/// What kept a session from coming about.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("no connection: {0}")]
    Connection(io::Error),
    #[error("{0}")]
    Tls(io::Error),
    #[error("the server's name cannot be that of a certificate")]
    Name,
    #[error(transparent)]
    Smtp(#[from] Error),
}

/// Sends to the first of the server's addresses that takes a connection; without any, the host's name is asked.
pub async fn send(
    server: &Server,
    addresses: &[SocketAddr],
    roots: &Roots,
    letter: &Letter,
) -> Outcome {
    let mut connection = match open(server, addresses, roots, letter.from.email.domain()).await {
        Ok(connection) => connection,
        Err(trouble) => return unopened(&trouble),
    };
    match connection.send(&letter.envelope, &letter.bytes).await {
        Ok(_) => {
            // Whatever it says to our leaving, and whenever: the mail is its.
            tokio::spawn(async move { timeout(LEAVE, connection.abort()).await });
            Outcome::sent()
        }
        Err(error) => unsent(&error),
    }
}

async fn open(
    server: &Server,
    addresses: &[SocketAddr],
    roots: &Roots,
    domain: &str,
) -> Result<AsyncSmtpConnection, Trouble> {
    let hello = ClientId::Domain(domain.to_owned());
    let stream = match addresses {
        [] => {
            let name = (server.host.as_str(), server.port);
            let found = lookup_host(name).await.map_err(Trouble::Connection)?;
            connect(found).await
        }
        known => connect(known.iter().copied()).await,
    };
    let stream = Bounded::new(stream.map_err(Trouble::Connection)?);
    let stream: Box<dyn AsyncTokioStream> = match server.tls {
        Some(Begin::Implicit) => {
            let name = ServerName::try_from(server.host.clone()).map_err(|_| Trouble::Name)?;
            let connector = TlsConnector::from(roots.client());
            let stream = connector
                .connect(name, stream)
                .await
                .map_err(Trouble::Tls)?;
            Box::new(Encrypted(stream))
        }
        _ => Box::new(stream),
    };
    let mut connection = AsyncSmtpConnection::connect_with_transport(stream, &hello).await?;
    if server.tls == Some(Begin::Starttls) {
        connection
            .starttls(roots.smtp(&server.host)?, &hello)
            .await?;
    }
    if let Some((name, password)) = &server.login {
        let login = Credentials::new(name.clone(), password.expose().to_owned());
        connection.auth(DEFAULT_MECHANISMS, &login).await?;
    }
    Ok(connection)
}

async fn connect(addresses: impl Iterator<Item = SocketAddr>) -> io::Result<TcpStream> {
    let mut last = io::Error::other("the server's name has no address");
    for address in addresses {
        match timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

// Nothing was said about this mail yet: an operator may mend it.
fn unopened(trouble: &Trouble) -> Outcome {
    let class = match trouble {
        Trouble::Connection(_) => "connection",
        Trouble::Tls(_) | Trouble::Name => "tls",
        Trouble::Smtp(error) if error.status().is_some() => "refused before the mail",
        Trouble::Smtp(error) if error.is_client() => "not offered by the server",
        Trouble::Smtp(error) if error.is_timeout() => "timeout",
        Trouble::Smtp(error) if error.is_response() => "not understood",
        Trouble::Smtp(_) => "connection",
    };
    Outcome::retry(class, told(trouble))
}

// RFC 5321, 4.2.1: 5yz is for good. Of those, RFC 4954 has some that are about who we are, not about the mail.
fn unsent(error: &Error) -> Outcome {
    let code = error.status().map(u16::from);
    match code {
        Some(530 | 534 | 535 | 538) => Outcome::retry("authentication", told(error)),
        Some(500..=599) => Outcome::failed("refused", told(error)),
        Some(_) => Outcome::retry("refused for now", told(error)),
        None if error.is_client() => Outcome::failed("not offered by the server", told(error)),
        None if error.is_timeout() => Outcome::retry("timeout", told(error)),
        None => Outcome::retry("connection", told(error)),
    }
}

fn told(error: &dyn std::error::Error) -> String {
    crate::login::explain(error)
}
