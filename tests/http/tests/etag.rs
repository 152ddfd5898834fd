//! ETags: a version that was read can be asked for again, and changed only while it still holds.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use ucrm_http_tests::crowd::at_once;
use ucrm_http_tests::reply::Reply;
use ucrm_http_tests::workspace::Workspace;

fn path(contact: &Value) -> String {
    format!("/api/v1/contacts/{}", contact["id"].as_str().unwrap())
}

fn tag(reply: &Reply) -> String {
    reply.header("etag").unwrap().to_owned()
}

#[test]
fn a_known_version_is_not_sent_again() {
    let workspace = Workspace::new();
    let target = path(&workspace.contact("E"));
    let owner = workspace.owner();
    let etag = tag(&owner.get(&target).is(200));
    for known in [
        etag.clone(),
        format!("\"x\", {etag}"),
        format!("W/{etag}"),
        "*".to_owned(),
    ] {
        let same = owner.with("if-none-match", &known).get(&target).is(304);
        assert!(same.body.is_empty());
        assert_eq!(tag(&same), etag);
    }
    owner
        .with("if-none-match", "\"other\"")
        .get(&target)
        .is(200);
    owner.patch(&target, &json!({"stage": "won"})).is(200);
    let fresh = owner.with("if-none-match", &etag).get(&target).is(200);
    assert_ne!(tag(&fresh), etag);
}

#[test]
fn a_change_elsewhere_changes_the_version() {
    let workspace = Workspace::new();
    let target = path(&workspace.contact("E"));
    let owner = workspace.owner();
    let etag = tag(&owner.get(&target).is(200));
    workspace.change("update crm.contacts set notes = 'psql' where tenant_id = $1");
    owner
        .with("if-match", &etag)
        .patch(&target, &json!({"stage": "won"}))
        .refused(412, "version_conflict");
}

#[test]
fn if_match_protects_change_and_delete() {
    let workspace = Workspace::new();
    let target = path(&workspace.contact("E"));
    let owner = workspace.owner();
    let old = tag(&owner.get(&target).is(200));
    let change = json!({"stage": "won"});
    let new = tag(&owner.with("if-match", &old).patch(&target, &change).is(200));
    let stale = owner
        .with("if-match", &old)
        .patch(&target, &json!({"stage": "lost"}));
    stale.refused(412, "version_conflict");
    assert_eq!(tag(&stale), new);
    // RFC 9110, 13.1.1: If-Match compares strongly.
    owner
        .with("if-match", &format!("W/{new}"))
        .patch(&target, &change)
        .refused(412, "version_conflict");
    owner
        .with("if-match", &old)
        .delete(&target)
        .refused(412, "version_conflict");
    assert_eq!(owner.get(&target).data(200)["stage"], "won");
    owner.with("if-match", "*").patch(&target, &change).is(200);
    owner
        .with("if-match", &format!("{old}, {new}"))
        .delete(&target)
        .is(204);
    owner
        .with("if-match", "*")
        .delete(&target)
        .refused(404, "not_found");
    owner
        .with("if-match", &new)
        .patch(&target, &change)
        .refused(404, "not_found");
}

#[test]
fn of_many_who_read_the_same_version_one_changes_it() {
    let workspace = Workspace::new();
    let target = path(&workspace.contact("E"));
    let etag = tag(&workspace.owner().get(&target).is(200));
    let writer = workspace.owner().with("if-match", &etag);
    let mut statuses = at_once(8, |n| {
        let change = json!({"notes": n.to_string()});
        writer.again().patch(&target, &change).status
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412, 412, 412, 412, 412]);
    assert_eq!(
        workspace.count(
            "ucrm.audit_logs",
            "action = 'update' and resource = 'contacts'"
        ),
        1
    );
}

#[test]
fn a_change_and_a_deletion_of_the_same_version_are_not_both_done() {
    let workspace = Workspace::new();
    for round in 0..8 {
        let target = path(&workspace.contact("E"));
        let etag = tag(&workspace.owner().get(&target).is(200));
        let owner = workspace.owner();
        let replies = at_once(4, |n| {
            let writer = owner.again().with("if-match", &etag);
            match n % 2 {
                0 => writer.patch(&target, &json!({"notes": n.to_string()})),
                _ => writer.delete(&target),
            }
        });
        let done = |status: u16| {
            replies
                .iter()
                .filter(|reply| reply.status == status)
                .count()
        };
        let left = workspace.count("crm.contacts", "true");
        match (done(200), done(204)) {
            (1, 0) => {
                assert_eq!((done(412), left), (3, 1), "{round}");
                workspace.owner().delete(&target).is(204);
            }
            (0, 1) => assert_eq!((done(404), left), (3, 0), "{round}"),
            other => panic!("{other:?} of one version"),
        }
    }
}
