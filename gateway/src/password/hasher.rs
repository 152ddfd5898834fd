//! argon2id (RFC 9106) on threads of its own: as many at a time as configured, and never in the way of requests.
//! Must never be asked without a bound, print a password, or hold its memory when there is nothing to do.
//! Called by password.

use std::time::Duration;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::oneshot;
use tokio_postgres::Row;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// Waiting for a thread; beyond that, 503.
const WAITING: usize = 256;
const IDLE: Duration = Duration::from_secs(1);
/// Requests go before passwords.
const NICENESS: i32 = 10;
/// What glibc's allocator always gives back when it is freed; less than 32 MiB it keeps once it was freed before. Pages
/// beyond those that are used are never touched, so they cost nothing.
const GIVEN_BACK: usize = 33 * 1024;
/// More than any row of ours asks for.
const MOST_MEMORY_KIB: u32 = 256 * 1024;
const MOST_PASSES: u32 = 16;

/// What `ucrm.password_work` asks for.
#[derive(Clone)]
pub struct Work {
    /// The body's member.
    pub field: String,
    /// 16 bytes or more.
    pub salt: Vec<u8>,
    /// m, in KiB.
    pub memory_kib: u32,
    /// t
    pub passes: u32,
    /// p
    pub lanes: u32,
    /// True for a new password.
    pub judge: bool,
}

impl Work {
    /// For a new password of which no database is told yet.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn fresh() -> Result<Self, ring::error::Unspecified> {
        let mut salt = vec![0; 16];
        SystemRandom::new().fill(&mut salt)?;
        Ok(Self {
            field: "password".to_owned(),
            salt,
            memory_kib: 19_456,
            passes: 2,
            lanes: 1,
            judge: true,
        })
    }

    /// Reads `(field text, salt bytea, memory_kib int, passes int, lanes int, judge bool)`.
    pub fn from_row(row: &Row) -> Option<Self> {
        let number = |at| {
            row.try_get::<_, i32>(at)
                .ok()
                .and_then(|n| u32::try_from(n).ok())
        };
        Some(Self {
            field: row.try_get(0).ok()?,
            salt: row.try_get(1).ok()?,
            memory_kib: number(2)?,
            passes: number(3)?,
            lanes: number(4)?,
            judge: row.try_get(5).ok()?,
        })
    }
}

struct Job {
    work: Work,
    password: Zeroizing<String>,
    answer: oneshot::Sender<Result<[u8; 32], Failure>>,
}

/// The threads.
pub struct Hasher {
    jobs: Sender<Job>,
    // Keeps the queue open whatever becomes of the threads.
    _waiting: Receiver<Job>,
}

impl Hasher {
    /// Starts as many threads.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(threads: usize) -> std::io::Result<Self> {
        let (jobs, waiting) = bounded(WAITING);
        for _ in 0..threads {
            let waiting = waiting.clone();
            std::thread::Builder::new()
                .name("argon2".to_owned())
                .spawn(move || work_off(&waiting))?;
        }
        Ok(Self {
            jobs,
            _waiting: waiting,
        })
    }

    /// Computes one.
    ///
    /// # Errors
    /// `unavailable` when too many wait, `internal` for parameters that make no sense.
    pub async fn hash(&self, work: Work, password: Zeroizing<String>) -> Result<[u8; 32], Failure> {
        let (answer, answered) = oneshot::channel();
        let job = Job {
            work,
            password,
            answer,
        };
        self.jobs.try_send(job).map_err(|_| Failure::Unavailable)?;
        answered.await.unwrap_or(Err(Failure::Internal))
    }
}

fn work_off(waiting: &Receiver<Job>) {
    // On Linux niceness is a thread's own.
    let _ = rustix::process::nice(NICENESS);
    let mut memory: Vec<Block> = Vec::new();
    loop {
        let next = if memory.is_empty() {
            waiting.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            waiting.recv_timeout(IDLE)
        };
        match next {
            // A client that has gone waits for nothing.
            Ok(job) if job.answer.is_closed() => {}
            Ok(job) => {
                let hash = compute(&mut memory, &job.work, job.password.as_bytes());
                let _ = job.answer.send(hash.ok_or(Failure::Internal));
            }
            Err(RecvTimeoutError::Timeout) => memory = Vec::new(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn compute(memory: &mut Vec<Block>, work: &Work, password: &[u8]) -> Option<[u8; 32]> {
    if work.memory_kib > MOST_MEMORY_KIB || work.passes > MOST_PASSES {
        return None;
    }
    let parameters = Params::new(work.memory_kib, work.passes, work.lanes, Some(32)).ok()?;
    let blocks = parameters.block_count();
    if memory.is_empty() {
        *memory = Vec::with_capacity(blocks.max(GIVEN_BACK));
    }
    memory.resize(blocks.max(memory.len()), Block::default());
    let mut hash = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
        .hash_password_into_with_memory(password, &work.salt, &mut hash, memory)
        .ok()?;
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(memory_kib: u32, lanes: u32) -> Work {
        Work {
            field: "password".to_owned(),
            salt: b"somesaltsomesalt".to_vec(),
            memory_kib,
            passes: 2,
            lanes,
            judge: false,
        }
    }

    #[test]
    fn memory_that_was_used_before_changes_nothing() {
        let mut memory = Vec::new();
        let first = compute(&mut memory, &work(256, 1), b"password").unwrap();
        let other = compute(&mut memory, &work(1024, 1), b"other").unwrap();
        assert_ne!(first, other);
        assert_eq!(
            compute(&mut memory, &work(256, 1), b"password"),
            Some(first)
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn memory_that_is_let_go_is_the_systems_again() {
        fn resident_kib() -> usize {
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find(|line| line.starts_with("VmRSS:"));
            let number = line.and_then(|line| line.split_whitespace().nth(1));
            number.unwrap().parse().unwrap()
        }
        let before = resident_kib();
        for _ in 0..3 {
            let mut memory = Vec::new();
            compute(&mut memory, &work(19_456, 1), b"password").unwrap();
        }
        assert!(resident_kib() < before + 10 * 1024);
    }

    #[test]
    fn parameters_that_make_no_sense_are_refused() {
        let mut memory = Vec::new();
        assert_eq!(compute(&mut memory, &work(u32::MAX, 1), b"x"), None);
        assert_eq!(compute(&mut memory, &work(0, 1), b"x"), None);
        assert_eq!(compute(&mut memory, &work(256, 0), b"x"), None);
    }

    #[tokio::test]
    async fn more_than_can_wait_are_turned_away() {
        let hasher = Hasher::start(0).unwrap();
        for _ in 0..WAITING {
            let job = hasher.hash(work(256, 1), Zeroizing::new("x".to_owned()));
            // Polled once, it waits in the queue.
            let _ = tokio::time::timeout(Duration::ZERO, job).await;
        }
        let one_more = hasher.hash(work(256, 1), Zeroizing::new("x".to_owned()));
        assert_eq!(one_more.await, Err(Failure::Unavailable));
    }
}
