//! How long something takes where other programs want the processor as well.

use std::fs;

/// The time that this thread has had a processor, in seconds. Other programs do not make it longer,
/// as they do with the time of day.
pub fn seconds() -> f64 {
    seconds_in("/proc/thread-self/stat")
}

/// The same of the thread, or with all its threads of the process, that a file of proc(5) is about.
pub fn seconds_in(stat: &str) -> f64 {
    // utime and stime, in ticks, which every Linux tells as hundredths of a second. What stands
    // before them is in parentheses, and has blanks.
    let stat = fs::read_to_string(stat).expect("Linux");
    let (_, rest) = stat.rsplit_once(')').expect("the name of the thread");
    let times = rest.split_whitespace().skip(11).take(2);
    let ticks: f64 = times
        .map(|ticks| ticks.parse::<f64>().expect("ticks"))
        .sum();
    ticks / 100.0
}
