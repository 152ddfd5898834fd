//! Passwords and tokens in bodies: what the database is given instead of them.
//! Must never hand one on in clear, keep it, or judge whether it is right.
//! Called by gateway for the paths of accounts, before `ucrm.handle`.
//!
//! A password becomes `{argon2id, salt, memory_kib, passes, lanes, weak}`, computed with what `ucrm.password_work` says;
//! a token or recovery code becomes `sha256:<hex>`.

pub mod hasher;
mod strength;

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};
use zeroize::Zeroizing;

use crate::database::Database;
use crate::failure::Failure;
use crate::jsonb::Jsonb;
use crate::request::Call;
use crate::secret::{digest_of, hex};
use crate::trouble::Trouble;
use hasher::{Hasher, Work};

const WORK: &str = "select field, salt, memory_kib, passes, lanes, judge \
     from ucrm.password_work($1, $2, $3, $4, $5, $6, $7)";
const WORK_TYPES: [Type; 7] = [
    Type::TEXT,
    Type::TEXT_ARRAY,
    Type::JSONB,
    Type::TEXT,
    Type::TEXT,
    Type::BYTEA,
    Type::INET,
];

const PASSWORDS: [&str; 3] = ["password", "new_password", "current_password"];
const TOKENS: [&str; 2] = ["token", "recovery_code"];

/// True for requests whose body may carry a secret of a person.
pub fn concerns(call: &Call) -> bool {
    // The database decodes a path before it looks where it leads.
    let path = percent_decode_str(call.path()).decode_utf8_lossy();
    !call.is_safe()
        && call.body.is_some()
        && (path.starts_with("/api/v1/auth/")
            || matches!(&*path, "/api/v1/invitations/accept" | "/api/v1/setup"))
}

/// Replaces the secrets in the body.
///
/// # Errors
/// `invalid_json` for a body that is no object of unique members; `unavailable`.
pub async fn disguise(
    database: &Database,
    hasher: &Hasher,
    call: &mut Call,
) -> Result<(), Failure> {
    let body = call.body.take().unwrap_or_default();
    let mut members = object(&body)?;
    for name in TOKENS {
        if let Some(Value::String(shown)) = members.get_mut(name)
            && !shown.trim().is_empty()
        {
            let normal = match name {
                "recovery_code" => Zeroizing::new(normal_code(shown)),
                _ => Zeroizing::new(std::mem::take(shown)),
            };
            *shown = format!("sha256:{}", hex(&digest_of(normal.as_bytes())));
        }
    }
    let mut given = Vec::new();
    for name in PASSWORDS {
        // What is not text is no password, and nothing that a client may say of one itself.
        match members.get_mut(name).map(Value::take) {
            Some(Value::String(password)) => given.push((name, Zeroizing::new(password))),
            Some(_) => {
                members.insert(name.to_owned(), json!({"argon2id": null}));
            }
            None => {}
        }
    }
    if !given.is_empty() {
        let names: Vec<&str> = given.iter().map(|(name, _)| *name).collect();
        let rest = serde_json::to_vec(&members).map_err(|_| Failure::Internal)?;
        let work = work(database, call, &names, &rest).await?;
        for (name, password) in given {
            let work = work.iter().find(|work| work.field == name);
            let value = match work {
                Some(work) => computed(hasher, work, password, &members).await?,
                None => json!({"argon2id": null}),
            };
            members.insert(name.to_owned(), value);
        }
    }
    let body = serde_json::to_vec(&members).map_err(|_| Failure::Internal)?;
    call.body = Some(Bytes::from(body));
    Ok(())
}

/// As people type them: case, hyphens and spaces do not matter, nor the letters that codes leave out for the digits
/// they look like.
fn normal_code(shown: &str) -> String {
    shown
        .chars()
        .filter(|c| *c != '-' && !c.is_whitespace())
        .flat_map(char::to_lowercase)
        .map(|c| match c {
            'o' => '0',
            'i' | 'l' => '1',
            other => other,
        })
        .collect()
}

// Duplicate members would let two readers see two bodies.
fn object(body: &[u8]) -> Result<Map<String, Value>, Failure> {
    struct Unique;
    impl<'de> serde::de::Visitor<'de> for Unique {
        type Value = Map<String, Value>;

        fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            out.write_str("an object")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(
            self,
            mut access: A,
        ) -> Result<Self::Value, A::Error> {
            let mut members = Map::new();
            while let Some((name, value)) = access.next_entry::<String, Value>()? {
                if members.insert(name, value).is_some() {
                    return Err(serde::de::Error::custom("a member twice"));
                }
            }
            Ok(members)
        }
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    serde::Deserializer::deserialize_map(&mut reader, Unique)
        .and_then(|members| reader.end().map(|()| members))
        .map_err(|_| Failure::InvalidJson)
}

async fn work(
    database: &Database,
    call: &Call,
    names: &[&str],
    rest: &[u8],
) -> Result<Vec<Work>, Failure> {
    let path = percent_decode_str(call.path()).decode_utf8_lossy();
    let binds: [&(dyn ToSql + Sync); 7] = [
        &&*path,
        &names,
        &Jsonb(rest),
        &call.credential.kind(),
        &call.credential.hint(),
        &call.credential.bytes(),
        &call.address,
    ];
    let mut asked = ask(database, &binds).await;
    // It changes nothing: once more where a connection had gone stale.
    if matches!(asked, Err(Trouble::Unsent | Trouble::Lost)) {
        asked = ask(database, &binds).await;
    }
    let rows = asked.map_err(|trouble| match trouble {
        Trouble::Raised(told) if told.code().code().starts_with("22") => Failure::InvalidJson,
        Trouble::Raised(_) | Trouble::Garbled => Failure::Internal,
        Trouble::Stopped => Failure::TookTooLong,
        _ => Failure::Unavailable,
    })?;
    rows.iter()
        .map(|row| Work::from_row(row).ok_or(Failure::Internal))
        .collect()
}

async fn ask(database: &Database, binds: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Trouble> {
    let lease = database.calls.lease().await;
    let mut lease = lease.map_err(|_| Trouble::Overloaded)?;
    lease.several(WORK, &WORK_TYPES, binds).await
}

/// What `ucrm.set_password()` takes, for the password on standard input.
///
/// # Errors
/// A sentence saying why there is none.
pub async fn of_operator() -> Result<Value, String> {
    let mut line = Zeroizing::new(String::new());
    std::io::stdin()
        .read_line(&mut line)
        .map_err(|error| error.to_string())?;
    let password = Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned());
    if let Some(weak) = strength::weakness(&password, &[]) {
        return Err(format!("the password is {}", weak.replace('_', " ")));
    }
    let work = Work::fresh().map_err(|_| "the system has no random numbers")?;
    let hasher = Hasher::start(1).map_err(|error| error.to_string())?;
    computed(&hasher, &work, password, &Map::new())
        .await
        .map_err(|failure| failure.to_string())
}

async fn computed(
    hasher: &Hasher,
    work: &Work,
    password: Zeroizing<String>,
    rest: &Map<String, Value>,
) -> Result<Value, Failure> {
    let about = ["email", "name"].map(|name| rest.get(name).and_then(Value::as_str));
    let weak = match work.judge {
        true => strength::weakness(&password, &about.into_iter().flatten().collect::<Vec<_>>()),
        false if password.chars().count() > strength::LONGEST => Some("too_long"),
        false => None,
    };
    // Unusable ones are not worth the work, and are refused for everybody alike.
    let hash = match weak {
        Some(_) => None,
        None => Some(hasher.hash(work.clone(), password).await?),
    };
    Ok(json!({
        "argon2id": hash.map(|hash| hex(&hash)),
        "salt": hex(&work.salt),
        "memory_kib": work.memory_kib,
        "passes": work.passes,
        "lanes": work.lanes,
        "weak": weak,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_with_a_member_twice_or_more_than_an_object_is_refused() {
        for body in [
            r#"{"password":"a","password":"b"}"#,
            r#"[{"password":"a"}]"#,
            r#"{"password":"a"} {}"#,
            "",
            "null",
            "{",
        ] {
            assert!(object(body.as_bytes()).is_err(), "{body}");
        }
        assert_eq!(object(br#" {"a": 1} "#).unwrap().len(), 1);
    }

    #[test]
    fn a_recovery_code_is_the_same_however_it_is_typed() {
        for shown in ["abcd0-fgh1k", "ABCDO FGHIK", " abcd0fghlk\t"] {
            assert_eq!(normal_code(shown), "abcd0fgh1k");
        }
    }
}
