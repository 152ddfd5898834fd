//! Owns the meaning of permission text: which (resource, action) it grants, and how widely.
//! Must never grant what is not written: an entry that cannot be read grants nothing.
//! Called by the permission leaf (`scope`), by key scopes (`intersect`) and by the grant ceiling (`covers`).
//!
//! Text is comma-separated `resource:action` or `resource:action:own`. A resource is a name, `entity` (every
//! resource that is not a system one, those of later days included) or `*`; an action is a name or `*`.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

/// Resources that `entity` does not stand for, sorted.
pub const SYSTEM: [&str; 12] = [
    "api_keys",
    "audit_logs",
    "billing",
    "channels",
    "files",
    "invitations",
    "members",
    "roles",
    "session",
    "settings",
    "tenant",
    "webhooks",
];

/// How widely an action is granted; the wider is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Rows the user owns.
    Own,
    /// Every row of the tenant.
    All,
}

/// A permission text made ready for look-ups, which allocate nothing.
#[derive(Default)]
pub struct Set {
    named: HashMap<Box<str>, Actions, Fast>,
    entity: Actions,
    every: Actions,
}

#[derive(Default)]
struct Actions {
    any: Option<Scope>,
    named: HashMap<Box<str>, Scope, Fast>,
}

impl Set {
    /// Reads permission text, leaving out entries that cannot be read.
    pub fn parse(text: &str) -> Set {
        Set::of(entries(text))
    }

    /// The widest scope in which `action` on `resource` may be done. What is granted for one's own rows is nothing on
    /// a system resource: none of its rows has an owner.
    pub fn scope(&self, resource: &str, action: &str) -> Option<Scope> {
        self.granted(resource, action)
            .filter(|scope| !is_void(resource, *scope))
    }

    /// The widest scope in which `action` on `resource` is granted.
    fn granted(&self, resource: &str, action: &str) -> Option<Scope> {
        let named = self
            .named
            .get(resource)
            .and_then(|actions| actions.scope(action));
        let entity = if self.entity.is_empty() || SYSTEM.binary_search(&resource).is_ok() {
            None
        } else {
            self.entity.scope(action)
        };
        named.max(entity).max(self.every.scope(action))
    }

    fn of<'a>(entries: impl Iterator<Item = Entry<'a>>) -> Set {
        let mut set = Set::default();
        for Entry {
            resource,
            action,
            scope,
        } in entries
        {
            let actions = match resource {
                "*" => &mut set.every,
                "entity" => &mut set.entity,
                name => set.named.entry(name.into()).or_default(),
            };
            if action == "*" {
                actions.any = actions.any.max(Some(scope));
            } else {
                let held = actions.named.entry(action.into()).or_insert(scope);
                *held = scope.max(*held);
            }
        }
        set
    }
}

impl Actions {
    fn scope(&self, action: &str) -> Option<Scope> {
        if self.named.is_empty() {
            self.any
        } else {
            self.any.max(self.named.get(action).copied())
        }
    }

    fn is_empty(&self) -> bool {
        self.any.is_none() && self.named.is_empty()
    }
}

fn is_void(resource: &str, scope: Scope) -> bool {
    scope == Scope::Own && SYSTEM.binary_search(&resource).is_ok()
}

/// The same grants, sorted, each once, without those that another implies.
pub fn canonical(text: &str) -> String {
    write(entries(text).collect())
}

/// What both grant, in the narrower scope: a role and the scopes of a key.
pub fn intersect(a: &str, b: &str) -> String {
    let others: Vec<Entry> = entries(b).collect();
    write(
        entries(a)
            .flat_map(|entry| others.iter().filter_map(move |other| entry.meet(other)))
            .collect(),
    )
}

/// Whether the holder has everything that is wanted, for every resource and action there may ever be.
pub fn covers(holder: &str, wanted: &str) -> bool {
    let set = Set::parse(holder);
    entries(wanted).all(|entry| {
        // A name that no entry can contain stands for all that a pattern reaches and nothing names.
        let action = if entry.action == "*" {
            "\0"
        } else {
            entry.action
        };
        let held = |resource| {
            is_void(resource, entry.scope) || set.scope(resource, action) >= Some(entry.scope)
        };
        match entry.resource {
            "entity" => held("\0"),
            "*" => held("\0") && SYSTEM.into_iter().all(held),
            name => held(name),
        }
    })
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry<'a> {
    resource: &'a str,
    action: &'a str,
    scope: Scope,
}

fn entries(text: &str) -> impl Iterator<Item = Entry<'_>> {
    text.split(',')
        .filter_map(|entry| Entry::read(entry.trim()))
}

impl<'a> Entry<'a> {
    fn read(entry: &'a str) -> Option<Entry<'a>> {
        let mut parts = entry.split(':');
        let (resource, action) = (parts.next()?, parts.next()?);
        let scope = match parts.next() {
            None => Scope::All,
            Some("own") => Scope::Own,
            Some(_) => return None,
        };
        let named = |part: &str| {
            part == "*"
                || !part.is_empty()
                    && part
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        (parts.next().is_none() && named(resource) && named(action)).then_some(Entry {
            resource,
            action,
            scope,
        })
    }

    fn meet(&self, other: &Entry<'a>) -> Option<Entry<'a>> {
        let resource = if reaches(self.resource, other.resource) {
            other.resource
        } else if reaches(other.resource, self.resource) {
            self.resource
        } else {
            return None;
        };
        let action = match (self.action, other.action) {
            (a, b) if a == b => a,
            ("*", b) => b,
            (a, "*") => a,
            _ => return None,
        };
        Some(Entry {
            resource,
            action,
            scope: self.scope.min(other.scope),
        })
    }

    fn implies(&self, other: &Entry) -> bool {
        reaches(self.resource, other.resource)
            && (self.action == "*" || self.action == other.action)
            && self.scope >= other.scope
    }
}

/// Whether one resource or pattern contains another.
fn reaches(wide: &str, narrow: &str) -> bool {
    wide == narrow
        || wide == "*"
        || wide == "entity" && narrow != "*" && SYSTEM.binary_search(&narrow).is_err()
}

fn write(entries: Vec<Entry>) -> String {
    let mut widest: BTreeMap<(&str, &str), Scope> = BTreeMap::new();
    for Entry {
        resource,
        action,
        scope,
    } in entries
    {
        let held = widest.entry((resource, action)).or_insert(scope);
        *held = scope.max(*held);
    }
    let all: Vec<Entry> = widest
        .into_iter()
        .map(|((resource, action), scope)| Entry {
            resource,
            action,
            scope,
        })
        .collect();
    let needed = all.iter().filter(|entry| {
        !all.iter()
            .any(|other| other != *entry && other.implies(entry))
    });
    let texts: Vec<String> = needed
        .map(
            |Entry {
                 resource,
                 action,
                 scope,
             }| match scope {
                Scope::All => format!("{resource}:{action}"),
                Scope::Own => format!("{resource}:{action}:own"),
            },
        )
        .collect();
    texts.join(",")
}

type Fast = BuildHasherDefault<Fnv>;

/// FNV-1a over eight bytes at a time: names are short, and roles are written by a tenant's own admins.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn word(&mut self, word: u64) {
        self.0 = (self.0 ^ word)
            .wrapping_mul(0x0000_0100_0000_01b3)
            .rotate_left(29);
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        let (words, tail) = bytes.as_chunks::<8>();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        self.word(
            tail.iter()
                .fold(tail.len() as u64, |word, &byte| word << 8 | u64::from(byte)),
        );
    }

    fn write_u8(&mut self, _end_of_text: u8) {}

    fn finish(&self) -> u64 {
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}
