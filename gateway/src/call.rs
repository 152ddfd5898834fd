//! One request, one statement: `ucrm.handle`, and `ucrm.refused` for what it raises.
//! Must never build SQL; the two statements here and the one in export are all there is.
//! Called by gateway.

use std::net::IpAddr;

use tokio_postgres::error::DbError;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use crate::database::Database;
use crate::failure::Failure;
use crate::jsonb::Jsonb;
use crate::lease::Lease;
use crate::reply::Reply;
use crate::request::Call;
use crate::trouble::Trouble;

const HANDLE: &str =
    "select status, headers, body from ucrm.handle($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const REFUSED: &str = "select status, headers, body \
     from ucrm.refused($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
/// What a reader's leaving is called where errors have SQLSTATEs; the message is the query.
const ABANDONED: &str = "UCR05";
const REFUSED_TYPES: [Type; 14] = [
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::BYTEA,
    Type::INET,
    Type::UUID,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
];

/// The arguments of `ucrm.handle` and `ucrm.handle_stream`, in their order.
pub struct Binds<'a> {
    path: &'a str,
    query: &'a str,
    headers: Jsonb<'a>,
    body: Option<&'a [u8]>,
    kind: &'a str,
    hint: Option<&'a str>,
    credential: Option<&'a [u8]>,
    address: &'a IpAddr,
    request_id: &'a Uuid,
    method: &'a str,
}

impl<'a> Binds<'a> {
    /// Their types.
    pub const TYPES: [Type; 10] = [
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::JSONB,
        Type::BYTEA,
        Type::TEXT,
        Type::TEXT,
        Type::BYTEA,
        Type::INET,
        Type::UUID,
    ];

    /// Of one request.
    pub fn of(call: &'a Call) -> Self {
        Self {
            method: call.method,
            path: call.path(),
            query: call.query(),
            headers: Jsonb(&call.headers),
            body: call.body.as_deref(),
            kind: call.credential.kind(),
            hint: call.credential.hint(),
            credential: call.credential.bytes(),
            address: &call.address,
            request_id: &call.request_id,
        }
    }

    /// As the driver takes them.
    pub fn list(&self) -> [&(dyn ToSql + Sync); 10] {
        [
            &self.method,
            &self.path,
            &self.query,
            &self.headers,
            &self.body,
            &self.kind,
            &self.hint,
            &self.credential,
            self.address,
            self.request_id,
        ]
    }
}

/// Asks the database, once more where that is safe and may help.
///
/// # Errors
/// `unavailable` or `internal`; everything else is an answer.
pub async fn call(database: &Database, call: &Call) -> Result<Reply, Failure> {
    let binds = Binds::of(call);
    let mut again = true;
    loop {
        let mut lease = database.calls.lease().await?;
        let trouble = match lease.row(HANDLE, &Binds::TYPES, &binds.list()).await {
            Ok(row) => return Reply::from_row(&row),
            Err(trouble) => trouble,
        };
        let may_repeat = match &trouble {
            Trouble::Unsent | Trouble::Conflict(_) => true,
            Trouble::Lost => call.is_safe(),
            _ => false,
        };
        if !(again && may_repeat) {
            return refused(&mut lease, call, trouble).await;
        }
        again = false;
    }
}

/// Lets the database put what it raised into words; what it cannot is `internal`.
///
/// # Errors
/// `unavailable` or `internal`.
pub async fn refused(lease: &mut Lease, call: &Call, trouble: Trouble) -> Result<Reply, Failure> {
    let told = match trouble {
        Trouble::Raised(told) | Trouble::Conflict(told) => told,
        Trouble::Stopped => return Err(Failure::TookTooLong),
        Trouble::Unsent | Trouble::Lost | Trouble::Overloaded => return Err(Failure::Unavailable),
        Trouble::Garbled => return Err(Failure::Internal),
    };
    let said = [
        Some(told.code().code()),
        Some(told.message()),
        told.hint(),
        told.schema(),
        told.table(),
        told.column(),
        told.constraint(),
    ];
    match words(lease, call, said).await {
        Ok(row) => {
            let reply = Reply::from_row(&row)?;
            if reply.response.status().is_server_error() {
                record(&told, call.request_id);
            }
            Ok(reply)
        }
        Err(Trouble::Raised(_) | Trouble::Conflict(_) | Trouble::Garbled) => {
            record(&told, call.request_id);
            Err(Failure::Internal)
        }
        Err(_) => Err(Failure::Unavailable),
    }
}

/// Has the database note an export that its reader did not take whole: what it had noted itself went with the transaction.
pub async fn abandoned(database: &Database, call: &Call) {
    let said = [
        Some(ABANDONED),
        Some(call.query()),
        None,
        None,
        None,
        None,
        None,
    ];
    let noted = match database.calls.lease().await {
        Ok(mut lease) => words(&mut lease, call, said).await.is_ok(),
        Err(_) => false,
    };
    if !noted {
        tracing::error!(request_id = %call.request_id, "an export that was cut short is not in the audit log");
    }
}

/// `ucrm.refused` of a call and what was raised: SQLSTATE, message, hint, schema, table, column, constraint.
async fn words(
    lease: &mut Lease,
    call: &Call,
    said: [Option<&str>; 7],
) -> Result<tokio_postgres::Row, Trouble> {
    let [code, message, hint, schema, table, column, constraint] = said;
    let binds: [&(dyn ToSql + Sync); 14] = [
        &call.method,
        &call.path(),
        &call.credential.kind(),
        &call.credential.hint(),
        &call.credential.bytes(),
        &call.address,
        &call.request_id,
        &code,
        &message,
        &hint,
        &schema,
        &table,
        &column,
        &constraint,
    ];
    lease.row(REFUSED, &REFUSED_TYPES, &binds).await
}

// Classes 22 and 23 quote what the client sent; the server's own log has the rest.
fn record(told: &DbError, request_id: Uuid) {
    let code = told.code().code();
    let quotes_input = code.starts_with("22") || code.starts_with("23");
    tracing::error!(
        %request_id,
        sqlstate = code,
        message = if quotes_input { "" } else { told.message() },
        table = told.table(),
        constraint = told.constraint(),
        routine = told.routine(),
        "the database raised an error it has no words for"
    );
}
