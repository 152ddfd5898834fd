//! Owns the headers of the dialect: `Prefer` (RFC 7240), `Accept`, `Range`.
//! Must never guess: what is not known is left out, or refused where the client asked for that.
//! Called by the rest leaf.

use super::fault::Fault;

/// What a write answers with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Return {
    /// Nothing.
    #[default]
    Minimal,
    /// Where the row is.
    HeadersOnly,
    /// The rows.
    Representation,
}

/// What happens to a row that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// It gets the new values.
    Merge,
    /// It stays as it is.
    Ignore,
}

/// The form of a reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// A JSON array.
    #[default]
    Array,
    /// The only row, a JSON object.
    Object,
    /// Comma-separated values (RFC 4180).
    Csv,
}

/// What the headers ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// `return=`.
    pub returns: Return,
    /// `count=`: exact, planned or estimated.
    pub count: Option<&'static str>,
    /// `resolution=`.
    pub resolution: Option<Resolution>,
    /// `missing=default`.
    pub missing_default: bool,
    /// `max-affected=`, under `handling=strict`.
    pub max_affected: Option<u64>,
    /// The form.
    pub form: Form,
    /// Members that are null are left out.
    pub strip_nulls: bool,
    /// First and last row of `Range`.
    pub range: Option<(u64, Option<u64>)>,
    /// What `Preference-Applied` says.
    pub applied: String,
}

/// Reads the three headers.
pub fn wishes(prefer: &str, accept: &str, range: &str) -> Result<Wishes, Fault> {
    let mut wishes = Wishes::default();
    preferences(&mut wishes, prefer)?;
    acceptance(&mut wishes, accept)?;
    wishes.range = ranged(range)?;
    Ok(wishes)
}

fn preferences(wishes: &mut Wishes, prefer: &str) -> Result<(), Fault> {
    let words: Vec<String> = prefer
        .split([',', ';'])
        .map(|word| word.split_whitespace().collect::<String>())
        .filter(|word| !word.is_empty())
        .collect();
    let (mut applied, mut unknown): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    let (mut strict, mut most) = (None, None);
    let mut kinds: Vec<&str> = Vec::new();
    for word in &words {
        let kind = word.split('=').next().unwrap_or(word);
        // RFC 7240, 2: of the same preference the first counts.
        if kinds.contains(&kind) {
            continue;
        }
        kinds.push(kind);
        match word.as_str() {
            "return=minimal" => wishes.returns = Return::Minimal,
            "return=headers-only" => wishes.returns = Return::HeadersOnly,
            "return=representation" => wishes.returns = Return::Representation,
            "count=exact" => wishes.count = Some("exact"),
            "count=planned" => wishes.count = Some("planned"),
            "count=estimated" => wishes.count = Some("estimated"),
            "resolution=merge-duplicates" => wishes.resolution = Some(Resolution::Merge),
            "resolution=ignore-duplicates" => wishes.resolution = Some(Resolution::Ignore),
            "missing=default" => wishes.missing_default = true,
            "missing=null" | "tx=commit" | "params=multiple-objects" => {}
            "handling=strict" => strict = Some(true),
            "handling=lenient" => strict = Some(false),
            other => match other.strip_prefix("max-affected=").map(str::parse::<u32>) {
                Some(Ok(number)) => most = Some(u64::from(number)),
                _ => {
                    unknown.push(word);
                    continue;
                }
            },
        }
        applied.push(word);
    }
    if strict == Some(true) {
        if !unknown.is_empty() {
            return Err(Fault::preference(&unknown.join(", ")));
        }
        wishes.max_affected = most;
    } else {
        applied.retain(|word| !word.starts_with("max-affected="));
    }
    wishes.applied = applied.join(", ");
    Ok(())
}

fn acceptance(wishes: &mut Wishes, accept: &str) -> Result<(), Fault> {
    if accept.trim().is_empty() {
        return Ok(());
    }
    for range in accept.split(',') {
        let mut parts = range
            .split(';')
            .map(|part| part.trim().to_ascii_lowercase());
        let form = match parts.next().as_deref() {
            Some(
                "application/json"
                | "*/*"
                | "application/*"
                | "application/vnd.pgrst.array"
                | "application/vnd.pgrst.array+json",
            ) => Form::Array,
            Some("application/vnd.pgrst.object" | "application/vnd.pgrst.object+json") => {
                Form::Object
            }
            Some("text/csv") => Form::Csv,
            _ => continue,
        };
        wishes.form = form;
        wishes.strip_nulls = form != Form::Csv && parts.any(|part| part == "nulls=stripped");
        return Ok(());
    }
    Err(Fault::not_acceptable(accept))
}

/// `0-24` or `5-`; another unit's range is none of ours (RFC 9110, 14.2).
fn ranged(range: &str) -> Result<Option<(u64, Option<u64>)>, Fault> {
    let range = range.trim();
    let range = range.strip_prefix("items=").unwrap_or(range);
    let digits = |text: &str| {
        let plain =
            (1..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| text.parse::<u64>().ok()).flatten()
    };
    let Some((first, last)) = range.split_once('-') else {
        return Ok(None);
    };
    let Some(first) = digits(first) else {
        return Ok(None);
    };
    match last {
        "" => Ok(Some((first, None))),
        last => match digits(last) {
            None => Ok(None),
            Some(last) if last < first => Err(Fault::range(
                "The lower boundary must be lower than or equal to the upper boundary in the Range header.",
            )),
            Some(last) => Ok(Some((first, Some(last)))),
        },
    }
}
