//! What the database tells of a session, put where whoever showed it looks: a browser's cookie, a program's header.
//! Must never show a secret to a script that did not send one itself.
//! Called by gateway for every reply that tells something.

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue, SET_COOKIE};

use crate::credential::{Credential, bearer_session, cookies};
use crate::site::Site;

/// As Better Auth's clients know it. A token of ours that goes on is in it already: the database put it there.
const SET_AUTH_TOKEN: HeaderName = HeaderName::from_static("set-auth-token");

/// `told`: `secret seconds` for a new secret, `= seconds` when the one that was shown lives longer, or nothing when the
/// session is over.
pub fn hand_over(told: &str, site: &Site, request: &HeaderMap, reply: &mut HeaderMap) {
    let (secret, seconds) = told.split_once(' ').unwrap_or(("", "0"));
    let value = if secret == "=" {
        let shown = Credential::pick(request, site.cookie());
        if !shown.is_ok_and(|shown| shown.is_ambient()) {
            return;
        }
        let value = cookies(request, site.cookie()).next();
        let Some(value) = value.and_then(|value| std::str::from_utf8(value).ok()) else {
            return;
        };
        value
    } else {
        if !secret.is_empty()
            && bearer_session(request).is_some()
            && let Ok(value) = HeaderValue::from_str(secret)
        {
            reply.insert(SET_AUTH_TOKEN, value);
        }
        secret
    };
    if let Some(cookie) = site.set_cookie(value, seconds) {
        reply.insert(SET_COOKIE, cookie);
    }
}

/// Such a reply is for nobody else.
pub fn is_handed_over(reply: &HeaderMap) -> bool {
    reply.contains_key(SET_COOKIE) || reply.contains_key(SET_AUTH_TOKEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handed(
        told: &str,
        pairs: &[(&'static str, &'static str)],
    ) -> (Option<String>, Option<String>) {
        let site = Site {
            public_url: None,
            is_https: false,
        };
        let (mut request, mut reply) = (HeaderMap::new(), HeaderMap::new());
        for (name, value) in pairs {
            request.append(*name, HeaderValue::from_static(value));
        }
        hand_over(told, &site, &request, &mut reply);
        assert_eq!(is_handed_over(&reply), !reply.is_empty());
        let text = |name| Some(reply.get(name)?.to_str().unwrap().to_owned());
        (text(SET_COOKIE), text(SET_AUTH_TOKEN))
    }

    const LIVES: &str = "ucrm_session=old; Path=/; Max-Age=60; HttpOnly; SameSite=Lax";

    #[test]
    fn a_session_that_slides_keeps_the_browser_s_cookie_alive() {
        let cookie = ("cookie", "a=b; ucrm_session=old");
        assert_eq!(handed("= 60", &[cookie]), (Some(LIVES.to_owned()), None));
        // It was not the cookie that was judged, or nobody knows which of them.
        for other in [
            ("authorization", "Bearer ucrm_session_x"),
            ("x-api-key", "ucrm_live_x"),
            ("cookie", "ucrm_session=other"),
        ] {
            assert_eq!(handed("= 60", &[cookie, other]), (None, None), "{other:?}");
        }
        assert_eq!(handed("= 60", &[]), (None, None));
    }

    #[test]
    fn a_new_secret_is_read_by_whoever_showed_the_old_one_and_by_no_script_besides() {
        let told = "ucrm_session_new 60";
        let kept = Some(
            "ucrm_session=ucrm_session_new; Path=/; Max-Age=60; HttpOnly; SameSite=Lax".to_owned(),
        );
        let new = Some("ucrm_session_new".to_owned());
        let bearer = ("authorization", "bearer ucrm_session_old");
        assert_eq!(handed(told, &[bearer]), (kept.clone(), new));
        for pairs in [
            vec![],
            vec![("cookie", "ucrm_session=old")],
            vec![("authorization", "Bearer eyJh.e30.c2ln")],
        ] {
            assert_eq!(handed(told, &pairs), (kept.clone(), None), "{pairs:?}");
        }
        let (gone, none) = handed("", &[bearer]);
        assert!(
            gone.unwrap()
                .starts_with("ucrm_session=; Path=/; Max-Age=0")
                && none.is_none()
        );
    }
}
