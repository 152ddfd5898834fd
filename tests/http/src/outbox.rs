//! A database of a test's own with the extension in it: no other gateway takes its mails.
//! Must never be the stage's, whose mails go into the stage's folder.
//! Called by tests about mail.

use std::cell::RefCell;
use std::fs;
use std::sync::{Mutex, PoisonError};

use postgres::types::{FromSqlOwned, ToSql};
use serde_json::Value;
use uuid::Uuid;

use crate::database;
use crate::gateway::Gateway;
use crate::stage::name;
use crate::wait::until_within;

// Any mail has a link, whatever was asked for: what a token stands for is not the worker's affair.
const STUB: &str = "create or replace function ucrm.mint_mail_token(kind text, \"user\" uuid, recipient text, data jsonb) returns text language sql
    as 'select format(''ucrm_%s_aaaaaaaaaaaaaaaaaaaaaaaaaa_%s%s'', $1, substr(md5(random()::text), 1, 11), md5(random()::text))'";

/// The database.
pub struct Outbox {
    name: String,
    client: RefCell<postgres::Client>,
}

/// What became of a mail.
#[derive(Debug)]
pub struct Mail {
    /// queued, sending, sent or failed.
    pub status: String,
    /// How often it was tried.
    pub attempts: i32,
    /// tenant or platform.
    pub sender: Option<String>,
    /// Why not.
    pub last_error: String,
}

impl Outbox {
    /// A fresh one.
    pub fn new() -> Outbox {
        let name = format!("mail_{}", Uuid::new_v4().simple());
        // Each installation touches the cluster's roles: one at a time.
        static MAKING: Mutex<()> = Mutex::new(());
        let _turn = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        let mut admin = database::admin();
        admin
            .batch_execute(&format!("create database {name}"))
            .unwrap();
        let mut client = database::admin_of(&name);
        client
            .batch_execute("set client_min_messages = warning; create extension ucrm")
            .unwrap();
        client.batch_execute(STUB).unwrap();
        Outbox {
            name,
            client: RefCell::new(client),
        }
    }

    /// A gateway that works for this database, with these settings.
    #[track_caller]
    pub fn gateway(&self, settings: &[(&str, &str)]) -> Gateway {
        let url = fs::read_to_string(name("UCRM_TEST_DATABASE_URL_FILE")).unwrap();
        let (server, _) = url.trim().rsplit_once('/').unwrap();
        let url = format!("{server}/{}", self.name);
        let mut all = vec![
            ("UCRM_DATABASE_URL", url.as_str()),
            ("UCRM_MAIL_WORKERS", "4"),
            ("UCRM_PUBLIC_URL", "https://app.example"),
            ("UCRM_MAIL_FROM", "Tests <no-reply@app.example>"),
        ];
        all.extend(settings);
        Gateway::start(&all)
    }

    /// Queues a mail.
    #[track_caller]
    pub fn queue(&self, kind: &str, recipient: &str) -> Uuid {
        self.value("select ucrm.queue_mail($1, $2)", &[&kind, &recipient])
    }

    /// A workspace.
    #[track_caller]
    pub fn tenant(&self, slug: &str) -> Uuid {
        self.value(
            "insert into ucrm.tenants (slug, name, status) values ($1, initcap($1), 'approved') returning id",
            &[&slug],
        )
    }

    /// Queues an invitation into a workspace.
    #[track_caller]
    pub fn invite(&self, tenant: Uuid, recipient: &str, data: &Value) -> Uuid {
        self.value(
            "select ucrm.queue_mail('invitation', $1, null, $2, $3)",
            &[&recipient, &tenant, data],
        )
    }

    /// What became of a mail.
    #[track_caller]
    pub fn mail(&self, id: Uuid) -> Mail {
        let row = self
            .client
            .borrow_mut()
            .query_one(
                "select status, attempts, sender, coalesce(last_error, '') from ucrm.emails where id = $1",
                &[&id],
            )
            .unwrap();
        Mail {
            status: row.get(0),
            attempts: row.get(1),
            sender: row.get(2),
            last_error: row.get(3),
        }
    }

    /// The mail, as soon as its row says this.
    #[track_caller]
    pub fn until(&self, id: Uuid, status: &str, attempts: i32) -> Mail {
        let awaited = format!("the mail is {status} after {attempts} attempts");
        until_within(std::time::Duration::from_secs(20), &awaited, || {
            let mail = self.mail(id);
            (mail.status == status && mail.attempts == attempts).then_some(mail)
        })
    }

    /// Waiting is over: what is to be tried later is due.
    pub fn hurry(&self) {
        self.execute(
            "update ucrm.emails set next_attempt_at = now() - interval '1 s' where status = 'queued'",
            &[],
        );
    }

    /// All leases are over.
    pub fn expire(&self) {
        self.execute(
            "update ucrm.emails set claimed_until = now(), next_attempt_at = now() - interval '1 s' where status = 'sending'",
            &[],
        );
    }

    /// A statement as the superuser.
    #[track_caller]
    pub fn execute(&self, sql: &str, binds: &[&(dyn ToSql + Sync)]) -> u64 {
        database::execute(&mut self.client.borrow_mut(), sql, binds)
    }

    /// A value, asked as the superuser.
    #[track_caller]
    pub fn value<T: FromSqlOwned>(&self, sql: &str, binds: &[&(dyn ToSql + Sync)]) -> T {
        database::value(&mut self.client.borrow_mut(), sql, binds)
    }
}

impl Default for Outbox {
    fn default() -> Outbox {
        Outbox::new()
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        let sql = format!("drop database {} with (force)", self.name);
        let _ = database::admin().batch_execute(&sql);
    }
}
