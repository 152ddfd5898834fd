//! Whether the login in the URL may be a gateway: `ucrm.gateway_faults()` says what it must not hold.
//! Must never serve with a login that has authority of its own.
//! Called by database for every new connection, and once by main before anything is served.

use std::error::Error;
use std::time::Duration;

use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

const FAULTS: &str = "select ucrm.gateway_faults()";

/// What a try to connect shows.
#[derive(Debug)]
pub enum Verdict {
    /// Serve.
    Fit,
    /// Not now; it may pass.
    Down(String),
    /// Not ever, until somebody changes something.
    Unfit(String),
}

/// Judges an open connection.
pub async fn judge(client: &Client) -> Verdict {
    match client.query_one(FAULTS, &[]).await {
        Ok(row) => match row.try_get::<_, Option<Vec<String>>>(0) {
            Ok(faults) => match faults.unwrap_or_default() {
                faults if faults.is_empty() => Verdict::Fit,
                faults => Verdict::Unfit(format!(
                    "the login in UCRM_DATABASE_URL must not be a gateway: {}. Use ucrm_gateway",
                    faults.join("; ")
                )),
            },
            Err(_) => Verdict::Unfit("ucrm.gateway_faults() is of another version".to_owned()),
        },
        Err(error) => verdict_of(&error),
    }
}

/// Opens a connection, judges it and closes it.
pub async fn probe(target: &Config, tls: MakeRustlsConnect, limit: Duration) -> Verdict {
    let attempt = async {
        match target.connect(tls).await {
            Ok((client, connection)) => {
                let driver = tokio::spawn(connection);
                let verdict = judge(&client).await;
                drop(client);
                let _ = driver.await;
                verdict
            }
            Err(error) => verdict_of(&error),
        }
    };
    match tokio::time::timeout(limit, attempt).await {
        Ok(verdict) => verdict,
        Err(_) => Verdict::Down("no answer in time".to_owned()),
    }
}

/// An error with its causes, which tokio-postgres leaves out of its own text.
pub fn explain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

// Appendix A of the PostgreSQL manual: what retrying will not mend.
fn verdict_of(error: &tokio_postgres::Error) -> Verdict {
    let why = explain(error);
    let Some(code) = error.code().map(|code| code.code()) else {
        return Verdict::Down(why);
    };
    match code {
        "28P01" | "28000" => Verdict::Unfit(format!(
            "{why}. Check user and password in UCRM_DATABASE_URL, and pg_hba.conf"
        )),
        "3D000" => Verdict::Unfit(format!("{why}. Check the database in UCRM_DATABASE_URL")),
        "3F000" | "42883" | "42501" => Verdict::Unfit(format!(
            "{why}. Run create extension ucrm and sql/install.sql in that database first"
        )),
        _ => Verdict::Down(why),
    }
}
