//! A scanner for records of NDJSON: every byte of every record is looked at, members may come in any order with any spaces, strings may
//! hold escapes, values that nobody asked for are skipped by their syntax.

use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8};

/// Bytes that must follow the text, so that it can be read 16 at a time.
pub const PADDING: usize = 16;

pub struct Scanner<'a> {
    /// Ends with `PADDING` zeros.
    text: &'a [u8],
    at: usize,
    end: usize,
}

/// A string as it stands in the text.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    pub raw: &'a [u8],
    pub has_escapes: bool,
}

#[derive(Debug)]
pub struct Malformed;

impl<'a> Scanner<'a> {
    pub fn new(text: &'a [u8]) -> Scanner<'a> {
        Scanner { text, at: 0, end: text.len() - PADDING }
    }

    /// Reads the next record; calls `member` for every member whose value is a string. False at the end.
    #[inline(always)]
    pub fn record(&mut self, mut member: impl FnMut(Text<'a>, Text<'a>)) -> Result<bool, Malformed> {
        self.skip_space();
        if self.at == self.end {
            return Ok(false);
        }
        self.expect(b'{')?;
        self.skip_space();
        if self.text[self.at] == b'}' {
            self.at += 1;
            return Ok(true);
        }
        loop {
            self.skip_space();
            let name = self.string()?;
            self.skip_space();
            self.expect(b':')?;
            self.skip_space();
            if self.text[self.at] == b'"' {
                let value = self.string()?;
                member(name, value);
            } else {
                self.skip_value()?;
            }
            self.skip_space();
            let next = self.text[self.at];
            self.at += 1;
            match next {
                b',' => {}
                b'}' => return Ok(true),
                _ => return Err(Malformed),
            }
        }
    }

    #[inline(always)]
    fn skip_space(&mut self) {
        while matches!(self.text[self.at], b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    #[inline(always)]
    fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.text[self.at] != byte {
            return Err(Malformed);
        }
        self.at += 1;
        Ok(())
    }

    #[inline(always)]
    fn string(&mut self) -> Result<Text<'a>, Malformed> {
        self.expect(b'"')?;
        let start = self.at;
        let mut has_escapes = false;
        loop {
            self.at = self.quote_or_backslash(self.at)?;
            if self.text[self.at] == b'"' {
                let raw = &self.text[start..self.at];
                self.at += 1;
                return Ok(Text { raw, has_escapes });
            }
            has_escapes = true;
            self.at += 2;
        }
    }

    #[inline(always)]
    fn quote_or_backslash(&self, mut at: usize) -> Result<usize, Malformed> {
        while at < self.end {
            // SAFETY: `at` is before the end of the text, which `PADDING` bytes follow.
            let found = unsafe {
                let chunk = _mm_loadu_si128(self.text.as_ptr().add(at).cast());
                let quotes = _mm_cmpeq_epi8(chunk, _mm_set1_epi8(b'"' as i8));
                let backslashes = _mm_cmpeq_epi8(chunk, _mm_set1_epi8(b'\\' as i8));
                _mm_movemask_epi8(_mm_or_si128(quotes, backslashes))
            };
            if found != 0 {
                return Ok(at + found.trailing_zeros() as usize);
            }
            at += 16;
        }
        Err(Malformed)
    }

    /// A number, literal, array or object.
    #[cold]
    fn skip_value(&mut self) -> Result<(), Malformed> {
        let mut depth = 0;
        while self.at < self.end {
            match self.text[self.at] {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'[' | b'{' => depth += 1,
                b',' if depth == 0 => return Ok(()),
                b']' | b'}' if depth == 0 => return Ok(()),
                b']' | b'}' => depth -= 1,
                _ => {}
            }
            self.at += 1;
        }
        Err(Malformed)
    }
}
