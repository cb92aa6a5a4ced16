//! YSB from NDJSON files: the query of `bench/query/ysb-json.mjs`.

use crate::json::{Scanner, Text, PADDING};
use crate::measure::{result, timed};
use crate::ysb::{Ads, Windows};
use std::fs::File;
use std::io::Read;

/// Arguments: ads, files.
pub fn run(args: &[String]) -> String {
    let (ads, files) = args.split_first().expect("ysb-json takes the ads and files");
    let ads = Ads::read(ads);
    let mut windows = Windows::new(ads.campaigns.len());
    let mut text = Vec::new();
    read(&files[0], &mut text);
    count_views(&text, &ads, &mut Windows::new(ads.campaigns.len()));
    let mut events = 0;
    let cost = timed(|| {
        for file in files {
            read(file, &mut text);
            events += count_views(&text, &ads, &mut windows);
        }
    });
    result(events, cost, windows.digest(&ads.campaigns))
}

fn read(path: &str, text: &mut Vec<u8>) {
    text.clear();
    let mut file = File::open(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    file.read_to_end(text).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.extend([0; PADDING]);
}

/// Number of events in `text`.
fn count_views(text: &[u8], ads: &Ads, windows: &mut Windows) -> u64 {
    let mut scanner = Scanner::new(text);
    let mut events = 0;
    loop {
        let (mut ad, mut kind, mut time) = (None, None, None);
        let is_there = scanner.record(|name, value| match name.raw {
            b"ad_id" => ad = Some(value),
            b"event_type" => kind = Some(value),
            b"event_time" => time = Some(value),
            _ => {}
        });
        if !is_there.expect("well-formed JSON") {
            return events;
        }
        events += 1;
        let (Some(ad), Some(kind), Some(time)) = (ad, kind, time) else { continue };
        if plain(kind) != b"view" {
            continue;
        }
        if let Some(campaign) = ads.campaign(plain(ad)) {
            windows.add(campaign, number(plain(time)));
        }
    }
}

#[inline(always)]
fn plain(text: Text<'_>) -> &[u8] {
    assert!(!text.has_escapes, "the benchmark's ids, types and times have no escapes");
    text.raw
}

#[inline(always)]
fn number(digits: &[u8]) -> i64 {
    digits.iter().fold(0, |value, digit| {
        assert!(digit.is_ascii_digit(), "a time is a number");
        value * 10 + i64::from(digit - b'0')
    })
}
