//! Interviews over HTTP: how long they last, and which steps they take.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::json;
use ucrm_http_tests::workspace::Workspace;

#[test]
fn the_api_says_which_step_an_interview_does_not_take() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let candidate = workspace.contact("Candidate")["id"].clone();
    let made = owner
        .post(
            "/api/v1/interviews",
            &json!({"title": "First talk", "candidate_id": candidate, "starts_at": "2031-05-01T09:00:00Z"}),
        )
        .data(201);
    assert_eq!(made["workflow_state"], "proposed");
    assert_eq!(made["duration_minutes"], 45);
    let path = format!("/api/v1/interviews/{}", made["id"].as_str().unwrap());
    owner
        .patch(&path, &json!({"workflow_state": "completed"}))
        .refused(409, "transition_not_allowed");
    owner
        .patch(&path, &json!({"workflow_state": "scheduled"}))
        .is(200);
}
