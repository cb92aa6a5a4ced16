//! What both YSB programs share: the static join of ads and campaigns, and the windows.

use crate::digest;
use std::collections::HashMap;
use std::fs;

const WINDOW_MS: i64 = 10_000;
const AD_BYTES: usize = 36;

/// Campaigns by ad: open addressing over 36-byte ids, at most half full.
pub struct Ads {
    slots: Vec<Option<([u8; AD_BYTES], u32)>>,
    /// How far a hash is shifted to the right to give a slot.
    shift: u32,
    pub campaigns: Vec<String>,
}

impl Ads {
    pub fn read(path: &str) -> Ads {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut numbers: HashMap<String, u32> = HashMap::new();
        let slots = (2 * text.lines().count()).next_power_of_two().max(4096);
        let mut ads = Ads { slots: vec![None; slots], shift: u64::BITS - slots.trailing_zeros(), campaigns: Vec::new() };
        for line in text.lines() {
            let (ad, campaign) = line.split_once(',').expect("ad,campaign");
            let number = *numbers.entry(campaign.to_string()).or_insert_with(|| {
                ads.campaigns.push(campaign.to_string());
                ads.campaigns.len() as u32 - 1
            });
            let id: [u8; AD_BYTES] = ad.as_bytes().try_into().expect("an ad id of 36 bytes");
            let mut slot = ads.slot_of(&id);
            while ads.slots[slot].is_some() {
                slot = (slot + 1) % slots;
            }
            ads.slots[slot] = Some((id, number));
        }
        ads
    }

    /// Number of the campaign of an ad; none for an unknown ad (an inner join).
    #[inline(always)]
    pub fn campaign(&self, ad: &[u8]) -> Option<u32> {
        let id: &[u8; AD_BYTES] = ad.try_into().ok()?;
        let mut slot = self.slot_of(id);
        loop {
            match &self.slots[slot] {
                None => return None,
                Some((known, campaign)) if known == id => return Some(*campaign),
                Some(_) => slot = (slot + 1) & (self.slots.len() - 1),
            }
        }
    }

    #[inline(always)]
    fn slot_of(&self, id: &[u8; AD_BYTES]) -> usize {
        let word = |at: usize| u64::from_le_bytes(id[at..at + 8].try_into().unwrap());
        let mixed = word(0) ^ word(8).rotate_left(17) ^ word(16).rotate_left(31) ^ word(24).rotate_left(47) ^ word(28);
        (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize
    }
}

#[derive(Clone, Copy)]
struct Group {
    views: u64,
    last_ms: i64,
}

/// Views and newest view by window and campaign.
pub struct Windows {
    campaigns: usize,
    groups: HashMap<i64, Vec<Group>>,
    /// The window of the last event, taken out of `groups`: events come nearly in order.
    current: (i64, Vec<Group>),
}

impl Windows {
    pub fn new(campaigns: usize) -> Windows {
        Windows { campaigns, groups: HashMap::new(), current: (i64::MIN, vec![Group { views: 0, last_ms: 0 }; campaigns]) }
    }

    #[inline(always)]
    pub fn add(&mut self, campaign: u32, ms: i64) {
        let window = ms.div_euclid(WINDOW_MS);
        if window != self.current.0 {
            self.switch(window);
        }
        let group = &mut self.current.1[campaign as usize];
        group.views += 1;
        group.last_ms = group.last_ms.max(ms);
    }

    #[cold]
    fn switch(&mut self, window: i64) {
        let next = self.groups.remove(&window).unwrap_or_else(|| vec![Group { views: 0, last_ms: 0 }; self.campaigns]);
        let (old, groups) = std::mem::replace(&mut self.current, (window, next));
        self.groups.insert(old, groups);
    }

    /// All together; of at least one thread.
    pub fn sum(counted: impl IntoIterator<Item = Windows>) -> Windows {
        let mut counted = counted.into_iter();
        let mut sum = counted.next().expect("a thread");
        counted.for_each(|other| sum.add_all(other));
        sum
    }

    pub fn add_all(&mut self, mut other: Windows) {
        other.switch(i64::MIN);
        for (window, groups) in other.groups {
            if window != self.current.0 {
                self.switch(window);
            }
            for (own, group) in self.current.1.iter_mut().zip(groups) {
                own.views += group.views;
                own.last_ms = own.last_ms.max(group.last_ms);
            }
        }
    }

    pub fn digest(mut self, campaigns: &[String]) -> String {
        self.switch(i64::MIN);
        let mut lines = Vec::new();
        for (window, groups) in &self.groups {
            for (campaign, group) in groups.iter().enumerate().filter(|(_, group)| group.views > 0) {
                lines.push(format!("{},{},{},{}", window * WINDOW_MS, campaigns[campaign], group.views, group.last_ms));
            }
        }
        format!("{:x}", digest::of_lines(lines))
    }
}
