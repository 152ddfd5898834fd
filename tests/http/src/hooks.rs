//! A database of a test's own with webhooks in it, which no other gateway delivers.
//! Must never be the stage's.
//! Called by tests about webhooks.

use std::thread::sleep;
use std::time::{Duration, Instant};

use postgres::types::ToSql;
use serde_json::Value;
use uuid::Uuid;

use crate::certificate::Certificate;
use crate::gateway::Gateway;
use crate::outbox::Outbox;
use crate::wait::until_within;

/// The secret that every webhook here has: whsec_ and base64 of this.
pub const SECRET: &[u8] = b"the webhook secret of the tests";

/// The database, and one workspace in it.
pub struct Hooks {
    /// The database.
    pub outbox: Outbox,
    /// The workspace.
    pub tenant: Uuid,
}

impl Default for Hooks {
    fn default() -> Hooks {
        Hooks::new()
    }
}

impl Hooks {
    /// A fresh one, in which webhooks may lead to this machine.
    pub fn new() -> Hooks {
        let outbox = Outbox::new();
        outbox.execute("select ucrm.set('webhook_internal', 'true')", &[]);
        let tenant = outbox.tenant("acme");
        Hooks { outbox, tenant }
    }

    /// A gateway that delivers to this machine, and believes this authority.
    #[track_caller]
    pub fn gateway(&self, certificate: &Certificate, more: &[(&str, &str)]) -> Gateway {
        let authority = certificate.authority();
        let mut all = vec![
            ("UCRM_WEBHOOK_WORKERS", "128"),
            ("UCRM_WEBHOOK_NETWORKS", "127.0.0.1"),
            ("UCRM_WEBHOOK_CA_FILE", authority.as_str()),
            ("UCRM_MAIL_WORKERS", "0"),
        ];
        all.extend(more);
        self.outbox.gateway(&all)
    }

    /// A webhook for everything that leads there.
    #[track_caller]
    pub fn webhook(&self, url: &str) -> Uuid {
        let id: Uuid = self.outbox.value(
            "insert into ucrm.webhooks (tenant_id, url, internal, reads) values ($1, $2, true, '*:read') returning id",
            &[&self.tenant, &url],
        );
        for sql in [
            "select ucrm.keep_secret($1, 'webhook', $2, 'the webhook secret of the tests')",
            "insert into ucrm.webhook_queues (tenant_id, webhook_id) values ($1, $2)",
            "insert into ucrm.webhook_feeds (tenant_id, event_id) select $1, ucrm.uuid7() where $2::uuid is not null on conflict do nothing",
        ] {
            self.outbox.execute(sql, &[&self.tenant, &id]);
        }
        id
    }

    /// Something happened to each of these records, in this order.
    #[track_caller]
    pub fn happen(&self, records: &[String]) {
        let sql = "insert into ucrm.events (tenant_id, id, type, resource, record_id, data)
             select $1, ucrm.uuid7(), 'contacts.updated', 'contacts', r, jsonb_build_object('record', r, 'n', n)
             from unnest($2::text[]) with ordinality as u (r, n) order by n";
        self.outbox.execute(sql, &[&self.tenant, &records]);
    }

    /// So many different records.
    #[track_caller]
    pub fn happen_to(&self, many: usize) {
        let records: Vec<String> = (0..many).map(|n| format!("r{n}")).collect();
        self.happen(&records);
    }

    /// What became of a webhook's deliveries, each as JSON, the oldest first.
    #[track_caller]
    pub fn deliveries(&self, webhook: Uuid) -> Vec<Value> {
        let all: Value = self.outbox.value(
            "select coalesce(jsonb_agg(to_jsonb(d) order by d.event_id), '[]') from ucrm.webhook_deliveries as d where d.webhook_id = $1",
            &[&webhook],
        );
        all.as_array().unwrap().clone()
    }

    /// The deliveries of a webhook, as soon as there are so many, all with this status.
    #[track_caller]
    pub fn until(&self, webhook: Uuid, many: usize, status: &str) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let all = self.deliveries(webhook);
            if all.len() == many && all.iter().all(|d| d["status"] == status) {
                return all;
            }
            let other = all.iter().find(|d| d["status"] != status);
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "not {many} deliveries are {status} but {}; another: {other:?}",
                all.len()
            );
            sleep(Duration::from_millis(20));
        }
    }

    /// The first delivery of a webhook, as soon as it was tried so often and waits or is over.
    #[track_caller]
    pub fn tried(&self, webhook: Uuid, attempts: u64) -> Value {
        let awaited = format!("it was tried {attempts} times");
        until_within(Duration::from_secs(30), &awaited, || {
            let first = self.deliveries(webhook).into_iter().next()?;
            let over = first["attempts"].as_u64()? >= attempts && first["status"] != "sending";
            over.then_some(first)
        })
    }

    /// Waiting is over: what is to be tried later is due, endpoints that rest are not left alone.
    pub fn hurry(&self) {
        for sql in [
            "update ucrm.webhook_deliveries set next_attempt_at = now() where status = 'pending'",
            "update ucrm.webhook_queues set due_at = now(), rests_until = null",
        ] {
            self.outbox.execute(sql, &[]);
        }
    }

    /// All leases are over.
    pub fn expire(&self) {
        for sql in [
            "update ucrm.webhook_deliveries set next_attempt_at = now() where status = 'sending'",
            "update ucrm.webhook_queues set due_at = now(), rests_until = null",
        ] {
            self.outbox.execute(sql, &[]);
        }
    }

    /// What the database says against a message: none, if it is signed and of now.
    #[track_caller]
    pub fn fault(&self, request: &Value, secret: &[u8]) -> Option<String> {
        let header = |name: &str| request["headers"][name].as_str().unwrap().to_owned();
        let (id, at) = (header("webhook-id"), header("webhook-timestamp"));
        let signatures = header("webhook-signature");
        let body = request["body"].as_str().unwrap().as_bytes().to_vec();
        let secret = secret.to_vec();
        let binds: [&(dyn ToSql + Sync); 5] = [&id, &at, &signatures, &body, &secret];
        let sql = "select ucrm.webhook_signature_fault($1, $2, $3, $4, $5)";
        self.outbox.value(sql, &binds)
    }
}
