//! Exports, and imports that tell how far they are: rows of `ucrm.handle_stream` go out as they come in, in flat memory.
//! Must never read ahead of the client by more than a few chunks, wait for it without end, nor give it the last of them
//! before the transaction stands.
//! Called by gateway.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use http_body_util::Channel;
use http_body_util::channel::Sender;
use tokio::time::timeout;
use tokio_postgres::{Row, RowStream};

use crate::call::{Binds, abandoned, refused};
use crate::database::Database;
use crate::failure::Failure;
use crate::lease::Lease;
use crate::reply::Reply;
use crate::reply_body::{Cut, ReplyBody};
use crate::request::Call;
use crate::trouble::Trouble;

// In a select list its rows are made one by one; in FROM they would all be made first.
const STREAM: &str = "select (s.r).status, (s.r).headers, (s.r).body from \
    (select ucrm.handle_stream($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) as r offset 0) as s";
const CHUNKS_AHEAD: usize = 2;

/// Asks the database and answers with its first row; the later rows follow as the body.
///
/// `stall` bounds the wait for each further row and for the client to take it.
///
/// # Errors
/// As `call`; after the first row an error cuts the connection instead.
pub async fn export(
    database: &Arc<Database>,
    call: Call,
    stall: Duration,
) -> Result<Reply, Failure> {
    let binds = Binds::of(&call);
    let mut lease = database.exports.lease().await?;
    let mut rows = match lease.rows(STREAM, &Binds::TYPES, &binds.list()).await {
        Ok(rows) => Box::pin(rows),
        Err(trouble) => return refused(&mut lease, &call, trouble).await,
    };
    let first = match rows.next().await {
        Some(Ok(row)) => row,
        Some(Err(error)) => {
            // The connection is free again once the rest of the answer has been read.
            while rows.next().await.is_some() {}
            let trouble = Trouble::of(error);
            let Err(trouble) = lease.settle::<()>(Err(trouble)) else {
                return Err(Failure::Internal);
            };
            return refused(&mut lease, &call, trouble).await;
        }
        None => return Err(Failure::Internal),
    };
    let mut reply = Reply::from_row(&first)?;
    let (mut sender, channel) = Channel::new(CHUNKS_AHEAD);
    let body = ReplyBody::Flowing(channel);
    let start = std::mem::replace(reply.response.body_mut(), body);
    if call.head_only {
        return Ok(reply);
    }
    if let ReplyBody::Whole(start) = start
        && let Some(start) = start.into_inner()
    {
        // There is room: nothing was sent yet.
        let _ = sender.send_data(start).await;
    }
    let call = Call { body: None, ..call };
    let database = Arc::clone(database);
    tokio::spawn(async move {
        if pump(rows, sender, lease, stall, &call).await.is_break() && !call.is_import() {
            abandoned(&database, &call).await;
        }
    });
    Ok(reply)
}

/// Breaks where the client did not get everything.
async fn pump(
    mut rows: std::pin::Pin<Box<RowStream>>,
    mut sender: Sender<Bytes, Cut>,
    mut lease: Lease,
    stall: Duration,
    call: &Call,
) -> ControlFlow<()> {
    let mut last_piece = Bytes::new();
    loop {
        let chunk = match timeout(stall, rows.try_next()).await {
            Ok(Ok(Some(row))) => match piece(&row) {
                Some((bytes, true)) => {
                    last_piece = bytes;
                    Some(Bytes::new())
                }
                Some((bytes, false)) => Some(bytes),
                None => None,
            },
            Ok(Ok(None)) => {
                let _ = lease.settle(Ok(()));
                if !last_piece.is_empty()
                    && !matches!(
                        timeout(stall, sender.send_data(last_piece)).await,
                        Ok(Ok(()))
                    )
                {
                    // The transaction stands, and with it what was noted.
                    sender.abort(Cut);
                }
                return ControlFlow::Continue(());
            }
            // An import of which nothing stays says why in its last line.
            Ok(Err(error)) if call.is_import() => {
                while rows.next().await.is_some() {}
                let trouble = lease.settle::<()>(Err(Trouble::of(error)));
                let line = match trouble {
                    Err(trouble) => refused(&mut lease, call, trouble).await,
                    Ok(()) => Err(Failure::Internal),
                };
                if !end(&mut sender, line, stall).await {
                    sender.abort(Cut);
                }
                return ControlFlow::Continue(());
            }
            Ok(Err(_)) | Err(_) => None,
        };
        let sent = match chunk {
            Some(bytes) if bytes.is_empty() => true,
            Some(bytes) => matches!(timeout(stall, sender.send_data(bytes)).await, Ok(Ok(()))),
            None => false,
        };
        if !sent {
            // Dropping the lease cancels the statement in the server.
            tracing::info!("an export was cut short");
            sender.abort(Cut);
            return ControlFlow::Break(());
        }
    }
}

/// The piece that a row has, and whether it is the last one.
fn piece(row: &Row) -> Option<(Bytes, bool)> {
    let end: Option<i32> = row.try_get(0).ok()?;
    let bytes: Option<&[u8]> = row.try_get(2).ok()?;
    Some((
        bytes.map(Bytes::copy_from_slice).unwrap_or_default(),
        end.is_some(),
    ))
}

async fn end(
    sender: &mut Sender<Bytes, Cut>,
    line: Result<Reply, Failure>,
    stall: Duration,
) -> bool {
    let body = line.map(|reply| reply.response.into_body());
    match body {
        Ok(ReplyBody::Whole(body)) => {
            let mut body = body.into_inner().unwrap_or_default().to_vec();
            if !body.ends_with(b"\n") {
                body.push(b'\n');
            }
            let body = Bytes::from(body);
            matches!(timeout(stall, sender.send_data(body)).await, Ok(Ok(())))
        }
        _ => false,
    }
}
