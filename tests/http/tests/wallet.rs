//! A wallet's ledger and a bonus under eight writers at once, and what the API says of what is recorded for good.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::json;
use ucrm_http_tests::player::Player;
use uuid::Uuid;

const ROUNDS: i64 = 40;

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
fn what_is_recorded_is_not_rewritten_by_any_way_in() {
    let player = Player::new(100, 50);
    let owner = player.workspace.owner();
    let one = |sql: &str, id: Uuid| -> Uuid { player.workspace.value(sql, &[&id]) };
    let entry = one(
        "select id from engagement.wallet_entries where wallet_id = $1",
        player.wallet,
    );
    let wager = owner
        .post(
            "/api/v1/wagering_events",
            &json!({"bonus_grant_id": player.bonus, "stake": {"amount": "0.10", "currency": "EUR"}}),
        )
        .data(201);
    let euros = |amount: &str| json!({"amount": amount, "currency": "EUR"});
    let before = player.ledger();
    for (resource, id, change, status, code) in [
        (
            "wallet_entries",
            entry,
            json!({"reason": "no"}),
            403,
            "immutable",
        ),
        (
            "wallet_entries",
            entry,
            json!({"amount": euros("5.00")}),
            403,
            "immutable",
        ),
        (
            "wallet_entries",
            entry,
            json!({"balance": euros("5.00")}),
            403,
            "immutable",
        ),
        (
            "wallet_entries",
            entry,
            json!({"sequence": 7}),
            403,
            "immutable",
        ),
        (
            "wagering_events",
            wager["id"].as_str().unwrap().parse().unwrap(),
            json!({"counted": euros("9.00")}),
            403,
            "immutable",
        ),
        (
            "player_wallets",
            player.wallet,
            json!({"balance": euros("999.00")}),
            422,
            "validation_failed",
        ),
        (
            "player_wallets",
            player.wallet,
            json!({"last_sequence": 2, "balance": euros("999.00")}),
            422,
            "validation_failed",
        ),
        (
            "player_wallets",
            player.wallet,
            json!({"last_sequence": null, "balance": euros("0.00")}),
            422,
            "validation_failed",
        ),
        (
            "bonus_grants",
            player.bonus,
            json!({"amount": euros("5.00")}),
            403,
            "immutable",
        ),
        (
            "bonus_grants",
            player.bonus,
            json!({"wagering_required": euros("0.20")}),
            403,
            "immutable",
        ),
        (
            "bonus_grants",
            player.bonus,
            json!({"wagered": euros("0.50")}),
            422,
            "validation_failed",
        ),
        (
            "bonus_grants",
            player.bonus,
            json!({"last_sequence": 2, "wagered": euros("0.50")}),
            422,
            "validation_failed",
        ),
        (
            "bonus_grants",
            player.bonus,
            json!({"status": "completed"}),
            422,
            "validation_failed",
        ),
    ] {
        let alone = owner.patch(&format!("/api/v1/{resource}/{id}"), &change);
        alone.refused(status, code);
        let many = owner.patch(
            &format!("/api/v1/{resource}"),
            &json!({"ids": [id], "data": change}),
        );
        many.refused(status, code);
        let rest = owner.patch(&format!("/rest/v1/{resource}?id=eq.{id}"), &change);
        assert!((400..500).contains(&rest.status), "{}", rest.text());
        assert_eq!(player.ledger(), before, "{resource} {change}");
    }
    for resource in ["wallet_entries", "wagering_events"] {
        let id = if resource == "wallet_entries" {
            json!(entry)
        } else {
            wager["id"].clone()
        };
        owner
            .json(
                "DELETE",
                &format!("/api/v1/{resource}"),
                &json!({"ids": [id]}),
            )
            .refused(403, "immutable");
    }
    assert_eq!(player.ledger(), before);
    // What changes nothing is no change, and what is not of the record may change.
    owner
        .patch(
            &format!("/api/v1/wallet_entries/{entry}"),
            &json!({"kind": "deposit"}),
        )
        .is(200);
    owner
        .patch(
            &format!("/api/v1/player_wallets/{}", player.wallet),
            &json!({"status": "frozen"}),
        )
        .is(200);
    owner
        .post(
            "/api/v1/wallet_entries",
            &json!({"wallet_id": player.wallet, "kind": "deposit", "amount": euros("1.00")}),
        )
        .refused(409, "wallet_frozen");
    owner
        .patch(
            &format!("/api/v1/bonus_grants/{}", player.bonus),
            &json!({"status": "cancelled"}),
        )
        .is(200);
    owner
        .patch(
            &format!("/api/v1/bonus_grants/{}", player.bonus),
            &json!({"status": "active"}),
        )
        .refused(403, "immutable");
}
