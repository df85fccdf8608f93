//! Worker threads: they share a queue of work while the calling thread watches over the call.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

use crate::fault::panic_message;

/// How often the calling thread checks on the call while the workers work.
const TICK: Duration = Duration::from_millis(20);

/// Size of a worker's stack in bytes: rendering and encoding recurse into nested data.
const STACK: usize = 16 << 20;

/// Why a call has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The caller asked for it.
    Cancelled,
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
    pub fn add_turn(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    pub fn turns(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

/// The first failure of a worker.
#[derive(Default)]
struct FirstFailure(Mutex<Option<String>>);

impl FirstFailure {
    fn note(&self, message: String) {
        if let Ok(mut first) = self.0.lock() {
            first.get_or_insert(message);
        }
    }

    fn result(self) -> Result<(), Stop> {
        match self.0.into_inner() {
            Ok(None) => Ok(()),
            Ok(Some(message)) => Err(Stop::Internal(message)),
            Err(_) => Err(Stop::Internal("a worker failed".to_owned())),
        }
    }
}

/// Runs `work` for every index below `count` on the workers, each with a state of its own.
///
/// # Errors
///
/// If the call was cancelled, a worker panicked or none could be started.
pub fn parallel<S: Default>(
    count: usize,
    progress: &Progress,
    options: &mut Options,
    work: impl Fn(usize, &mut S) + Sync,
) -> Result<(), Stop> {
    if count == 0 {
        return Ok(());
    }
    let next = AtomicUsize::new(0);
    let failure = FirstFailure::default();
    let running = AtomicUsize::new(0);
    let watcher = thread::current();
    let take_all = || {
        let mut own = S::default();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count || progress.is_cancelled() {
                return;
            }
            work(index, &mut own);
        }
    };
    let body = || {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(take_all)) {
            progress.cancel();
            failure.note(panic_message(&*panic));
        }
        running.fetch_sub(1, Ordering::AcqRel);
        watcher.unpark();
    };
    let mut stopped = false;
    thread::scope(|scope| {
        for _ in 0..options.workers.clamp(1, count) {
            running.fetch_add(1, Ordering::AcqRel);
            let started = Builder::new()
                .name("isl-bench".to_owned())
                .stack_size(STACK)
                .spawn_scoped(scope, body);
            if let Err(error) = started {
                running.fetch_sub(1, Ordering::AcqRel);
                failure.note(format!("cannot start a worker: {error}"));
                progress.cancel();
                break;
            }
        }
        stopped = !watch(&running, progress, options);
    });
    if stopped {
        return Err(Stop::Cancelled);
    }
    failure.result()
}

/// Waits for the workers; returns false if the caller cancelled the call meanwhile.
fn watch(running: &AtomicUsize, progress: &Progress, options: &mut Options) -> bool {
    let mut wanted = true;
    let mut checked = Instant::now();
    while running.load(Ordering::Acquire) > 0 {
        thread::park_timeout(TICK);
        if wanted && checked.elapsed() >= TICK {
            checked = Instant::now();
            if !(options.watch)(progress.turns()) {
                wanted = false;
                progress.cancel();
            }
        }
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::{Options, Progress, Stop, parallel};

    #[test]
    fn a_panic_of_a_worker_ends_the_call_with_its_message() {
        let mut options = Options {
            workers: 2,
            watch: &mut |_| true,
        };
        let result = parallel(
            9,
            &Progress::default(),
            &mut options,
            |index, (): &mut ()| {
                assert_ne!(index, 3, "three");
            },
        );
        let Err(Stop::Internal(message)) = result else {
            panic!("{result:?}");
        };
        assert!(message.starts_with("panic: ") && message.contains("three"));
    }
}
