//! The reference of filters, gateway/FILTERS.md.

use super::*;

/// What each parameter is for.
fn parameter(name: &str) -> &'static str {
    match name {
        "page" => "which page, from 1",
        "limit" => "rows of a page, 1 to 100; 25 if not sent",
        "cursor" => {
            "instead of `page`: empty for the first page, then `meta.next_cursor` of the one before. `sort` and filters stay as they were, else `invalid_cursor`"
        }
        "sort" => {
            "up to 5 columns, `-` for largest first: `-created_at,name`. Nulls are last, or first with `-`. If not sent: newest first. The id breaks ties"
        }
        "fields" => "the columns that are shown: `id,name,custom.budget`",
        "expand" => {
            "related rows in each row, up to 8 relations: one row or null, or an array of at most 100, newest first. `owner` is the member a row belongs to"
        }
        "q" => "up to 8 words that must all be in the resource's search columns, whatever the case",
        "archived" => "`any` or `only`; archived rows stay out if not sent",
        "count" => {
            "`exact` or `estimated`. `meta.total` is exact with `page`, and absent with `cursor` unless asked for. An estimate is exact up to 10,000; beyond that the planner's guess, an average over all workspaces"
        }
        "and" | "or" => {
            "conditions in brackets, up to 8 deep: `or=(stage.eq.won,and(age.gt.5,not.or(a.is.null,b.is.null)))`"
        }
        name => panic!("{name} has no words in the reference"),
    }
}

#[test]
fn the_reference_of_filters_is_what_the_code_has() {
    use std::fmt::Write;
    let mut text = String::from(
        "# Filters\n\nThis file is made from the tables of the compiler (`ucrm_ext/src/query`); the test \
         `the_reference_of_filters_is_what_the_code_has` fails when it is stale, and writes it with `UCRM_WRITE_REFERENCE=1`.\n\n\
         `GET /api/v1/{resource}?…` takes these parameters, each once; `and`, `or` and columns as often as wanted, up to 50 conditions.\n\n\
         | parameter | what it says |\n|---|---|\n",
    );
    for name in PARAMETERS {
        writeln!(text, "| `{name}` | {} |", parameter(name)).unwrap();
    }
    text.push_str(
        "\nAny other parameter is a column: `stage=eq.won`, `amount=not.is.null`. A column named like a parameter is reached inside \
         `and=(limit.gt.5)`. Custom columns are `custom.name`; an amount of money is compared in major units, whatever its currency. \
         A secret column is shown as its mask, and neither filtered nor sorted by. In brackets a value that has `,` or `)` is put in `\"`, \
         with `\\` before `\"` and `\\`.\n\n| operator | what it says of a column | written |\n|---|---|---|\n",
    );
    for operator in Operator::NATIVE {
        let (says, written) = operator.told();
        writeln!(text, "| `{}` | {says} | `{written}` |", operator.name()).unwrap();
    }
    text.push_str("\n`not.` before an operator turns it round.\n\n| type | operators | a value is |\n|---|---|---|\n");
    for (kind, name, value) in [
        (
            Kind::Text(None),
            "text, varchar, char; custom plain, single_select, link, email, phone",
            "text",
        ),
        (Kind::Uuid, "uuid", "a UUID"),
        (
            Kind::Integer(64),
            "smallint, integer, bigint",
            "a whole number",
        ),
        (
            Kind::Numeric(None),
            "numeric",
            "a decimal number of up to 100 characters",
        ),
        (Kind::Float(64), "real, double precision", "a number"),
        (
            Kind::Money,
            "money; custom currency",
            "a decimal number of major units",
        ),
        (Kind::Boolean, "boolean", "true, false"),
        (
            Kind::Moment,
            "timestamptz; custom datetime",
            "`2024-05-01T10:00:00Z`, or a date: its beginning in UTC",
        ),
        (Kind::LocalTime, "timestamp", "`2024-05-01T10:00:00`"),
        (Kind::Date, "date; custom date", "`2024-05-01`"),
        (
            Kind::Span(Kind::Date.into()),
            "custom date_range, datetime_range",
            "a date, or a time with offset",
        ),
        (Kind::Json, "jsonb", "JSON"),
        (Kind::Array(Kind::Text(None).into()), "arrays", "elements"),
        (
            Kind::Other,
            "anything else (enums, domains, inet …)",
            "as PostgreSQL prints it",
        ),
    ] {
        let operators: Vec<String> = kind
            .operators()
            .iter()
            .map(|operator| format!("`{}`", operator.name()))
            .collect();
        writeln!(text, "| {name} | {} | {value} |", operators.join(" ")).unwrap();
    }
    text.push_str("\nWhat is not understood is refused with 400 `invalid_filter`: `errors[0].field` names it, `allowed` lists what could be there.\n");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../gateway/FILTERS.md");
    if std::env::var_os("UCRM_WRITE_REFERENCE").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert!(
        std::fs::read_to_string(path).unwrap_or_default() == text,
        "gateway/FILTERS.md is stale: run this test with UCRM_WRITE_REFERENCE=1"
    );
}
