//! Queries 7 and 8, which keep little for each window of ten seconds.

use super::pool::Pool;
use super::{share_of, Passes, DELAY_MS, WINDOW_MS};
use crate::digest;
use crate::threads;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::thread;

const WINDOW_MICROS: i64 = WINDOW_MS * 1000;

/// Price, auction, bidder, milliseconds; the first differing one decides.
type Bid = [i64; 4];

/// Query 7: the highest bid of each window.
pub fn highest_bid(pool: Pool, passes: &Passes, thread_count: usize) -> String {
    let mut open: BTreeMap<i64, Bid> = BTreeMap::new();
    let mut newest = i64::MIN;
    let mut closed: Vec<String> = Vec::new();
    let pass = |pool: &Pool| {
        let found = threads::run(thread_count, pool.bids.len() * passes.uses, |claims| {
            let mut windows: BTreeMap<i64, Bid> = BTreeMap::new();
            let mut newest = i64::MIN;
            while let Some(part) = claims.claim() {
                let bids = &pool.bids[part % pool.bids.len()];
                let mut at = 0;
                while at < bids.times.len() {
                    let window = bids.times[at].div_euclid(WINDOW_MICROS);
                    let micros = window * WINDOW_MICROS..(window + 1) * WINDOW_MICROS;
                    let best = windows.entry(window).or_insert([i64::MIN; 4]);
                    while at < bids.times.len() && micros.contains(&bids.times[at]) {
                        newest = newest.max(bids.times[at]);
                        if bids.prices[at] >= best[0] {
                            *best = (*best).max([bids.prices[at], bids.auctions[at], bids.bidders[at], bids.times[at] / 1000]);
                        }
                        at += 1;
                    }
                }
            }
            (windows, newest)
        });
        for (windows, seen) in found {
            newest = newest.max(seen);
            for (window, bid) in windows {
                let best = open.entry(window).or_insert(bid);
                *best = (*best).max(bid);
            }
        }
        while let Some((&window, best)) = open.first_key_value().filter(|(window, _)| (*window + 1) * WINDOW_MS <= newest / 1000 - DELAY_MS) {
            closed.push(format!("{},{},{},{},{}", window * WINDOW_MS, best[0], best[1], best[2], best[3]));
            open.pop_first();
        }
    };
    let cost = passes.run(pool, pass);
    cost.result(digest::of_lines(closed))
}

/// Query 8: people who came and began to sell within one window. Of several threads each has its share of the people.
pub fn new_sellers(pool: Pool, passes: &Passes, thread_count: usize) -> String {
    let mut shares: Vec<Sellers> = (0..thread_count).map(|number| Sellers { number, shares: thread_count, ..Sellers::default() }).collect();
    let pass = |pool: &Pool| match &mut shares[..] {
        [share] => share.pass(pool),
        shares => thread::scope(|scope| shares.iter_mut().for_each(|share| drop(scope.spawn(|| share.pass(pool))))),
    };
    let cost = passes.run(pool, pass);
    let lines = shares.into_iter().flat_map(|share| share.closed).collect();
    cost.result(digest::of_lines(lines))
}

#[derive(Default)]
struct Sellers {
    number: usize,
    shares: usize,
    open: BTreeMap<i64, SellersOfWindow>,
    newest: i64,
    closed: Vec<String>,
}

#[derive(Default)]
struct SellersOfWindow {
    people: HashMap<i64, Vec<u8>>,
    sellers: HashSet<i64>,
}

impl Sellers {
    fn pass(&mut self, pool: &Pool) {
        for persons in &pool.persons {
            for (row, (&id, &time)) in persons.ids.iter().zip(&persons.times).enumerate() {
                if self.is_mine(id) {
                    self.window(time).people.entry(id).or_insert_with(|| persons.names.get(row).to_vec());
                }
                self.newest = self.newest.max(time);
            }
        }
        let newest_person = std::mem::replace(&mut self.newest, 0);
        for auctions in &pool.auctions {
            for (&seller, &time) in auctions.sellers.iter().zip(&auctions.times) {
                if self.is_mine(seller) {
                    self.window(time).sellers.insert(seller);
                }
                self.newest = self.newest.max(time);
            }
        }
        // The watermark of two streams is the smaller one.
        self.newest = self.newest.min(newest_person);
        self.close();
    }

    #[inline(always)]
    fn is_mine(&self, id: i64) -> bool {
        self.shares == 1 || share_of(id, self.shares) == self.number
    }

    #[inline(always)]
    fn window(&mut self, micros: i64) -> &mut SellersOfWindow {
        self.open.entry(micros.div_euclid(WINDOW_MICROS)).or_default()
    }

    fn close(&mut self) {
        let watermark = self.newest / 1000 - DELAY_MS;
        while let Some(window) = self.open.first_key_value().map(|(&window, _)| window).filter(|window| (window + 1) * WINDOW_MS <= watermark) {
            let SellersOfWindow { people, sellers } = self.open.remove(&window).expect("an open window");
            for (id, name) in people.iter().filter(|(id, _)| sellers.contains(id)) {
                self.closed.push(format!("{id},{},{}", String::from_utf8_lossy(name), window * WINDOW_MS));
            }
        }
    }
}
