//! Permission text: what it grants, what two texts share, and the grant ceiling.
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

#[path = "../src/permission"]
mod permission {
    pub mod set;
}

use permission::set::{SYSTEM, Scope, Set, canonical, covers, intersect};
use proptest::prelude::*;

/// Resources and actions the texts name, and some that nobody has thought of.
const RESOURCES: [&str; 9] = [
    "contacts",
    "deals",
    "tenant",
    "members",
    "billing",
    "audit_logs",
    "unborn",
    "webhooks",
    "later",
];
const ACTIONS: [&str; 5] = ["read", "update", "delete", "export", "unborn"];

fn texts() -> impl Strategy<Value = String> {
    let resource = prop::sample::select(vec![
        "contacts", "deals", "tenant", "members", "billing", "entity", "entity", "*",
    ]);
    let action = prop::sample::select(vec!["read", "update", "delete", "*"]);
    let suffix = prop::sample::select(vec!["", "", ":own"]);
    let entry = (resource, action, suffix)
        .prop_map(|(resource, action, suffix)| format!("{resource}:{action}{suffix}"));
    prop::collection::vec(entry, 0..7).prop_map(|entries| entries.join(","))
}

fn universe() -> impl Iterator<Item = (&'static str, &'static str)> {
    let resources = RESOURCES.into_iter().chain(SYSTEM);
    resources.flat_map(|resource| ACTIONS.into_iter().map(move |action| (resource, action)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn an_intersection_grants_the_narrower_of_both(a in texts(), b in texts()) {
        let both = intersect(&a, &b);
        let (left, right, met) = (Set::parse(&a), Set::parse(&b), Set::parse(&both));
        for (resource, action) in universe() {
            let narrower = left.scope(resource, action).min(right.scope(resource, action));
            prop_assert_eq!(met.scope(resource, action), narrower, "{}:{} of {}", resource, action, both);
        }
        prop_assert_eq!(&both, &intersect(&b, &a));
        prop_assert_eq!(&both, &canonical(&both));
    }

    #[test]
    fn a_holder_covers_exactly_what_it_has(holder in texts(), wanted in texts()) {
        let (has, wants) = (Set::parse(&holder), Set::parse(&wanted));
        let held = universe().all(|(resource, action)| wants.scope(resource, action) <= has.scope(resource, action));
        prop_assert_eq!(covers(&holder, &wanted), held);
    }

    #[test]
    fn the_canonical_text_grants_the_same(text in texts()) {
        let (before, after) = (Set::parse(&text), canonical(&text));
        let set = Set::parse(&after);
        for (resource, action) in universe() {
            prop_assert_eq!(set.scope(resource, action), before.scope(resource, action));
        }
        prop_assert_eq!(canonical(&after), after);
    }

    #[test]
    fn unreadable_text_grants_nothing(text in "[a-z:*,]{0,12}|\\PC{0,12}") {
        let set = Set::parse(&text);
        if !text.contains(':') {
            prop_assert_eq!(set.scope("contacts", "read"), None);
        }
        let _ = (canonical(&text), intersect(&text, "*:*"), covers(&text, "*:*"));
    }
}

#[test]
fn the_system_resources_are_sorted() {
    assert!(SYSTEM.is_sorted());
}

#[test]
fn an_entity_pattern_leaves_system_resources_alone() {
    let set = Set::parse("entity:*,members:autocomplete");
    assert_eq!(set.scope("contacts", "delete"), Some(Scope::All));
    assert_eq!(set.scope("a_table_of_next_year", "read"), Some(Scope::All));
    assert_eq!(set.scope("members", "autocomplete"), Some(Scope::All));
    for resource in SYSTEM {
        assert_eq!(set.scope(resource, "read"), None);
    }
}

#[test]
fn own_is_nothing_where_no_row_has_an_owner() {
    let set = Set::parse("*:*:own,roles:read");
    assert_eq!(set.scope("contacts", "delete"), Some(Scope::Own));
    assert_eq!(set.scope("roles", "read"), Some(Scope::All));
    for resource in SYSTEM {
        assert_eq!(set.scope(resource, "update"), None);
    }
}

#[test]
fn the_most_generous_entry_wins() {
    let set = Set::parse("contacts:read:own, entity:read ,deals:*:own,deals:read");
    assert_eq!(set.scope("contacts", "read"), Some(Scope::All));
    assert_eq!(set.scope("deals", "read"), Some(Scope::All));
    assert_eq!(set.scope("deals", "update"), Some(Scope::Own));
}

#[test]
fn patterns_meet() {
    for (a, b, both) in [
        ("entity:read", "contacts:read", "contacts:read"),
        ("entity:read", "members:read", ""),
        ("entity:*", "entity:read", "entity:read"),
        (
            "*:*",
            "contacts:read:own,members:read",
            "contacts:read:own,members:read",
        ),
        ("contacts:read:own", "contacts:read", "contacts:read:own"),
        ("entity:*", "*:read", "entity:read"),
        (
            "contacts:*",
            "entity:read:own,contacts:delete",
            "contacts:delete,contacts:read:own",
        ),
        ("", "*:*", ""),
    ] {
        assert_eq!(intersect(a, b), both, "{a} and {b}");
    }
}

#[test]
fn the_ceiling_reaches_resources_of_the_future() {
    assert!(!covers("contacts:read,deals:read", "entity:read"));
    assert!(covers("entity:read", "contacts:read:own,deals:read"));
    assert!(!covers("entity:read:own", "contacts:read"));
    assert!(!covers(
        "entity:read,entity:update,entity:delete",
        "entity:*"
    ));
    let every = SYSTEM.map(|resource| format!("{resource}:read")).join(",");
    assert!(covers(&format!("entity:read,{every}"), "*:read"));
    assert!(!covers(&every, "*:read"));
    assert!(covers("", ""));
}

#[test]
fn an_unreadable_entry_grants_nothing() {
    for text in [
        "contacts",
        "contacts:read:all",
        "contacts:read:own:x",
        ":read",
        "contacts:",
        "con tacts:read",
        "**:read",
    ] {
        assert_eq!(canonical(text), "", "{text}");
    }
}
