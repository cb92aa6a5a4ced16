//! Counts per key: the loop of `bench/query/count-by-key.mjs`, over an open-addressing table. Like the query it gives the changed rows of
//! every batch as its output, and makes them durable in a file. Of several threads each has a table and a file of its own, for its share of
//! the keys, and looks over the whole batch for them.

use crate::columns::Batch;
use crate::digest;
use crate::measure::{result, timed};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;

const STRIDE: i64 = 2_654_435_761;
const EMPTY: i64 = i64::MIN;

#[derive(Clone, Copy)]
struct Row {
    key: i64,
    count: u64,
    /// The last batch that changed the row.
    batch: u64,
}

const FREE: Row = Row { key: EMPTY, count: 0, batch: u64::MAX };

/// A power of two of slots, at most half full; grows.
struct Table {
    slots: Vec<Row>,
    used: usize,
}

impl Table {
    fn new() -> Table {
        Table { slots: vec![FREE; 1024], used: 0 }
    }

    /// Counts `key`; true when the batch changes it for the first time.
    #[inline(always)]
    fn add(&mut self, key: i64, batch: u64) -> bool {
        let mask = self.slots.len() - 1;
        let mut slot = Self::hash(key) & mask;
        loop {
            let row = &mut self.slots[slot];
            if row.key == key {
                row.count += 1;
                return std::mem::replace(&mut row.batch, batch) != batch;
            }
            if row.key == EMPTY {
                *row = Row { key, count: 1, batch };
                self.used += 1;
                if self.used * 2 > self.slots.len() {
                    self.grow();
                }
                return true;
            }
            slot = (slot + 1) & mask;
        }
    }

    fn count(&self, key: i64) -> u64 {
        let mask = self.slots.len() - 1;
        let mut slot = Self::hash(key) & mask;
        while self.slots[slot].key != key {
            slot = (slot + 1) & mask;
        }
        self.slots[slot].count
    }

    #[cold]
    fn grow(&mut self) {
        let doubled = vec![FREE; self.slots.len() * 2];
        let mask = doubled.len() - 1;
        for row in std::mem::replace(&mut self.slots, doubled) {
            if row.key == EMPTY {
                continue;
            }
            let mut slot = Self::hash(row.key) & mask;
            while self.slots[slot].key != EMPTY {
                slot = (slot + 1) & mask;
            }
            self.slots[slot] = row;
        }
    }

    #[inline(always)]
    fn hash(key: i64) -> usize {
        ((key as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) as usize
    }
}

/// Arguments: pool, number of keys, batches of warm-up, batches measured.
pub fn run(args: &[String], thread_count: usize) -> String {
    let [pool, keys, warm_up, measured] = args else { panic!("count-by-key takes four arguments") };
    let number = |text: &String| text.parse::<usize>().expect("a number");
    let (keys, warm_up, measured) = (number(keys), number(warm_up), number(measured));
    let batches: Vec<Vec<i64>> = Batch::read_all(pool).iter().map(|batch| batch.longs(0)).collect();
    let mut shares: Vec<Share> = (0..thread_count).map(|number| Share::new(number, thread_count)).collect();
    let mut run = |from: usize, to: usize| {
        for batch in from..to {
            let keys = &batches[batch % batches.len()];
            match &mut shares[..] {
                [share] => share.count(keys, batch as u64),
                shares => thread::scope(|scope| shares.iter_mut().for_each(|share| drop(scope.spawn(|| share.count(keys, batch as u64))))),
            }
        }
    };
    run(0, warm_up);
    let cost = timed(|| run(warm_up, warm_up + measured));
    // The suite sees every key once more, from the batch with which it checks the state.
    let mut counts = vec![1u64; keys];
    for share in shares {
        for row in share.table.slots.iter().filter(|row| row.key != EMPTY) {
            counts[(row.key / STRIDE) as usize] += row.count;
        }
        fs::remove_file(&share.path).expect("removing the file of changes");
    }
    result((measured * keys) as u64, cost, &format!("{:x}", digest::of_numbers(counts.into_iter())))
}

/// The keys of one thread.
struct Share {
    number: usize,
    shares: usize,
    table: Table,
    path: PathBuf,
    /// Of this batch.
    changed: Vec<i64>,
    output: Vec<u8>,
}

impl Share {
    fn new(number: usize, shares: usize) -> Share {
        let path = std::env::temp_dir().join(format!("native-bench-{}-{number}.changes", std::process::id()));
        Share { number, shares, table: Table::new(), path, changed: Vec::new(), output: Vec::new() }
    }

    fn count(&mut self, keys: &[i64], batch: u64) {
        self.changed.clear();
        for &key in keys {
            // Bits of the hash that the table does not use first.
            if self.shares > 1 && (Table::hash(key) >> 32) % self.shares != self.number {
                continue;
            }
            if self.table.add(key, batch) {
                self.changed.push(key);
            }
        }
        self.output.clear();
        for &key in &self.changed {
            self.output.extend_from_slice(&key.to_le_bytes());
            self.output.extend_from_slice(&self.table.count(key).to_le_bytes());
        }
        write_durably(&self.path, &self.output);
    }
}

fn write_durably(path: &Path, bytes: &[u8]) {
    let mut file = File::create(path).expect("creating the file of changes");
    file.write_all(bytes).expect("writing the changes");
    file.sync_data().expect("syncing the changes");
}
