//! An authority of a test's own, and a certificate it signed, made by openssl.
//! Must never be trusted by anything but what a test starts.
//! Called by tests of encrypted connections.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use uuid::Uuid;

/// Files in a folder that goes with it.
pub struct Certificate {
    folder: PathBuf,
}

impl Certificate {
    /// For these names and addresses, as openssl writes them: `DNS:localhost,IP:127.0.0.1`.
    pub fn of(names: &str) -> Certificate {
        let folder = env::temp_dir().join(format!("ucrm-test-ca-{}", Uuid::new_v4().simple()));
        fs::create_dir(&folder).unwrap();
        let made = Certificate { folder };
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        made.openssl(&format!(
            "req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=tests -days 2"
        ));
        made.openssl(&format!(
            "req {key} -keyout key.pem -out request.pem -subj /CN=mail"
        ));
        fs::write(made.folder.join("names"), format!("subjectAltName={names}")).unwrap();
        made.openssl(
            "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -out cert.pem -days 2 -extfile names",
        );
        made
    }

    /// The authority.
    pub fn authority(&self) -> String {
        self.path("ca.pem")
    }

    /// The certificate.
    pub fn certificate(&self) -> String {
        self.path("cert.pem")
    }

    /// Its key.
    pub fn key(&self) -> String {
        self.path("key.pem")
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    fn openssl(&self, arguments: &str) {
        let done = Command::new("/usr/bin/openssl")
            .args(arguments.split(' '))
            .current_dir(&self.folder)
            .output()
            .unwrap();
        assert!(
            done.status.success(),
            "{arguments}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
