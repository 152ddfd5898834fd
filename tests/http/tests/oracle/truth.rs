//! The three truths of SQL, and what `and`, `or` and `not` make of them (Kleene).

/// True, false, or unknown because a null was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    True,
    False,
    Unknown,
}

impl From<bool> for Truth {
    fn from(known: bool) -> Truth {
        if known { Truth::True } else { Truth::False }
    }
}

impl Truth {
    pub fn not(self) -> Truth {
        match self {
            Truth::True => Truth::False,
            Truth::False => Truth::True,
            Truth::Unknown => Truth::Unknown,
        }
    }

    /// False beats unknown, unknown beats true.
    pub fn all(truths: impl Iterator<Item = Truth>) -> Truth {
        let mut sum = Truth::True;
        for truth in truths {
            sum = match (sum, truth) {
                (Truth::False, _) | (_, Truth::False) => Truth::False,
                (Truth::Unknown, _) | (_, Truth::Unknown) => Truth::Unknown,
                _ => Truth::True,
            };
        }
        sum
    }

    /// True beats unknown, unknown beats false.
    pub fn any(truths: impl Iterator<Item = Truth>) -> Truth {
        Truth::all(truths.map(Truth::not)).not()
    }
}
