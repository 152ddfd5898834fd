//! What was compiled before: given back for the same texts, and for no others.
#![allow(dead_code, missing_docs)]

#[path = "../src/query/known.rs"]
mod known;

use known::Known;
use proptest::prelude::*;
use std::collections::HashMap;
use std::rc::Rc;

#[test]
fn another_shape_of_the_same_table_is_another_question() {
    let mut known = Known::default();
    known.put("crm\tcontacts\tid\nid\tuuid\tr", "limit=1", Rc::new(1));
    assert_eq!(
        known.get("crm\tcontacts\tid\nid\tuuid\tr", "limit=1"),
        Some(Rc::new(1))
    );
    assert_eq!(
        known.get("crm\tcontacts\tid\nid\tuuid\trw", "limit=1"),
        None
    );
    assert_eq!(known.get("crm\tcontacts\tid\nid\tuuid\tr", "limit=2"), None);
    assert_eq!(known.get("crm\tcontacts\tid", "\nid\tuuid\trlimit=1"), None);
}

#[test]
fn it_does_not_grow_without_end() {
    let mut known = Known::default();
    for n in 0..5000 {
        known.put("a", &n.to_string(), Rc::new(n));
    }
    let held = (0..5000)
        .filter(|n| known.get("a", &n.to_string()).is_some())
        .count();
    assert!((1..=512).contains(&held), "{held}");
}

proptest! {
    #[test]
    fn it_answers_as_a_map_would_or_not_at_all(
        steps in prop::collection::vec(("[a-c\n]{0,3}", "[a-c\n]{0,3}", any::<u8>()), 0..200)
    ) {
        let mut known = Known::default();
        let mut map = HashMap::new();
        for (shape, query, value) in &steps {
            known.put(shape, query, Rc::new(*value));
            map.insert((shape, query), *value);
            prop_assert_eq!(known.get(shape, query), Some(Rc::new(*value)));
        }
        for (shape, query, _) in &steps {
            let found = known.get(shape, query);
            prop_assert!(found.is_none() || found.as_deref() == map.get(&(shape, query)));
        }
    }
}
