//! Audit logs that are sealed and exported, and `ucrm-gateway verify-audit` over them.
//! Must never look at an export itself: that is what the program is for.
//! Called by the tests of seals.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use uuid::Uuid;

use crate::stage::name;
use crate::wait::until;
use crate::workspace::Workspace;

/// All of a workspace's audit.
pub const EXPORT: &str = "/api/v1/audit_logs/export?format=ndjson";
/// The head of its chain, signed.
pub const CHECKPOINT: &str = "/api/v1/audit_logs/checkpoint";

/// A file that goes with the test.
pub struct Temporary(PathBuf);

impl Temporary {
    /// With this in it.
    pub fn of(text: &str) -> Temporary {
        let path = std::env::temp_dir().join(format!("ucrm-test-{}", Uuid::new_v4().simple()));
        fs::write(&path, text).unwrap();
        Temporary(path)
    }

    /// Where it is.
    pub fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Kind, seal, row.
pub type Found = BTreeSet<(String, String, String)>;

/// How the verifier ends, and what it finds.
pub fn verified(export: &str, arguments: &[&str]) -> (i32, Found, String) {
    let file = Temporary::of(export);
    let output = Command::new(name("UCRM_TEST_GATEWAY_BIN"))
        .env_clear()
        .args(["verify-audit", file.path()])
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
    let found = said
        .lines()
        .filter_map(|line| {
            let mut cells = line.split('\t').map(str::to_owned);
            Some((cells.next()?, cells.next()?, cells.next()?))
        })
        .collect();
    (output.status.code().unwrap(), found, said)
}

/// What kinds, in order.
pub fn kinds(found: &Found) -> Vec<&str> {
    found.iter().map(|(kind, _, _)| kind.as_str()).collect()
}

/// A workspace whose contacts left rows, under seals of four.
pub fn sealed() -> Workspace {
    let workspace = Workspace::new();
    for n in 0..10 {
        workspace.contact(&format!("C{n} \"é\"\n\\"));
    }
    seal(&workspace);
    workspace
}

/// Seals whatever there is, four rows at a time: not before all of it can be, or the seals would be other ones each time.
pub fn seal(workspace: &Workspace) {
    let more = format!(
        "do $$ begin perform ucrm.lock('seal_audit'); \
         if ucrm.settled_until() > (select max(id::text)::uuid from ucrm.audit_logs where tenant_id = '{0}') then \
         while ucrm.seal_rows('{0}', ucrm.settled_until(), 4) > 0 loop end loop; end if; end $$",
        workspace.id
    );
    until("everything is sealed", || {
        workspace.execute(&more, &[]);
        let left: i64 = workspace.value(
            "select unsealed_rows from ucrm.audit_state($1)",
            &[&workspace.id],
        );
        (left == 0).then_some(())
    });
}

/// Its audit, as lines.
pub fn exported(workspace: &Workspace) -> String {
    String::from_utf8(workspace.owner().get(EXPORT).is(200).body).unwrap()
}
