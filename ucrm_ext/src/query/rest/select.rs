//! Owns PostgREST's `select`: columns with alias, JSON path and cast, and embedded resources.
//! Must never look a column or a relation up.
//! Called by `question`.

use super::fault::Fault;
use super::scanner::{Field, Scanner};

const MAX_ITEMS: usize = 200;

/// One thing that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selected {
    /// `*`.
    All,
    /// `alias:column->path::type`.
    Column {
        /// The column.
        field: Field,
        /// What it is called in the reply.
        alias: Option<String>,
        /// The type it is cast to.
        cast: Option<String>,
    },
    /// `alias:target!hint(…)`.
    Embed(Embed),
}

/// An embedded resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Embed {
    /// What it is called in the reply.
    pub alias: Option<String>,
    /// The resource, the relation, or the column that refers to it.
    pub target: String,
    /// Constraint, column or link table that tells which relation is meant.
    pub hint: Option<String>,
    /// Rows without one are left out.
    pub inner: bool,
    /// What of it is asked for.
    pub select: Vec<Selected>,
}

impl Embed {
    /// What other parameters call it.
    pub fn name(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.target)
    }
}

/// Reads the value of `select`.
pub fn select(text: &str) -> Result<Vec<Selected>, Fault> {
    if text.trim().is_empty() {
        return Ok(vec![Selected::All]);
    }
    let mut scanner = Scanner {
        parameter: "select",
        rest: text,
    };
    let items = items(&mut scanner, true)?;
    if scanner.rest.is_empty() {
        Ok(items)
    } else {
        Err(scanner.malformed("something follows"))
    }
}

fn items(scanner: &mut Scanner, top: bool) -> Result<Vec<Selected>, Fault> {
    let mut items = Vec::new();
    loop {
        scanner.blanks();
        items.push(item(scanner, top)?);
        scanner.blanks();
        if items.len() > MAX_ITEMS {
            return Err(scanner.malformed("it has up to 200 columns"));
        }
        if !scanner.eat(",") {
            return Ok(items);
        }
    }
}

fn item(scanner: &mut Scanner, top: bool) -> Result<Selected, Fault> {
    if scanner.eat("*") {
        return Ok(Selected::All);
    }
    if scanner.rest.starts_with("...") {
        return Err(Fault::unsupported(
            "spreading an embedded resource",
            "Embed it under its own name: organization(name).",
        ));
    }
    let mut field = scanner.field()?;
    let mut alias = None;
    if field.path.is_empty() && scanner.rest.starts_with(':') && !scanner.rest.starts_with("::") {
        scanner.eat(":");
        scanner.blanks();
        alias = Some(field.name);
        field = scanner.field()?;
    }
    let mut hint = None;
    let mut inner = false;
    while scanner.eat("!") {
        match scanner.name()?.as_str() {
            "inner" => inner = true,
            "left" => {}
            name if hint.is_none() => hint = Some(name.to_owned()),
            _ => return Err(scanner.malformed("an embedded resource takes one hint")),
        }
    }
    if scanner.rest.starts_with('(') {
        if !field.path.is_empty() {
            return Err(scanner.malformed("a JSON path cannot be embedded"));
        }
        // count() is the one aggregate that stands alone.
        if field.name == "count" && scanner.rest.starts_with("()") {
            return Err(aggregate());
        }
        if !top {
            return Err(Fault::unsupported(
                "embedding inside an embedded resource",
                "Embed one level, and ask for the rest in another request.",
            ));
        }
        scanner.expect("(")?;
        scanner.blanks();
        let select = match scanner.rest.starts_with(')') {
            true => Vec::new(),
            false => items(scanner, false)?,
        };
        scanner.expect(")")?;
        return Ok(Selected::Embed(Embed {
            alias,
            target: field.name,
            hint,
            inner,
            select,
        }));
    }
    if hint.is_some() || inner {
        return Err(scanner.malformed("'(' is missing after an embedded resource's hint"));
    }
    let cast = match scanner.eat("::") {
        true => Some(scanner.name()?),
        false => None,
    };
    if scanner.rest.starts_with('.') {
        return Err(aggregate());
    }
    Ok(Selected::Column { field, alias, cast })
}

fn aggregate() -> Fault {
    let mut fault = Fault::unsupported(
        "an aggregate function",
        "Expose a function that computes it: ucrm.expose().",
    );
    fault.code = "PGRST123";
    fault
}
