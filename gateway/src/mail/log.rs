//! Mail where nothing else was set up: a line in the log says that there would have been one.
//! Must never show more of the recipient than the domain, and nothing of the link.
//! Called by transport.

use crate::mail::outcome::Outcome;
use crate::mail::queue::Claimed;

/// Notes the mail.
pub fn note(mail: &Claimed) -> Outcome {
    let domain = domain_of(&mail.recipient);
    tracing::info!(id = %mail.id, kind = &*mail.kind, domain, "a mail, if there were a way to send it");
    Outcome::sent()
}

fn domain_of(recipient: &str) -> &str {
    recipient.rsplit_once('@').map_or("", |(_, domain)| domain)
}

#[cfg(test)]
mod tests {
    use super::domain_of;

    #[test]
    fn of_the_address_only_the_domain_is_shown() {
        assert_eq!(domain_of("ada@acme.example"), "acme.example");
        assert_eq!(domain_of("\"a@b\"@acme.example"), "acme.example");
        assert_eq!(domain_of("nobody"), "");
    }
}
