//! PostgREST's dialect: what it compiles to, what it refuses, and that no input reaches SQL text.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "../src/body"]
mod body {
    pub mod json;
}
#[path = "../src/jwt"]
mod jwt {
    pub mod base64url;
}
#[path = "../src/query/compile.rs"]
mod query;

use proptest::prelude::*;
use query::rest::{self, Fault, Form, No, Resolution, Return, Wishes};
use query::tree::Count;
use query::{Catalogue, List, emit};
use std::sync::LazyLock;

const CONTACTS: &str = "crm\tcontacts\tid\towner_id\tarchived_at\tname,email\tname\n\
    id\tuuid\trnd\n\
    tenant_id\tuuid\tnd\n\
    name\ttext\trwn\n\
    stage\tcrm.stage\trwd\n\
    age\tsmallint\trw\n\
    vip\tboolean\trwnd\n\
    born\tdate\trw\n\
    tags\ttext[]\trw\n\
    custom\tjsonb\trwnd\n\
    organization_id\tuuid\trw\n\
    token\ttext\trws\n\
    hidden\ttext\tw\n\
    created_at\ttimestamp with time zone\trnd\n\
    archived_at\ttimestamp with time zone\tr\n\
    custom.budget\ttext\tr\n\
    custom.due\tdate\tr\n\
    organization\tone\torganizations\torganization_id\tcontacts_organization_fkey\t\t\t\tr\n\
    crm\torganizations\tid\towner_id\tarchived_at\tname\tname\n\
    id\tuuid\trnd\n\
    name\ttext\trwn\n\
    archived_at\ttimestamp with time zone\tr\n\
    deals\tlinked\tdeals\tcontact_id\tcontact_deals_contact_fkey\tcrm\tcontact_deals\tdeal_id\tr\n\
    crm\tdeals\tid\t\t\ttitle\ttitle\n\
    id\tuuid\trnd\n\
    title\ttext\trwn\n\
    parent\tone\tcontacts\tparent_id\tcontacts_parent_fkey\t\t\t\tr\n\
    crm\tcontacts\tid\t\t\tname\tname\n\
    id\tuuid\trnd\n\
    name\ttext\trwn\n\
    contacts\tmany\tcontacts\tparent_id\tcontacts_parent_fkey\t\t\t\tr\n\
    crm\tcontacts\tid\t\t\tname\tname\n\
    id\tuuid\trnd\n\
    name\ttext\trwn\n\
    secrets\tmany\tsecrets\tcontact_id\tsecrets_contact_fkey\t\t\t\t\n\
    crm\tsecrets\tid\t\t\tid\tid\n\
    id\tuuid\trnd";

const ID: &str = "019abcde-f012-7345-8678-9abcdef01234";

fn contacts() -> &'static Catalogue {
    static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::parse(CONTACTS).unwrap());
    &CATALOGUE
}

fn lowered(query: &str) -> Result<rest::Lowered, Option<Box<Fault>>> {
    let question = rest::question(query).map_err(|fault| Some(Box::new(fault)))?;
    rest::lower(contacts(), question, None, Count::None).map_err(told)
}

fn told(no: No) -> Option<Box<Fault>> {
    match no {
        No::Fault(fault) => Some(fault),
        No::Wider => None,
    }
}

fn compiled(query: &str) -> Result<List, Option<Box<Fault>>> {
    emit(contacts(), &lowered(query)?.query).map_err(|refusal| told(refusal.into()))
}

/// The conditions a query compiles to, with the standing one taken off.
#[track_caller]
fn compiles(query: &str, sql: &str, binds: &[&str]) {
    let list = compiled(query).unwrap_or_else(|fault| panic!("{query}: {fault:?}"));
    let conditions = list
        .count_sql
        .split_once(" where ")
        .map_or("", |(_, rest)| rest);
    let conditions = conditions
        .strip_prefix("r.\"archived_at\" is null and ")
        .unwrap_or(conditions);
    let conditions = conditions
        .strip_suffix("r.\"archived_at\" is null")
        .unwrap_or(conditions);
    assert_eq!(
        conditions.strip_suffix(" and ").unwrap_or(conditions),
        sql,
        "{query}"
    );
    assert_eq!(list.binds, binds, "{query}");
}

#[track_caller]
fn refused(query: &str, code: &str) -> Fault {
    match compiled(query) {
        Err(Some(fault)) => {
            assert_eq!(fault.code, code, "{query}: {fault:?}");
            *fault
        }
        other => panic!("{query}: {other:?}"),
    }
}

#[test]
fn the_operators_of_the_clients_compile() {
    for (query, sql, binds) in [
        ("name=eq.Ada", "r.\"name\" = $1::text", &["Ada"][..]),
        ("name=eq.", "r.\"name\" = $1::text", &[""]),
        ("name=eq.a.b,c)", "r.\"name\" = $1::text", &["a.b,c)"]),
        ("name=neq.Ada", "r.\"name\" <> $1::text", &["Ada"]),
        (
            "age=gt.1&age=lte.9",
            "r.\"age\" > $1::text::smallint and r.\"age\" <= $2::text::smallint",
            &["1", "9"],
        ),
        (
            "age=not.gte.1",
            "not (r.\"age\" >= $1::text::smallint)",
            &["1"],
        ),
        ("name=like.*a*", "r.\"name\" like $1::text", &["%a%"]),
        ("name=ilike.%25a%25", "r.\"name\" ilike $1::text", &["%a%"]),
        (
            "name=in.(a,%22b,c%22,%22d%5C%22e%22)",
            "r.\"name\" = any ($1::text::text[])",
            &["{\"a\",\"b,c\",\"d\\\"e\"}"],
        ),
        (
            "name=not.in.(a)",
            "not (r.\"name\" = any ($1::text::text[]))",
            &["{\"a\"}"],
        ),
        ("vip=is.true", "r.\"vip\" is true", &[]),
        ("vip=is.unknown", "r.\"vip\" is null", &[]),
        ("name=is.null", "r.\"name\" is null", &[]),
        ("name=not.is.null", "not (r.\"name\" is null)", &[]),
        ("name=is.not_null", "r.\"name\" is not null", &[]),
        (
            "age=isdistinct.3",
            "r.\"age\" is distinct from $1::text::smallint",
            &["3"],
        ),
        (
            "tags=cs.{a,%22b%20c%22}",
            "r.\"tags\" @> $1::text::text[]",
            &["{\"a\",\"b c\"}"],
        ),
        (
            "tags=cd.{a}",
            "r.\"tags\" <@ $1::text::text[]",
            &["{\"a\"}"],
        ),
        (
            "tags=ov.{a,b}",
            "r.\"tags\" && $1::text::text[]",
            &["{\"a\",\"b\"}"],
        ),
        (
            "custom=cs.{%22a%22:1}",
            "r.\"custom\" @> $1::text::jsonb",
            &["{\"a\":1}"],
        ),
        (
            "name=like(any).{a*,b*}",
            "(r.\"name\" like $1::text or r.\"name\" like $2::text)",
            &["a%", "b%"],
        ),
        (
            "name=ilike(all).{a*,b*}",
            "(r.\"name\" ilike $1::text and r.\"name\" ilike $2::text)",
            &["a%", "b%"],
        ),
        (
            "or=(name.eq.a,age.gt.3)",
            "(r.\"name\" = $1::text or r.\"age\" > $2::text::smallint)",
            &["a", "3"],
        ),
        (
            "or=(name.in.(a,b),and(age.gt.3,not.or(vip.is.true,name.eq.%22x,)%22)))",
            "(r.\"name\" = any ($1::text::text[]) or (r.\"age\" > $2::text::smallint and not (r.\"vip\" is true or r.\"name\" = $3::text)))",
            &["{\"a\",\"b\"}", "3", "x,)"],
        ),
        (
            "not.and=(name.eq.a,name.not.eq.b)",
            "not (r.\"name\" = $1::text and not (r.\"name\" = $2::text))",
            &["a", "b"],
        ),
        (
            "or=(tags.cs.{a,b},name.eq.c)",
            "(r.\"tags\" @> $1::text::text[] or r.\"name\" = $2::text)",
            &["{\"a\",\"b\"}", "c"],
        ),
        (
            "custom-%3E%3Ebudget=eq.x",
            "(r.\"custom\" ->> 'budget') = $1::text",
            &["x"],
        ),
    ] {
        compiles(query, sql, binds);
    }
}

#[test]
fn select_names_casts_and_arrows() {
    let list = |query: &str| compiled(query).unwrap();
    let shown = |query: &str| {
        let sql = list(query).rows_sql;
        sql.strip_prefix("select ")
            .unwrap()
            .split_once(" from ")
            .unwrap()
            .0
            .to_owned()
    };
    assert_eq!(shown("select=id,name"), "r.\"id\", r.\"name\"");
    assert_eq!(
        shown("select=full:name,id"),
        "r.\"name\" as \"full\", r.\"id\""
    );
    assert_eq!(shown("select=a:age::text"), "r.\"age\"::text as \"a\"");
    assert_eq!(
        shown("select=custom-%3E%3Ebudget"),
        "(r.\"custom\" ->> 'budget')::text as \"budget\""
    );
    assert_eq!(shown("select=*,id"), shown("select=*"));
    assert_eq!(shown(""), shown("select=*"));
    assert_eq!(
        lowered("select=full:name,organizations(id)")
            .unwrap()
            .columns,
        ["full", "organizations"]
    );
    assert!(
        list("limit=5&offset=10")
            .rows_sql
            .ends_with(" limit 5 offset 10")
    );
    assert!(list("").rows_sql.ends_with(" limit 1000"));
    assert!(list("limit=5000").rows_sql.ends_with(" limit 1000"));
    assert!(list("limit=0").rows_sql.ends_with(" limit 0"));
    assert!(
        list("order=name.desc.nullslast,age.nullsfirst,id")
            .rows_sql
            .contains("order by r.\"name\" desc, r.\"age\" asc nulls first, r.\"id\" asc")
    );
}

#[test]
fn relations_are_found_by_target_name_column_and_hint() {
    for (select, relation, name) in [
        ("organizations(id)", "organization", "organizations"),
        ("organization(id)", "organization", "organization"),
        ("org:organizations(id,name)", "organization", "org"),
        ("organization_id(*)", "organization", "organization_id"),
        (
            "org:organizations!contacts_organization_fkey!inner(*)",
            "organization",
            "org",
        ),
        ("deals(title)", "deals", "deals"),
        ("deals!contact_deals(title)", "deals", "deals"),
        ("boss:contacts!parent_id(name)", "parent", "boss"),
        ("parent(name)", "parent", "parent"),
    ] {
        let lowered = lowered(&format!("select=*,{select}"))
            .unwrap_or_else(|fault| panic!("{select}: {fault:?}"));
        let embed = &lowered.query.embeds[0];
        assert_eq!(
            (embed.relation.as_str(), embed.name()),
            (relation, name),
            "{select}"
        );
        assert_eq!(embed.inner, select.contains("!inner"));
    }
    assert_eq!(refused("select=*,contacts(name)", "PGRST201").status, 300);
    refused("select=*,nothing(name)", "PGRST200");
    refused("select=*,organizations!nothing(name)", "PGRST200");
    refused("organizations.name=eq.a", "PGRST108");
    refused("select=organizations(hidden)", "42703");
    assert_eq!(refused("select=*,secrets(id)", "42501").status, 403);
    compiles(
        "select=id,organizations!inner(name)&organizations.name=eq.a",
        "exists (select from \"crm\".\"organizations\" as t where t.\"id\" = r.\"organization_id\" and t.\"name\" = $1::text)",
        &["a"],
    );
    compiles(
        "select=id,organizations(name)&organizations=not.is.null",
        "exists (select from \"crm\".\"organizations\" as t where t.\"id\" = r.\"organization_id\")",
        &[],
    );
}

#[test]
fn rows_are_named_by_the_key_alone_and_archived_ones_when_they_are_meant() {
    let keys = |query: &str| lowered(query).unwrap().keys;
    let named = Some(vec![ID.to_owned()]);
    assert_eq!(keys(&format!("id=eq.{ID}")), named);
    assert_eq!(keys(&format!("id=in.({ID})&name=eq.a")), named);
    assert_eq!(keys(&format!("id=in.({ID})&id=in.()")), Some(vec![]));
    for none in [
        "name=eq.a",
        "",
        "id=not.is.null",
        "id=neq.019abcde-f012-7345-8678-9abcdef01234",
        "id=not.eq.019abcde-f012-7345-8678-9abcdef01234",
        "or=(id.eq.019abcde-f012-7345-8678-9abcdef01234,name.eq.a)",
        "and=(id.eq.019abcde-f012-7345-8678-9abcdef01234)",
        "id=eq(any).{019abcde-f012-7345-8678-9abcdef01234}&id=gt.019abcde-f012-7345-8678-9abcdef01234",
    ] {
        if none.contains("(any)") {
            continue;
        }
        assert_eq!(keys(none), None, "{none}");
    }
    let standing = |query: &str| {
        compiled(query)
            .unwrap()
            .count_sql
            .ends_with(" r.\"archived_at\" is null")
    };
    assert!(standing("name=eq.a"));
    assert!(!standing(&format!("id=eq.{ID}")));
    assert!(!standing("or=(archived_at.not.is.null,name.eq.a)"));
}

#[test]
fn rows_that_were_written_come_back_in_their_order() {
    const OTHER: &str = "019abcde-f012-7345-8678-9abcdef0beef";
    let of = |query: &str| {
        let keys = vec![ID.to_owned(), OTHER.to_owned()];
        rest::of_keys(contacts(), &lowered(query).unwrap(), keys)
            .ok()
            .unwrap()
    };
    let list = of("select=name&name=eq.a");
    assert_eq!(
        list.rows_sql,
        "select r.\"name\" from \"crm\".\"contacts\" as r where r.\"id\" = any ($1::text::uuid[]) \
         order by array_position($2::text::text[], r.\"id\"::text)"
    );
    assert_eq!(
        list.binds,
        [
            format!("{{\"{ID}\",\"{OTHER}\"}}"),
            format!("{{\"{ID}\",\"{OTHER}\"}}")
        ]
    );
    assert!(
        of("select=name&order=name")
            .rows_sql
            .contains("order by r.\"name\" asc")
    );
    assert!(
        of("select=name,organizations(id)")
            .rows_sql
            .ends_with("order by array_position($2::text::text[], r.\"id\"::text)")
    );
}

#[test]
fn what_cannot_be_answered_is_told_by_its_code() {
    for (query, code) in [
        ("nothing=eq.1", "42703"),
        ("hidden=eq.1", "42703"),
        ("tenant_id=eq.019abcde-f012-7345-8678-9abcdef01234", "42703"),
        ("token=eq.a", "42703"),
        ("order=hidden", "42703"),
        ("select=hidden", "42703"),
        ("select=tenant_id", "42703"),
        ("custom.budget=eq.1", "PGRST108"),
        ("custom-%3E%3Enothing=eq.1", "42703"),
        ("name-%3E%3Ea=eq.1", "PGRST127"),
        ("id=eq.abc", "22P02"),
        ("age=gt.1.5", "22P02"),
        ("age=eq.99999", "22003"),
        ("age=in.(1,x)", "22P02"),
        ("name=1", "PGRST100"),
        ("name=foo.1", "PGRST100"),
        ("name=eq", "PGRST100"),
        ("name=in.1", "PGRST100"),
        ("name=in.(1", "PGRST100"),
        ("name=in.(1)2", "PGRST100"),
        ("or=(name.eq.a", "PGRST100"),
        ("or=()", "PGRST100"),
        ("or=(name.eq.a))", "PGRST100"),
        ("name=match.a", "PGRST127"),
        ("name=fts(english).a", "PGRST127"),
        ("name=eq(english).a", "PGRST100"),
        ("tags=cs.a", "PGRST100"),
        ("vip=gt.true", "PGRST100"),
        ("limit=-1", "PGRST100"),
        ("limit=a", "PGRST100"),
        ("limit=1&limit=2", "PGRST100"),
        ("order=name.up", "PGRST100"),
        ("order=organizations(name)", "PGRST127"),
        ("select=count()", "PGRST123"),
        ("select=age.sum()", "PGRST123"),
        ("select=...organizations(name)", "PGRST127"),
        ("select=organizations(deals(id))", "PGRST127"),
        ("select=organizations!inner()", "PGRST127"),
        ("select=age::int", "PGRST127"),
        ("select=name,", "PGRST100"),
        ("select=name)", "PGRST100"),
        ("select=organizations(id", "PGRST100"),
        ("on_conflict=nothing", "42703"),
        ("columns=tenant_id", "PGRST204"),
        ("a.b.c=eq.1", "PGRST127"),
        ("name=eq.%00", "PGRST100"),
        ("name=eq.%zz", "PGRST100"),
    ] {
        refused(query, code);
    }
}

#[test]
fn a_lean_shape_asks_for_the_wide_one() {
    let lean: Vec<&str> = CONTACTS
        .lines()
        .take_while(|line| !line.starts_with("custom."))
        .collect();
    let lean = Catalogue::parse(&format!("{}\n+", lean.join("\n"))).unwrap();
    for (query, wide) in [
        ("name=eq.a", false),
        ("custom-%3E%3Ebudget=eq.a", true),
        ("select=*,organizations(id)", true),
        ("nothing=eq.1", true),
    ] {
        let question = rest::question(query).unwrap();
        let asked = matches!(
            rest::lower(&lean, question, None, Count::None),
            Err(No::Wider)
        );
        assert_eq!(asked, wide, "{query}");
    }
}

#[test]
fn headers_say_what_is_wanted() {
    let wishes = |prefer: &str, accept: &str, range: &str| rest::wishes(prefer, accept, range);
    let read = wishes(
        "return=representation, count=exact,resolution=merge-duplicates,missing=default, foo=bar",
        "application/vnd.pgrst.object+json;nulls=stripped",
        "0-24",
    )
    .unwrap();
    assert_eq!(
        read,
        Wishes {
            returns: Return::Representation,
            count: Some("exact"),
            resolution: Some(Resolution::Merge),
            missing_default: true,
            max_affected: None,
            form: Form::Object,
            strip_nulls: true,
            range: Some((0, Some(24))),
            applied:
                "return=representation, count=exact, resolution=merge-duplicates, missing=default"
                    .into(),
        }
    );
    assert_eq!(wishes("", "", "5-").unwrap().range, Some((5, None)));
    assert_eq!(wishes("", "", "bytes=0-5").unwrap().range, None);
    assert_eq!(wishes("", "", "9-5").unwrap_err().code, "PGRST103");
    assert_eq!(
        wishes("handling=strict, foo", "", "").unwrap_err().code,
        "PGRST122"
    );
    assert_eq!(
        wishes("handling=strict, max-affected=2", "", "")
            .unwrap()
            .max_affected,
        Some(2)
    );
    assert_eq!(wishes("max-affected=2", "", "").unwrap().max_affected, None);
    assert_eq!(
        wishes("return=minimal, return=representation", "", "")
            .unwrap()
            .returns,
        Return::Minimal
    );
    assert_eq!(
        wishes("", "text/html, application/json;q=0.9", "")
            .unwrap()
            .form,
        Form::Array
    );
    assert_eq!(wishes("", "text/csv", "").unwrap().form, Form::Csv);
    assert_eq!(wishes("", "text/html", "").unwrap_err().status, 406);
}

#[test]
fn rows_become_comma_separated_values() {
    let items = "[{\"id\":1,\"name\":\"a \\\"b\\\", c\",\"tags\":[\"x\"],\"none\":null,\"empty\":\"\"},{\"id\":1e3,\"name\":\"é\\nf\"}]";
    assert_eq!(
        rest::csv(&["id", "name", "tags", "none", "empty"], items).unwrap(),
        "id,name,tags,none,empty\n1,\"a \"\"b\"\", c\",\"[\"\"x\"\"]\",,\"\"\n1e3,\"é\nf\",,,\n"
    );
    assert_eq!(rest::csv(&["a"], "[]").unwrap(), "a\n");
    assert_eq!(rest::csv(&["a"], "{}"), None);
}

/// SQL text is made of the catalogue's names, parameters and the compiler's own words: whatever the request says.
fn hold(query: &str) {
    let Ok(list) = compiled(query) else { return };
    for sql in [&list.rows_sql, &list.count_sql] {
        assert!(!sql.contains("zqx"), "{query}: {sql}");
        assert!(
            !sql.contains(';') && !sql.contains("--") && !sql.contains("/*"),
            "{query}: {sql}"
        );
        let mut rest = sql.as_str();
        while let Some(at) = rest.find('$') {
            let digits: String = rest[at + 1..]
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            let number: usize = digits.parse().unwrap();
            assert!((1..=list.binds.len()).contains(&number), "{query}: {sql}");
            rest = &rest[at + 1..];
        }
    }
}

#[test]
fn no_injection_reaches_the_text() {
    let evil = [
        "zqx'; drop table x; --",
        "zqx\") or 1=1 --",
        "zqx$1",
        "zqx\\'",
        "zqx/*",
        "zqx%00",
        "zqx\"\"; select",
        "zqx)",
        "zqx,zqx",
        "(zqx)",
        "{zqx}",
        "\"zqx\"",
        "zqx::text",
        "zqx->>zqx",
        "zqx.zqx",
        "zqx!inner(zqx)",
    ];
    for text in evil {
        let text: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for form in [
            "name=eq.{}",
            "name=in.({})",
            "name=like.{}",
            "name=ilike(any).{{}}",
            "or=(name.eq.{})",
            "or=({}.eq.1)",
            "{}=eq.1",
            "select={}",
            "select=name,{}",
            "select={}:name",
            "select=organizations({})",
            "select={}(id)",
            "select=organizations!{}(id)",
            "select=name::{}",
            "select=custom-%3E%3E{}",
            "order={}",
            "order=name.{}",
            "order={}.desc",
            "limit={}",
            "offset={}",
            "on_conflict={}",
            "columns={}",
            "custom-%3E%3Ebudget=eq.{}",
            "custom-%3E%3E{}=eq.1",
            "tags=cs.{{}}",
            "custom=cs.{}",
            "select=*,organizations(id)&organizations.name=eq.{}",
            "select=*,organizations(id)&organizations.order={}",
            "select={}:organizations(id)&{}.name=eq.1",
            "{}",
            "name=fts({}).a",
            "name={}.a",
        ] {
            let query = form.replace("{}", &text);
            // A name for the reply may be anything; it is quoted, and the only text of a request that is.
            if form.contains("{}:") {
                if let Ok(list) = compiled(&query) {
                    let quoted = list.rows_sql.replace("\"\"", "");
                    assert_eq!(quoted.matches('"').count() % 2, 0, "{query}: {quoted}");
                }
                continue;
            }
            hold(&query);
        }
    }
}

fn fragments() -> impl Strategy<Value = String> {
    let fragment = prop::sample::select(vec![
        "name",
        "id",
        "age",
        "tags",
        "custom",
        "vip",
        "created_at",
        "organizations",
        "deals",
        "select",
        "order",
        "limit",
        "or",
        "and",
        "not",
        "=",
        "=eq.",
        "=in.(",
        "=not.",
        ".eq.",
        ".in.",
        "(",
        ")",
        "{",
        "}",
        ",",
        ".",
        ":",
        "::text",
        "!inner",
        "!",
        "->",
        "->>",
        "*",
        "\"",
        "\\",
        "%22",
        "%2C",
        "&",
        "is.null",
        "like(any).",
        "asc",
        "desc",
        "nullsfirst",
        "1",
        "-1",
        "é",
        "budget",
        "zqx",
        "on_conflict",
        "columns",
        "...",
        " ",
        "+",
        "%",
    ]);
    prop::collection::vec(fragment, 0..14).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn arbitrary_text_is_compiled_or_refused(text in "\\PC{0,40}|[ -~]{0,60}") {
        hold(&text.replace("zqx", ""));
    }

    #[test]
    fn arbitrary_fragments_are_compiled_or_refused(text in fragments()) {
        let _ = compiled(&text);
    }

    #[test]
    fn arbitrary_values_are_compiled_or_refused(name in "(select|order|or|name|tags|custom->>budget|organizations[.]name|limit)", text in fragments()) {
        let _ = compiled(&format!("select=*,organizations(id)&{name}={text}"));
    }

    #[test]
    fn arbitrary_headers_are_read_or_refused(prefer in "\\PC{0,40}|[a-z=,;-]{0,40}", accept in "\\PC{0,30}", range in "[0-9a-z=-]{0,24}") {
        let _ = rest::wishes(&prefer, &accept, &range);
    }
}
