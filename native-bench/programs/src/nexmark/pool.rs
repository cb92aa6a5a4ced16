//! The pool's columns, as `bench/data.mjs nexmark --form columns` writes them.

use crate::columns::{Batch, Strings};
use std::fs;

#[derive(Clone, Copy, PartialEq)]
pub enum Table {
    Person,
    Auction,
    Bid,
}

impl Table {
    /// Rows of every fifty events.
    fn per_block(self) -> i64 {
        match self {
            Table::Person => 1,
            Table::Auction => 3,
            Table::Bid => 46,
        }
    }
}

pub struct Persons {
    pub ids: Vec<i64>,
    pub names: Strings,
    /// Microseconds.
    pub times: Vec<i64>,
}

/// Of auctions only the columns that a query here reads.
pub struct Auctions {
    pub sellers: Vec<i64>,
    pub times: Vec<i64>,
}

pub struct Bids {
    pub auctions: Vec<i64>,
    pub bidders: Vec<i64>,
    pub prices: Vec<i64>,
    pub times: Vec<i64>,
    pub extras: Strings,
}

pub struct Pool {
    /// Of fifty events each: a person, three auctions, bids.
    blocks: i64,
    pub persons: Vec<Persons>,
    pub auctions: Vec<Auctions>,
    pub bids: Vec<Bids>,
    /// How many of `bids` come from the first file.
    pub first_file: usize,
}

impl Pool {
    /// The `tables` below `directory`.
    pub fn read(directory: &str, tables: &[Table]) -> Pool {
        let mut first_file = 0;
        let mut read = |table: Table, name: &str| -> Vec<Batch> {
            if !tables.contains(&table) {
                return Vec::new();
            }
            let files: Vec<Vec<Batch>> = files(directory, name).iter().map(|path| Batch::read_all(path)).collect();
            first_file = files[0].len();
            files.into_iter().flatten().collect()
        };
        let person = |batch: &Batch| Persons { ids: batch.longs(0), names: batch.strings(1), times: batch.longs(6) };
        let auction = |batch: &Batch| Auctions { times: batch.longs(5), sellers: batch.longs(7) };
        let bid = |batch: &Batch| Bids {
            auctions: batch.longs(0),
            bidders: batch.longs(1),
            prices: batch.longs(2),
            times: batch.longs(5),
            extras: batch.strings(6),
        };
        let persons: Vec<_> = read(Table::Person, "person").iter().map(person).collect();
        let auctions: Vec<_> = read(Table::Auction, "auction").iter().map(auction).collect();
        let bids: Vec<_> = read(Table::Bid, "bid").iter().map(bid).collect();
        let mut pool = Pool { blocks: 0, persons, auctions, bids, first_file };
        let per_block: i64 = tables.iter().map(|table| table.per_block()).sum();
        assert_eq!(pool.rows() as i64 % per_block, 0, "a pool of whole blocks of fifty events");
        pool.blocks = pool.rows() as i64 / per_block;
        pool
    }

    /// Of all tables that were read.
    pub fn rows(&self) -> usize {
        let persons: usize = self.persons.iter().map(|persons| persons.ids.len()).sum();
        let auctions: usize = self.auctions.iter().map(|auctions| auctions.sellers.len()).sum();
        persons + auctions + self.bids.iter().map(|bids| bids.times.len()).sum::<usize>()
    }

    /// Makes the pool the next part of the stream, so many microseconds later.
    pub fn move_on(&mut self, span: i64) {
        let people = self.blocks * Table::Person.per_block();
        let auctions = self.blocks * Table::Auction.per_block();
        let add = |values: &mut Vec<i64>, step: i64| values.iter_mut().for_each(|value| *value += step);
        for persons in &mut self.persons {
            add(&mut persons.ids, people);
            add(&mut persons.times, span);
        }
        for table in &mut self.auctions {
            add(&mut table.sellers, people);
            add(&mut table.times, span);
        }
        for bids in &mut self.bids {
            add(&mut bids.auctions, auctions);
            add(&mut bids.bidders, people);
            add(&mut bids.times, span);
        }
    }
}

/// Files of a table in their order.
fn files(directory: &str, table: &str) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{directory}: {error}"));
    let mut paths: Vec<String> = entries
        .map(|entry| entry.expect("an entry of the pool").path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&format!("{table}-"))))
        .map(|path| path.to_string_lossy().into_owned())
        .filter(|path| path.ends_with(".columns"))
        .collect();
    assert!(!paths.is_empty(), "no columns of {table} in {directory}");
    paths.sort();
    paths
}
