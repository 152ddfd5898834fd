//! What the headers ask for, and rows as CSV.

use super::*;

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
