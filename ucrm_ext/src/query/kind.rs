//! Owns the compiler's view of PostgreSQL types: how each is cast and which operators it has.
//! Must never guess: a type it does not know is compared as text.
//! Called by the catalogue, the filters and the writes.

use super::tree::Operator::{self, *};

/// A type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `text`, and `character varying` or `character` with their length.
    Text(Option<usize>),
    /// `uuid`.
    Uuid,
    /// `smallint`, `integer`, `bigint`, by their bits.
    Integer(u32),
    /// `numeric`, with its digits before the point if bounded.
    Numeric(Option<i64>),
    /// `real` and `double precision`, by their bits.
    Float(u32),
    /// `boolean`.
    Boolean,
    /// `timestamp with time zone`.
    Moment,
    /// `timestamp without time zone`.
    LocalTime,
    /// `date`.
    Date,
    /// `jsonb`.
    Json,
    /// `{"from", "to"}` of a custom column: dates, or times with offset.
    Span(Box<Kind>),
    /// An amount in major units, compared as `numeric`.
    Money,
    /// A one-dimensional array of a known type.
    Array(Box<Kind>),
    /// Anything else: enums, domains, `interval`, `inet` …
    Other,
}

impl Kind {
    /// Reads a type as `format_type` prints it.
    pub fn parse(name: &str) -> Kind {
        if let Some(element) = name.strip_suffix("[]") {
            return match Kind::parse(element) {
                Kind::Other | Kind::Array(_) | Kind::Json | Kind::Money | Kind::Span(_) => {
                    Kind::Other
                }
                element => Kind::Array(Box::new(element)),
            };
        }
        let (base, size) = match name.split_once('(') {
            Some((base, rest)) => (base, rest.split(')').next().unwrap_or_default()),
            None => (name, ""),
        };
        let mut sizes = size
            .split(',')
            .filter_map(|number| number.trim().parse::<i64>().ok());
        match name {
            "timestamp with time zone" => return Kind::Moment,
            "timestamp without time zone" => return Kind::LocalTime,
            _ => (),
        }
        match base {
            "text" => Kind::Text(None),
            "character varying" | "character" => Kind::Text(sizes.next().map(|size| size as usize)),
            "uuid" => Kind::Uuid,
            "smallint" => Kind::Integer(16),
            "integer" => Kind::Integer(32),
            "bigint" => Kind::Integer(64),
            "numeric" => Kind::Numeric(
                sizes
                    .next()
                    .map(|digits| digits - sizes.next().unwrap_or(0)),
            ),
            "real" => Kind::Float(32),
            "double precision" => Kind::Float(64),
            "boolean" => Kind::Boolean,
            "timestamp" if name.ends_with("with time zone") => Kind::Moment,
            "timestamp" => Kind::LocalTime,
            "date" => Kind::Date,
            "jsonb" => Kind::Json,
            "timestamptz" => Kind::Moment,
            _ => Kind::Other,
        }
    }

    /// The type to cast a text parameter to. Lengths and scales are left to assignment, which refuses, not truncates.
    pub fn cast(&self) -> &'static str {
        match self {
            Kind::Text(_) | Kind::Other => "text",
            Kind::Uuid => "uuid",
            Kind::Integer(16) => "smallint",
            Kind::Integer(32) => "integer",
            Kind::Integer(_) => "bigint",
            Kind::Numeric(_) | Kind::Money => "numeric",
            Kind::Float(32) => "real",
            Kind::Float(_) => "double precision",
            Kind::Boolean => "boolean",
            Kind::Moment => "timestamp with time zone",
            Kind::LocalTime => "timestamp without time zone",
            Kind::Date => "date",
            Kind::Json => "jsonb",
            Kind::Array(element) => element.array_cast(),
            Kind::Span(element) => element.cast(),
        }
    }

    /// The type of an array of this type.
    pub fn array_cast(&self) -> &'static str {
        match self {
            Kind::Text(None) | Kind::Other | Kind::Array(_) | Kind::Json | Kind::Span(_) => {
                "text[]"
            }
            Kind::Text(Some(_)) => "character varying[]",
            Kind::Uuid => "uuid[]",
            Kind::Integer(16) => "smallint[]",
            Kind::Integer(32) => "integer[]",
            Kind::Integer(_) => "bigint[]",
            Kind::Numeric(_) | Kind::Money => "numeric[]",
            Kind::Float(32) => "real[]",
            Kind::Float(_) => "double precision[]",
            Kind::Boolean => "boolean[]",
            Kind::Moment => "timestamp with time zone[]",
            Kind::LocalTime => "timestamp without time zone[]",
            Kind::Date => "date[]",
        }
    }

    /// The operators a condition may use. `IsDistinct` goes with `Eq`, and is not told.
    pub fn operators(&self) -> &'static [Operator] {
        match self {
            Kind::Text(_) => &[Eq, Neq, Gt, Gte, Lt, Lte, Like, Ilike, In, Is, Between],
            Kind::Moment | Kind::LocalTime | Kind::Date => {
                &[Eq, Neq, Gt, Gte, Lt, Lte, In, Is, Between, InLastDays]
            }
            Kind::Uuid | Kind::Integer(_) | Kind::Numeric(_) | Kind::Float(_) | Kind::Money => {
                &[Eq, Neq, Gt, Gte, Lt, Lte, In, Is, Between]
            }
            Kind::Boolean | Kind::Other => &[Eq, Neq, In, Is],
            Kind::Json => &[Contains, Contained, Is],
            Kind::Span(_) => &[Contains, Is],
            Kind::Array(_) => &[Contains, Contained, Overlaps, Is],
        }
    }

    /// Whether a condition may use it.
    pub fn has(&self, operator: Operator) -> bool {
        let operator = match operator {
            Operator::IsDistinct => Eq,
            operator => operator,
        };
        self.operators().contains(&operator)
    }

    /// Whether rows can be ordered by it.
    pub fn is_ordered(&self) -> bool {
        !matches!(self, Kind::Json | Kind::Array(_) | Kind::Span(_))
    }
}
