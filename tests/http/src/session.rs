//! People who are signed in: what a session's secret is shown as.
//! Must never make a session over HTTP: that is for the tests of signing in.
//! Called by tests of what only a person may do.

use uuid::Uuid;

use crate::client::Client;
use crate::stage;
use crate::workspace::Workspace;

/// A client of the stage's gateway with this session.
pub fn with(secret: &str) -> Client {
    stage::nobody().with("authorization", &format!("Bearer {secret}"))
}

/// A client as this person, in this workspace or in none.
pub fn of(workspace: &Workspace, person: Uuid, tenant: Option<Uuid>) -> Client {
    let secret: String = workspace.value(
        "select s.secret from ucrm.open_session($1, $2, true, null, null) as s",
        &[&person, &tenant],
    );
    with(&secret)
}
