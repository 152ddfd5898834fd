//! A DBA's functions as part of the API: inside the caller's walls, whoever calls and however.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::json;
use ucrm_http_tests::rest::{id, refused, two};
use ucrm_http_tests::workspace::Workspace;

#[test]
fn an_exposed_function_runs_inside_the_callers_walls() {
    let (workspace, ada, _) = two();
    let noun = format!("f{}", workspace.id.simple());
    workspace.execute(&format!("create schema {noun}"), &[]);
    let define = |sql: &str| workspace.execute(&sql.replace("NOUN", &noun), &[]);
    define(
        "create function NOUN.NOUN_all(starting text default '') returns setof text language sql stable as 'select name from crm.contacts where name >= starting order by name'",
    );
    define(
        "create function NOUN.NOUN_rename(contact uuid, to_name text) returns bigint language sql volatile as 'with u as (update crm.contacts set name = to_name where id = contact returning 1) select count(*) from u'",
    );
    define(
        "create function NOUN.NOUN_step() returns text language plpgsql volatile as 'begin perform set_config(''role'', ''postgres'', true); return current_user; end'",
    );
    define(
        "select ucrm.expose('NOUN.NOUN_all(text)', 'contacts', path => '/api/v1/NOUN/{starting}')",
    );
    define(
        "select ucrm.expose('NOUN.NOUN_rename(uuid, text)', 'contacts', 'update', path => '/api/v1/NOUN', method => 'POST')",
    );
    define("select ucrm.expose('NOUN.NOUN_step()', 'contacts', 'update')");
    let (all, rename) = (
        format!("/rest/v1/rpc/{noun}_all"),
        format!("/rest/v1/rpc/{noun}_rename"),
    );
    let stranger = Workspace::new();
    let (owner, other) = (workspace.owner(), stranger.owner());
    let reader = workspace.client(&workspace.member("reader").key);

    assert_eq!(owner.get(&all).is(200).json(), json!(["Ada", "Bob"]));
    assert_eq!(
        owner.post(&all, &json!({"starting": "B"})).is(200).json(),
        json!(["Bob"])
    );
    assert_eq!(
        owner.get(&format!("/api/v1/{noun}/B")).is(200).json(),
        json!({"data": ["Bob"]})
    );
    assert_eq!(reader.get(&all).is(200).json(), json!(["Ada", "Bob"]));
    assert_eq!(other.get(&all).is(200).json(), json!([]));
    for value in [
        "'; drop table crm.contacts; --",
        "$1",
        "') union select current_user --",
        "\\",
    ] {
        let said = owner.post(&all, &json!({"starting": value})).is(200);
        assert!(said.json().as_array().unwrap().len() <= 2, "{value}");
    }

    let renaming = json!({"contact": id(&ada), "to_name": "Ada L."});
    assert_eq!(other.post(&rename, &renaming).is(200).json(), json!(0));
    refused(&reader.post(&rename, &renaming), 403, "42501");
    reader
        .post(&format!("/api/v1/{noun}"), &renaming)
        .refused(403, "permission_denied");
    refused(
        &owner.get(&format!("{rename}?contact={}&to_name=x", id(&ada))),
        405,
        "PGRST101",
    );
    assert_eq!(owner.post(&rename, &renaming).is(200).json(), json!(1));
    assert_eq!(
        owner
            .post(
                &format!("/api/v1/{noun}"),
                &json!({"contact": id(&ada), "to_name": "Ada"})
            )
            .is(200)
            .json(),
        json!({"data": 1})
    );
    owner
        .post(&format!("/api/v1/{noun}"), &json!({"contact": id(&ada)}))
        .refused_fields(422, "validation_failed", &["to_name"]);
    owner
        .post(
            &format!("/api/v1/{noun}"),
            &json!({"contact": id(&ada), "to_name": "x", "more": 1}),
        )
        .refused_fields(400, "unknown_field", &["more"]);
    let wrong = json!({"contact": "x", "to_name": "x"});
    refused(&owner.post(&rename, &wrong), 400, "22P02");
    assert_eq!(
        owner.post(&rename, &wrong).json()["errors"][0]["field"],
        "contact"
    );
    owner
        .post(&format!("/api/v1/{noun}"), &wrong)
        .refused_fields(422, "validation_failed", &["contact"]);
    refused(
        &owner.post(&format!("/rest/v1/rpc/{noun}_step"), &json!({})),
        403,
        "42501",
    );

    // Who trial is over for reads on, and writes not: by volatility, whatever the method.
    stranger
        .change("update ucrm.tenants set trial_ends_at = now() - interval '1 day' where id = $1");
    other.post(&all, &json!({})).is(200);
    refused(&other.post(&rename, &renaming), 402, "PT402");

    // Altered to run as its owner: it is not called any more.
    define("alter function NOUN.NOUN_all(text) security definer");
    refused(&owner.get(&all), 404, "PGRST202");
    define("select ucrm.unexpose('NOUN.NOUN_rename(uuid, text)')");
    refused(&owner.post(&rename, &renaming), 404, "PGRST202");
    define("select ucrm.unexpose('NOUN.NOUN_all(text)'), ucrm.unexpose('NOUN.NOUN_step()')");
    define("drop schema NOUN cascade");
}
