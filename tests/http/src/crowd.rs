//! Many who do something at the same moment.
//! Must never start one before all of them are ready.
//! Called by tests of what happens when requests meet.

use std::sync::Barrier;
use std::thread;

/// Lets so many work at once, each told its number from 0; what each of them got, in that order.
pub fn at_once<T: Send>(number: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let (ready, work) = (Barrier::new(number), &work);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..number)
            .map(|n| {
                let ready = &ready;
                scope.spawn(move || {
                    ready.wait();
                    work(n)
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .collect()
    })
}
