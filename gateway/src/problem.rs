//! The gateway's own replies: `application/problem+json` (RFC 9457) in the shape the database uses.
//! Must never say more than the failure's fixed text and the request id.
//! Called by gateway when a request ends without an answer of the database.

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

/// The body of a failure.
pub fn body(failure: Failure, request_id: Uuid) -> Bytes {
    let look = failure.appearance();
    let detail = failure.to_string();
    let problem = Problem {
        r#type: format!("urn:ucrm:{}", look.code),
        title: look.title,
        status: look.status.as_u16(),
        detail: &detail,
        code: look.code,
        message: &detail,
        details: None,
        hint: look.hint,
        request_id,
        errors: None,
    };
    serde_json::to_vec(&problem).unwrap_or_default().into()
}

/// The whole reply of a failure.
pub fn reply(failure: Failure, request_id: Uuid) -> Reply {
    let look = failure.appearance();
    let mut response = Response::new(ReplyBody::whole(body(failure, request_id)));
    *response.status_mut() = look.status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
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
            serde_json::from_slice(&body(Failure::Unavailable, id)).unwrap();
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
        let unavailable = reply(Failure::Unavailable, Uuid::nil());
        assert_eq!(unavailable.response.headers()[RETRY_AFTER], "1");
        let refused = reply(Failure::MethodNotAllowed, Uuid::nil());
        assert_eq!(refused.response.headers()[ALLOW], ALLOWED_METHODS);
    }
}
