//! Worker threads: they share a queue of work while the calling thread watches over the call.
//!
//! The caller never waits for a worker that does not stop. A call of the tokenizers library on
//! megabytes of text cannot be interrupted, so after a cancellation such a worker is left to end
//! its piece of work by itself. That is why the workers own, together, all that they use.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Builder, Thread};
use std::time::{Duration, Instant};

use crate::fault::panic_message;

/// How often the calling thread checks on the call while the workers work.
const TICK: Duration = Duration::from_millis(20);

/// How long a cancelled call waits for its workers, most of which stop at once.
const GRACE: Duration = Duration::from_millis(200);

/// Size of a worker's stack in bytes: rendering and encoding recurse into nested data.
const STACK: usize = 16 << 20;

/// Why a call has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The caller asked for it.
    Cancelled,
    /// The system starts no more threads.
    NoThreads(String),
    /// The core itself is at fault.
    Internal(String),
}

/// How a call is run.
pub struct Options<'o> {
    pub workers: usize,
    /// Called now and then with the number of turns done; false cancels the call.
    pub watch: &'o mut dyn FnMut(usize) -> bool,
}

/// How many turns of a call are done, and whether it was cancelled.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicUsize,
    cancelled: AtomicBool,
}

impl Progress {
    pub fn add_turns(&self, turns: usize) {
        self.done.fetch_add(turns, Ordering::Relaxed);
    }

    pub fn turns(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// What becomes true when the call is cancelled.
    pub fn stop(&self) -> &AtomicBool {
        &self.cancelled
    }

    fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

/// What the workers of one [`parallel`] share.
struct Team<W> {
    count: usize,
    work: W,
    progress: Arc<Progress>,
    /// The next index that a worker takes.
    next: AtomicUsize,
    running: AtomicUsize,
    /// The first failure of a worker.
    failure: Mutex<Option<String>>,
    watcher: Thread,
}

impl<W> Team<W> {
    fn take_all<S: Default>(&self)
    where
        W: Fn(usize, &mut S),
    {
        let mut own = S::default();
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            if index >= self.count || self.progress.is_cancelled() {
                return;
            }
            (self.work)(index, &mut own);
        }
    }

    /// The life of a worker.
    fn run<S: Default>(&self)
    where
        W: Fn(usize, &mut S),
    {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.take_all())) {
            self.progress.cancel();
            let mut first = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert(panic_message(&*panic));
        }
        self.running.fetch_sub(1, Ordering::AcqRel);
        self.watcher.unpark();
    }

    fn is_done(&self) -> bool {
        self.running.load(Ordering::Acquire) == 0
    }

    /// Waits for the workers; returns false if the caller cancelled the call meanwhile.
    fn watch(&self, options: &mut Options) -> bool {
        let mut checked = Instant::now();
        while !self.is_done() {
            thread::park_timeout(TICK);
            if checked.elapsed() >= TICK {
                checked = Instant::now();
                if !(options.watch)(self.progress.turns()) {
                    return false;
                }
            }
        }
        true
    }

    /// Tells the workers to stop, and waits a moment for them.
    fn stop(&self) {
        self.progress.cancel();
        let told = Instant::now();
        while !self.is_done() && told.elapsed() < GRACE {
            thread::park_timeout(TICK);
        }
    }
}

/// Runs `work` for every index below `count` on the workers, each with a state of its own.
///
/// # Errors
///
/// If the call was cancelled, a worker panicked or one could not be started.
pub fn parallel<S: Default>(
    count: usize,
    progress: &Arc<Progress>,
    options: &mut Options,
    work: impl Fn(usize, &mut S) + Send + Sync + 'static,
) -> Result<(), Stop> {
    if count == 0 {
        return Ok(());
    }
    let team = Arc::new(Team {
        count,
        work,
        progress: Arc::clone(progress),
        next: AtomicUsize::new(0),
        running: AtomicUsize::new(0),
        failure: Mutex::new(None),
        watcher: thread::current(),
    });
    let mut workers = Vec::new();
    let mut stopped = None;
    for _ in 0..options.workers.clamp(1, count) {
        team.running.fetch_add(1, Ordering::AcqRel);
        let own = Arc::clone(&team);
        let started = Builder::new()
            .name("isl-bench".to_owned())
            .stack_size(STACK)
            .spawn(move || own.run());
        match started {
            Ok(worker) => workers.push(worker),
            Err(error) => {
                team.running.fetch_sub(1, Ordering::AcqRel);
                stopped = Some(Stop::NoThreads(error.to_string()));
                break;
            }
        }
    }
    if stopped.is_none() && !team.watch(options) {
        stopped = Some(Stop::Cancelled);
    }
    if stopped.is_some() {
        team.stop();
    }
    if team.is_done() {
        // They have worked, and only give back what belongs to their threads.
        for worker in workers {
            if let Err(panic) = worker.join() {
                return Err(Stop::Internal(panic_message(&*panic)));
            }
        }
    }
    if let Some(stop) = stopped {
        return Err(stop);
    }
    let mut failure = team.failure.lock().unwrap_or_else(PoisonError::into_inner);
    failure
        .take()
        .map_or(Ok(()), |message| Err(Stop::Internal(message)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::{Options, Progress, Stop, parallel};

    #[test]
    fn a_panic_of_a_worker_ends_the_call_with_its_message() {
        let mut options = Options {
            workers: 2,
            watch: &mut |_| true,
        };
        let result = parallel(9, &Arc::default(), &mut options, |index, (): &mut ()| {
            assert_ne!(index, 3, "three");
        });
        let Err(Stop::Internal(message)) = result else {
            panic!("{result:?}");
        };
        assert!(message.starts_with("panic: ") && message.contains("three"));
    }

    #[test]
    fn a_worker_that_does_not_stop_is_left_behind() {
        let progress = Arc::<Progress>::default();
        let mut options = Options {
            workers: 2,
            watch: &mut |_| false,
        };
        let (ended, end) = channel();
        let result = parallel(2, &progress, &mut options, move |_, (): &mut ()| {
            // As a call of a library that looks at no flag.
            std::thread::sleep(Duration::from_secs(2));
            let _ = ended.send(());
        });
        assert_eq!(result, Err(Stop::Cancelled));
        assert!(
            end.try_recv().is_err(),
            "the call has waited for its workers"
        );
        assert!(end.recv().is_ok());
    }
}
