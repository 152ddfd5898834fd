//! Every way in which the gateway itself, and not the database, ends a request.
//! Must never carry text that came from a client or from the database.
//! Made wherever a request is parsed, bounded or forwarded; problem.rs turns it into a reply.

use hyper::StatusCode;

/// A request that the gateway answers by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The HTTP message breaks a rule; the text says which.
    #[error("{0}")]
    Malformed(&'static str),
    /// Two explicit credentials, or one header twice.
    #[error("the request carries more than one credential")]
    AmbiguousCredential,
    /// The body should be one JSON object, and is not.
    #[error("the body is not one JSON object of members that each occur once")]
    InvalidJson,
    /// A browser sent it for a page of another origin.
    #[error("the request came from a page of another origin")]
    CsrfRejected,
    /// A method that no route has.
    #[error("the method is not one that any route has")]
    MethodNotAllowed,
    /// The body did not arrive in time.
    #[error("the body did not arrive in time")]
    BodyTimeout,
    /// The body is larger than allowed.
    #[error("the body is larger than allowed")]
    BodyTooLarge,
    /// The request target is longer than allowed.
    #[error("the request target is longer than allowed")]
    UriTooLong,
    /// The headers are larger than allowed.
    #[error("the headers are larger than allowed")]
    HeadersTooLarge,
    /// No connection to the database was to be had, or it was lost.
    #[error("the database cannot be reached right now")]
    Unavailable,
    /// The request took longer than allowed and was cancelled.
    #[error("the request took longer than allowed and was cancelled")]
    TookTooLong,
    /// Something that the log explains, by its request id.
    #[error("something went wrong here")]
    Internal,
}

/// What a failure looks like to a client.
pub struct Appearance {
    /// HTTP status.
    pub status: StatusCode,
    /// Machine code, as in `ucrm.refusals`.
    pub code: &'static str,
    /// One line, the same for every occurrence.
    pub title: &'static str,
    /// What to do.
    pub hint: &'static str,
}

impl Failure {
    /// The one place where failures get their status and code.
    pub fn appearance(self) -> Appearance {
        let (status, code, title, hint) = match self {
            Self::Malformed(_) => (
                StatusCode::BAD_REQUEST,
                "bad_request",
                "The request is malformed",
                "Correct what detail names and send it again.",
            ),
            Self::AmbiguousCredential => (
                StatusCode::BAD_REQUEST,
                "ambiguous_credential",
                "More than one credential",
                "Send exactly one of x-api-key, Authorization, X-Internal-Secret.",
            ),
            Self::InvalidJson => (
                StatusCode::BAD_REQUEST,
                "invalid_json",
                "The body is not JSON",
                "Send one JSON object, each member once.",
            ),
            Self::CsrfRejected => (
                StatusCode::FORBIDDEN,
                "csrf_rejected",
                "The request came from a page of another origin",
                "Add the origin to UCRM_ALLOWED_ORIGINS, or send a token instead of the cookie.",
            ),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "The method is not allowed here",
                "See the Allow header.",
            ),
            Self::BodyTimeout => (
                StatusCode::REQUEST_TIMEOUT,
                "request_timeout",
                "The request did not arrive in time",
                "Send the whole body at once.",
            ),
            Self::BodyTooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                "The body is too large",
                "Split it into several requests.",
            ),
            Self::UriTooLong => (
                StatusCode::URI_TOO_LONG,
                "uri_too_long",
                "The request target is too long",
                "Shorten the query string.",
            ),
            Self::HeadersTooLarge => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "headers_too_large",
                "The headers are too large",
                "Send fewer or shorter headers.",
            ),
            Self::Unavailable | Self::TookTooLong => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "Not available right now",
                "Try again in a moment.",
            ),
            Self::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "Something went wrong here",
                "Tell the operator the request id.",
            ),
        };
        Appearance {
            status,
            code,
            title,
            hint,
        }
    }
}
