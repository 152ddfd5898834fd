//! PostgREST's dialect as the tests ask it, and the shape that its refusals have.
//! Must never accept a refusal without the members of every other.
//! Called by tests of /rest/v1.

use serde_json::{Value, json};

use crate::reply::Reply;
use crate::workspace::Workspace;

/// Where contacts are in the dialect.
pub const CONTACTS: &str = "/rest/v1/contacts";
/// Asks for the rows that were written.
pub const REPRESENTATION: (&str, &str) = ("prefer", "return=representation");

/// A workspace with Ada, who is won, and Bob, who has a telephone.
pub fn two() -> (Workspace, Value, Value) {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let ada = owner.post("/api/v1/contacts", &json!({"name": "Ada", "stage": "won"}));
    let bob = owner.post("/api/v1/contacts", &json!({"name": "Bob", "phone": "2"}));
    (workspace, ada.data(201), bob.data(201))
}

/// A row's id.
pub fn id(row: &Value) -> &str {
    row["id"].as_str().unwrap()
}

/// Asserts a refusal in PostgREST's words: the members of every other, application/json.
#[track_caller]
pub fn refused(reply: &Reply, status: u16, code: &str) -> Value {
    let body = reply.json();
    assert_eq!(
        (reply.status, body["code"].as_str()),
        (status, Some(code)),
        "{body}"
    );
    assert_eq!(
        reply.header("content-type"),
        Some("application/json"),
        "{body}"
    );
    for key in ["type", "title", "detail", "message"] {
        assert!(body[key].is_string(), "{key}: {body}");
    }
    for key in ["details", "hint", "errors"] {
        assert!(body.get(key).is_some(), "{key}: {body}");
    }
    assert!(
        body["details"].is_null() || body["details"].is_string(),
        "{body}"
    );
    assert_eq!(body["status"], status);
    assert_eq!(body["request_id"].as_str(), reply.header("x-request-id"));
    assert!(body.get("rest").is_none());
    body
}
