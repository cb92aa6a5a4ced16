//! Step one: where the strings of a text begin and end. Every byte is looked at: quotes behind backslashes are no ends, control characters
//! inside strings and bytes that are not UTF-8 are refused.

use std::arch::x86_64::{
    __m256i, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_max_epu8, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8, _mm_clmulepi64_si128,
    _mm_cvtsi128_si64, _mm_set1_epi8, _mm_set_epi64x,
};

/// Bytes that must follow a text, so that it can be read 64 at a time.
pub const PADDING: usize = 64;
const LANE: usize = 32;
const BLOCK: usize = 64;
/// Positions are written some at a time, the last ones in vain.
const SLACK: usize = 96;

/// The quotes of one text; its memory is used again for the next.
#[derive(Default)]
pub struct Index {
    positions: Vec<u32>,
    count: usize,
    /// Whether a string may hold escapes.
    pub has_backslashes: bool,
}

impl Index {
    /// Indexes the first `length` bytes of `text`, which are whole records; `PADDING` bytes follow.
    pub fn read(&mut self, text: &[u8], length: usize) {
        assert!(length + PADDING <= text.len() && length < u32::MAX as usize);
        let room = length + SLACK;
        if self.positions.len() < room {
            self.positions.resize(room, 0);
        }
        // SAFETY: the processor has AVX2 and PCLMULQDQ (`main` checks); reads end inside the padding, writes inside the slack.
        let found = unsafe { index(text, length, &mut self.positions) };
        self.has_backslashes = found.has_backslashes;
        assert!(!found.is_in_string && !found.has_control_in_string, "JSON with an open string or a control character inside one");
        if found.has_non_ascii {
            std::str::from_utf8(&text[..length]).expect("JSON is UTF-8");
        }
        self.count = found.count;
        self.positions[found.count..found.count + 2].fill(u32::MAX);
    }

    /// Of the quotes, beginnings and ends in turn; two `u32::MAX` at the end.
    pub fn positions(&self) -> &[u32] {
        &self.positions[..self.count + 2]
    }
}

struct Found {
    count: usize,
    has_backslashes: bool,
    has_non_ascii: bool,
    has_control_in_string: bool,
    is_in_string: bool,
}

#[inline(never)]
#[target_feature(enable = "avx2,pclmulqdq,bmi1,bmi2")]
unsafe fn index(text: &[u8], length: usize, positions: &mut [u32]) -> Found {
    let (mut count, mut at) = (0, 0);
    let mut is_next_escaped = 0u64;
    // All ones behind an odd number of quotes.
    let mut in_string = 0u64;
    let (mut backslashes_seen, mut controls_seen) = (0u64, 0u64);
    let mut bytes_seen = _mm256_set1_epi8(0);
    while at < length {
        let low: __m256i = _mm256_loadu_si256(text.as_ptr().add(at).cast());
        let high: __m256i = _mm256_loadu_si256(text.as_ptr().add(at + LANE).cast());
        // The block that holds the end: what follows it does not count.
        let valid = if length - at < BLOCK { (1u64 << (length - at)) - 1 } else { u64::MAX };
        let backslashes = equal(low, high, b'\\') & valid;
        let mut quotes = equal(low, high, b'"') & valid;
        if backslashes | is_next_escaped != 0 {
            quotes &= !escaped(backslashes, &mut is_next_escaped);
            backslashes_seen |= backslashes;
        }
        let strings = prefix_xor(quotes) ^ in_string;
        in_string = ((strings as i64) >> 63) as u64;
        controls_seen |= at_most(low, high, 0x1f) & strings & valid;
        bytes_seen = _mm256_or_si256(bytes_seen, _mm256_or_si256(low, high));
        count += write(quotes, at, positions.as_mut_ptr().add(count));
        at += BLOCK;
    }
    Found {
        count,
        has_backslashes: backslashes_seen != 0,
        has_non_ascii: _mm256_movemask_epi8(bytes_seen) != 0,
        has_control_in_string: controls_seen != 0,
        is_in_string: in_string != 0,
    }
}

#[inline(always)]
unsafe fn mask(low: __m256i, high: __m256i) -> u64 {
    u64::from(_mm256_movemask_epi8(low) as u32) | u64::from(_mm256_movemask_epi8(high) as u32) << LANE
}

#[inline(always)]
unsafe fn equal(low: __m256i, high: __m256i, byte: u8) -> u64 {
    let wanted = _mm256_set1_epi8(byte as i8);
    mask(_mm256_cmpeq_epi8(low, wanted), _mm256_cmpeq_epi8(high, wanted))
}

#[inline(always)]
unsafe fn at_most(low: __m256i, high: __m256i, byte: u8) -> u64 {
    let largest = _mm256_set1_epi8(byte as i8);
    mask(_mm256_cmpeq_epi8(_mm256_max_epu8(low, largest), largest), _mm256_cmpeq_epi8(_mm256_max_epu8(high, largest), largest))
}

/// Bit n: the exclusive or of bits 0 to n.
#[inline(always)]
unsafe fn prefix_xor(bits: u64) -> u64 {
    _mm_cvtsi128_si64(_mm_clmulepi64_si128::<0>(_mm_set_epi64x(0, bits as i64), _mm_set1_epi8(-1))) as u64
}

/// Characters behind an odd number of backslashes. Rare, so one backslash at a time.
#[cold]
fn escaped(mut backslashes: u64, is_next_escaped: &mut u64) -> u64 {
    let mut escaped = *is_next_escaped;
    *is_next_escaped = 0;
    while backslashes != 0 {
        let bit = backslashes & backslashes.wrapping_neg();
        backslashes ^= bit;
        if escaped & bit != 0 {
            continue;
        }
        if bit == 1 << 63 {
            *is_next_escaped = 1;
        }
        escaped |= bit << 1;
    }
    escaped
}

/// Writes `from` + the number of each set bit; returns how many there are. Twelve at once, so that a usual block of records takes no branch
/// that cannot be foreseen.
#[inline(always)]
unsafe fn write(mut bits: u64, from: usize, to: *mut u32) -> usize {
    const AT_ONCE: usize = 12;
    let count = bits.count_ones() as usize;
    let mut written = 0;
    loop {
        for slot in written..written + AT_ONCE {
            // Volatile keeps the compiler from gathering the numbers in vectors first, which is slower.
            to.add(slot).write_volatile(from as u32 + bits.trailing_zeros());
            bits &= bits.wrapping_sub(1);
        }
        written += AT_ONCE;
        if written >= count {
            return count;
        }
    }
}
