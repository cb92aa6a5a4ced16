//! Clocks and the line of output.

use std::time::Instant;

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

extern "C" {
    fn clock_gettime(clock: i32, time: *mut Timespec) -> i32;
}

const CLOCK_PROCESS_CPUTIME_ID: i32 = 2;

/// CPU seconds of this process.
fn cpu_seconds() -> f64 {
    let mut time = Timespec { seconds: 0, nanoseconds: 0 };
    // SAFETY: `time` outlives the call and has the layout that the C library expects on 64-bit Linux.
    let code = unsafe { clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    assert_eq!(code, 0, "clock_gettime");
    time.seconds as f64 + time.nanoseconds as f64 / 1e9
}

/// Runs `work`; returns wall and CPU seconds.
pub fn timed(work: impl FnOnce()) -> (f64, f64) {
    let cpu = cpu_seconds();
    let start = Instant::now();
    work();
    (start.elapsed().as_secs_f64(), cpu_seconds() - cpu)
}

/// Most memory that this process ever held.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the status of this process");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("VmHWM");
    line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse::<u64>().ok()).expect("kilobytes") * 1024
}

pub fn result(events: u64, (seconds, cpu): (f64, f64), digest: &str) -> String {
    format!("{{\"events\":{events},\"seconds\":{seconds},\"cpuSeconds\":{cpu},\"peakBytes\":{},\"digest\":\"{digest}\"}}", peak_bytes())
}
