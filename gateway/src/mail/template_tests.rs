use proptest::prelude::*;
use serde_json::json;

use super::*;

fn template(subject: &str, text: &str, html: &str) -> Template {
    Template {
        subject: subject.to_owned(),
        text: text.to_owned(),
        html: html.to_owned(),
    }
}

fn layout() -> Template {
    template(
        "layout",
        "{{ body }}\n--",
        "<title>{{ subject }}</title>{{ body }}",
    )
}

fn data(value: Value) -> BTreeMap<String, Value> {
    serde_json::from_value(value).unwrap()
}

fn filled(template: &Template, value: Value) -> Result<Text, String> {
    fill(template, &layout(), &data(value))
}

#[test]
fn places_are_filled_and_escaped_in_html_alone() {
    let greeting = template(
        "For {{ name }}",
        "Hello {{ name }}: {{ link }}",
        "<p>{{ name }}</p><a href=\"{{ link }}\">",
    );
    let link = "https://app.example/auth/verify-email#token=a_b-c&d";
    let mail = filled(
        &greeting,
        json!({"name": "<b>O'Hara & \"Sons\"</b>", "link": link}),
    )
    .unwrap();
    assert_eq!(mail.subject, "For <b>O'Hara & \"Sons\"</b>");
    assert_eq!(
        mail.text,
        format!("Hello <b>O'Hara & \"Sons\"</b>: {link}\n--")
    );
    assert!(
        mail.html
            .contains("<p>&lt;b&gt;O&#x27;Hara &amp; &quot;Sons&quot;&lt;"),
        "{}",
        mail.html
    );
    assert!(
        mail.html.starts_with("<title>For &lt;b&gt;"),
        "{}",
        mail.html
    );
    assert!(!mail.html.contains("<b>"));
    assert!(mail.html.contains("&amp;d\">"));
}

#[test]
fn the_subject_stays_one_line() {
    let subject = template("Hi {{ name }}", "x", "x");
    let mail = filled(
        &subject,
        json!({"name": "Eve\r\nBcc: victim@b.example\u{2028}x\u{0}y"}),
    )
    .unwrap();
    assert_eq!(mail.subject, "Hi Eve Bcc: victim@b.example x y");
    let mail = filled(&template("a{{ '\r\n' }}b", "x", "x"), json!({})).unwrap();
    assert_eq!(mail.subject, "a b");
}

#[test]
fn what_people_wrote_is_short_and_no_link() {
    let name = template("x", "{{ name }}", "x");
    let said = |text: &str| filled(&name, json!({"name": text})).unwrap().text;
    assert_eq!(
        said("Win\n\n now: https://evil.example/x or www.evil.example"),
        "Win now: https evil.example/x or www evil.example\n--"
    );
    assert_eq!(
        said(&"ä".repeat(1_000))
            .chars()
            .filter(|c| *c == 'ä')
            .count(),
        LONGEST
    );
    assert_eq!(said("\u{202e}gro.elpmaxe"), "gro.elpmaxe\n--");
}

#[test]
fn a_value_is_never_a_template() {
    let name = template("{{ name }}", "{{ name }}", "{{ name }}");
    let mail = filled(
        &name,
        json!({"name": "{{ link }}{% if 1 %}!", "link": "secret"}),
    )
    .unwrap();
    assert!(!format!("{mail:?}").contains("secret"));
    assert_eq!(mail.subject, "{{ link }}{% if 1 %}!");
}

#[test]
fn a_place_without_a_value_may_be_asked_for_but_not_shown() {
    let question = template(
        "x",
        "{% if name %}{{ name }}{% else %}nobody{% endif %}",
        "x",
    );
    assert_eq!(filled(&question, json!({})).unwrap().text, "nobody\n--");
    assert_eq!(
        filled(&question, json!({"name": null})).unwrap().text,
        "nobody\n--"
    );
    let fault = filled(
        &template("x", "a\n{{ name }}", "x"),
        json!({"link": "secret"}),
    )
    .unwrap_err();
    assert!(fault.contains("text, line 2"), "{fault}");
    assert!(!fault.contains("secret"));
}

#[test]
fn a_broken_template_says_where() {
    for (broken, part) in [
        (template("{{", "x", "x"), "subject"),
        (template("x", "{% if %}", "x"), "text"),
        (template("x", "x", "{% for %}"), "html"),
        (template("x", "x", "{{ nothing() }}"), "html"),
    ] {
        let fault = filled(&broken, json!({})).unwrap_err();
        assert!(fault.contains(part), "{fault}");
    }
    let broken = template("x", "{{ boddy }}", "{{ body }}");
    let fault = fill(&template("x", "x", "x"), &broken, &data(json!({}))).unwrap_err();
    assert!(fault.contains("layout"), "{fault}");
}

proptest! {
    #[test]
    fn no_value_breaks_out_of_a_line_or_of_the_text(name in any::<String>(), link in any::<String>()) {
        let greeting = template("{{ name }}{{ link }}", "{{ name }}", "<p title=\"{{ name }}\">{{ link }}</p>");
        let mail = filled(&greeting, json!({"name": name, "link": link})).unwrap();
        prop_assert!(!mail.subject.chars().any(char::is_control));
        let text = mail.text.strip_suffix("\n--").unwrap();
        prop_assert!(text.chars().count() <= LONGEST && !text.contains('\n'), "{}", text);
        let own = mail.html.replace("<title>", "").replace("</title>", "").replace("<p title=\"", "").replace("\">", "").replace("</p>", "");
        prop_assert!(!own.contains(['<', '>', '"', '\'', '\n']), "{}", own);
    }
}
