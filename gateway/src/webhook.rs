//! The webhook worker: has events become deliveries, takes those that are due, makes them, and says how each ended.
//! Must never log a URL, a body or a signature, nor hold more deliveries than it makes at a time.
//! Started by server; several gateways share the work through the leases of `ucrm.claim_deliveries`.

mod address;
mod connection;
mod outcome;
mod queue;
mod sender;
pub mod settings;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::database::Database;
use crate::metrics::Metrics;
use crate::webhook::outcome::Told;
use crate::webhook::queue::{Claimed, Queue};
use crate::webhook::sender::Sender;
use crate::webhook::settings::WebhookConfig;

/// How long a new event waits at most until somebody looks.
const IDLE: Duration = Duration::from_millis(250);
/// What ends within this time is told of at once.
const GATHER: Duration = Duration::from_millis(5);
const TROUBLED: Duration = Duration::from_secs(1);
/// Longer than a lease nobody needs to be told.
const WORTH_TELLING: Duration = Duration::from_secs(30);

/// One gateway's worker.
pub struct Webhooks {
    post: Arc<Post>,
    queue: Queue,
    at_a_time: usize,
}

struct Post {
    sender: Sender,
    metrics: Arc<Metrics>,
}

impl Webhooks {
    /// Prepares to send; sends nothing yet.
    ///
    /// # Errors
    /// A sentence naming the setting that does not work.
    pub fn new(
        config: &WebhookConfig,
        database: Arc<Database>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, String> {
        let post = Post {
            sender: Sender::new(config)?,
            metrics,
        };
        Ok(Self {
            post: Arc::new(post),
            queue: Queue::new(database),
            at_a_time: config.at_a_time,
        })
    }

    /// Works until told to stop, then finishes what it has begun.
    pub async fn run(self, stop: CancellationToken) {
        if self.at_a_time == 0 {
            return;
        }
        tracing::info!(at_a_time = self.at_a_time, "delivering webhooks");
        let mut sending = JoinSet::new();
        let mut untold: Vec<Told> = Vec::new();
        let mut looked: Option<Instant> = None;
        loop {
            while let Some(ended) = sending.try_join_next() {
                untold.extend(ended.ok());
            }
            let mut well = self.tell(&mut untold).await;
            if stop.is_cancelled() {
                if sending.is_empty() && untold.is_empty() {
                    return;
                }
            } else {
                if looked.is_none_or(|at| at.elapsed() >= IDLE) {
                    let more = self.queue.fan_out().await;
                    well &= more.is_some();
                    looked = (more != Some(true)).then(Instant::now);
                }
                let free = self.at_a_time - sending.len();
                let claimed = match free {
                    0 => Some(Vec::new()),
                    free => self.queue.claim(free).await,
                };
                well &= claimed.is_some();
                for delivery in claimed.unwrap_or_default() {
                    let post = self.post.clone();
                    sending.spawn(async move { post.attend(delivery).await });
                }
            }
            let pause = match (well, looked) {
                (false, _) => TROUBLED,
                (true, None) => Duration::ZERO,
                (true, Some(_)) => IDLE,
            };
            tokio::select! {
                Some(ended) = sending.join_next() => {
                    untold.extend(ended.ok());
                    // The others that are about to end come along.
                    sleep(if well { GATHER } else { TROUBLED }).await;
                }
                () = sleep(pause) => self.post.sender.sweep(),
                () = stop.cancelled(), if !stop.is_cancelled() => {}
            }
        }
    }

    /// False where the database could not be told. What is untold for too long was somebody else's by then.
    async fn tell(&self, untold: &mut Vec<Told>) -> bool {
        if untold.is_empty() {
            return true;
        }
        if self.queue.settle(untold).await {
            untold.clear();
            return true;
        }
        untold.retain(|told| told.ended.elapsed() < WORTH_TELLING);
        false
    }
}

impl Post {
    async fn attend(&self, delivery: Claimed) -> Told {
        let begun = Instant::now();
        let outcome = self.sender.send(&delivery).await;
        self.metrics.delivery(outcome.class());
        let (id, class) = (delivery.id, outcome.class());
        match outcome.status {
            Some(status) => tracing::debug!(%id, class, status, "a webhook was answered"),
            None => {
                tracing::info!(%id, class, reason = outcome.error(), "a webhook was not delivered")
            }
        }
        Told::of(&delivery, outcome, begun.elapsed())
    }
}
