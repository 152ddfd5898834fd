//! A person with an account of a test's own: an address, a password, a browser that keeps the session's cookie.
//! Must never share an address (of mail or network) with another test; gone afterwards.
//! Called by tests about accounts.

use std::cell::RefCell;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::Client;
use crate::database;
use crate::gateway::{Gateway, fresh_address};
use crate::reply::Reply;

const COOKIE: &str = "ucrm_session";

/// Somebody, and his browser.
pub struct Person {
    /// His address of mail.
    pub email: String,
    /// His password.
    pub password: String,
    client: Client,
    cookie: RefCell<Option<String>>,
}

impl Person {
    /// Nobody knows him yet. The gateway must believe the test about addresses.
    pub fn unknown(gateway: &Gateway) -> Person {
        Person {
            email: format!("p-{}@people.example", Uuid::new_v4().simple()),
            password: format!("battery staple {}", Uuid::new_v4().simple()),
            client: gateway.from(&fresh_address()),
            cookie: RefCell::new(None),
        }
    }

    /// Registered, his address not yet verified.
    pub fn registered(gateway: &Gateway) -> Person {
        let person = Person::unknown(gateway);
        person.register().is(202);
        person
    }

    /// Registered and verified.
    pub fn verified(gateway: &Gateway) -> Person {
        let person = Person::registered(gateway);
        let token = person.mailed("verify_email");
        person
            .post("/api/v1/auth/verify-email", &json!({"token": token}))
            .is(200);
        person
    }

    /// Verified and signed in.
    pub fn signed_in(gateway: &Gateway) -> Person {
        let person = Person::verified(gateway);
        person.sign_in().is(200);
        person
    }

    /// Signed in, in an approved workspace of his own.
    pub fn with_workspace(gateway: &Gateway) -> Person {
        let person = Person::signed_in(gateway);
        let made = person.post("/api/v1/workspaces", &json!({"name": "Of a test"}));
        let tenant: Uuid = made.data(201)["id"].as_str().unwrap().parse().unwrap();
        database::execute(
            &mut database::admin(),
            "update ucrm.tenants set status = 'approved', plan = 'scale' where id = $1",
            &[&tenant],
        );
        person
    }

    /// The same person at another browser, signed out, elsewhere.
    pub fn elsewhere(&self, gateway: &Gateway) -> Browser<'_> {
        Browser {
            person: self,
            client: gateway.from(&fresh_address()),
            cookie: RefCell::new(None),
        }
    }

    /// POST /auth/register.
    #[track_caller]
    pub fn register(&self) -> Reply {
        let body = json!({"email": self.email, "password": self.password, "name": "Somebody"});
        self.post("/api/v1/auth/register", &body)
    }

    /// POST /auth/login; keeps the cookie.
    #[track_caller]
    pub fn sign_in(&self) -> Reply {
        let body = json!({"email": self.email, "password": self.password});
        self.post("/api/v1/auth/login", &body)
    }

    /// The token that the newest mail of this kind to him brings, as the worker would mint it.
    #[track_caller]
    pub fn mailed(&self, kind: &str) -> String {
        self.mailed_to(kind, &self.email)
    }

    /// The same for a mail to another address of his.
    #[track_caller]
    pub fn mailed_to(&self, kind: &str, recipient: &str) -> String {
        let mut db = database::admin();
        // Else the stage's own worker may mint another one after this, and only the newest counts.
        let taken = "delete from ucrm.emails where kind = $1 and lower(recipient) = lower($2)";
        database::execute(&mut db, taken, &[&kind, &recipient]);
        let mint = "select ucrm.mint_mail_token($1, $2, $3, '{}')";
        let token: Option<String> =
            database::value(&mut db, mint, &[&kind, &self.id(), &recipient]);
        token.unwrap_or_else(|| panic!("nothing of kind {kind} was asked for"))
    }

    /// His account.
    #[track_caller]
    pub fn id(&self) -> Uuid {
        let by = "select id from ucrm.users where lower(email) = lower($1)";
        database::value(&mut database::admin(), by, &[&self.email])
    }

    /// What his browser holds.
    pub fn cookie(&self) -> Option<String> {
        self.cookie.borrow().clone()
    }

    /// GET.
    #[track_caller]
    pub fn get(&self, target: &str) -> Reply {
        self.send("GET", target, None)
    }

    /// POST.
    #[track_caller]
    pub fn post(&self, target: &str, body: &Value) -> Reply {
        self.send("POST", target, Some(body))
    }

    /// DELETE.
    #[track_caller]
    pub fn delete(&self, target: &str) -> Reply {
        self.send("DELETE", target, None)
    }

    /// Anything, with the cookie, as his browser would.
    #[track_caller]
    pub fn send(&self, method: &str, target: &str, body: Option<&Value>) -> Reply {
        exchange(&self.client, &self.cookie, method, target, body)
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let mut db = database::admin();
        let owned = "delete from ucrm.tenants where id in (select m.tenant_id from ucrm.tenant_memberships as m \
             join ucrm.users as u on u.id = m.user_id where lower(u.email) = lower($1) and m.role = 'owner')";
        let _ = db.execute(owned, &[&self.email]);
        let _ = db.execute(
            "delete from ucrm.users where lower(email) = lower($1)",
            &[&self.email],
        );
    }
}

/// Another browser of the same person.
pub struct Browser<'a> {
    person: &'a Person,
    client: Client,
    cookie: RefCell<Option<String>>,
}

impl Browser<'_> {
    /// POST /auth/login; keeps the cookie.
    #[track_caller]
    pub fn sign_in(&self) -> Reply {
        let body = json!({"email": self.person.email, "password": self.person.password});
        self.send("POST", "/api/v1/auth/login", Some(&body))
    }

    /// Anything, with the cookie.
    #[track_caller]
    pub fn send(&self, method: &str, target: &str, body: Option<&Value>) -> Reply {
        exchange(&self.client, &self.cookie, method, target, body)
    }
}

#[track_caller]
fn exchange(
    client: &Client,
    cookie: &RefCell<Option<String>>,
    method: &str,
    target: &str,
    body: Option<&Value>,
) -> Reply {
    let body = body.map(Value::to_string);
    let held = cookie
        .borrow()
        .as_ref()
        .map(|value| format!("{COOKIE}={value}"));
    let mut headers = Vec::new();
    if body.is_some() {
        headers.push(("content-type", "application/json"));
    }
    if let Some(held) = &held {
        headers.push(("cookie", held));
    }
    let reply = client.send(method, target, &headers, body.as_deref().map(str::as_bytes));
    if let Some(set) = reply.header("set-cookie") {
        let value = set
            .strip_prefix(COOKIE)
            .and_then(|rest| rest.strip_prefix('='))
            .and_then(|rest| rest.split(';').next())
            .unwrap_or_else(|| panic!("another cookie: {set}"));
        *cookie.borrow_mut() = (!value.is_empty()).then(|| value.to_owned());
    }
    reply
}
