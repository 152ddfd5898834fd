//! The outbox as the worker sees it: `ucrm.claim_mail` and `ucrm.settle_mail`.
//! Must never settle a mail under another name than it was claimed with.
//! Called by mail.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::sleep;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::database::Database;
use crate::jsonb::Jsonb;
use crate::mail::outcome::Outcome;
use crate::secret::Secret;
use crate::trouble::Trouble;

const CLAIM: &str = "select id, kind, attempt, recipient, sender, template, layout, data \
     from ucrm.claim_mail($1, $2, $3)";
const SETTLE: &str = "select ucrm.settle_mail($1, $2, $3, $4)";
const TRIES: u32 = 3;

/// A mail that is ours for two minutes.
pub struct Claimed {
    /// `ucrm.emails.id`.
    pub id: Uuid,
    /// Which mail it is.
    pub kind: String,
    /// 1 for the first.
    pub attempt: i32,
    /// To whom.
    pub recipient: String,
    /// The tenant's own way, if it has one.
    pub sender: Option<TenantSender>,
    /// What it says.
    pub template: Template,
    /// What goes around it.
    pub layout: Template,
    /// What the template is filled with.
    pub data: BTreeMap<String, Value>,
    /// Under which name it was claimed.
    pub worker: String,
}

/// One row of `ucrm.mail_templates`.
#[derive(Deserialize)]
pub struct Template {
    /// One line.
    pub subject: String,
    /// For programs that show text.
    pub text: String,
    /// For the others.
    pub html: String,
}

/// A tenant's own sender, as `ucrm.usable_mail_sender` shows it.
#[derive(Deserialize)]
pub struct TenantSender {
    /// Who it is from.
    pub from_address: String,
    /// And his name.
    pub from_name: String,
    /// The way.
    pub transport: Way,
    /// SMTP server.
    pub host: Option<String>,
    /// Its port.
    pub port: Option<u16>,
    /// When encryption begins.
    pub tls: Option<Begin>,
    /// At the server.
    pub username: Option<String>,
    /// Password or API key.
    #[serde(default, deserialize_with = "hidden")]
    pub secret: Option<Secret>,
}

/// How a tenant's mails leave.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// To a server.
    Smtp,
    /// To Resend's API.
    Resend,
}

/// When the encryption of an SMTP connection begins.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Begin {
    /// With the first byte (RFC 8314).
    Implicit,
    /// With STARTTLS, without which nothing is sent (RFC 3207).
    Starttls,
}

/// Where mails wait.
pub struct Queue {
    database: Arc<Database>,
    public_url: String,
}

impl Queue {
    /// Links in mails lead to `public_url`.
    pub fn new(database: Arc<Database>, public_url: String) -> Self {
        Self {
            database,
            public_url,
        }
    }

    /// Up to this many mails; none at all where the database does not answer.
    pub async fn claim(&self, batch: usize) -> Option<Vec<Claimed>> {
        // A new name each time: a lease that ran out here must not be mistaken for the next one.
        let worker = Uuid::now_v7().to_string();
        let mut lease = self.database.workers.lease().await.ok()?;
        let batch = i32::try_from(batch).unwrap_or(i32::MAX);
        let types = [Type::TEXT, Type::INT4, Type::TEXT];
        let rows = lease
            .list(CLAIM, &types, &[&worker, &batch, &self.public_url])
            .await
            .inspect_err(|trouble| complain(trouble, "mails cannot be claimed"))
            .ok()?;
        let mails = rows.iter().filter_map(|row| {
            let mail = read(row, &worker);
            if mail.is_none() {
                tracing::error!("ucrm.claim_mail() is of another version");
            }
            mail
        });
        Some(mails.collect())
    }

    /// Tells how it ended. A mail whose end cannot be told is sent again when its lease is over.
    pub async fn settle(&self, mail: &Claimed, outcome: &Outcome) {
        for attempt in 1..=TRIES {
            if self.try_to_settle(mail, outcome).await || attempt == TRIES {
                return;
            }
            sleep(Duration::from_secs(1)).await;
        }
    }

    async fn try_to_settle(&self, mail: &Claimed, outcome: &Outcome) -> bool {
        let Ok(mut lease) = self.database.workers.lease().await else {
            return false;
        };
        let types = [Type::UUID, Type::TEXT, Type::TEXT, Type::TEXT];
        let told = (!outcome.told.is_empty()).then_some(&outcome.told);
        let ending = outcome.ending.name();
        let settled = lease
            .row(SETTLE, &types, &[&mail.id, &mail.worker, &ending, &told])
            .await;
        settled
            .inspect_err(|trouble| complain(trouble, "a mail cannot be settled"))
            .is_ok()
    }
}

fn read(row: &Row, worker: &str) -> Option<Claimed> {
    Some(Claimed {
        id: row.try_get(0).ok()?,
        kind: row.try_get(1).ok()?,
        attempt: row.try_get(2).ok()?,
        recipient: row.try_get(3).ok()?,
        sender: json(row, 4)?,
        template: json(row, 5)?,
        layout: json(row, 6)?,
        data: json(row, 7)?,
        worker: worker.to_owned(),
    })
}

fn json<T: DeserializeOwned>(row: &Row, column: usize) -> Option<T> {
    let value: Option<Jsonb<'_>> = row.try_get(column).ok()?;
    serde_json::from_slice(value.map_or(b"null", |value| value.0)).ok()
}

fn hidden<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<String>::deserialize(value)?.map(Secret::new))
}

// Its own words may quote what was sent.
fn complain(trouble: &Trouble, message: &'static str) {
    let (Trouble::Raised(told) | Trouble::Conflict(told)) = trouble else {
        tracing::warn!(message);
        return;
    };
    tracing::warn!(sqlstate = told.code().code(), message);
}

#[cfg(test)]
impl Claimed {
    /// One that says nothing, for tests to change.
    pub fn example() -> Self {
        let empty = || Template {
            subject: String::new(),
            text: String::new(),
            html: String::new(),
        };
        Self {
            id: Uuid::nil(),
            kind: "password_changed".to_owned(),
            attempt: 1,
            recipient: "nobody@ucrm.example".to_owned(),
            sender: None,
            template: empty(),
            layout: empty(),
            data: BTreeMap::new(),
            worker: String::new(),
        }
    }
}
