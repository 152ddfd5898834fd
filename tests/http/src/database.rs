//! Straight to the server, past the gateway: to arrange, to look, and to try what a login may.
//! Must never be how a test reaches what it says it reaches over HTTP.
//! Called by workspace and by tests that compare.

use std::sync::{Arc, Mutex};

use postgres::types::{FromSqlOwned, ToSql};
use postgres::{Client, Config, Error, NoTls};

use crate::stage::name;

/// A connection as the cluster's superuser.
pub fn admin() -> Client {
    login("ADMIN_LOGIN", "ADMIN_LOGIN_PASSWORD").unwrap()
}

/// The same, and every NOTICE that it hears from then on.
pub fn admin_and_notices() -> (Client, Arc<Mutex<Vec<String>>>) {
    let notices = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&notices);
    let (user, password) = (name("ADMIN_LOGIN"), name("ADMIN_LOGIN_PASSWORD"));
    let db = config(&name("UCRM_PGDATABASE"), &user, &password)
        .notice_callback(move |notice| heard.lock().unwrap().push(notice.message().to_owned()))
        .connect(NoTls);
    (db.unwrap(), notices)
}

/// The same in another database.
pub fn admin_of(database: &str) -> Client {
    let (user, password) = (name("ADMIN_LOGIN"), name("ADMIN_LOGIN_PASSWORD"));
    connect_to(database, &user, &password).unwrap()
}

/// A connection as the login and with the password that these variables hold.
pub fn login(user: &str, password: &str) -> Result<Client, Error> {
    connect(&name(user), &name(password))
}

/// A connection as this login.
pub fn connect(user: &str, password: &str) -> Result<Client, Error> {
    connect_to(&name("UCRM_PGDATABASE"), user, password)
}

fn connect_to(database: &str, user: &str, password: &str) -> Result<Client, Error> {
    config(database, user, password).connect(NoTls)
}

fn config(database: &str, user: &str, password: &str) -> Config {
    let mut config = Config::new();
    config
        .host(&name("UCRM_PGHOST"))
        .port(name("UCRM_PGPORT").parse().unwrap())
        .dbname(database)
        .user(user)
        .password(password);
    config
}

/// The first column of the only row.
#[track_caller]
pub fn value<T: FromSqlOwned>(db: &mut Client, sql: &str, binds: &[&(dyn ToSql + Sync)]) -> T {
    match db.query_one(sql, binds) {
        Ok(row) => row.get(0),
        Err(error) => panic!("{sql}: {}", explain(&error)),
    }
}

/// Executes one statement.
#[track_caller]
pub fn execute(db: &mut Client, sql: &str, binds: &[&(dyn ToSql + Sync)]) -> u64 {
    match db.execute(sql, binds) {
        Ok(rows) => rows,
        Err(error) => panic!("{sql}: {}", explain(&error)),
    }
}

/// SQLSTATE and message of a statement that must fail.
#[track_caller]
pub fn refusal<T>(outcome: Result<T, Error>) -> (String, String) {
    let error = outcome.err().expect("it was not refused");
    let error = error.as_db_error().expect("the server says why");
    (error.code().code().to_owned(), error.message().to_owned())
}

fn explain(error: &Error) -> String {
    error
        .as_db_error()
        .map_or_else(|| error.to_string(), |error| error.to_string())
}
