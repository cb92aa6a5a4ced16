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

pub fn result(events: u64, (seconds, cpu): (f64, f64), digest: u64) -> String {
    format!("{{\"events\":{events},\"seconds\":{seconds},\"cpuSeconds\":{cpu},\"digest\":\"{digest:x}\"}}")
}
