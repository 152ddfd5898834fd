//! A claimed mail as it goes out: headers, text and HTML.
//! Must never give two attempts one Message-ID: the second has another link, and must not be taken for the first.
//! Called by mail; sent by the transports.

use lettre::address::Envelope;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};

use crate::mail::outcome::Outcome;
use crate::mail::queue::{Claimed, TenantSender};
use crate::mail::template::{self, Text};

/// RFC 3834: nobody's holiday note answers it.
const AUTOMATIC: (&str, &str) = ("Auto-Submitted", "auto-generated");

/// A mail, ready to be sent.
pub struct Letter {
    /// From whom.
    pub from: Mailbox,
    /// To whom.
    pub to: Address,
    /// What it says.
    pub content: Text,
    /// The same with headers, as SMTP takes it.
    pub bytes: Vec<u8>,
    /// For whom SMTP takes it.
    pub envelope: Envelope,
}

impl Letter {
    /// Filled in and put together; from the tenant where it has a sender of its own, else from `platform`.
    ///
    /// # Errors
    /// Why it cannot be: an address that is none, or a template that an operator has to mend.
    pub fn of(mail: &Claimed, platform: &Mailbox) -> Result<Self, Outcome> {
        let to: Address = mail.recipient.parse().map_err(|_| {
            Outcome::failed("address", "the recipient's address cannot be written to")
        })?;
        let from = match &mail.sender {
            Some(sender) => mailbox(sender)?,
            None => platform.clone(),
        };
        let content = template::fill(&mail.template, &mail.layout, &mail.data)
            .map_err(|fault| Outcome::retry("template", fault))?;
        let message_id = format!("<{}.{}@{}>", mail.id, mail.attempt, from.email.domain());
        let (name, value) = AUTOMATIC;
        let automatic = HeaderName::new_from_ascii_str(name);
        let message = Message::builder()
            .from(from.clone())
            .to(Mailbox::new(None, to.clone()))
            .subject(content.subject.as_str())
            .message_id(Some(message_id))
            .raw_header(HeaderValue::new(automatic, value.to_owned()))
            .multipart(
                MultiPart::alternative()
                    .singlepart(part(ContentType::TEXT_PLAIN, &content.text))
                    .singlepart(part(ContentType::TEXT_HTML, &content.html)),
            )
            .map_err(|_| Outcome::failed("message", "no message could be made of it"))?;
        Ok(Self {
            from,
            to,
            bytes: message.formatted(),
            envelope: message.envelope().clone(),
            content,
        })
    }
}

// As it is where it may be (RFC 5321, 4.5.3.1.6), so that a link is one piece in the source too; else encoded.
fn part(kind: ContentType, text: &str) -> SinglePart {
    let builder = SinglePart::builder().header(kind);
    let plain = |line: &str| line.is_ascii() && !line.contains(['\0', '\r']) && line.len() <= 998;
    match text.lines().all(plain) {
        true => {
            let lines: Vec<&str> = text.lines().collect();
            let bytes = lines.join("\r\n").into_bytes();
            let encoding = ContentTransferEncoding::SevenBit;
            builder.body(Body::dangerous_pre_encoded(bytes, encoding))
        }
        false => builder.body(text.to_owned()),
    }
}

fn mailbox(sender: &TenantSender) -> Result<Mailbox, Outcome> {
    let address = sender.from_address.parse().map_err(|_| {
        Outcome::failed("address", "the sender's own address cannot be written from")
    })?;
    let name = template::one_line(&sender.from_name);
    Ok(Mailbox::new((!name.is_empty()).then_some(name), address))
}

#[cfg(test)]
#[path = "letter_tests.rs"]
mod tests;
