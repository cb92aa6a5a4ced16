//! Queries 0, 1 and 2, which look at each bid by itself. Their rows are copied into blocks of columns, as a sink would get them, and dropped.

use super::pool::{Bids, Pool};
use super::Passes;
use crate::digest;
use crate::threads;
use std::hint::black_box;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

const BLOCK_ROWS: usize = 4096;

/// Rows that go to the sink.
#[derive(Default)]
pub struct Block {
    longs: [Vec<i64>; 4],
    decimals: Vec<i128>,
    offsets: Vec<u32>,
    text: Vec<u8>,
}

pub trait RowQuery: Sync {
    /// Fills `block` with what the rows of `bids` give; returns how many rows that is.
    fn fill(&self, bids: &Bids, rows: Range<usize>, block: &mut Block) -> usize;

    /// The same for the check of the answer, as a line.
    fn line(&self, bids: &Bids, row: usize) -> Option<String>;
}

/// Query 0.
pub struct PassThrough;
/// Query 1.
pub struct Currency;
/// Query 2.
pub struct Selection;

impl RowQuery for PassThrough {
    fn fill(&self, bids: &Bids, rows: Range<usize>, block: &mut Block) -> usize {
        copy(&bids.prices[rows.clone()], &mut block.longs[2]);
        copy_others(bids, rows.clone(), block);
        rows.len()
    }

    fn line(&self, bids: &Bids, row: usize) -> Option<String> {
        Some(line_of(bids, row, &bids.prices[row].to_string()))
    }
}

impl RowQuery for Currency {
    fn fill(&self, bids: &Bids, rows: Range<usize>, block: &mut Block) -> usize {
        block.decimals.clear();
        block.decimals.extend(bids.prices[rows.clone()].iter().map(|&price| euros(price)));
        copy_others(bids, rows.clone(), block);
        rows.len()
    }

    fn line(&self, bids: &Bids, row: usize) -> Option<String> {
        let thousandths = euros(bids.prices[row]);
        Some(line_of(bids, row, &format!("{}.{:03}", thousandths / 1000, thousandths % 1000)))
    }
}

impl RowQuery for Selection {
    fn fill(&self, bids: &Bids, rows: Range<usize>, block: &mut Block) -> usize {
        let [auctions, _, prices, _] = &mut block.longs;
        auctions.clear();
        prices.clear();
        for (&auction, &price) in bids.auctions[rows.clone()].iter().zip(&bids.prices[rows]) {
            if auction % 123 == 0 {
                auctions.push(auction);
                prices.push(price);
            }
        }
        auctions.len()
    }

    fn line(&self, bids: &Bids, row: usize) -> Option<String> {
        (bids.auctions[row] % 123 == 0).then(|| format!("{},{}", bids.auctions[row], bids.prices[row]))
    }
}

/// DECIMAL(24,3), as 0.908 times a BIGINT is.
#[inline(always)]
fn euros(price: i64) -> i128 {
    i128::from(price) * 908
}

fn copy(from: &[i64], to: &mut Vec<i64>) {
    to.clear();
    to.extend_from_slice(from);
}

/// Auction, bidder, time and extra.
fn copy_others(bids: &Bids, rows: Range<usize>, block: &mut Block) {
    copy(&bids.auctions[rows.clone()], &mut block.longs[0]);
    copy(&bids.bidders[rows.clone()], &mut block.longs[1]);
    copy(&bids.times[rows.clone()], &mut block.longs[3]);
    let offsets = &bids.extras.offsets[rows.start..=rows.end];
    block.offsets.clear();
    block.offsets.extend(offsets.iter().map(|offset| offset - offsets[0]));
    block.text.clear();
    block.text.extend_from_slice(&bids.extras.data[offsets[0] as usize..offsets[rows.len()] as usize]);
}

fn line_of(bids: &Bids, row: usize, price: &str) -> String {
    let extra = std::str::from_utf8(bids.extras.get(row)).expect("text");
    format!("{},{},{price},{},{extra}", bids.auctions[row], bids.bidders[row], bids.times[row] / 1000)
}

pub fn run(pool: Pool, passes: &Passes, thread_count: usize, query: &impl RowQuery) -> String {
    // The suite checks the lines of the first file in the first pass, and the number of all rows.
    let first = &pool.bids[..pool.first_file];
    let lines = digest::of_lines(first.iter().flat_map(|bids| (0..bids.times.len()).filter_map(|row| query.line(bids, row))).collect());
    let kept = AtomicU64::new(0);
    let pass = |pool: &Pool| {
        threads::run(thread_count, pool.bids.len() * passes.uses, |claims| {
            let mut block = Block::default();
            while let Some(part) = claims.claim() {
                let bids = &pool.bids[part % pool.bids.len()];
                let mut rows = 0;
                for from in (0..bids.times.len()).step_by(BLOCK_ROWS) {
                    rows += query.fill(bids, from..bids.times.len().min(from + BLOCK_ROWS), &mut block);
                    black_box(&block);
                }
                kept.fetch_add(rows as u64, Ordering::Relaxed);
            }
        });
    };
    let cost = passes.run(pool, pass);
    cost.result_of_rows(kept.load(Ordering::Relaxed), lines)
}
