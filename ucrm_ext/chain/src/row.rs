//! Owns what an audit row is: its leaf, its images' digest, and its line in an export.
//! Must never hash what the line does not show, nor show what is not hashed.
//! Called by the extension's leaves and by walk.
//!
//! `leaf = SHA-256(0 | "ucrm-audit-row/1", fields, images)`, `images = SHA-256(4 | "ucrm-audit-images/1", salt, before,
//! after)`. The images are hashed apart, with a salt of their own: where they are erased, their digest stays in their place
//! and tells nothing of them.

use crate::encode::Encoder;
use crate::tree::LEAF;
use crate::{Digest, NO_DIGEST, hex, unhex};
use serde::Deserialize;
use serde_json::value::RawValue;

const IMAGES: u8 = 4;

/// An audit row, each value as an export shows it: uuids in lower case, moments as [`crate::moment`] has them, images as
/// PostgreSQL writes jsonb.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row<'a> {
    /// Of the row; a UUIDv7.
    pub id: &'a str,
    /// Whose it is; of the platform's own rows the tenant they are about.
    pub tenant_id: Option<&'a str>,
    /// When.
    pub at: &'a str,
    /// What kind of actor.
    pub actor_kind: Option<&'a str>,
    /// Who.
    pub user_id: Option<&'a str>,
    /// Who acted as him.
    pub impersonator_id: Option<&'a str>,
    /// Display prefix of the API key.
    pub api_key_prefix: Option<&'a str>,
    /// Login of the database.
    pub db_login: Option<&'a str>,
    /// Of which request.
    pub request_id: Option<&'a str>,
    /// From which address.
    pub address: Option<&'a str>,
    /// What was done.
    pub action: &'a str,
    /// To what kind of thing.
    pub resource: Option<&'a str>,
    /// To which.
    pub record_id: Option<&'a str>,
    /// Names of the columns that changed.
    pub changed: Option<Vec<Option<&'a str>>>,
    /// JSON: the record before.
    pub before: Option<&'a str>,
    /// JSON: the record after.
    pub after: Option<&'a str>,
    /// Makes the images' digest unguessable.
    pub salt: Option<&'a str>,
    /// The images' digest, where they were erased.
    pub images: Option<Digest>,
}

impl Row<'_> {
    /// The digest of the images, computed unless they were erased.
    pub fn images_digest(&self) -> Digest {
        match self.images {
            // A digest is believed only where nothing is left that it could be computed from.
            Some(images) if self.is_redacted() => images,
            _ => {
                let images = Encoder::new(IMAGES, "ucrm-audit-images/1")
                    .text(self.salt)
                    .text(self.before)
                    .text(self.after);
                match &self.images {
                    // No row was ever sealed with both.
                    Some(digest) => images.field(Some(digest)).digest(),
                    None => images.digest(),
                }
            }
        }
    }

    /// Whether the images were erased.
    pub fn is_redacted(&self) -> bool {
        self.images.is_some()
            && self.salt.is_none()
            && self.before.is_none()
            && self.after.is_none()
    }

    /// What the tree is made of.
    pub fn leaf(&self) -> Digest {
        Encoder::new(LEAF, "ucrm-audit-row/1")
            .text(Some(self.id))
            .text(self.tenant_id)
            .text(Some(self.at))
            .text(self.actor_kind)
            .text(self.user_id)
            .text(self.impersonator_id)
            .text(self.api_key_prefix)
            .text(self.db_login)
            .text(self.request_id)
            .text(self.address)
            .text(Some(self.action))
            .text(self.resource)
            .text(self.record_id)
            .list(self.changed.as_deref())
            .field(Some(&self.images_digest()))
            .digest()
    }

    /// The row as a line of an export, without its end.
    pub fn line(&self) -> String {
        let mut line = String::with_capacity(640);
        line.push_str(r#"{"kind": "row""#);
        for (name, value) in [
            ("id", Some(self.id)),
            ("tenant_id", self.tenant_id),
            ("at", Some(self.at)),
            ("actor_kind", self.actor_kind),
            ("user_id", self.user_id),
            ("impersonator_id", self.impersonator_id),
            ("api_key_prefix", self.api_key_prefix),
            ("db_login", self.db_login),
            ("request_id", self.request_id),
            ("address", self.address),
            ("action", Some(self.action)),
            ("resource", self.resource),
            ("record_id", self.record_id),
        ] {
            member(&mut line, name, &json(&value));
        }
        member(&mut line, "changed", &json(&self.changed));
        member(&mut line, "before", self.before.unwrap_or("null"));
        member(&mut line, "after", self.after.unwrap_or("null"));
        member(&mut line, "salt", &json(&self.salt));
        let images = self.images.map(|images| hex(&images));
        member(&mut line, "images", &json(&images));
        line.push('}');
        line
    }
}

fn member(line: &mut String, name: &str, value: &str) {
    line.push_str(", \"");
    line.push_str(name);
    line.push_str("\": ");
    line.push_str(value);
}

fn json<T: serde::Serialize>(value: &T) -> String {
    // Texts, lists of texts and null are always writable.
    serde_json::to_string(value).unwrap_or_default()
}

/// A row's line, read. Names twice, unknown or missing are refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line<'a> {
    #[serde(rename = "kind")]
    _kind: String,
    id: String,
    tenant_id: Option<String>,
    at: String,
    actor_kind: Option<String>,
    user_id: Option<String>,
    impersonator_id: Option<String>,
    api_key_prefix: Option<String>,
    db_login: Option<String>,
    request_id: Option<String>,
    address: Option<String>,
    action: String,
    resource: Option<String>,
    record_id: Option<String>,
    changed: Option<Vec<Option<String>>>,
    #[serde(borrow)]
    before: Option<&'a RawValue>,
    #[serde(borrow)]
    after: Option<&'a RawValue>,
    salt: Option<String>,
    images: Option<String>,
}

impl<'a> Line<'a> {
    /// Reads a line of an export.
    ///
    /// # Errors
    /// What JSON or the names are wrong.
    pub fn read(text: &'a str) -> Result<Line<'a>, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// What the line shows.
    pub fn row(&self) -> Row<'_> {
        Row {
            id: &self.id,
            tenant_id: self.tenant_id.as_deref(),
            at: &self.at,
            actor_kind: self.actor_kind.as_deref(),
            user_id: self.user_id.as_deref(),
            impersonator_id: self.impersonator_id.as_deref(),
            api_key_prefix: self.api_key_prefix.as_deref(),
            db_login: self.db_login.as_deref(),
            request_id: self.request_id.as_deref(),
            address: self.address.as_deref(),
            action: &self.action,
            resource: self.resource.as_deref(),
            record_id: self.record_id.as_deref(),
            changed: self
                .changed
                .as_ref()
                .map(|names| names.iter().map(Option::as_deref).collect()),
            before: self.before.map(RawValue::get),
            after: self.after.map(RawValue::get),
            salt: self.salt.as_deref(),
            images: self
                .images
                .as_deref()
                .map(|images| unhex(images).unwrap_or(NO_DIGEST)),
        }
    }
}
