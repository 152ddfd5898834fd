//! A connection that hears a server out, but not for ever, and one line at a time.
//! Must never let a server fill the memory with a line without an end, nor slip in words in clear that would be taken
//! for encrypted ones: what is read ahead of STARTTLS stays here, and is no TLS.
//! Called by smtp.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// All of a session: a certificate chain and some dozens of replies have room in it many times.
const LONGEST: usize = 256 * 1024;
const CHUNK: usize = 4 * 1024;

/// The connection in clear.
pub struct Bounded<S> {
    inner: S,
    left: usize,
    held: Box<[u8; CHUNK]>,
    start: usize,
    end: usize,
}

impl<S> Bounded<S> {
    /// Around a connection.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            left: LONGEST,
            held: Box::new([0; CHUNK]),
            start: 0,
            end: 0,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.start == this.end {
            if this.left == 0 {
                return Poll::Ready(Err(io::Error::other("the server says too much")));
            }
            let room = this.left.min(CHUNK);
            let mut chunk = ReadBuf::new(&mut this.held[..room]);
            ready!(Pin::new(&mut this.inner).poll_read(context, &mut chunk))?;
            (this.start, this.end) = (0, chunk.filled().len());
            this.left -= this.end;
        }
        let held = &this.held[this.start..this.end];
        let line = held.iter().position(|byte| *byte == b'\n');
        let given = line.map_or(held.len(), |at| at + 1).min(out.remaining());
        out.put_slice(&held[..given]);
        this.start += given;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }
}

impl<S> fmt::Debug for Bounded<S> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Bounded")
    }
}

impl AsyncTokioStream for Bounded<TcpStream> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.inner.peer_addr()
    }
}

/// The connection encrypted from its first byte.
#[derive(Debug)]
pub struct Encrypted(pub TlsStream<Bounded<TcpStream>>);

impl AsyncRead for Encrypted {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(context, out)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(context)
    }
}

impl AsyncTokioStream for Encrypted {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().0.peer_addr()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, repeat};

    use super::*;

    async fn lines(said: &[u8]) -> Vec<Vec<u8>> {
        let (mut server, client) = tokio::io::duplex(64);
        let mut client = Bounded::new(client);
        let said = said.to_owned();
        tokio::spawn(async move { server.write_all(&said).await });
        let (mut pieces, mut room) = (Vec::new(), [0; 4096]);
        loop {
            let n = client.read(&mut room).await.unwrap();
            if n == 0 {
                return pieces;
            }
            pieces.push(room[..n].to_vec());
        }
    }

    #[tokio::test]
    async fn what_follows_a_line_waits_to_be_asked_for() {
        let pieces = lines(b"220 ready\r\n250 slipped in\r\n").await;
        assert_eq!(pieces, [&b"220 ready\r\n"[..], b"250 slipped in\r\n"]);
    }

    #[tokio::test]
    async fn a_line_without_an_end_comes_to_one() {
        let mut endless = Bounded::new(repeat(b'x'));
        let mut heard = Vec::new();
        let error = endless.read_to_end(&mut heard).await.unwrap_err();
        assert_eq!(error.to_string(), "the server says too much");
        assert_eq!(heard.len(), LONGEST);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_no_piece_goes_beyond_its_line(said in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..300)) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let pieces = runtime.block_on(lines(&said));
            prop_assert_eq!(pieces.concat(), said);
            for piece in pieces {
                prop_assert!(!piece[..piece.len() - 1].contains(&b'\n'));
            }
        }
    }
}
