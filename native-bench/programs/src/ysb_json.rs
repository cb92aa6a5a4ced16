//! YSB from NDJSON files: the query of `bench/query/ysb-json.mjs`.

use crate::json::{Index, Parser, PADDING};
use crate::lines::{for_each_chunk, splits, Split};
use crate::measure::{result, timed};
use crate::threads;
use crate::ysb::{Ads, Windows};

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
        for_each_chunk(splits, claims, PADDING, |text, length| events += count_views(Parser::new(&mut index, text, length), ads, &mut windows));
        (events, windows)
    });
    let (events, windows): (Vec<u64>, Vec<Windows>) = counted.into_iter().unzip();
    (events.iter().sum(), Windows::sum(windows))
}

const AD: usize = 0;
const TYPE: usize = 1;
const TIME: usize = 2;
const OTHER: usize = 3;

fn count_views(mut parser: Parser, ads: &Ads, windows: &mut Windows) -> u64 {
    let mut events = 0;
    while parser.next_record() {
        events += 1;
        let mut members = [None; OTHER];
        let mut is_first = true;
        while let Some(name) = parser.next_name(is_first) {
            is_first = false;
            let member = name.read(|name| {
                let is = |known: &[u8]| name == known;
                if is(b"ad_id") {
                    AD
                } else if is(b"event_type") {
                    TYPE
                } else if is(b"event_time") {
                    TIME
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
        let [Some(ad), Some(kind), Some(time)] = members else { continue };
        if !kind.read(|kind| kind == b"view") {
            continue;
        }
        if let Some(campaign) = ad.read(|ad| ads.campaign(ad)) {
            windows.add(campaign, time.read(number));
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
