//! A wallet's ledger and a bonus under eight writers at once, and what the API says of what is recorded for good.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::thread;

use postgres::Client;
use serde_json::json;
use ucrm_http_tests::database;
use ucrm_http_tests::workspace::Workspace;
use uuid::Uuid;

const WRITERS: i64 = 8;
const ROUNDS: i64 = 40;

/// A player with a wallet that holds `balance`, and a bonus of which `required` is to be wagered.
struct Player {
    workspace: Workspace,
    wallet: Uuid,
    bonus: Uuid,
}

impl Player {
    fn new(balance: i64, required: i64) -> Player {
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

    fn number(&self, sql: &str, id: Uuid) -> i64 {
        self.workspace.value(sql, &[&id])
    }

    /// Lets eight connections of a back end work at once; the sum of what they say.
    fn at_once(&self, work: impl Fn(&mut Writer, i64) -> i64 + Sync) -> i64 {
        let (tenant, user) = (self.workspace.id, self.workspace.owner.id);
        thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS)
                .map(|n| {
                    let work = &work;
                    scope.spawn(move || {
                        let db = database::login("BACKEND_LOGIN", "BACKEND_PASSWORD").unwrap();
                        work(&mut Writer { db, tenant, user }, n)
                    })
                })
                .collect();
            writers
                .into_iter()
                .map(|writer| writer.join().unwrap())
                .sum()
        })
    }
}

/// A connection of a back end that works for the workspace's owner.
struct Writer {
    db: Client,
    tenant: Uuid,
    user: Uuid,
}

impl Writer {
    /// One statement in a transaction of its own: whether it came through.
    fn write(&mut self, sql: &str, id: Uuid, n: i64, reference: Option<&str>) -> bool {
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

const POST: &str = "insert into engagement.wallet_entries (wallet_id, kind, amount_minor, external_id) \
                    values ($1, case when $2::bigint < 0 then 'stake' else 'win' end, $2, $3)";
const WAGER: &str = "insert into engagement.wagering_events (bonus_grant_id, stake_minor, external_id) values ($1, $2, $3)";

#[test]
fn eight_writers_leave_the_sum_of_their_entries() {
    let player = Player::new(1000, 0);
    // More goes out than there is: some of it must be refused.
    let wallet = player.wallet;
    let kept = player.at_once(|writer, n| {
        (0..ROUNDS)
            .map(|round| {
                let amount = if round % 4 == 3 { 20 } else { -(7 + n) };
                if writer.write(POST, wallet, amount, None) {
                    amount
                } else {
                    0
                }
            })
            .sum()
    });
    let balance = player.number(
        "select balance_minor from engagement.player_wallets where id = $1",
        player.wallet,
    );
    assert_eq!(balance, 1000 + kept);
    assert!(balance >= 0);
    assert_eq!(
        player.number(
            "select sum(amount_minor)::bigint from engagement.wallet_entries where wallet_id = $1",
            player.wallet
        ),
        balance
    );
    // One chain without a gap, never below nothing.
    assert_eq!(
        player.number(
            "select max(sequence) - count(*) from engagement.wallet_entries where wallet_id = $1",
            player.wallet
        ),
        0
    );
    assert_eq!(
        player.number(
            "select count(*) from (select balance_before_minor, lag(balance_minor, 1, 0) over (order by sequence) as before, balance_minor \
             from engagement.wallet_entries where wallet_id = $1) as e where balance_before_minor <> before or balance_minor < 0",
            player.wallet
        ),
        0
    );
}

#[test]
fn one_reference_is_one_entry_however_many_send_it() {
    let player = Player::new(1, 0);
    let wallet = player.wallet;
    let kept = player.at_once(|writer, _| {
        (0..10)
            .map(|n| i64::from(writer.write(POST, wallet, 5, Some(&format!("ref-{n}")))))
            .sum()
    });
    assert_eq!(kept, 10);
    assert_eq!(
        player.number(
            "select balance_minor from engagement.player_wallets where id = $1",
            player.wallet
        ),
        51
    );
}

#[test]
fn a_bonus_is_wagered_to_the_cent_and_no_further() {
    let player = Player::new(1, 1000);
    let bonus = player.bonus;
    player.at_once(|writer, n| {
        (0..ROUNDS)
            .map(|_| i64::from(writer.write(WAGER, bonus, 9 + n, None)))
            .sum()
    });
    assert_eq!(player.number("select wagered_minor from engagement.bonus_grants where id = $1 and status = 'completed'", player.bonus), 1000);
    assert_eq!(player.number("select sum(counted_minor)::bigint from engagement.wagering_events where bonus_grant_id = $1", player.bonus), 1000);
}

#[test]
fn the_api_says_what_is_recorded_for_good() {
    let player = Player::new(100, 50);
    let owner = player.workspace.owner();
    let entry: Uuid = player.workspace.value(
        "select id from engagement.wallet_entries where wallet_id = $1",
        &[&player.wallet],
    );
    owner
        .delete(&format!("/api/v1/wallet_entries/{entry}"))
        .refused(403, "immutable");
    owner
        .delete(&format!("/api/v1/player_wallets/{}", player.wallet))
        .refused(409, "referenced");
    let id: Uuid = player.workspace.value(
        "select player_id from engagement.player_wallets where id = $1",
        &[&player.wallet],
    );
    let check = owner
        .post(
            "/api/v1/kyc_history",
            &json!({"player_id": id, "status": "verified", "document": "passport"}),
        )
        .data(201);
    let check = format!("/api/v1/kyc_history/{}", check["id"].as_str().unwrap());
    owner
        .patch(&check, &json!({"status": "rejected"}))
        .refused(403, "immutable");
    owner.delete(&check).refused(403, "immutable");
    owner
        .post(
            "/api/v1/kyc_history",
            &json!({"player_id": id, "status": "maybe"}),
        )
        .refused_fields(422, "validation_failed", &["status"]);
    let reader = player
        .workspace
        .client(&player.workspace.member("reader").key);
    reader
        .post(
            "/api/v1/kyc_history",
            &json!({"player_id": id, "status": "verified"}),
        )
        .refused(403, "permission_denied");
}

#[test]
fn the_api_says_which_step_an_interview_does_not_take() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let candidate = workspace.contact("Candidate")["id"].clone();
    let made = owner
        .post(
            "/api/v1/interviews",
            &json!({"title": "First talk", "candidate_id": candidate, "starts_at": "2031-05-01T09:00:00Z"}),
        )
        .data(201);
    assert_eq!(made["workflow_state"], "proposed");
    assert_eq!(made["duration_minutes"], 45);
    let path = format!("/api/v1/interviews/{}", made["id"].as_str().unwrap());
    owner
        .patch(&path, &json!({"workflow_state": "completed"}))
        .refused(409, "transition_not_allowed");
    owner
        .patch(&path, &json!({"workflow_state": "scheduled"}))
        .is(200);
}
