//! The mail worker: takes mails that are due, has them sent, and says how each ended.
//! Must never log an address, a link or a secret, nor hold more mails than it sends at a time.
//! Started by server; several gateways share the work through the leases of `ucrm.claim_mail`.

mod bounded;
mod letter;
mod log;
mod outcome;
mod queue;
mod resend;
mod roots;
pub mod settings;
mod sink;
mod smtp;
mod smtp_url;
mod template;
mod transport;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::database::Database;
use crate::mail::letter::Letter;
use crate::mail::outcome::{Ending, Outcome};
use crate::mail::queue::{Claimed, Queue};
use crate::mail::settings::MailConfig;
use crate::mail::transport::Transport;
use crate::metrics::Metrics;

const IDLE: Duration = Duration::from_secs(1);
const TROUBLED: Duration = Duration::from_secs(5);

/// One gateway's worker.
pub struct Mail {
    post: Arc<Post>,
    at_a_time: usize,
}

struct Post {
    queue: Queue,
    transport: Transport,
    metrics: Arc<Metrics>,
    patience: Duration,
}

impl Mail {
    /// Prepares the transports; sends nothing yet.
    ///
    /// # Errors
    /// A sentence naming the setting that does not work.
    pub fn new(
        config: &MailConfig,
        database: Arc<Database>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, String> {
        let post = Post {
            queue: Queue::new(database, config.public_url.clone()),
            transport: Transport::new(config)?,
            metrics,
            patience: config.patience,
        };
        Ok(Self {
            post: Arc::new(post),
            at_a_time: config.at_a_time,
        })
    }

    /// Works until told to stop, then finishes what it has begun.
    pub async fn run(self, stop: CancellationToken) {
        if self.at_a_time == 0 {
            return;
        }
        tracing::info!(by = self.post.transport.name(), "sending mail");
        let mut sending = JoinSet::new();
        while !stop.is_cancelled() {
            while sending.try_join_next().is_some() {}
            let free = self.at_a_time - sending.len();
            if free == 0 {
                tokio::select! {
                    _ = sending.join_next() => continue,
                    () = stop.cancelled() => break,
                }
            }
            let claimed = self.post.queue.claim(free).await;
            let pause = match &claimed {
                Some(claimed) if claimed.len() == free => Duration::ZERO,
                Some(_) => IDLE,
                None => TROUBLED,
            };
            for mail in claimed.unwrap_or_default() {
                let post = self.post.clone();
                sending.spawn(async move { post.attend(mail).await });
            }
            tokio::select! {
                () = sleep(pause) => {}
                () = stop.cancelled() => {}
            }
        }
        while sending.join_next().await.is_some() {}
    }
}

impl Post {
    async fn attend(&self, mail: Claimed) {
        let outcome = match Letter::of(&mail, self.transport.from()) {
            Ok(letter) => timeout(self.patience, self.transport.send(&mail, &letter))
                .await
                .unwrap_or(Outcome::retry("timeout", "no answer in time")),
            Err(outcome) => outcome,
        };
        let sender = match &mail.sender {
            Some(_) => "tenant",
            None => "platform",
        };
        self.metrics.mail(sender, outcome.ending.name());
        let (id, kind, attempt) = (mail.id, &*mail.kind, mail.attempt);
        match outcome.ending {
            Ending::Sent => tracing::debug!(%id, kind, attempt, sender, "mail sent"),
            ending => {
                let (outcome, reason) = (ending.name(), outcome.class);
                tracing::warn!(%id, kind, attempt, sender, outcome, reason, "mail not sent");
            }
        }
        self.queue.settle(&mail, &outcome).await;
    }
}
