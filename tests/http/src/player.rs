//! A player with a wallet and a bonus, and back ends that write to both at once.
//! Must never reckon: what a ledger comes to is for the tests to say.
//! Called by tests of wallets and bonuses.

use postgres::Client;
use serde_json::Value;
use uuid::Uuid;

use crate::crowd::at_once;
use crate::database;
use crate::workspace::Workspace;

const WRITERS: usize = 8;

/// A player with a wallet that holds `balance`, and a bonus of which `required` is to be wagered.
pub struct Player {
    /// Where it plays.
    pub workspace: Workspace,
    /// Its wallet.
    pub wallet: Uuid,
    /// Its bonus.
    pub bonus: Uuid,
}

impl Player {
    /// With so much in the wallet, and so much to be wagered.
    pub fn new(balance: i64, required: i64) -> Player {
        let workspace = Workspace::new();
        let tenant = workspace.id;
        workspace.execute(
            "insert into engagement.currencies (tenant_id, code, name) values ($1, 'EUR', 'Euro')",
            &[&tenant],
        );
        let player: Uuid = workspace.value(
            "insert into engagement.players (tenant_id, username) values ($1, 'eight') returning id",
            &[&tenant],
        );
        let wallet: Uuid = workspace.value(
            "insert into engagement.player_wallets (tenant_id, player_id, currency) values ($1, $2, 'EUR') returning id",
            &[&tenant, &player],
        );
        workspace.execute(
            "insert into engagement.wallet_entries (tenant_id, wallet_id, kind, amount_minor) values ($1, $2, 'deposit', $3)",
            &[&tenant, &wallet, &balance],
        );
        let bonus: Uuid = workspace.value(
            "insert into engagement.bonus_grants (tenant_id, player_id, wallet_id, currency, amount_minor, wagering_required_minor) \
             values ($1, $2, $3, 'EUR', 100, $4) returning id",
            &[&tenant, &player, &wallet, &required],
        );
        Player {
            workspace,
            wallet,
            bonus,
        }
    }

    /// A number, asked about this id.
    #[track_caller]
    pub fn number(&self, sql: &str, id: Uuid) -> i64 {
        self.workspace.value(sql, &[&id])
    }

    /// Wallet, bonus, and what is recorded of them.
    #[track_caller]
    pub fn ledger(&self) -> Value {
        self.workspace.value(
            "select jsonb_build_array((select jsonb_agg(to_jsonb(w) order by id) from engagement.player_wallets as w where tenant_id = $1), \
             (select jsonb_agg(to_jsonb(b) order by id) from engagement.bonus_grants as b where tenant_id = $1), \
             (select jsonb_agg(to_jsonb(e) order by id) from engagement.wallet_entries as e where tenant_id = $1), \
             (select jsonb_agg(to_jsonb(v) order by id) from engagement.wagering_events as v where tenant_id = $1))",
            &[&self.workspace.id],
        )
    }

    /// Lets eight connections of a back end work at once; the sum of what they say.
    pub fn at_once(&self, work: impl Fn(&mut Writer, i64) -> i64 + Sync) -> i64 {
        let (tenant, user) = (self.workspace.id, self.workspace.owner.id);
        let said = at_once(WRITERS, |n| {
            let db = database::login("BACKEND_LOGIN", "BACKEND_PASSWORD").unwrap();
            work(&mut Writer { db, tenant, user }, n as i64)
        });
        said.into_iter().sum()
    }
}

/// A connection of a back end that works for the workspace's owner.
pub struct Writer {
    db: Client,
    tenant: Uuid,
    user: Uuid,
}

impl Writer {
    /// One statement in a transaction of its own: whether it came through.
    pub fn write(&mut self, sql: &str, id: Uuid, n: i64, reference: Option<&str>) -> bool {
        let mut work = self.db.transaction().unwrap();
        work.execute("select ucrm.enter($1, $2)", &[&self.tenant, &self.user])
            .unwrap();
        match work.execute(sql, &[&id, &n, &reference]) {
            Ok(_) => work.commit().is_ok(),
            Err(error) => {
                let code = error.as_db_error().unwrap().code().code().to_owned();
                assert!(
                    ["23514", "23505", "PT409"].contains(&code.as_str()),
                    "{error:?}"
                );
                false
            }
        }
    }
}
