//! Updates of keyed state: the loop of `bench/query/keyed-updates.mjs`, a count and a sum per key, over an open-addressing table. Like a state
//! store it knows which rows each million of updates has changed; unlike one it cannot take them back.

use crate::measure::timed;

const STRIDE: u64 = 1_000_003;
const EMPTY: u64 = u64::MAX;
const COMMIT_ROWS: usize = 1_000_000;
/// How far ahead of its use a row is loaded.
const AHEAD: usize = 16;

#[derive(Clone, Copy)]
#[repr(align(32))]
struct Row {
    key: u64,
    count: u64,
    sum: u64,
    /// The last million of updates that changed the row.
    epoch: u32,
}

/// A power of two of slots, at most half full.
struct Table {
    slots: Vec<Row>,
    epoch: u32,
    changed: Vec<u32>,
}

impl Table {
    fn new(keys: usize) -> Table {
        let free = Row { key: EMPTY, count: 0, sum: 0, epoch: 0 };
        Table { slots: vec![free; (2 * keys).next_power_of_two()], epoch: 0, changed: Vec::new() }
    }

    #[inline(always)]
    fn home(&self, key: u64) -> usize {
        (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) as usize & (self.slots.len() - 1)
    }

    #[inline(always)]
    fn load_ahead(&self, key: u64) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a prefetch has no effect but on caches, and the slot is inside the table.
        unsafe {
            use std::arch::x86_64::{_mm_prefetch, _MM_HINT_T0};
            _mm_prefetch(self.slots.as_ptr().add(self.home(key)).cast(), _MM_HINT_T0);
        }
    }

    #[inline(always)]
    fn update(&mut self, key: u64, value: u64) {
        let mask = self.slots.len() - 1;
        let mut slot = self.home(key);
        while self.slots[slot].key != key && self.slots[slot].key != EMPTY {
            slot = (slot + 1) & mask;
        }
        let row = &mut self.slots[slot];
        row.key = key;
        row.count += 1;
        row.sum += value;
        if row.epoch != self.epoch {
            row.epoch = self.epoch;
            self.changed.push(slot as u32);
        }
    }

    fn update_all(&mut self, keys: &[u64]) {
        for start in (0..keys.len()).step_by(COMMIT_ROWS) {
            self.epoch += 1;
            self.changed.clear();
            for i in start..keys.len().min(start + COMMIT_ROWS) {
                self.load_ahead(keys[(i + AHEAD).min(keys.len() - 1)]);
                self.update(keys[i], i as u64);
            }
        }
    }

    fn totals(&self) -> (u64, u64) {
        self.slots.iter().fold((0, 0), |(count, sum), row| (count + row.count, sum + row.sum))
    }
}

/// Arguments: the smaller and the larger number of keys, updates in a round, rounds.
pub fn run(args: &[String]) -> String {
    let numbers: Vec<usize> = args.iter().map(|text| text.parse().expect("a number")).collect();
    let [fewer, more, updates, rounds] = numbers[..] else { panic!("keyed-updates takes four arguments") };
    let (fewer_speed, fewer_answer) = measure(fewer, updates, rounds);
    let (more_speed, more_answer) = measure(more, updates, rounds);
    format!("{{\"fewerKeys\":{fewer_speed},\"moreKeys\":{more_speed},\"digest\":\"{fewer_answer} {more_answer}\"}}")
}

/// Fills a table, runs all rounds: million updates per CPU-second of the best after the first, and what was counted and added up.
fn measure(key_count: usize, updates: usize, rounds: usize) -> (f64, String) {
    let mut table = Table::new(key_count);
    table.update_all(&(0..key_count as u64).map(|key| key * STRIDE).collect::<Vec<_>>());
    let (count, sum) = table.totals();
    let mut random: u32 = 12345;
    let mut draw = || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (f64::from(random) / 4_294_967_296.0 * key_count as f64).floor() as u64 * STRIDE
    };
    let keys: Vec<u64> = (0..updates).map(|_| draw()).collect();
    let seconds = (0..rounds).map(|_| timed(|| table.update_all(&keys)).1).skip(1).fold(f64::INFINITY, f64::min);
    let (count_after, sum_after) = table.totals();
    (updates as f64 / seconds / 1e6, format!("{},{}", count_after - count, sum_after - sum))
}
