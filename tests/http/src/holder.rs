//! A transaction of somebody else's that stands in the way until it is told to go.
//! Must never outlive the test that opened it.
//! Called by tests of what meets in the database.

use postgres::Client;
use postgres::types::ToSql;

use crate::database;
use crate::wait::until;
use crate::workspace::Workspace;

/// An open transaction, past the gateway.
pub struct Holder {
    db: Client,
    id: i32,
}

impl Holder {
    /// One that has done this, and keeps the locks it took.
    #[track_caller]
    pub fn of(sql: &str, binds: &[&(dyn ToSql + Sync)]) -> Holder {
        let mut db = database::admin();
        db.batch_execute("begin").unwrap();
        db.execute(sql, binds).unwrap();
        let id = database::value(&mut db, "select pg_backend_pid()", &[]);
        Holder { db, id }
    }

    /// Until so many of the gateway's statements wait for it.
    #[track_caller]
    pub fn awaited_by(&self, workspace: &Workspace, number: i64) {
        until("the statements wait", || {
            let waiting: i64 = workspace.value(
                "select count(*) from pg_stat_activity where $1 = any (pg_blocking_pids(pid)) and application_name = 'ucrm-gateway'",
                &[&self.id],
            );
            (waiting == number).then_some(())
        });
    }

    /// Takes back what it did, and lets the others go on.
    pub fn give_way(mut self) {
        self.db.batch_execute("rollback").unwrap();
    }

    /// Lets what it did stand, and lets the others go on.
    pub fn finish(mut self) {
        self.db.batch_execute("commit").unwrap();
    }
}
