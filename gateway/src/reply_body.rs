//! The two kinds of body a reply has.
//! Must never buffer: whole bodies are there already, flowing ones are paced by their reader.
//! Made by reply, problem and origin (whole) and export (flowing).

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{Channel, Full};

/// A body that is there, or one that is still being made.
pub enum ReplyBody {
    /// All of it.
    Whole(Full<Bytes>),
    /// Chunk by chunk, with the reader setting the pace.
    Flowing(Channel<Bytes, Cut>),
}

/// The end of a body that could not be finished: the connection ends with it.
#[derive(Debug, thiserror::Error)]
#[error("the reply could not be finished")]
pub struct Cut;

impl ReplyBody {
    /// A body that is all there.
    pub fn whole(bytes: Bytes) -> Self {
        Self::Whole(Full::new(bytes))
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body)
                .poll_frame(context)
                .map_err(|never| match never {}),
            Self::Flowing(body) => Pin::new(body).poll_frame(context).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Flowing(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Flowing(body) => body.size_hint(),
        }
    }
}
