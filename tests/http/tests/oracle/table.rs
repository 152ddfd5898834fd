//! The table that is asked: a column of every type, and rows whose values the reference knows.

use postgres::Client;
use ucrm_http_tests::database::{execute, value};
use ucrm_http_tests::dice::Dice;
use ucrm_http_tests::workspace::Workspace;

use super::value::{Kind, Meaning, stored};

/// A column, by its name in the API.
#[derive(Debug)]
pub struct Column {
    pub name: &'static str,
    pub kind: Kind,
    /// How it is made: `type`, or the type of a custom column.
    pub made: &'static str,
    pub custom: bool,
    /// It has the name of a parameter.
    pub in_groups_only: bool,
}

const fn column(name: &'static str, kind: Kind, made: &'static str) -> Column {
    Column {
        name,
        kind,
        made,
        custom: false,
        in_groups_only: false,
    }
}

const fn custom(name: &'static str, kind: Kind, made: &'static str) -> Column {
    Column {
        name,
        kind,
        made,
        custom: true,
        in_groups_only: false,
    }
}

/// Every type that the reference of filters tells.
pub static COLUMNS: [Column; 31] = [
    column("label", Kind::Text, "text"),
    column("word", Kind::Text, "varchar(40)"),
    column("code", Kind::Short, "char(4)"),
    column("partner", Kind::Uuid, "uuid"),
    column("small", Kind::Integer, "smallint"),
    Column {
        name: "limit",
        kind: Kind::Integer,
        made: "integer",
        custom: false,
        in_groups_only: true,
    },
    column("visits", Kind::Integer, "bigint"),
    column("score", Kind::Numeric, "numeric(12,3)"),
    column("weight", Kind::Numeric, "numeric"),
    column("ratio", Kind::Float, "double precision"),
    column("share", Kind::Float, "real"),
    column("vip", Kind::Boolean, "boolean"),
    column("met_at", Kind::Moment, "timestamptz"),
    column("local_at", Kind::LocalTime, "timestamp"),
    column("born", Kind::Date, "date"),
    column("tags", Kind::Texts, "text[]"),
    column("marks", Kind::Integers, "integer[]"),
    column("facts", Kind::Json, "jsonb"),
    column("price", Kind::Money, ""),
    column("mood", Kind::Mood, "oracle.mood"),
    column("address", Kind::Address, "inet"),
    custom("note", Kind::Text, "plain"),
    custom("due", Kind::Date, "date"),
    custom("seen", Kind::Moment, "datetime"),
    custom("budget", Kind::Money, "currency"),
    custom("size", Kind::Choice, "single_select"),
    custom("site", Kind::Link, "link"),
    custom("mail", Kind::Mail, "email"),
    custom("tel", Kind::Phone, "phone"),
    custom("stay", Kind::DateRange, "date_range"),
    custom("slot", Kind::MomentRange, "datetime_range"),
];

impl Column {
    /// Its place among `COLUMNS`.
    pub fn place(&self) -> usize {
        COLUMNS
            .iter()
            .position(|known| known.name == self.name)
            .unwrap()
    }
}

/// Rows the reference knows, numbered from 1 in the column `n`.
pub struct Table {
    pub rows: Vec<Vec<Meaning>>,
    /// What the compiler knows of the table.
    pub shape: String,
    /// Microseconds since 1970.
    pub now: i128,
}

impl Table {
    /// Makes it in the open transaction, and enters the workspace as its owner.
    pub fn make(db: &mut Client, workspace: &Workspace, dice: &mut Dice, number: usize) -> Table {
        let columns: Vec<String> = COLUMNS
            .iter()
            .filter(|column| !column.custom && column.kind != Kind::Money)
            .map(|column| format!("\"{}\" {}", column.name, column.made))
            .collect();
        db.batch_execute(&format!(
            "create schema oracle; create type oracle.mood as enum ('sad', 'ok', 'very happy');
             create table oracle.questions (tenant_id uuid not null, id uuid not null default ucrm.uuid7(), n integer not null, {},
                 price_minor bigint, price_currency text, custom jsonb not null default '{{}}', primary key (tenant_id, id));
             do $$ begin perform ucrm.protect('oracle.questions', label => 'label'); end $$",
            columns.join(", ")
        ))
        .unwrap();
        for column in COLUMNS.iter().filter(|column| column.custom) {
            let options = match column.kind {
                Kind::Choice => r#"["sad", "ok", "very happy"]"#,
                _ => "[]",
            };
            execute(
                db,
                "insert into ucrm.custom_columns (tenant_id, resource, name, label, type, options) values ($1, 'questions', $2, $2, $3, $4::text::jsonb)",
                &[&workspace.id, &column.name, &column.made, &options],
            );
        }
        let now: i64 = value(
            db,
            "select (extract(epoch from now()) * 1000000)::bigint",
            &[],
        );
        let now = i128::from(now);
        execute(
            db,
            "select ucrm.enter($1, $2)",
            &[&workspace.id, &workspace.owner.id],
        );
        let rows = (1..=number)
            .map(|n| row(db, workspace, dice, now, n))
            .collect();
        let shape = value(db, "select ucrm.wide_shape_of('questions')", &[]);
        Table { rows, shape, now }
    }
}

fn row(
    db: &mut Client,
    workspace: &Workspace,
    dice: &mut Dice,
    now: i128,
    n: usize,
) -> Vec<Meaning> {
    let (mut meanings, mut names, mut values, mut custom) =
        (Vec::new(), String::new(), String::new(), String::new());
    let mut binds: Vec<Option<String>> = Vec::new();
    for column in &COLUMNS {
        let stored = stored(dice, column.kind, now, column.custom);
        meanings.push(stored.meaning);
        if column.custom {
            if let Some(spelling) = stored.spelling {
                let comma = if custom.is_empty() { "" } else { ", " };
                custom.push_str(&format!("{comma}\"{}\": {spelling}", column.name));
            }
            continue;
        }
        binds.push(stored.spelling);
        let bind = format!("${}::text", binds.len() + 2);
        let (name, cast) = match column.kind {
            Kind::Money => (
                "price_minor, price_currency".to_owned(),
                format!("({bind}::jsonb ->> 0)::bigint, {bind}::jsonb ->> 1"),
            ),
            Kind::Texts | Kind::Integers => (
                format!("\"{}\"", column.name),
                format!(
                    "case when {bind} is not null then array(select jsonb_array_elements_text({bind}::jsonb))::{} end",
                    column.made
                ),
            ),
            _ => (
                format!("\"{}\"", column.name),
                format!("{bind}::{}", column.made),
            ),
        };
        names.push_str(&format!(", {name}"));
        values.push_str(&format!(", {cast}"));
    }
    binds.push(Some(format!("{{{custom}}}")));
    let sql = format!(
        "insert into oracle.questions (tenant_id, n{names}, custom) values ($1, $2{values}, ${}::text::jsonb)",
        binds.len() + 2
    );
    let n = i32::try_from(n).unwrap();
    let mut all: Vec<&(dyn postgres::types::ToSql + Sync)> = vec![&workspace.id, &n];
    all.extend(
        binds
            .iter()
            .map(|bind| bind as &(dyn postgres::types::ToSql + Sync)),
    );
    execute(db, &sql, &all);
    meanings
}
