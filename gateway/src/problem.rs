//! The gateway's own replies: `application/problem+json` (RFC 9457) in the shape the database uses, or PostgREST's words.
//! Must never say more than the failure's fixed text and the request id.
//! Called by gateway when a request ends without an answer of the database.

use std::borrow::Cow;

use bytes::Bytes;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde::Serialize;
use uuid::Uuid;

use crate::failure::Failure;
use crate::reply::Reply;
use crate::reply_body::ReplyBody;
use crate::request::ALLOWED_METHODS;

#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    message: &'a str,
    details: Option<&'a str>,
    hint: &'a str,
    request_id: Uuid,
    errors: Option<&'a str>,
}

/// Which words a path is answered in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// UCRM's own.
    Native,
    /// PostgREST's: below `/rest/`.
    Rest,
}

impl Dialect {
    /// The one of a path.
    pub fn of(path: &str) -> Self {
        match path.starts_with("/rest/") {
            true => Self::Rest,
            false => Self::Native,
        }
    }
}

/// The body of a failure.
pub fn body(failure: Failure, dialect: Dialect, request_id: Uuid) -> Bytes {
    let look = failure.appearance();
    let detail = failure.to_string();
    let code = match dialect {
        Dialect::Native => Cow::Borrowed(look.code),
        Dialect::Rest => rest_code(failure, look.status),
    };
    let problem = Problem {
        r#type: format!("urn:ucrm:{}", look.code),
        title: look.title,
        status: look.status.as_u16(),
        detail: &detail,
        code: &code,
        message: &detail,
        details: None,
        hint: look.hint,
        request_id,
        errors: None,
    };
    serde_json::to_vec(&problem).unwrap_or_default().into()
}

// As ucrm.rest_code() has them.
fn rest_code(failure: Failure, status: StatusCode) -> Cow<'static, str> {
    match failure {
        Failure::InvalidJson => "PGRST102".into(),
        Failure::MethodNotAllowed => "PGRST117".into(),
        Failure::Unavailable | Failure::TookTooLong => "PGRST000".into(),
        Failure::Internal => "PGRSTX00".into(),
        _ => format!("PT{}", status.as_u16()).into(),
    }
}

/// The whole reply of a failure.
pub fn reply(failure: Failure, dialect: Dialect, request_id: Uuid) -> Reply {
    let look = failure.appearance();
    let mut response = Response::new(ReplyBody::whole(body(failure, dialect, request_id)));
    *response.status_mut() = look.status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static(match dialect {
            Dialect::Native => "application/problem+json",
            Dialect::Rest => "application/json",
        }),
    );
    match look.status {
        StatusCode::SERVICE_UNAVAILABLE => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            headers.insert(ALLOW, HeaderValue::from_static(ALLOWED_METHODS));
        }
        _ => {}
    }
    Reply {
        response,
        route: "gateway".into(),
        code: look.code.into(),
        session: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_has_every_member_the_database_sends() {
        let id = Uuid::from_u128(7);
        let body: serde_json::Value =
            serde_json::from_slice(&body(Failure::Unavailable, Dialect::Native, id)).unwrap();
        let mut names: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
        names.sort();
        assert_eq!(
            names,
            [
                "code",
                "detail",
                "details",
                "errors",
                "hint",
                "message",
                "request_id",
                "status",
                "title",
                "type"
            ]
        );
        assert_eq!(body["status"], 503);
        assert_eq!(body["code"], "unavailable");
        assert_eq!(body["detail"], body["message"]);
        assert_eq!(body["request_id"], id.to_string());
        assert!(body["details"].is_null() && body["errors"].is_null());
    }

    #[test]
    fn unavailable_says_when_to_come_back_and_405_says_what_is_allowed() {
        let unavailable = reply(Failure::Unavailable, Dialect::Native, Uuid::nil());
        assert_eq!(unavailable.response.headers()[RETRY_AFTER], "1");
        let refused = reply(Failure::MethodNotAllowed, Dialect::Native, Uuid::nil());
        assert_eq!(refused.response.headers()[ALLOW], ALLOWED_METHODS);
    }

    #[test]
    fn below_rest_a_failure_has_a_code_of_postgrest_and_is_plain_json() {
        let dialect = Dialect::of("/rest/v1/contacts");
        assert_eq!(Dialect::of("/restore"), Dialect::Native);
        for (failure, code) in [
            (Failure::Unavailable, "PGRST000"),
            (Failure::MethodNotAllowed, "PGRST117"),
            (Failure::AmbiguousCredential, "PT400"),
            (Failure::BodyTooLarge, "PT413"),
        ] {
            let told: serde_json::Value =
                serde_json::from_slice(&body(failure, dialect, Uuid::nil())).unwrap();
            assert_eq!(told["code"], code);
            let reply = reply(failure, dialect, Uuid::nil());
            assert_eq!(reply.response.headers()[CONTENT_TYPE], "application/json");
            assert_eq!(&*reply.code, failure.appearance().code);
        }
    }
}
