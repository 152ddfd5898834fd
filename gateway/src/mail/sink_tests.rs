use std::env;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use proptest::prelude::*;
use time::macros::datetime;

use super::*;
use crate::mail::outcome::Ending;

const NOW: OffsetDateTime = datetime!(2026-01-02 03:04:05.678901 +02:00);

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = env::temp_dir().join(format!("ucrm-sink-{}", Uuid::now_v7()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_mail_is_a_file_that_its_owner_alone_reads() {
    let folder = Folder::new();
    let outcome = write(
        &folder.0,
        NOW,
        "verify_email",
        "ada@acme.example",
        b"Subject: x\r\n\r\ny",
    );
    assert_eq!(outcome.ending, Ending::Sent);
    let name = "20260102T010405.678901Z-verify_email-ada@acme.example.eml";
    assert_eq!(folder.names(), [name]);
    let path = folder.0.join(name);
    assert_eq!(fs::read(&path).unwrap(), b"Subject: x\r\n\r\ny");
    assert_eq!(
        fs::metadata(path).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn a_folder_that_is_not_there_is_tried_again_and_says_so() {
    let folder = Folder::new();
    assert!(is_writable(&folder.0));
    assert!(folder.names().is_empty());
    let gone = folder.0.join("gone");
    assert!(!is_writable(&gone));
    let outcome = write(&gone, NOW, "x", "a@b", b"");
    assert_eq!(outcome.ending, Ending::Retry);
    assert!(outcome.told.contains("UCRM_MAIL_DIR"));
}

proptest! {
    #[test]
    fn no_recipient_leads_out_of_the_folder(kind in "[a-z_]{1,20}", recipient in any::<String>()) {
        let name = name_of(NOW, &kind, &recipient);
        prop_assert!(!name.contains(['/', '\0', '\\']) && name.is_ascii() && name.len() <= 255, "{}", name);
        prop_assert!(name.starts_with("20260102T010405.678901Z-") && name.ends_with(".eml"));
    }
}
