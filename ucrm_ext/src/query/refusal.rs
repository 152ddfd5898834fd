//! Owns the shape of an answer "no" from the compiler.
//! Must never repeat more of a request than a name's length, nor anything of the database but column names.
//! Called by every file of the compiler; the leaf turns it into a response.

/// Why a request was not compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// `invalid_filter`, `invalid_cursor`, `permission_denied`, `unknown_field`, `validation_failed`; `wider` is for
    /// whoever has compiled.
    pub code: &'static str,
    /// The HTTP status that goes with the code.
    pub status: u16,
    /// The parameter or column at fault, when there is one; of `permission_denied`, the resource.
    pub field: Option<String>,
    /// One sentence for people.
    pub message: String,
    /// What could have been sent instead; empty when that is no list.
    pub allowed: Vec<String>,
    /// One entry per field, for the codes that have several.
    pub errors: Vec<FieldError>,
}

/// What is wrong with one field of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The field's name.
    pub field: String,
    /// `required`, `null_not_allowed`, `invalid_type`, `invalid_format`, `out_of_range`, `too_long` or `unknown_field`.
    pub code: &'static str,
    /// One sentence for people.
    pub message: String,
}

impl Refusal {
    /// 400 `invalid_filter` about one parameter or column.
    pub fn filter(field: &str, message: impl Into<String>) -> Refusal {
        Refusal {
            code: "invalid_filter",
            status: 400,
            field: Some(shown(field)),
            message: message.into(),
            allowed: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// The shape does not know the name, and there is a wider one that may; not for clients.
    pub fn wider(name: &str) -> Refusal {
        Refusal {
            code: "wider",
            ..Refusal::filter(name, "see the wider shape")
        }
    }

    /// 400 `invalid_cursor`.
    pub fn cursor(message: &str) -> Refusal {
        Refusal {
            code: "invalid_cursor",
            ..Refusal::filter("cursor", message)
        }
    }

    /// 403 `permission_denied`: to read a related resource.
    pub fn denied(resource: &str) -> Refusal {
        Refusal {
            code: "permission_denied",
            status: 403,
            ..Refusal::filter(resource, format!("you may not read {resource}"))
        }
    }

    /// The same refusal, saying what could have been sent.
    pub fn allowing<S: ToString>(mut self, allowed: impl IntoIterator<Item = S>) -> Refusal {
        self.allowed = allowed.into_iter().map(|name| name.to_string()).collect();
        self
    }

    /// A refusal about fields of a body.
    pub fn fields(
        code: &'static str,
        status: u16,
        message: &str,
        errors: Vec<FieldError>,
    ) -> Refusal {
        let field = errors.first().map(|error| error.field.clone());
        Refusal {
            code,
            status,
            field,
            message: message.into(),
            allowed: Vec::new(),
            errors,
        }
    }
}

/// A name as sent, short enough to be repeated.
pub fn shown(name: &str) -> String {
    name.chars()
        .filter(|letter| !letter.is_control())
        .take(63)
        .collect()
}
