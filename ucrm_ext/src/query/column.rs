//! Owns the columns of a resource: what clients may do with each, and how SQL reads it.
//! Must never be filled from a request: names become identifiers, and those of custom columns literals.
//! Called by the catalogue, which reads them, and by what emits SQL.

use super::kind::Kind;
use super::statement::quoted;

/// Longest name PostgreSQL has room for, and so of a custom column.
const MAX_NAME: usize = 63;

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name, not quoted.
    pub name: String,
    /// Its type, as `format_type` prints it.
    pub type_name: String,
    /// Its type, as far as the compiler cares.
    pub kind: Kind,
    /// Where its value is.
    pub place: Place,
    /// May be selected.
    pub readable: bool,
    /// May be assigned by API clients.
    pub writable: bool,
    /// Refuses null.
    pub not_null: bool,
    /// Has a default.
    pub has_default: bool,
    /// Holds a mask: is shown, and never compared.
    pub secret: bool,
}

/// Where a column's value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the table's column of that name.
    Table,
    /// In the document `custom`, by this name.
    Custom(String),
    /// In two columns: an integer of minor units, and a currency.
    Money {
        /// The column of minor units.
        minor: Box<Column>,
        /// The column of the currency.
        currency: Box<Column>,
        /// Whether the currency is a field of its own, for other amounts too.
        shared: bool,
    },
}

impl Column {
    pub(super) fn parse(fields: &[&str]) -> Result<Column, String> {
        let [name, type_name, flags] = fields[..] else {
            return Err(format!(
                "a column line needs three fields: {}",
                fields.join("\t")
            ));
        };
        let place = match name.strip_prefix("custom.") {
            Some(member) if is_custom_name(member) => Place::Custom(member.into()),
            Some(_) => return Err(format!("no name of a custom column: {name}")),
            None => Place::Table,
        };
        let member = place != Place::Table;
        let kind = match type_name {
            "money" if member => Kind::Money,
            "daterange" if member => Kind::Span(Kind::Date.into()),
            "tstzrange" if member => Kind::Span(Kind::Moment.into()),
            name => Kind::parse(name),
        };
        Ok(Column {
            name: name.into(),
            type_name: type_name.into(),
            kind,
            place,
            readable: flags.contains('r'),
            // Members are written with their document.
            writable: flags.contains('w') && !member,
            not_null: flags.contains('n'),
            has_default: flags.contains('d'),
            secret: flags.contains('s'),
        })
    }

    /// Makes one column of `x_minor bigint` and `x_currency text`, or of the former and the table's `currency text`.
    pub(super) fn pair_money(columns: &mut Vec<Column>) {
        let find = |columns: &[Column], name: &str| {
            let is_text = |column: &&Column| matches!(column.kind, Kind::Text(_));
            let found = columns.iter().find(|column| column.name == name);
            found.filter(is_text).cloned()
        };
        let mut own_currencies = Vec::new();
        for at in 0..columns.len() {
            let minor = &columns[at];
            let Some(noun) = minor.name.strip_suffix("_minor").map(str::to_owned) else {
                continue;
            };
            let own = find(columns, &format!("{noun}_currency"));
            let shared = own.is_none();
            let taken = noun.is_empty() || columns.iter().any(|column| column.name == noun);
            let fits = minor.kind == Kind::Integer(64) && minor.place == Place::Table && !taken;
            let (Some(currency), true) = (own.or(find(columns, "currency")), fits) else {
                continue;
            };
            if !shared {
                own_currencies.push(currency.name.clone());
            }
            let minor = minor.clone();
            let column = &mut columns[at];
            column.name = noun;
            column.kind = Kind::Money;
            column.place = Place::Money {
                minor: minor.into(),
                currency: currency.into(),
                shared,
            };
        }
        columns.retain(|column| !own_currencies.contains(&column.name));
    }

    /// Whether it is a member of the document `custom`, which is shown whole.
    pub fn is_member(&self) -> bool {
        matches!(self.place, Place::Custom(_))
    }

    /// The value that conditions and orders compare, of the row that SQL calls `row`.
    pub fn value(&self, row: &str) -> String {
        match (&self.place, &self.kind) {
            // A cast gives every address its mask, its output and JSON do not.
            (Place::Table, Kind::Other) if self.type_name == "inet" => {
                format!("abbrev({})", self.reference(row))
            }
            (Place::Table, Kind::Other) => format!("{}::text", self.reference(row)),
            (Place::Table, _) => self.reference(row),
            (
                Place::Money {
                    minor, currency, ..
                },
                _,
            ) => format!(
                "ucrm.major({row}.{}, {row}.{})",
                quoted(&minor.name),
                quoted(&currency.name)
            ),
            // A member that is not of its column's type is null, whatever the document says.
            (Place::Custom(member), kind) => match kind {
                Kind::Date => format!("ucrm.custom_date({row}.\"custom\" ->> '{member}')"),
                Kind::Moment => format!("ucrm.custom_moment({row}.\"custom\" ->> '{member}')"),
                Kind::Money => {
                    format!("ucrm.custom_amount({row}.\"custom\" #>> '{{{member},amount}}')")
                }
                _ => format!("({row}.\"custom\" ->> '{member}')"),
            },
        }
    }

    /// The value that patterns are about: `character(n)` without what fills it up.
    pub fn unfilled(&self, row: &str) -> String {
        match self.type_name.starts_with("character(") {
            true => format!("{}::text", self.value(row)),
            false => self.value(row),
        }
    }

    /// Whether the span from one value to another, both included and either left out at will, contains this one.
    pub fn spans(&self, row: &str, value: &str) -> String {
        let (Place::Custom(member), Kind::Span(element)) = (&self.place, &self.kind) else {
            return "false".into();
        };
        let function = match **element {
            Kind::Date => "ucrm.custom_date",
            _ => "ucrm.custom_moment",
        };
        let end = |name: &str| format!("{function}({row}.\"custom\" #>> '{{{member},{name}}}')");
        format!(
            "(nullif(jsonb_typeof({row}.\"custom\" -> '{member}'), 'null') = 'object' and coalesce({} <= {value}, true) and coalesce({} >= {value}, true))",
            end("from"),
            end("to")
        )
    }

    /// Whether it is null, without the value's cost.
    pub fn nullable(&self, row: &str) -> String {
        match &self.place {
            Place::Table => self.reference(row),
            Place::Money { minor, .. } => format!("{row}.{}", quoted(&minor.name)),
            Place::Custom(_) => self.value(row),
        }
    }

    /// In a select list; what the printer of rows cannot print itself, PostgreSQL makes JSON of.
    pub fn shown(&self, row: &str) -> String {
        match self.place {
            Place::Table if !matches!(self.kind, Kind::Array(_) | Kind::Other) => {
                self.reference(row)
            }
            _ => self.shown_as(row, &self.name),
        }
    }

    /// In a select list, under another name.
    pub fn shown_as(&self, row: &str, name: &str) -> String {
        let name = quoted(name);
        match (&self.place, &self.kind) {
            (Place::Table, Kind::Array(_) | Kind::Other) => {
                format!("to_json({}) as {name}", self.reference(row))
            }
            (Place::Table, _) => format!("{} as {name}", self.reference(row)),
            (
                Place::Money {
                    minor, currency, ..
                },
                _,
            ) => format!(
                "ucrm.money({row}.{}, {row}.{}) as {name}",
                quoted(&minor.name),
                quoted(&currency.name)
            ),
            (Place::Custom(member), _) => format!("{row}.\"custom\" -> '{member}' as {name}"),
        }
    }

    /// In a select list, as text.
    pub fn shown_text(&self, row: &str, name: &str) -> String {
        let value = match &self.place {
            Place::Money { minor, .. } => format!("{row}.{}", quoted(&minor.name)),
            _ => self.value(row),
        };
        format!("{value}::text as {}", quoted(name))
    }

    /// `r."name"`, of a column that is in the table.
    fn reference(&self, row: &str) -> String {
        format!("{row}.{}", quoted(&self.name))
    }
}

fn is_custom_name(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name.starts_with(|letter: char| letter.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}
