//! How an attempt to send a mail ended.
//! Must never put what a server said into the part that is logged: servers quote addresses.
//! Made by letter and the transports; told to the database by queue.

/// What becomes of the mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// A server has taken it over.
    Sent,
    /// It may work later.
    Retry,
    /// It never will.
    Failed,
}

impl Ending {
    /// As `ucrm.settle_mail` and the metrics call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Retry => "retry",
            Self::Failed => "failed",
        }
    }
}

/// The ending, and why.
#[derive(Debug)]
pub struct Outcome {
    /// What becomes of the mail.
    pub ending: Ending,
    /// What kind of trouble it was, for the log.
    pub class: &'static str,
    /// What is written down beside the mail.
    pub told: String,
}

impl Outcome {
    /// Taken over.
    pub fn sent() -> Self {
        Self::of(Ending::Sent, "", "")
    }

    /// Again later.
    pub fn retry(class: &'static str, told: impl Into<String>) -> Self {
        Self::of(Ending::Retry, class, told)
    }

    /// Never again.
    pub fn failed(class: &'static str, told: impl Into<String>) -> Self {
        Self::of(Ending::Failed, class, told)
    }

    fn of(ending: Ending, class: &'static str, told: impl Into<String>) -> Self {
        let told = told.into();
        Self {
            ending,
            class,
            told,
        }
    }
}
