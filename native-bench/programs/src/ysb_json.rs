//! YSB's events from NDJSON files: the queries `ysb-json` and `filter-json` of `bench/query/ysb-files.mjs`.

use crate::digest;
use crate::json::{Index, Parser, Text, PADDING};
use crate::lines::{for_each_chunk, splits, Split};
use crate::measure::{result, timed};
use crate::threads;
use crate::ysb::{Ads, Windows};
use std::hint::black_box;

/// Arguments: ads, files.
pub fn run(args: &[String], thread_count: usize) -> String {
    let (ads, files) = args.split_first().expect("ysb-json takes the ads and files");
    let ads = Ads::read(ads);
    count_all(&splits(&files[..1]), &ads, thread_count);
    let mut found = (0, Windows::new(ads.campaigns.len()));
    let cost = timed(|| found = count_all(&splits(files), &ads, thread_count));
    let (events, windows) = found;
    result(events, cost, &windows.digest(&ads.campaigns))
}

/// Number of events, and their windows.
fn count_all(splits: &[Split], ads: &Ads, thread_count: usize) -> (u64, Windows) {
    let counted = threads::run(thread_count, splits.len(), |claims| {
        let mut windows = Windows::new(ads.campaigns.len());
        let mut index = Index::default();
        let mut events = 0;
        for_each_chunk(splits, claims, PADDING, |text, length| {
            events += for_each_view(Parser::new(&mut index, text, length), b"ad_id", b"ad_id", |_, ad, time| {
                if let Some(campaign) = ad.read(|ad| ads.campaign(ad)) {
                    windows.add(campaign, time.read(number));
                }
            });
        });
        (events, windows)
    });
    let (events, windows): (Vec<u64>, Vec<Windows>) = counted.into_iter().unzip();
    (events.iter().sum(), Windows::sum(windows))
}

/// Rows of the projection, as a sink would get them.
#[derive(Default)]
struct Projected {
    users: Vec<u8>,
    user_ends: Vec<u32>,
    ads: Vec<u8>,
    ad_ends: Vec<u32>,
    times: Vec<i64>,
}

/// Arguments: what the answer is in place of the number of rows (`--lines`: the digest of all, `--first-lines`: their number and the digest of
/// those of the first file), files.
pub fn project(args: &[String], thread_count: usize) -> String {
    let form = args.first().map(String::as_str).filter(|arg| arg.starts_with("--"));
    let files = &args[usize::from(form.is_some())..];
    let has_lines = form == Some("--lines");
    let first = (form == Some("--first-lines")).then(|| digest::of_lines(project_all(&splits(&files[..1]), thread_count, true).lines));
    let mut found = Found::default();
    let cost = timed(|| found = project_all(&splits(files), thread_count, has_lines));
    let rows = found.rows;
    let answer = match first {
        Some(digest) => format!("{rows} rows, {digest:x}"),
        None if has_lines => format!("{:x}", digest::of_lines(found.lines)),
        None => format!("{rows} rows"),
    };
    result(found.events, cost, &answer)
}

#[derive(Default)]
struct Found {
    events: u64,
    rows: usize,
    lines: Vec<String>,
}

fn project_all(splits: &[Split], thread_count: usize, has_lines: bool) -> Found {
    let parts = threads::run(thread_count, splits.len(), |claims| {
        let mut index = Index::default();
        let mut block = Projected::default();
        let mut found = Found::default();
        for_each_chunk(splits, claims, PADDING, |text, length| {
            block.clear();
            found.events += for_each_view(Parser::new(&mut index, text, length), b"user_id", b"ad_id", |user, ad, time| {
                user.read(|user| block.users.extend_from_slice(user));
                block.user_ends.push(block.users.len() as u32);
                ad.read(|ad| block.ads.extend_from_slice(ad));
                block.ad_ends.push(block.ads.len() as u32);
                block.times.push(time.read(number));
            });
            found.rows += black_box(&block).times.len();
            if has_lines {
                found.lines.extend(block.lines());
            }
        });
        found
    });
    parts.into_iter().fold(Found::default(), |mut sum, part| {
        sum.events += part.events;
        sum.rows += part.rows;
        sum.lines.extend(part.lines);
        sum
    })
}

impl Projected {
    fn clear(&mut self) {
        self.users.clear();
        self.user_ends.clear();
        self.ads.clear();
        self.ad_ends.clear();
        self.times.clear();
    }

    fn lines(&self) -> Vec<String> {
        let text = |bytes: &[u8], ends: &[u32], row: usize| {
            let start = if row == 0 { 0 } else { ends[row - 1] as usize };
            String::from_utf8_lossy(&bytes[start..ends[row] as usize]).into_owned()
        };
        let line = |row: usize| format!("{},{},{}", text(&self.users, &self.user_ends, row), text(&self.ads, &self.ad_ends, row), self.times[row]);
        (0..self.times.len()).map(line).collect()
    }
}

const FIRST: usize = 0;
const SECOND: usize = 1;
const TYPE: usize = 2;
const TIME: usize = 3;
const OTHER: usize = 4;

/// Calls `work` with the members `first` and `second` (which may be the same) and the time of each view; returns the number of events.
#[inline(always)]
fn for_each_view<'a>(mut parser: Parser<'a>, first: &[u8], second: &[u8], mut work: impl FnMut(Text<'a>, Text<'a>, Text<'a>)) -> u64 {
    let mut events = 0;
    while parser.next_record() {
        events += 1;
        let mut members = [None; OTHER];
        let mut is_first = true;
        while let Some(name) = parser.next_name(is_first) {
            is_first = false;
            let member = name.read(|name| {
                let is = |known: &[u8]| name == known;
                if is(second) {
                    SECOND
                } else if is(b"event_type") {
                    TYPE
                } else if is(b"event_time") {
                    TIME
                } else if is(first) {
                    FIRST
                } else {
                    OTHER
                }
            });
            if member == OTHER {
                parser.skip_value();
            } else {
                members[member] = Some(parser.string());
            }
        }
        let [first_value, Some(second_value), Some(kind), Some(time)] = members else { continue };
        let Some(first_value) = (if first == second { Some(second_value) } else { first_value }) else { continue };
        if kind.read(|kind| kind == b"view") {
            work(first_value, second_value, time);
        }
    }
    events
}

#[inline(always)]
fn number(digits: &[u8]) -> i64 {
    digits.iter().fold(0, |value, digit| {
        assert!(digit.is_ascii_digit(), "a time is a number");
        value * 10 + i64::from(digit - b'0')
    })
}
