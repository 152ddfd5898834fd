//! Straight to the server, past the gateway: to arrange, to look, and to try what a login may.
//! Must never be how a test reaches what it says it reaches over HTTP.
//! Called by workspace and by tests that compare.

use postgres::types::{FromSqlOwned, ToSql};
use postgres::{Client, Config, Error, NoTls};

use crate::stage::name;

/// A connection as the cluster's superuser.
pub fn admin() -> Client {
    login("ADMIN_LOGIN", "ADMIN_LOGIN_PASSWORD").unwrap()
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
    Config::new()
        .host(&name("UCRM_PGHOST"))
        .port(name("UCRM_PGPORT").parse().unwrap())
        .dbname(database)
        .user(user)
        .password(password)
        .connect(NoTls)
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
