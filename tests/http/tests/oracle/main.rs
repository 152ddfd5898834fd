//! Filters by the thousand, made at random, against real rows: what the compiled SQL finds, beside a slow reference of its
//! own. Every operator of every type, both dialects, nested; SQL's three truths.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod calendar;
mod filter;
mod spelling;
mod table;
mod truth;
mod value;

use std::env;

use postgres::Client;
use serde_json::Value;
use ucrm_http_tests::database;
use ucrm_http_tests::dice::Dice;
use ucrm_http_tests::workspace::Workspace;

use filter::{Dialect, Filter, filter, operators, term};
use spelling::query;
use table::{COLUMNS, Table};
use truth::Truth;

const ROWS: usize = 90;
const FILTERS: usize = 4_000;
const NATIVE: &str = "select s.refusal::text, case when s.refusal is null then ucrm.run_rows(s.sql, s.binds) end \
     from ucrm.compile_list($1, 'limit=100&fields=n&sort=n&' || $2) as s";
const REST: &str = "select s.refusal::text, case when s.refusal is null then ucrm.run_rows(s.sql, s.binds) end \
     from ucrm.compile_rest($1, 'select=n&order=n.asc&' || $2, 'list', null, null, null, null) as s";

/// What was asked, and what both sides say.
fn ask(
    db: &mut Client,
    table: &Table,
    sql: &str,
    text: &str,
    filters: &[Filter],
) -> Result<usize, String> {
    let expected: Vec<usize> = (1..=table.rows.len())
        .filter(|n| {
            let row = &table.rows[n - 1];
            Truth::all(filters.iter().map(|filter| filter.says(row, table.now))) == Truth::True
        })
        .collect();
    let row = db
        .query_one(sql, &[&table.shape, &text])
        .map_err(|error| format!("{text}\n  {error:?}"))?;
    if let Some(refusal) = row.get::<_, Option<String>>(0) {
        return Err(format!("{text}\n  refused: {refusal}"));
    }
    let found: Value = serde_json::from_str(row.get(1)).unwrap();
    let found: Vec<usize> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["n"].as_u64().unwrap() as usize)
        .collect();
    if found == expected {
        return Ok(found.len());
    }
    let differ = |n: &&usize| found.contains(n) != expected.contains(n);
    let first = found.iter().chain(&expected).find(differ).unwrap();
    Err(format!(
        "{text}\n  row {first} {}: {filters:?}\n  {:?}",
        if found.contains(first) {
            "was found"
        } else {
            "was not found"
        },
        table.rows[first - 1]
    ))
}

fn compare(dialect: Dialect, sql: &str) {
    let seed = env::var("UCRM_ORACLE_SEED").map_or(20_261_128, |seed| seed.parse().unwrap());
    println!("UCRM_ORACLE_SEED={seed}");
    let mut dice = Dice::new(seed);
    let workspace = Workspace::new();
    let mut db = database::admin();
    db.batch_execute("begin").unwrap();
    let table = Table::make(&mut db, &workspace, &mut dice, ROWS);
    db.batch_execute("set local role ucrm_handler").unwrap();

    let mut asked: Vec<Vec<Filter>> = Vec::new();
    // Each operator of each type by itself, so that nothing depends on luck, and what differs is small.
    for column in &COLUMNS {
        for operator in operators(column.kind, dialect) {
            asked.extend(
                (0..8).map(|_| vec![term(&mut dice, column, operator, dialect, table.now)]),
            );
        }
    }
    while asked.len() < FILTERS {
        let (number, depth) = (1 + dice.below(3), dice.below(5));
        let filters: Vec<Filter> = (0..number)
            .map(|_| filter(&mut dice, &COLUMNS, dialect, table.now, depth))
            .collect();
        // A request has at most 50.
        if filters.iter().map(Filter::terms).sum::<usize>() <= 40 {
            asked.push(filters);
        }
    }
    let (mut faults, mut telling) = (Vec::new(), 0);
    for filters in &asked {
        let text = query(&mut dice, dialect, filters);
        match ask(&mut db, &table, sql, &text, filters) {
            Ok(found) => telling += usize::from(found > 0 && found < ROWS),
            Err(fault) => {
                faults.push(fault);
                // A statement that failed ends the transaction.
                if faults.len() == 12 || db.simple_query("select").is_err() {
                    break;
                }
            }
        }
    }
    db.batch_execute("rollback").unwrap();
    assert!(faults.is_empty(), "seed {seed}:\n{}", faults.join("\n"));
    // Filters that find all rows or none would prove little.
    assert!(telling > asked.len() / 3, "{telling} of {}", asked.len());
}

#[test]
fn native_filters_find_what_they_say() {
    compare(Dialect::Native, NATIVE);
}

#[test]
fn filters_of_postgrests_dialect_find_what_they_say() {
    compare(Dialect::Rest, REST);
}
