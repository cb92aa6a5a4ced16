//! YSB from columns in memory: the loop of `bench/query/ysb-columns.mjs`.

use crate::columns::{Batch, Strings};
use crate::measure::{result, timed};
use crate::threads;
use crate::ysb::{Ads, Windows};

const FIRST_MS: i64 = 1_700_000_000_000;
const AD_ID: usize = 2;
const EVENT_TYPE: usize = 4;
const EVENT_TIME: usize = 5;

struct Events {
    ads: Strings,
    types: Strings,
    /// Microseconds.
    times: Vec<i64>,
}

/// Arguments: pool, ads, seconds of warm-up, seconds measured, uses of the pool per second.
pub fn run(args: &[String], thread_count: usize) -> String {
    let [pool, ads, warm_up, measured, uses] = args else { panic!("ysb-columns takes five arguments") };
    let number = |text: &String| text.parse::<i64>().expect("a number");
    let (warm_up, measured, uses) = (number(warm_up), number(measured), number(uses));
    let ads = Ads::read(ads);
    let mut batches: Vec<Events> = Batch::read_all(pool)
        .iter()
        .map(|batch| Events { ads: batch.strings(AD_ID), types: batch.strings(EVENT_TYPE), times: batch.longs(EVENT_TIME) })
        .collect();
    let rows: usize = batches.iter().map(|events| events.times.len()).sum();
    let mut windows = Windows::new(ads.campaigns.len());
    for second in 0..warm_up {
        windows.add_all(run_second(&mut batches, &ads, second, uses, thread_count));
    }
    let cost = timed(|| {
        for second in warm_up..warm_up + measured {
            windows.add_all(run_second(&mut batches, &ads, second, uses, thread_count));
        }
    });
    let events = rows as u64 * (measured * uses) as u64;
    result(events, cost, &windows.digest(&ads.campaigns))
}

fn run_second(batches: &mut [Events], ads: &Ads, second: i64, uses: i64, thread_count: usize) -> Windows {
    for events in batches.iter_mut() {
        set_second(&mut events.times, second);
    }
    let counted = threads::run(thread_count, batches.len() * uses as usize, |claims| {
        let mut windows = Windows::new(ads.campaigns.len());
        while let Some(part) = claims.claim() {
            count_views(&batches[part % batches.len()], ads, &mut windows);
        }
        windows
    });
    Windows::sum(counted)
}

fn count_views(events: &Events, ads: &Ads, windows: &mut Windows) {
    for (row, &micros) in events.times.iter().enumerate() {
        if events.types.get(row) != b"view" {
            continue;
        }
        if let Some(campaign) = ads.campaign(events.ads.get(row)) {
            windows.add(campaign, micros / 1000);
        }
    }
}

/// Lets the events lie evenly in a second of event time.
fn set_second(times: &mut [i64], second: i64) {
    let rows = times.len();
    for ms in 0..1000 {
        let from = (ms * rows).div_ceil(1000);
        let to = ((ms + 1) * rows).div_ceil(1000);
        times[from..to].fill((FIRST_MS + second * 1000 + ms as i64) * 1000);
    }
}
