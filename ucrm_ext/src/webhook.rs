//! Owns the border of webhook signatures: arguments in, a signature or what is wrong with one out.
//! Must never keep a secret beyond the call, nor say of a message more than that it is not believed.
//! Called by the SQL functions of webhooks, which nobody but UCRM's owner may execute.

mod signature;

use crate::border::{Answer, Call, Fault, varlena};
use pgrx::PgSqlErrorCode;

fn webhook_signature(call: Call) -> Answer {
    let (Some(id), Some(at), Some(body), Some(secret)) =
        (call.text(0), call.bigint(1), call.bytes(2), call.bytes(3))
    else {
        return Ok(None);
    };
    let signed = signature::sign(id, at, body, secret).ok_or_else(|| {
        Fault::new(
            PgSqlErrorCode::ERRCODE_CHARACTER_NOT_IN_REPERTOIRE,
            "the body of a webhook is UTF-8",
        )
    })?;
    Ok(Some(varlena(signed.as_bytes())))
}

fn webhook_signature_fault(call: Call) -> Answer {
    let (Some(id), Some(at), Some(signatures), Some(body), Some(secret)) = (
        call.text(0),
        call.text(1),
        call.text(2),
        call.bytes(3),
        call.bytes(4),
    ) else {
        return Ok(None);
    };
    let fault = signature::fault(id, at, signatures, body, secret);
    Ok(fault.map(|fault| varlena(fault.name().as_bytes())))
}

crate::leaf!(
    pg_finfo_ucrm_webhook_signature,
    ucrm_webhook_signature,
    webhook_signature
);
crate::leaf!(
    pg_finfo_ucrm_webhook_signature_fault,
    ucrm_webhook_signature_fault,
    webhook_signature_fault
);
