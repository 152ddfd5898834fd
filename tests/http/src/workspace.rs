//! A workspace of a test's own, without limits, with whatever members and keys it asks for; gone afterwards.
//! Must never touch the demo's workspaces.
//! Called by every test that writes or changes what others would feel.

use std::cell::RefCell;

use postgres::types::{FromSqlOwned, ToSql};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::Client;
use crate::database;
use crate::stage::name;

/// An approved workspace whose trial never ends.
pub struct Workspace {
    /// Its id.
    pub id: Uuid,
    /// Its slug.
    pub slug: String,
    /// Its owner, whose address is verified.
    pub owner: Member,
    database: RefCell<postgres::Client>,
    people: RefCell<Vec<Uuid>>,
}

/// A person with a key of his own.
pub struct Member {
    /// The user.
    pub id: Uuid,
    /// His key, without scopes.
    pub key: String,
}

impl Member {
    /// The part of his key that nobody may see: it follows prefix, display and tenant.
    pub fn secret(&self) -> &str {
        &self.key["ucrm_live_".len() + 8 + 1 + 26 + 1..]
    }
}

impl Workspace {
    /// A new one on the plan that never binds.
    pub fn new() -> Workspace {
        Workspace::on("scale")
    }

    /// A new one on this plan.
    pub fn on(plan: &str) -> Workspace {
        let mut db = database::admin();
        let slug = format!("t-{}", Uuid::new_v4().simple());
        let made: Value = database::value(
            &mut db,
            "select ucrm.provision_tenant($1, 'Workspace of a test', $1 || '@tests.example', $2, true)",
            &[&slug, &plan],
        );
        let id = |value: &Value| value.as_str().unwrap().parse::<Uuid>().unwrap();
        let owner = Member {
            id: id(&made["admin"]["id"]),
            key: made["api_key"]["secret"].as_str().unwrap().to_owned(),
        };
        let workspace = Workspace {
            id: id(&made["tenant"]["id"]),
            slug,
            people: RefCell::new(vec![owner.id]),
            owner,
            database: RefCell::new(db),
        };
        workspace.verify(workspace.owner.id, true);
        workspace.change("update ucrm.tenants set trial_ends_at = null where id = $1");
        workspace
    }

    /// One more member with this role.
    pub fn member(&self, role: &str) -> Member {
        let email = format!("{}@tests.example", Uuid::new_v4().simple());
        let id: Uuid = self.value(
            "insert into ucrm.users (email, email_verified_at) values ($1, now()) returning id",
            &[&email],
        );
        self.people.borrow_mut().push(id);
        self.execute(
            "insert into ucrm.tenant_memberships (tenant_id, user_id, role) values ($1, $2, $3)",
            &[&self.id, &id, &role],
        );
        Member {
            id,
            key: self.key(Some(id), None),
        }
    }

    /// An account that is no member, whose address is not verified.
    pub fn person(&self, email: &str) -> Uuid {
        let id: Uuid = self.value(
            "insert into ucrm.users (email) values ($1) returning id",
            &[&email],
        );
        self.people.borrow_mut().push(id);
        id
    }

    /// The token that the mail of this invitation carries.
    #[track_caller]
    pub fn token_of(&self, invitation: &Value) -> String {
        let id: Uuid = invitation["id"].as_str().unwrap().parse().unwrap();
        // Else the stage's own worker may mint another one after this, and only the newest counts.
        self.execute(
            "delete from ucrm.emails where kind = 'invitation' and data ->> 'invitation_id' = $1::uuid::text",
            &[&id],
        );
        self.value("select ucrm.mint_invitation_token($1)", &[&id])
    }

    /// One more key: a member's, or without a user the service's.
    pub fn key(&self, user: Option<Uuid>, scopes: Option<&str>) -> String {
        self.value(
            "select k.secret from ucrm.issue_api_key($1, $2, 'Test', $3) as k",
            &[&self.id, &user, &scopes],
        )
    }

    /// Makes an address verified or not.
    pub fn verify(&self, user: Uuid, verified: bool) {
        self.execute(
            "update ucrm.users set email_verified_at = case when $2 then now() end where id = $1",
            &[&user, &verified],
        );
    }

    /// A statement about the workspace, whose id is `$1`.
    #[track_caller]
    pub fn change(&self, sql: &str) {
        self.execute(sql, &[&self.id]);
    }

    /// A statement as the superuser.
    #[track_caller]
    pub fn execute(&self, sql: &str, binds: &[&(dyn ToSql + Sync)]) -> u64 {
        database::execute(&mut self.database.borrow_mut(), sql, binds)
    }

    /// A value, asked as the superuser.
    #[track_caller]
    pub fn value<T: FromSqlOwned>(&self, sql: &str, binds: &[&(dyn ToSql + Sync)]) -> T {
        database::value(&mut self.database.borrow_mut(), sql, binds)
    }

    /// How many rows of a table with tenant_id are this workspace's, under a condition.
    #[track_caller]
    pub fn count(&self, table: &str, condition: &str) -> i64 {
        let sql = format!("select count(*) from {table} where tenant_id = $1 and ({condition})");
        self.value(&sql, &[&self.id])
    }

    /// A client of the stage's gateway with this key.
    pub fn client(&self, key: &str) -> Client {
        Client::to(&name("UCRM_URL")).key(key)
    }

    /// A client of the stage's gateway as the owner.
    pub fn owner(&self) -> Client {
        self.client(&self.owner.key)
    }

    /// A contact made over HTTP by the owner.
    #[track_caller]
    pub fn contact(&self, contact_name: &str) -> Value {
        let contact = json!({"name": contact_name});
        self.owner().post("/api/v1/contacts", &contact).data(201)
    }
}

impl Default for Workspace {
    fn default() -> Workspace {
        Workspace::new()
    }
}

impl Drop for Workspace {
    // Also while a failed test unwinds: what does not work is left.
    fn drop(&mut self) {
        let mut db = self.database.borrow_mut();
        let gone = |db: &mut postgres::Client| {
            db.execute("delete from ucrm.tenants where id = $1", &[&self.id])?;
            db.execute(
                "delete from ucrm.users where id = any ($1)",
                &[&*self.people.borrow()],
            )
        };
        // The server may have been restarted since.
        if gone(&mut db).is_err()
            && let Ok(mut other) = database::login("ADMIN_LOGIN", "ADMIN_LOGIN_PASSWORD")
        {
            let _ = gone(&mut other);
        }
    }
}
