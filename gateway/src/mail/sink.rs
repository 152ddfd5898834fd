//! Mail for developers: a file for each, which any mail program opens.
//! Must never show half a mail, nor let anybody but the files' owner read them.
//! Called by transport.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use time::OffsetDateTime;
use time::macros::format_description;
use uuid::Uuid;

use crate::mail::outcome::Outcome;

const OWNERS_ALONE: u32 = 0o600;
/// A file's name may have 255 bytes.
const LONGEST: usize = 120;

/// Writes the mail into the folder.
pub fn write(
    folder: &Path,
    now: OffsetDateTime,
    kind: &str,
    recipient: &str,
    mail: &[u8],
) -> Outcome {
    match put(folder, &name_of(now, kind, recipient), mail) {
        Ok(()) => Outcome::sent(),
        Err(error) => Outcome::retry("folder", format!("UCRM_MAIL_DIR: {error}")),
    }
}

/// True where files can be made in the folder.
pub fn is_writable(folder: &Path) -> bool {
    let probe = folder.join(format!(".{}", Uuid::now_v7()));
    let made = create(&probe).is_ok();
    let _ = fs::remove_file(&probe);
    made
}

// Whoever looks at the folder sees a whole mail or none.
fn put(folder: &Path, name: &str, mail: &[u8]) -> io::Result<()> {
    let hidden = folder.join(format!(".{}", Uuid::now_v7()));
    let written = create(&hidden)
        .and_then(|mut file| file.write_all(mail))
        .and_then(|()| fs::rename(&hidden, folder.join(name)));
    if written.is_err() {
        let _ = fs::remove_file(&hidden);
    }
    written
}

fn create(path: &Path) -> io::Result<fs::File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(OWNERS_ALONE)
        .open(path)
}

/// `<UTC time>-<kind>-<recipient>.eml`; in order of time when sorted, and never another folder's.
fn name_of(now: OffsetDateTime, kind: &str, recipient: &str) -> String {
    let format =
        format_description!("[year][month][day]T[hour][minute][second].[subsecond digits:6]Z");
    let time = now
        .to_offset(time::UtcOffset::UTC)
        .format(format)
        .unwrap_or_default();
    let plain = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '@' | '.' | '_' | '+' | '-' => c,
        _ => '_',
    };
    let clean = |text: &str| -> String { text.chars().take(LONGEST).map(plain).collect() };
    format!("{time}-{}-{}.eml", clean(kind), clean(recipient))
}

#[cfg(test)]
#[path = "sink_tests.rs"]
mod tests;
