//! Whatever was done to an audit log, or to its export, is found, and where: in the database and without one.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;

use serde_json::Value;
use ucrm_http_tests::database;
use ucrm_http_tests::verifier::{CHECKPOINT, Found, Temporary, exported, kinds, sealed, verified};
use uuid::Uuid;

#[test]
fn what_was_done_to_the_log_is_found_in_the_database_and_in_the_file() {
    let workspace = sealed();
    let ids: Vec<Uuid> = workspace.value(
        "select array_agg(id order by id) from ucrm.audit_logs where tenant_id = $1",
        &[&workspace.id],
    );
    let (tenant, [a, b, c]) = (workspace.id, [ids[1], ids[5], ids[6]]);
    let of = |id: Uuid| format!("tenant_id = '{tenant}' and id = '{id}'");
    let manipulations = [
        (
            "edit",
            format!(
                "update ucrm.audit_logs set after = '{{\"other\": 1}}' where {}",
                of(b)
            ),
            vec![("changed", b)],
        ),
        (
            "who",
            format!(
                "update ucrm.audit_logs set user_id = null, api_key_prefix = 'x' where {}",
                of(b)
            ),
            vec![("changed", b)],
        ),
        (
            "delete",
            format!("delete from ucrm.audit_logs where {}", of(b)),
            vec![("removed", b)],
        ),
        (
            "insert",
            format!(
                "insert into ucrm.audit_logs (id, tenant_id, actor_kind, resource, action) values ('00000000-0000-7000-8000-000000000001', '{tenant}', 'key', 'contacts', 'create')"
            ),
            vec![(
                "inserted",
                "00000000-0000-7000-8000-000000000001".parse().unwrap(),
            )],
        ),
        (
            "reorder",
            format!(
                "update ucrm.audit_logs set id = 'ffffffff-0000-7000-8000-000000000000' where {0}; update ucrm.audit_logs set id = '{b}' where {1}; update ucrm.audit_logs set id = '{c}' where id = 'ffffffff-0000-7000-8000-000000000000'",
                of(b),
                of(c)
            ),
            vec![("changed", b), ("changed", c)],
        ),
        (
            "truncate",
            format!("delete from ucrm.audit_logs where tenant_id = '{tenant}' and id > '{c}'"),
            vec![("removed", ids[7])],
        ),
        (
            "triggers off",
            format!(
                "set local session_replication_role = replica; update ucrm.audit_logs set address = '192.0.2.1' where {}",
                of(a)
            ),
            vec![("changed", a)],
        ),
        (
            "seal",
            format!(
                "update ucrm.audit_seals set created_at = now() where tenant_id = '{tenant}' and n = 2"
            ),
            vec![("seal", Uuid::nil())],
        ),
        (
            "seal gone",
            format!("delete from ucrm.audit_seals where tenant_id = '{tenant}' and n = 2"),
            vec![("inserted", b)],
        ),
        (
            "blanked",
            format!(
                "update ucrm.audit_logs set images = ucrm.images_digest(salt, before, after), before = null, after = null, salt = null where {}",
                of(b)
            ),
            vec![("blanked", b)],
        ),
        (
            "chain anew",
            format!(
                "update ucrm.audit_logs set action = 'other' where {}; delete from ucrm.audit_seals where tenant_id = '{tenant}' and n > 1; do $$ begin while ucrm.seal_rows('{tenant}', ucrm.settled_until(), 4) > 0 loop end loop; end $$",
                of(b)
            ),
            vec![("checkpoint", Uuid::nil())],
        ),
        (
            "older copy",
            format!(
                "delete from ucrm.audit_seals where tenant_id = '{tenant}' and n > 1; delete from ucrm.audit_logs where tenant_id = '{tenant}' and id > '{}'",
                ids[3]
            ),
            vec![("truncated", Uuid::nil())],
        ),
        (
            "twice",
            format!(
                "alter table ucrm.audit_logs drop constraint audit_logs_pkey; insert into ucrm.audit_logs select * from ucrm.audit_logs where {}",
                of(b)
            ),
            vec![("inserted", b)],
        ),
        (
            "no digest",
            format!(
                "update ucrm.audit_logs set images = '\\x0102' where {}",
                of(b)
            ),
            vec![("changed", b)],
        ),
        (
            "seal of nothing",
            format!(
                "alter table ucrm.audit_seals alter column root drop not null, alter column pruned drop not null; update ucrm.audit_seals set root = null, pruned = null where tenant_id = '{tenant}' and n = 2"
            ),
            vec![("seal", Uuid::nil())],
        ),
        (
            "seal of next year",
            format!(
                "update ucrm.audit_seals set created_at = created_at + interval '1 year' where tenant_id = '{tenant}' and n = 3; update ucrm.audit_seals as s set hash = ucrm.seal_digest(tenant_id, n, first_id, last_id, rows, root, previous, pruned, created_at) where tenant_id = '{tenant}' and n = 3"
            ),
            vec![("seal", Uuid::nil())],
        ),
        (
            "pruned by nobody",
            format!(
                "delete from ucrm.audit_logs where tenant_id = '{tenant}' and id <= (select last_id from ucrm.audit_seals where tenant_id = '{tenant}' and n = 2); update ucrm.audit_seals set ids = null, leaves = null where tenant_id = '{tenant}' and n <= 2; select ucrm.seal_rows('{tenant}', '00000000-0000-0000-0000-000000000000', 0, 2)"
            ),
            vec![("seal", Uuid::nil())],
        ),
        (
            "blanked after it was forgotten",
            format!(
                "update ucrm.audit_logs set images = ucrm.images_digest(salt, before, after), before = null, after = null, salt = null where {0}; update ucrm.audit_logs set action = 'forget', record_id = (select record_id from ucrm.audit_logs where {0}) where {1}",
                of(b),
                of(a)
            ),
            vec![("blanked", b)],
        ),
    ];
    // What is written while the triggers sleep leaves the log as it is.
    let asleep = |sql: &str| {
        format!(
            "alter table crm.contacts disable trigger all; {sql} where tenant_id = '{tenant}' and id = (select record_id::uuid from ucrm.audit_logs where {}); alter table crm.contacts enable trigger all",
            of(b)
        )
    };
    let again = format!(
        "insert into crm.contacts (tenant_id, id, name) select '{tenant}', record_id::uuid, 'again' from ucrm.audit_logs where {}",
        of(b)
    );
    let unnamed = format!(
        "insert into crm.contacts (tenant_id, name) select '{tenant}', 'ghost' from crm.contacts"
    );
    let manipulations = manipulations.into_iter().chain([
        (
            "written unseen",
            asleep("update crm.contacts set name = 'Mallory'"),
            vec![("unrecorded", b)],
        ),
        (
            "deleted unseen",
            asleep("delete from crm.contacts"),
            vec![("unrecorded", b)],
        ),
        (
            "added unseen",
            asleep(&unnamed),
            vec![("unrecorded", Uuid::nil())],
        ),
        (
            "deleted unseen and made again",
            format!("{}; {again}", asleep("delete from crm.contacts")),
            vec![],
        ),
        (
            "written unseen before it got another id",
            format!(
                "{}; update crm.contacts set id = ucrm.uuid7() where tenant_id = '{tenant}' and name = 'Mallory'",
                asleep("update crm.contacts set name = 'Mallory'")
            ),
            vec![],
        ),
    ]);
    let kept = workspace.owner().get(CHECKPOINT).data(200);
    let checkpoint = kept["checkpoint"].as_str().unwrap();
    let file = Temporary::of(checkpoint);
    let key = kept["public_keys"][0].as_str().unwrap();
    for (what, sql, expected) in manipulations {
        let mut db = database::admin();
        let mut transaction = db.transaction().unwrap();
        transaction.batch_execute(&sql).unwrap();
        let rows = transaction
            .query("select kind, coalesce(seal::text, '-'), coalesce(record_id::text, '-') from ucrm.audit_verify($1, $2)", &[&tenant, &checkpoint])
            .unwrap();
        let here: Found = rows
            .iter()
            .map(|row| (row.get(0), row.get(1), row.get(2)))
            .collect();
        let lines: String = transaction
            .query("select ucrm.audit_export($1)", &[&tenant])
            .unwrap()
            .iter()
            .map(|row| row.get::<_, String>(0) + "\n")
            .collect();
        transaction.rollback().unwrap();
        let (code, there, said) =
            verified(&lines, &["--checkpoint", file.path(), "--public-key", key]);
        assert_eq!((code, &there), (1, &here), "{what}: {said}");
        assert!(!here.is_empty(), "{what}");
        for (kind, id) in expected {
            let id = if id.is_nil() {
                "-".to_owned()
            } else {
                id.to_string()
            };
            assert!(
                here.iter().any(|(k, _, row)| k == kind && *row == id),
                "{what}: {here:?}"
            );
        }
    }
}

#[test]
fn what_was_done_to_the_file_is_found() {
    let workspace = sealed();
    let export = exported(&workspace);
    let lines: Vec<&str> = export.lines().collect();
    let at = |kind: &str| {
        lines
            .iter()
            .position(|line| line.contains(&format!("\"kind\": \"{kind}\"")))
            .unwrap()
    };
    let (row, last) = (at("row"), lines.len() - 1);
    let changed = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        change(&mut lines);
        let (code, found, said) = verified(&(lines.join("\n") + "\n"), &[]);
        assert_eq!(code, 1, "{said}");
        found
            .into_iter()
            .map(|(kind, _, _)| kind)
            .collect::<BTreeSet<_>>()
    };
    let kinds = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<BTreeSet<_>>()
    };
    let id = |line: &str| {
        serde_json::from_str::<Value>(line).unwrap()["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        changed(&|lines| lines[row] = lines[row].replace("\"action\": \"", "\"action\": \"un")),
        kinds(&["changed"])
    );
    assert_eq!(
        changed(&|lines| drop(lines.remove(row))),
        kinds(&["file", "removed"])
    );
    assert_eq!(
        changed(&|lines| lines.insert(row, lines[row].clone())),
        kinds(&["file", "inserted"])
    );
    assert_eq!(
        changed(&|lines| lines.swap(row, row + 1)),
        kinds(&["reordered"])
    );
    assert_eq!(changed(&|lines| lines.truncate(last)), kinds(&["file"]));
    assert_eq!(
        changed(&|lines| drop(lines.remove(at("seal")))),
        kinds(&["file", "inserted", "seal"])
    );
    assert_eq!(
        changed(&|lines| lines[row] =
            lines[row].replacen(", \"action\"", ", \"note\": 1, \"action\"", 1)),
        kinds(&["file", "removed"])
    );
    assert_eq!(
        changed(&|lines| lines[row] = "not JSON".into()),
        kinds(&["file", "removed"])
    );
    assert_eq!(
        changed(&|lines| lines[0] =
            lines[0].replace(&workspace.id.to_string(), &Uuid::nil().to_string())),
        kinds(&["checkpoint", "seal"])
    );
    let note = at("checkpoint");
    assert_eq!(
        changed(&|lines| lines[note] = lines[note].replacen("rows ", "rows 9", 1)),
        kinds(&["checkpoint"])
    );
    assert_eq!(
        changed(&|lines| lines.push(lines[row].clone())),
        kinds(&["file", "reordered"])
    );
    // Which row it is, is said.
    let mut others = lines.clone();
    let gone = id(others.remove(row));
    let (_, found, _) = verified(&(others.join("\n") + "\n"), &[]);
    assert!(found.contains(&("removed".to_owned(), "1".to_owned(), gone)));
}

#[test]
fn a_checkpoint_is_believed_by_its_key_alone() {
    let workspace = sealed();
    let export = exported(&workspace);
    let kept = workspace.owner().get(CHECKPOINT).data(200);
    let checkpoint = Temporary::of(kept["checkpoint"].as_str().unwrap());
    let key = kept["public_keys"][0].as_str().unwrap();
    let (code, _, said) = verified(
        &export,
        &["--checkpoint", checkpoint.path(), "--public-key", key],
    );
    assert!(code == 0 && said.contains("2 checkpoints agree"), "{said}");
    let keys = Temporary::of(&format!("{key}\n"));
    assert_eq!(
        verified(
            &export,
            &[
                "--checkpoint",
                checkpoint.path(),
                "--public-key",
                keys.path()
            ]
        )
        .0,
        0
    );
    let forged = Temporary::of(
        &kept["checkpoint"]
            .as_str()
            .unwrap()
            .replacen("rows ", "rows 9", 1),
    );
    assert_eq!(
        verified(
            &export,
            &["--checkpoint", forged.path(), "--public-key", key]
        )
        .0,
        2
    );
    assert_eq!(verified(&export, &["--checkpoint", checkpoint.path()]).0, 2);
    let other = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    let (code, found, _) = verified(&export, &["--public-key", other]);
    assert_eq!((code, kinds(&found)), (1, vec!["checkpoint"]));
    assert_eq!(verified(&export, &["--nonsense"]).0, 2);
    // Saved with a line end more, or less.
    for text in [
        kept["checkpoint"].as_str().unwrap().to_owned() + "\n",
        kept["checkpoint"].as_str().unwrap().trim_end().to_owned(),
    ] {
        let saved = Temporary::of(&text);
        let (code, _, said) = verified(
            &export,
            &["--checkpoint", saved.path(), "--public-key", key],
        );
        assert_eq!(code, 0, "{said}");
    }
}

#[test]
fn what_is_no_export_is_not_checked() {
    for text in ["", "{}", "\u{1f}\u{8b}\u{8}\0\n\0", "[]\n", "one\ntwo\n"] {
        let (code, found, said) = verified(text, &[]);
        assert_eq!((code, found.len()), (2, 0), "{text}: {said}");
        assert!(said.contains("is no audit export"), "{said}");
    }
    let (code, _, said) = verified("", &["--help"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.starts_with("Checks an exported audit log"), "{said}");
    assert!(said.contains("Usage: ucrm-gateway verify-audit"), "{said}");
}
