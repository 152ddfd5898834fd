//! Connections: accepted, encrypted, bounded, and let go in an orderly way.
//! Must never look into a request.
//! Called by main, once for the public and once for the admin address.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body::Body;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutWriter;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::metrics::Metrics;

/// A head beyond this gets hyper's own bare 431; request.rs has tighter limits and better words.
const HEAD_BYTES: usize = 128 * 1024;
/// After a failed accept, mostly for want of file descriptors.
const BREATH: Duration = Duration::from_millis(100);

/// How connections end.
#[derive(Clone, Default)]
pub struct Ending {
    /// Accept no more; finish what has begun.
    pub drain: CancellationToken,
    /// Finish nothing.
    pub cut: CancellationToken,
    /// The connections still open.
    pub open: TaskTracker,
}

/// One address that is listened on.
pub struct Listener {
    /// The bound socket.
    pub socket: TcpListener,
    /// Encrypts, if configured.
    pub tls: Option<TlsAcceptor>,
    /// For a TLS handshake, for a request's head, and for the next request to begin.
    pub header_timeout: Duration,
    /// For a client to take the next part of a reply.
    pub write_timeout: Duration,
    /// Connections at a time; more wait in the kernel's queue.
    pub connections: usize,
    /// Counts connections, on the public address.
    pub metrics: Option<Arc<Metrics>>,
    /// When to stop.
    pub ending: Ending,
}

impl Listener {
    /// Serves until told to drain. Connections live on in `ending.open`.
    pub async fn serve<F, R, B>(self, answer: F)
    where
        F: Fn(Request<Incoming>, IpAddr) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let places = Arc::new(Semaphore::new(self.connections));
        let mut http = http1::Builder::new();
        // Without a timer hyper's timeouts do nothing.
        http.timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            .max_header_size(HEAD_BYTES)
            .max_buf_size(HEAD_BYTES);
        loop {
            let accepted = async {
                let place = places.clone().acquire_owned().await.ok()?;
                Some((place, self.socket.accept().await))
            };
            let (place, stream, peer) = tokio::select! {
                accepted = accepted => match accepted {
                    Some((place, Ok((stream, peer)))) => (place, stream, peer.ip()),
                    Some((_, Err(error))) => {
                        tracing::warn!(%error, "a connection was not accepted");
                        sleep(BREATH).await;
                        continue;
                    }
                    None => return,
                },
                () = self.ending.drain.cancelled() => return,
            };
            let _ = stream.set_nodelay(true);
            let connection = Connection {
                http: http.clone(),
                peer,
                write_timeout: self.write_timeout,
                ending: self.ending.clone(),
            };
            let tls = self.tls.clone();
            let handshake_limit = self.header_timeout;
            let counted = self.metrics.as_ref().map(|metrics| metrics.connection());
            let answer = answer.clone();
            self.ending.open.spawn(async move {
                let _held = (place, counted);
                match tls {
                    None => connection.serve(stream, answer).await,
                    Some(tls) => {
                        if let Some(stream) = handshake(&tls, stream, handshake_limit).await {
                            connection.serve(stream, answer).await;
                        }
                    }
                }
            });
        }
    }
}

async fn handshake(
    tls: &TlsAcceptor,
    stream: TcpStream,
    limit: Duration,
) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
    match timeout(limit, tls.accept(stream)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a TLS handshake failed");
            None
        }
        Err(_) => None,
    }
}

struct Connection {
    http: http1::Builder,
    peer: IpAddr,
    write_timeout: Duration,
    ending: Ending,
}

impl Connection {
    async fn serve<S, F, R, B>(self, stream: S, answer: F)
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
        F: Fn(Request<Incoming>, IpAddr) -> R + Send + 'static,
        R: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(self.write_timeout));
        let service = service_fn(|request| {
            let reply = answer(request, self.peer);
            async move { Ok::<_, Infallible>(reply.await) }
        });
        let serving = self
            .http
            .serve_connection(TokioIo::new(Box::pin(stream)), service);
        let mut serving = std::pin::pin!(serving);
        tokio::select! {
            outcome = serving.as_mut() => return note(outcome),
            () = self.ending.drain.cancelled() => serving.as_mut().graceful_shutdown(),
            () = self.ending.cut.cancelled() => return,
        }
        tokio::select! {
            outcome = serving => note(outcome),
            () = self.ending.cut.cancelled() => {}
        }
    }
}

fn note(outcome: Result<(), hyper::Error>) {
    if let Err(error) = outcome {
        tracing::debug!(%error, "a connection ended");
    }
}
