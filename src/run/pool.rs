//! Work on many items by several threads, results in the order of the items.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

/// Most items that a thread takes at once: handing over a result costs as much as a quick item.
const MOST_AT_ONCE: usize = 32;

/// Calls `work` on every item and `sink` on every result, on the calling thread and in order.
/// When `sink` breaks off, the items not begun by then are left out.
pub fn ordered<T: Sync, R: Send>(
    items: &[T],
    jobs: usize,
    work: impl Fn(&T) -> R + Sync,
    mut sink: impl FnMut(R) -> ControlFlow<()>,
) {
    // Few items at once where there are few, so that no thread waits for the last of another.
    let at_once = (items.len() / (64 * jobs.max(1))).clamp(1, MOST_AT_ONCE);
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..jobs.min(items.len()) {
            let sender = sender.clone();
            let (next, work) = (&next, &work);
            scope.spawn(move || {
                loop {
                    let first = next.fetch_add(at_once, Ordering::Relaxed);
                    let Some(items) = items.get(first..) else {
                        break;
                    };
                    let items = &items[..at_once.min(items.len())];
                    let results: Vec<R> = items.iter().map(work).collect();
                    if results.is_empty() || sender.send((first, results)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting = BTreeMap::new();
        let mut due = 0;
        for (first, results) in receiver {
            waiting.insert(first, results);
            while let Some(results) = waiting.remove(&due) {
                due += results.len();
                for result in results {
                    if sink(result).is_break() {
                        return next.store(items.len(), Ordering::Relaxed);
                    }
                }
            }
        }
    });
}

/// What `work` gives for each item, in their order.
pub fn results<T: Sync, R: Send>(
    items: &[T],
    jobs: usize,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let mut results = Vec::with_capacity(items.len());
    ordered(items, jobs, work, |result| {
        results.push(result);
        ControlFlow::Continue(())
    });
    results
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_order() {
        let items: Vec<usize> = (0..500).collect();
        let mut seen = Vec::new();
        ordered(
            &items,
            4,
            |&i| i * 2,
            |r| {
                seen.push(r);
                ControlFlow::Continue(())
            },
        );
        assert_eq!(seen, items.iter().map(|i| i * 2).collect::<Vec<_>>());
    }

    #[test]
    fn stops_early() {
        let items: Vec<usize> = (0..10_000).collect();
        let mut count = 0;
        ordered(
            &items,
            2,
            |&i| i,
            |_| {
                count += 1;
                if count == 3 {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            },
        );
        assert_eq!(count, 3);
    }
}
