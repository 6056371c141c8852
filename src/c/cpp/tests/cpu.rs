//! How long something takes where other programs want the processor as well.

use std::fs;

/// The time that this thread has had a processor, in seconds. Other programs do not make it longer,
/// as they do with the time of day.
pub fn seconds() -> f64 {
    // utime and stime of proc(5), in ticks, which every Linux tells as hundredths of a second. What
    // stands before them is in parentheses, and has blanks.
    let stat = fs::read_to_string("/proc/thread-self/stat").expect("Linux");
    let (_, rest) = stat.rsplit_once(')').expect("the name of the thread");
    let times = rest.split_whitespace().skip(11).take(2);
    let ticks: f64 = times
        .map(|ticks| ticks.parse::<f64>().expect("ticks"))
        .sum();
    ticks / 100.0
}
