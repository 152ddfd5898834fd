//! Owns the reading of a ucrm.principal: a PostgreSQL row in, plain values out.
//! Must never look anything up.
//! Called by `context`, which keeps one for the transaction, and by `window`.

use crate::border::{bytes_of, uuid_of};
use pgrx::pg_sys;

/// The columns of ucrm.principal, in the order of sql/43_principal.sql.
#[derive(Clone, Copy)]
pub enum Column {
    /// key, service, member, login, platform, internal
    Kind,
    /// uuid
    Tenant,
    /// uuid
    User,
    /// text
    Role,
    /// uuid
    Key,
    /// text
    KeyPrefix,
    /// text
    Scopes,
    /// text
    Permissions,
    /// boolean
    Member,
    /// boolean
    Disabled,
    /// boolean
    EmailVerified,
    /// text
    Status,
    /// timestamptz
    TrialEndsAt,
    /// timestamptz
    SubscribedUntil,
    /// timestamptz
    ExpiresAt,
    /// boolean
    ReadOnly,
    /// boolean
    PlatformAdmin,
    /// integer; the seconds of each window follow its hits
    KeyHits,
    /// integer
    KeySeconds,
    /// integer
    UserHits,
    /// integer
    UserSeconds,
    /// integer
    TenantHits,
    /// integer
    TenantSeconds,
}

const COLUMNS: usize = 23;

/// A row taken apart; its datums point into the row.
pub struct Row {
    values: [pg_sys::Datum; COLUMNS],
    nulls: [bool; COLUMNS],
}

impl Row {
    /// Takes a ucrm.principal apart; `None` when the row has another number of columns.
    pub fn of(datum: pg_sys::Datum) -> Option<Row> {
        let mut row = Row {
            values: [pg_sys::Datum::null(); COLUMNS],
            nulls: [true; COLUMNS],
        };
        // SAFETY: the datum is a composite value of a named type (the functions are declared so); the descriptor is
        // released, and the row outlives the values read from it.
        unsafe {
            let header: pg_sys::HeapTupleHeader =
                pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast();
            let type_id = (*header).t_choice.t_datum.datum_typeid;
            let type_mod = (*header).t_choice.t_datum.datum_typmod;
            let descriptor = pg_sys::lookup_rowtype_tupdesc(type_id, type_mod);
            let fits = (*descriptor).natts as usize == COLUMNS;
            if fits {
                let mut tuple = pg_sys::HeapTupleData {
                    t_len: pgrx::varlena::varsize_any(header.cast()) as u32,
                    t_data: header,
                    ..Default::default()
                };
                pg_sys::heap_deform_tuple(
                    &mut tuple,
                    descriptor,
                    row.values.as_mut_ptr(),
                    row.nulls.as_mut_ptr(),
                );
            }
            if (*descriptor).tdrefcount >= 0 {
                pg_sys::DecrTupleDescRefCount(descriptor);
            }
            fits.then_some(row)
        }
    }

    fn datum(&self, column: Column) -> Option<pg_sys::Datum> {
        (!self.nulls[column as usize]).then_some(self.values[column as usize])
    }

    /// A uuid column.
    pub fn uuid(&self, column: Column) -> Option<[u8; 16]> {
        self.datum(column).map(uuid_of)
    }

    /// A text column.
    pub fn text(&self, column: Column) -> Option<String> {
        // SAFETY: text of a UTF-8 database.
        self.datum(column)
            .map(|datum| unsafe { String::from_utf8_unchecked(bytes_of(datum).to_vec()) })
    }

    /// A boolean column, false for null.
    pub fn flag(&self, column: Column) -> bool {
        self.datum(column)
            .is_some_and(|datum| datum.value() & 1 != 0)
    }

    /// An integer column.
    pub fn int(&self, column: Column) -> Option<i32> {
        self.datum(column).map(|datum| datum.value() as i32)
    }

    /// A timestamptz column, microseconds since 2000.
    pub fn time(&self, column: Column) -> Option<i64> {
        self.datum(column).map(|datum| datum.value() as i64)
    }
}

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
}

impl Principal {
    /// Reads a ucrm.principal.
    pub fn of(datum: pg_sys::Datum) -> Option<Principal> {
        let row = Row::of(datum)?;
        Some(Principal {
            kind: row.text(Column::Kind)?,
            tenant: row.uuid(Column::Tenant),
            user: row.uuid(Column::User),
            role: row.text(Column::Role),
            key: row.uuid(Column::Key),
            key_prefix: row.text(Column::KeyPrefix),
            permissions: row.text(Column::Permissions).unwrap_or_default(),
            member: row.flag(Column::Member),
            disabled: row.flag(Column::Disabled),
            email_verified: row.flag(Column::EmailVerified),
            status: match row.text(Column::Status).as_deref() {
                Some("approved") => Status::Approved,
                Some("rejected") => Status::Rejected,
                Some("suspended") => Status::Suspended,
                _ => Status::Pending,
            },
            trial_ends_at: row.time(Column::TrialEndsAt),
            subscribed_until: row.time(Column::SubscribedUntil),
        })
    }

    /// Whether two principals are the same actor.
    pub fn is(&self, other: &Principal) -> bool {
        (&self.kind, self.tenant, self.user, self.key)
            == (&other.kind, other.tenant, other.user, other.key)
    }
}
