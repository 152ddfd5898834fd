//! Owns the shape of an answer "no" in PostgREST's words: its code, its status, and what to do.
//! Must never repeat more of a request than a name's length.
//! Made by every file of the dialect; SQL turns it into a reply.

use super::super::refusal::{Refusal, shown};

/// Why a request was not understood. <https://docs.postgrest.org/en/stable/references/errors.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// PostgREST's code, or an SQLSTATE.
    pub code: &'static str,
    /// The HTTP status that its clients expect with it.
    pub status: u16,
    /// UCRM's own code, as in ucrm.refusals.
    pub refusal: &'static str,
    /// One sentence for people.
    pub message: String,
    /// What was seen.
    pub details: Option<String>,
    /// What could have been sent.
    pub hint: Option<String>,
}

impl Fault {
    fn new(code: &'static str, refusal: &'static str, message: impl Into<String>) -> Fault {
        Fault {
            code,
            status: 400,
            refusal,
            message: message.into(),
            details: None,
            hint: None,
        }
    }

    /// 400 PGRST100: a parameter that cannot be read.
    pub fn malformed(parameter: &str, what: &str) -> Fault {
        let message = format!("{} cannot be read: {what}", shown(parameter));
        Fault::new("PGRST100", "invalid_filter", message)
    }

    /// 400 PGRST127: what PostgREST knows and UCRM does not.
    pub fn unsupported(what: &str, hint: &str) -> Fault {
        Fault::new(
            "PGRST127",
            "unsupported",
            format!("{what} is not supported here"),
        )
        .hint(hint)
    }

    /// 400 42703: a column that is not there, or not shown.
    pub fn unknown_column(name: &str, allowed: &str) -> Fault {
        let message = format!("column {} does not exist", shown(name));
        Fault::new("42703", "invalid_filter", message).hint(format!("Columns: {allowed}"))
    }

    /// 400 PGRST200: no relation of that name.
    pub fn unknown_relation(name: &str, allowed: &str) -> Fault {
        let message = format!("there is no relationship to {}", shown(name));
        Fault::new("PGRST200", "invalid_filter", message).hint(format!("Relationships: {allowed}"))
    }

    /// 300 PGRST201: several relations of that name.
    pub fn ambiguous_relation(name: &str, found: &str) -> Fault {
        let name = shown(name);
        let mut fault = Fault::new(
            "PGRST201",
            "invalid_filter",
            format!("there is more than one relationship to {name}"),
        )
        .details(found);
        fault.status = 300;
        fault.hint(format!("Name one of them: {name}!constraint_or_column(…)"))
    }

    /// 400 PGRST108: a filter on a resource that is not embedded.
    pub fn not_embedded(name: &str) -> Fault {
        let name = shown(name);
        let message = format!("{name} is not an embedded resource of this request");
        Fault::new("PGRST108", "invalid_filter", message)
            .hint(format!("Put {name}(…) into select."))
    }

    /// 400 PGRST122: a preference that is none, under handling=strict.
    pub fn preference(unknown: &str) -> Fault {
        let message = "invalid preferences were given with handling=strict";
        Fault::new("PGRST122", "bad_request", message)
            .details(&format!("Invalid preferences: {}", shown(unknown)))
    }

    /// 406 PGRST107: a form that is none of ours.
    pub fn not_acceptable(accept: &str) -> Fault {
        let message = "none of these media types can be given";
        let mut fault = Fault::new("PGRST107", "not_acceptable", message).details(&shown(accept));
        fault.status = 406;
        fault.hint("application/json, application/vnd.pgrst.object+json, text/csv")
    }

    /// 416 PGRST103: a range that is none.
    pub fn range(details: &str) -> Fault {
        let message = "the requested range cannot be satisfied";
        let mut fault = Fault::new("PGRST103", "range_not_satisfiable", message).details(details);
        fault.status = 416;
        fault
    }

    /// 400 PGRST204: a field that is not there, or cannot be set.
    pub fn unknown_field(name: &str) -> Fault {
        let message = format!("column {} does not exist, or cannot be set", shown(name));
        Fault::new("PGRST204", "unknown_field", message)
    }

    /// What the shared compiler refuses.
    pub fn refusal(refusal: Refusal) -> Fault {
        let denied = refusal.code == "permission_denied";
        let code = if denied { "42501" } else { "PGRST100" };
        let mut fault = Fault::new(code, refusal.code, refusal.message);
        fault.status = refusal.status;
        if !refusal.allowed.is_empty() {
            fault.hint = Some(format!("Allowed: {}", refusal.allowed.join(", ")));
        }
        fault
    }

    /// 400 with an SQLSTATE, about a value.
    pub fn value(code: &'static str, column: &str, message: &str) -> Fault {
        Fault::new(
            code,
            "invalid_filter",
            format!("{}: {message}", shown(column)),
        )
    }

    /// The same with what was seen.
    pub fn details(mut self, details: &str) -> Fault {
        self.details = Some(details.to_owned());
        self
    }

    /// The same with what could have been sent.
    pub fn hint(mut self, hint: impl Into<String>) -> Fault {
        self.hint = Some(hint.into());
        self
    }
}
