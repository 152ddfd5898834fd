//! A request's body, whole, within its size and its time.
//! Must never read a body whose announced length is too large, nor believe an announced length.
//! Called by gateway.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout, timeout_at};

use crate::failure::Failure;

/// Bytes that earn a body another `patience`: a slow line may send a large body, a stalled one nothing.
const STRIDE: usize = 1024 * 1024;

/// What is read and thrown away so that a refusal reaches a client that is still sending.
const LINGER_BYTES: usize = 8 * 1024 * 1024;
const LINGER_TIME: Duration = Duration::from_secs(2);

/// Reads the body; none if it is empty.
///
/// # Errors
/// `body_too_large`, `request_timeout`, and `bad_request` for a body cut short or badly framed.
pub async fn read<B>(
    body: &mut B,
    limit: usize,
    patience: Duration,
) -> Result<Option<Bytes>, Failure>
where
    B: Body<Data = Bytes> + Unpin,
{
    if body.is_end_stream() {
        return Ok(None);
    }
    if body.size_hint().lower() > limit as u64 {
        return Err(Failure::BodyTooLarge);
    }
    let started = Instant::now();
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut length = 0;
    loop {
        let strides = u32::try_from(length / STRIDE).unwrap_or(u32::MAX);
        let deadline = started + patience.saturating_mul(strides.saturating_add(1));
        let frame = match timeout_at(deadline, body.frame()).await {
            Err(_) => return Err(Failure::BodyTimeout),
            Ok(None) => break,
            Ok(Some(Err(_))) => {
                return Err(Failure::Malformed(
                    "the body ended early or is badly framed",
                ));
            }
            Ok(Some(Ok(frame))) => frame,
        };
        // Trailers say nothing that the database is told.
        let Ok(data) = frame.into_data() else {
            continue;
        };
        length += data.len();
        if length > limit {
            return Err(Failure::BodyTooLarge);
        }
        if first.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&first);
            }
            rest.extend_from_slice(&data);
        }
    }
    let whole = if rest.is_empty() {
        first
    } else {
        rest.freeze()
    };
    Ok((!whole.is_empty()).then_some(whole))
}

/// Reads on for a moment after a refusal: a socket closed with unread bytes is reset,
/// and the client may never see the reply (RFC 9112, 9.6).
pub async fn linger<B>(mut body: B)
where
    B: Body<Data = Bytes> + Unpin,
{
    let drain = async {
        let mut length = 0;
        while let Some(Ok(frame)) = body.frame().await {
            length += frame.data_ref().map_or(0, Bytes::len);
            if length > LINGER_BYTES {
                break;
            }
        }
    };
    let _ = timeout(LINGER_TIME, drain).await;
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::{Channel, Full};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    async fn chunks(sizes: &[usize], limit: usize) -> Result<Option<usize>, Failure> {
        let (mut sender, mut body) = Channel::<Bytes, Infallible>::new(sizes.len().max(1));
        for size in sizes {
            sender.send_data(vec![b'x'; *size].into()).await.unwrap();
        }
        drop(sender);
        let read = read(&mut body, limit, PATIENCE).await?;
        Ok(read.map(|bytes| bytes.len()))
    }

    #[tokio::test]
    async fn an_announced_length_beyond_the_limit_is_refused_unread() {
        let mut body = Full::new(Bytes::from_static(b"12345"));
        assert_eq!(
            read(&mut body, 4, PATIENCE).await,
            Err(Failure::BodyTooLarge)
        );
        assert!(!body.is_end_stream());
    }

    #[tokio::test]
    async fn chunks_count_together_up_to_the_limit_exactly() {
        assert_eq!(chunks(&[3, 4], 7).await, Ok(Some(7)));
        assert_eq!(chunks(&[3, 5], 7).await, Err(Failure::BodyTooLarge));
        assert_eq!(chunks(&[0, 2], 7).await, Ok(Some(2)));
        assert_eq!(chunks(&[], 7).await, Ok(None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stalls_times_out() {
        let (_sender, mut body) = Channel::<Bytes, Infallible>::new(1);
        assert_eq!(
            read(&mut body, 7, PATIENCE).await,
            Err(Failure::BodyTimeout)
        );
    }
}
