//! What a failed statement means for its request and for its connection.
//! Must never let a text of the database out to a client.
//! Made by lease; judged by call and export.

use std::error::Error as _;
use std::io;

use tokio_postgres::error::DbError;

/// A statement that failed.
#[derive(Debug)]
pub enum Trouble {
    /// The connection was gone before anything was sent: trying another is safe.
    Unsent,
    /// The connection was lost; the statement may have run.
    Lost,
    /// The server refuses everybody for now (classes 08, 53; 57P0x).
    Overloaded,
    /// The server stopped the statement (57014).
    Stopped,
    /// Another transaction was in the way (40001, 40P01): doing it again may work.
    Conflict(Box<DbError>),
    /// The statement raised something that `ucrm.refused` may have words for.
    Raised(Box<DbError>),
    /// The driver and the server do not understand each other.
    Garbled,
}

impl Trouble {
    /// Sorts an error of the driver.
    pub fn of(error: tokio_postgres::Error) -> Self {
        let Some(told) = error.as_db_error() else {
            let io = error
                .source()
                .is_some_and(<dyn std::error::Error>::is::<io::Error>);
            if io || error.is_closed() {
                return Self::Lost;
            }
            tracing::error!(%error, "the driver does not understand the server");
            return Self::Garbled;
        };
        let code = told.code().code();
        match code {
            // PgBouncer, or a statement whose result has a new shape: parse it anew elsewhere.
            "26000" => Self::Unsent,
            "0A000" if told.routine() == Some("RevalidateCachedQuery") => Self::Unsent,
            "57014" => Self::Stopped,
            "40001" | "40P01" => Self::Conflict(Box::new(told.clone())),
            _ if code.starts_with("57P") || code.starts_with("08") => Self::Lost,
            _ if code.starts_with("53") => Self::Overloaded,
            _ => Self::Raised(Box::new(told.clone())),
        }
    }

    /// The same, where it is known that the statement itself was never sent.
    pub fn before_sending(self) -> Self {
        match self {
            Self::Lost => Self::Unsent,
            other => other,
        }
    }

    /// True where the connection must not be used again.
    pub fn breaks_the_connection(&self) -> bool {
        matches!(self, Self::Unsent | Self::Lost | Self::Garbled)
    }
}
