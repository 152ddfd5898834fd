//! That nothing a request says reaches the text of a statement.

use super::*;

/// SQL text is made of the catalogue's names, parameters and the compiler's own words: whatever the request says.
pub fn hold(query: &str) {
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
