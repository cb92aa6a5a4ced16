//! Queries of the Nexmark benchmark over columns in memory: the loop of `bench/query/nexmark.mjs`. A pass reads the pool once or several times;
//! before the next one all its times and ids move on, which is not measured.

mod hot_items;
mod pool;
mod rows;
mod windows;

use crate::measure::{result, timed};
use pool::{Pool, Table};

const DELAY_MS: i64 = 4000;
const WINDOW_MS: i64 = 10_000;

/// Arguments: query, directory of the pool, passes of warm-up, passes measured, uses of the pool per pass, milliseconds of event time per pass.
pub fn run(query: &str, args: &[String], thread_count: usize) -> String {
    let [directory, warm_up, measured, uses, span] = args else { panic!("nexmark-{query} takes a directory and four numbers") };
    let number = |text: &String| text.parse::<usize>().expect("a number");
    let passes = Passes { warm_up: number(warm_up), measured: number(measured), uses: number(uses), span_ms: number(span) as i64 };
    assert!(passes.uses == 1 || !matches!(query, "q5" | "q8"), "the pool is read once per pass in nexmark-{query}");
    let read = |tables: &[Table]| Pool::read(directory, tables);
    match query {
        "q0" => rows::run(read(&[Table::Bid]), &passes, thread_count, &rows::PassThrough),
        "q1" => rows::run(read(&[Table::Bid]), &passes, thread_count, &rows::Currency),
        "q2" => rows::run(read(&[Table::Bid]), &passes, thread_count, &rows::Selection),
        "q5" => hot_items::run(read(&[Table::Bid]), &passes, thread_count),
        "q7" => windows::highest_bid(read(&[Table::Bid]), &passes, thread_count),
        "q8" => windows::new_sellers(read(&[Table::Person, Table::Auction]), &passes, thread_count),
        _ => panic!("there is no native program for Nexmark {query}"),
    }
}

struct Passes {
    warm_up: usize,
    measured: usize,
    uses: usize,
    span_ms: i64,
}

impl Passes {
    /// Runs `work` once per pass.
    fn run(&self, mut pool: Pool, mut work: impl FnMut(&Pool)) -> Cost {
        let mut cost = Cost { events: (pool.rows() * self.uses * self.measured) as u64, seconds: 0.0, cpu_seconds: 0.0 };
        for pass in 0..self.warm_up + self.measured {
            if pass > 0 {
                pool.move_on(self.span_ms * 1000);
            }
            let (seconds, cpu_seconds) = timed(|| work(&pool));
            if pass >= self.warm_up {
                cost.seconds += seconds;
                cost.cpu_seconds += cpu_seconds;
            }
        }
        cost
    }
}

struct Cost {
    events: u64,
    seconds: f64,
    cpu_seconds: f64,
}

impl Cost {
    fn result(&self, digest: u64) -> String {
        result(self.events, (self.seconds, self.cpu_seconds), &format!("{digest:x}"))
    }

    /// Where rows go to a sink, the answer is their number and the digest of some of them.
    fn result_of_rows(&self, rows: u64, digest: u64) -> String {
        result(self.events, (self.seconds, self.cpu_seconds), &format!("{rows} rows, {digest:x}"))
    }
}

/// Which of `shares` threads a key belongs to; bits that the tables do not use.
#[inline(always)]
fn share_of(key: i64, shares: usize) -> usize {
    ((key as u64).wrapping_mul(0xd6e8_feb8_6659_fd93) as usize >> 40 & 0xffff) % shares
}
