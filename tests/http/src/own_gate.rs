//! A gate of a DBA's own, asked for one workspace and gone with its test.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::thread;

use serde_json::json;
use uuid::Uuid;

use crate::client::Client;
use crate::database;
use crate::reply::Reply;
use crate::wait::until;
use crate::workspace::Workspace;

const CONTACTS: &str = "/api/v1/contacts";

/// A gate of somebody's own: refuses this workspace whatever the installation's others do.
pub struct OwnGate<'a> {
    workspace: &'a Workspace,
    /// Its name, and the code it refuses with.
    pub code: String,
}

impl<'a> OwnGate<'a> {
    /// Puts it among the gates. applies: always or write; body: SQL for a boolean, of resource and action.
    pub fn install(
        workspace: &'a Workspace,
        applies: &str,
        position: i32,
        body: &str,
    ) -> OwnGate<'a> {
        let name = format!("t_{}", Uuid::new_v4().simple());
        for sql in [
            format!("create schema {name}"),
            format!("grant usage on schema {name} to public"),
            format!(
                "create function {name}.check(resource text, action text) returns boolean \
                 language sql stable set search_path = pg_catalog, pg_temp as $$ {body} $$"
            ),
            format!(
                "insert into ucrm.refusals (code, status, title, hint) values ('{name}', 451, 'Not today', 'Come back')"
            ),
            format!(
                "insert into ucrm.gates (name, position, applies, check_fn, code) \
                 values ('{name}', {position}, '{applies}', '{name}.check', '{name}')"
            ),
        ] {
            workspace.execute(&sql, &[]);
        }
        OwnGate {
            workspace,
            code: name,
        }
    }
}

impl Drop for OwnGate<'_> {
    fn drop(&mut self) {
        for sql in [
            format!("delete from ucrm.gates where name = '{}'", self.code),
            format!("delete from ucrm.refusals where code = '{}'", self.code),
            format!("drop schema {} cascade", self.code),
        ] {
            self.workspace.execute(&sql, &[]);
        }
    }
}

/// What a member's POST gets whose gate waits, for this to happen, before it says yes or no; and the gate.
pub fn posted_while<'a>(
    workspace: &'a Workspace,
    client: &Client,
    yes: bool,
    happens: impl FnOnce(&OwnGate<'_>),
) -> (Reply, OwnGate<'a>) {
    let mut holder = database::admin();
    let lock = i64::from_be_bytes(workspace.id.as_bytes()[8..].try_into().unwrap());
    holder
        .execute("select pg_advisory_lock($1)", &[&lock])
        .unwrap();
    let body = format!(
        "select ucrm.tenant_id() <> '{}' or (pg_advisory_xact_lock_shared({lock}) is not null) = {yes}",
        workspace.id
    );
    let gate = OwnGate::install(workspace, "write", 450, &body);
    let reply = thread::scope(|scope| {
        let asked = scope.spawn(|| client.post(CONTACTS, &json!({"name": "Under way"})));
        until("the gate waits", || {
            let waiting: i64 = workspace.value(
                "select count(*) from pg_locks where locktype = 'advisory' and not granted \
                 and (classid::bigint << 32 | objid::bigint) = $1",
                &[&lock],
            );
            (waiting == 1).then_some(())
        });
        happens(&gate);
        holder
            .execute("select pg_advisory_unlock($1)", &[&lock])
            .unwrap();
        asked.join().unwrap()
    });
    (reply, gate)
}
