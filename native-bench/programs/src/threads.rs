//! Work on several threads: each claims parts from one counter, so that a slow part holds up nobody.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The number behind `--threads`, which is taken out of the arguments; one without it.
pub fn taken_from(args: &mut Vec<String>) -> usize {
    let Some(at) = args.iter().position(|arg| arg == "--threads") else { return 1 };
    let count = args.get(at + 1).and_then(|text| text.parse().ok()).filter(|&count| count > 0).expect("--threads takes a number");
    args.drain(at..at + 2);
    count
}

/// Runs `work` once on each of `count` threads, with a claimer of the numbers below `parts`; returns what they gave.
pub fn run<T: Send>(count: usize, parts: usize, work: impl Fn(&Claims) -> T + Sync) -> Vec<T> {
    let claims = Claims { next: AtomicUsize::new(0), parts };
    if count == 1 {
        return vec![work(&claims)];
    }
    thread::scope(|scope| {
        let handles: Vec<_> = (0..count).map(|_| scope.spawn(|| work(&claims))).collect();
        handles.into_iter().map(|handle| handle.join().expect("a thread that panicked")).collect()
    })
}

pub struct Claims {
    next: AtomicUsize,
    parts: usize,
}

impl Claims {
    /// The next number that no thread has; none when all are taken.
    pub fn claim(&self) -> Option<usize> {
        let part = self.next.fetch_add(1, Ordering::Relaxed);
        (part < self.parts).then_some(part)
    }
}
