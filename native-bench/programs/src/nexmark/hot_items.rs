//! Query 5: the auction with the most bids in each window of ten seconds, every two seconds; of equal ones the one with the largest id. Counts are
//! kept per pane of two seconds; when the watermark closes a window, its five panes are added up. Of several threads each has its share of the
//! auctions and looks over all bids for them.

use super::pool::Pool;
use super::{share_of, Passes, DELAY_MS, WINDOW_MS};
use crate::digest;
use std::collections::{BTreeMap, VecDeque};
use std::thread;

const SLIDE_MS: i64 = 2000;
const PANES: i64 = WINDOW_MS / SLIDE_MS;

pub fn run(pool: Pool, passes: &Passes, thread_count: usize) -> String {
    let mut shares: Vec<Share> = (0..thread_count).map(|number| Share::new(number, thread_count)).collect();
    let pass = |pool: &Pool| match &mut shares[..] {
        [share] => share.pass(pool),
        shares => thread::scope(|scope| shares.iter_mut().for_each(|share| drop(scope.spawn(|| share.pass(pool))))),
    };
    let mut best: BTreeMap<i64, (u64, i64)> = BTreeMap::new();
    let cost = passes.run(pool, pass);
    for (start, found) in shares.into_iter().flat_map(|share| share.closed) {
        let known = best.entry(start).or_insert(found);
        *known = found.max(*known);
    }
    let lines = best.into_iter().map(|(start, (count, auction))| format!("{start},{count},{auction}")).collect();
    cost.result(digest::of_lines(lines))
}

struct Share {
    number: usize,
    shares: usize,
    /// Of panes `first_pane`, `first_pane + 1`, …
    panes: VecDeque<Counts>,
    first_pane: i64,
    newest_ms: i64,
    sum: Counts,
    /// Windows with their best.
    closed: Vec<(i64, (u64, i64))>,
}

impl Share {
    fn new(number: usize, shares: usize) -> Share {
        Share { number, shares, panes: VecDeque::new(), first_pane: 0, newest_ms: i64::MIN, sum: Counts::new(), closed: Vec::new() }
    }

    fn pass(&mut self, pool: &Pool) {
        for bids in &pool.bids {
            let mut at = 0;
            while at < bids.times.len() {
                // Bids of one pane stand together.
                let pane = bids.times[at].div_euclid(SLIDE_MS * 1000);
                let micros = pane * SLIDE_MS * 1000..(pane + 1) * SLIDE_MS * 1000;
                let from = at;
                while at < bids.times.len() && micros.contains(&bids.times[at]) {
                    at += 1;
                }
                let newest = bids.times[from..at].iter().max().expect("a bid") / 1000;
                self.newest_ms = self.newest_ms.max(newest);
                let (number, shares) = (self.number, self.shares);
                let counts = self.pane(pane);
                for &auction in &bids.auctions[from..at] {
                    if shares == 1 || share_of(auction, shares) == number {
                        counts.add(auction, 1);
                    }
                }
            }
        }
        self.close();
    }

    fn pane(&mut self, pane: i64) -> &mut Counts {
        if self.panes.is_empty() {
            // The first window begins four panes before its first bid.
            self.first_pane = pane - PANES + 1;
        }
        let index = usize::try_from(pane - self.first_pane).expect("a bid that is later than the delay allows");
        while self.panes.len() <= index {
            self.panes.push_back(Counts::new());
        }
        &mut self.panes[index]
    }

    /// Gives out the windows that end before the watermark, and lets their oldest panes go.
    fn close(&mut self) {
        while (self.first_pane + PANES) * SLIDE_MS <= self.newest_ms - DELAY_MS {
            self.sum.clear();
            for pane in self.panes.iter().take(PANES as usize) {
                pane.rows().for_each(|(auction, count)| self.sum.add(auction, count));
            }
            if let Some((auction, count)) = self.sum.rows().max_by_key(|&(auction, count)| (count, auction)) {
                self.closed.push((self.first_pane * SLIDE_MS, (count, auction)));
            }
            self.panes.pop_front();
            self.first_pane += 1;
        }
    }
}

const FREE: i64 = i64::MIN;

/// Counts by auction: open addressing, at most half full.
struct Counts {
    slots: Vec<(i64, u64)>,
    used: usize,
}

impl Counts {
    fn new() -> Counts {
        Counts { slots: vec![(FREE, 0); 1024], used: 0 }
    }

    #[inline(always)]
    fn add(&mut self, auction: i64, count: u64) {
        let mask = self.slots.len() - 1;
        let mut slot = Self::hash(auction) & mask;
        loop {
            let found = &mut self.slots[slot];
            if found.0 == auction {
                found.1 += count;
                return;
            }
            if found.0 == FREE {
                *found = (auction, count);
                self.used += 1;
                if self.used * 2 > self.slots.len() {
                    self.grow();
                }
                return;
            }
            slot = (slot + 1) & mask;
        }
    }

    fn rows(&self) -> impl Iterator<Item = (i64, u64)> + '_ {
        self.slots.iter().copied().filter(|row| row.0 != FREE)
    }

    fn clear(&mut self) {
        self.slots.fill((FREE, 0));
        self.used = 0;
    }

    #[cold]
    fn grow(&mut self) {
        let doubled = vec![(FREE, 0); self.slots.len() * 2];
        self.used = 0;
        for (auction, count) in std::mem::replace(&mut self.slots, doubled) {
            if auction != FREE {
                self.add(auction, count);
            }
        }
    }

    #[inline(always)]
    fn hash(auction: i64) -> usize {
        ((auction as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) as usize
    }
}
