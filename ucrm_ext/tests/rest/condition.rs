//! Conditions: what they compile to, and what is refused.

use super::*;

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
