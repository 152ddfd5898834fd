//! Owns the reading of a ucrm.principal: a PostgreSQL row in, plain values out.
//! Must never look anything up.
//! Called by `context`, which keeps one for the transaction, by `window` and by `advance`.

use crate::row::Columns;

/// Positions of the columns of ucrm.principal, see sql/43_principal.sql. The seconds of each window follow its hits.
pub mod column {
    /// key, service, member, login, platform, internal
    pub const KIND: usize = 0;
    /// uuid
    pub const TENANT: usize = 1;
    /// uuid
    pub const USER: usize = 2;
    /// text
    pub const ROLE: usize = 3;
    /// uuid
    pub const KEY: usize = 4;
    /// text
    pub const KEY_PREFIX: usize = 5;
    /// text
    pub const SCOPES: usize = 6;
    /// text
    pub const PERMISSIONS: usize = 7;
    /// boolean
    pub const MEMBER: usize = 8;
    /// boolean
    pub const DISABLED: usize = 9;
    /// boolean
    pub const EMAIL_VERIFIED: usize = 10;
    /// text
    pub const STATUS: usize = 11;
    /// timestamptz
    pub const TRIAL_ENDS_AT: usize = 12;
    /// timestamptz
    pub const SUBSCRIBED_UNTIL: usize = 13;
    /// timestamptz
    pub const EXPIRES_AT: usize = 14;
    /// boolean
    pub const READ_ONLY: usize = 15;
    /// integer
    pub const KEY_HITS: usize = 17;
    /// integer
    pub const USER_HITS: usize = 19;
    /// integer
    pub const TENANT_HITS: usize = 21;
    /// uuid
    pub const SESSION: usize = 23;
    /// timestamptz
    pub const FRESH_UNTIL: usize = 24;
    /// boolean
    pub const MFA: usize = 25;
    /// uuid
    pub const IMPERSONATOR: usize = 26;
}

/// A ucrm.principal taken apart.
pub type Row = Columns<27>;

/// The workspace's state, as the gates ask for it.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub enum Status {
    /// Waits for approval.
    #[default]
    Pending,
    /// Open.
    Approved,
    /// Closed by the platform.
    Rejected,
    /// Closed by the platform for now.
    Suspended,
}

/// Whoever acts in this transaction or session.
#[derive(Default)]
pub struct Principal {
    /// See ucrm.actor_kind().
    pub kind: String,
    /// The tenant, `None` for platform principals.
    pub tenant: Option<[u8; 16]>,
    /// The member.
    pub user: Option<[u8; 16]>,
    /// The role's name.
    pub role: Option<String>,
    /// The API key.
    pub key: Option<[u8; 16]>,
    /// Its display prefix.
    pub key_prefix: Option<String>,
    /// Permission text.
    pub permissions: String,
    /// Belongs to the tenant.
    pub member: bool,
    /// Membership disabled.
    pub disabled: bool,
    /// E-mail verified, or nobody whose e-mail could be.
    pub email_verified: bool,
    /// The workspace's state.
    pub status: Status,
    /// Microseconds since 2000.
    pub trial_ends_at: Option<i64>,
    /// Microseconds since 2000.
    pub subscribed_until: Option<i64>,
    /// The session of a person who signed in.
    pub session: Option<[u8; 16]>,
    /// Microseconds since 2000.
    pub fresh_until: Option<i64>,
    /// The workspace's wish for a second factor is met.
    pub mfa: bool,
    /// The platform admin behind the member.
    pub impersonator: Option<[u8; 16]>,
}

impl Principal {
    /// Reads a ucrm.principal.
    pub fn of(row: &Row) -> Option<Principal> {
        let text = |n| row.text(n).map(str::to_owned);
        Some(Principal {
            kind: text(column::KIND)?,
            tenant: row.uuid(column::TENANT),
            user: row.uuid(column::USER),
            role: text(column::ROLE),
            key: row.uuid(column::KEY),
            key_prefix: text(column::KEY_PREFIX),
            permissions: text(column::PERMISSIONS).unwrap_or_default(),
            member: row.flag(column::MEMBER),
            disabled: row.flag(column::DISABLED),
            email_verified: row.flag(column::EMAIL_VERIFIED),
            status: match row.text(column::STATUS) {
                Some("approved") => Status::Approved,
                Some("rejected") => Status::Rejected,
                Some("suspended") => Status::Suspended,
                _ => Status::Pending,
            },
            trial_ends_at: row.time(column::TRIAL_ENDS_AT),
            subscribed_until: row.time(column::SUBSCRIBED_UNTIL),
            session: row.uuid(column::SESSION),
            fresh_until: row.time(column::FRESH_UNTIL),
            mfa: row.flag(column::MFA),
            impersonator: row.uuid(column::IMPERSONATOR),
        })
    }

    /// Whether two principals are the same actor.
    pub fn is(&self, other: &Principal) -> bool {
        (&self.kind, self.tenant, self.user, self.key, self.session)
            == (
                &other.kind,
                other.tenant,
                other.user,
                other.key,
                other.session,
            )
    }
}
