//! Step two: records by JSON's grammar. Members may come in any order with any spaces, values that nobody asked for are passed over.

use super::index::Index;

/// Stands on the records of an indexed text.
pub struct Parser<'a> {
    text: &'a [u8],
    end: usize,
    at: usize,
    /// Positions of the quotes from `at` on; `u32::MAX` at the end.
    quotes: &'a [u32],
    next_quote: usize,
    has_backslashes: bool,
}

/// A string as it stands in the text.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    raw: &'a [u8],
    may_have_escapes: bool,
}

impl Text<'_> {
    /// What `look` gives for the string's bytes, escapes decoded.
    #[inline(always)]
    pub fn read<T>(self, look: impl FnOnce(&[u8]) -> T) -> T {
        if self.may_have_escapes && self.raw.contains(&b'\\') {
            return look(&decoded(self.raw));
        }
        look(self.raw)
    }
}

impl<'a> Parser<'a> {
    /// Over the first `length` bytes of `text`, whole records with a zero and `PADDING` bytes in all behind them.
    pub fn new(index: &'a mut Index, text: &'a [u8], length: usize) -> Parser<'a> {
        index.read(text, length);
        Parser { text, end: length, at: 0, quotes: index.positions(), next_quote: 0, has_backslashes: index.has_backslashes }
    }

    /// Steps into the next record; false at the end of the text.
    #[inline(always)]
    pub fn next_record(&mut self) -> bool {
        self.skip_space();
        if self.at >= self.end {
            return false;
        }
        self.open_object();
        true
    }

    /// Steps over the `{` of an object, before its first member.
    #[inline(always)]
    pub fn open_object(&mut self) {
        self.expect(b'{');
    }

    /// The name of the next member of the object, before its value; none behind the object's end. `is_first`: right behind the `{`.
    #[inline(always)]
    pub fn next_name(&mut self, is_first: bool) -> Option<Text<'a>> {
        self.skip_space();
        if self.byte() == b'}' {
            self.at += 1;
            return None;
        }
        if !is_first {
            self.expect(b',');
            self.skip_space();
        }
        let name = self.string();
        self.skip_space();
        self.expect(b':');
        self.skip_space();
        Some(name)
    }

    #[inline(always)]
    pub fn is_string(&self) -> bool {
        self.byte() == b'"'
    }

    /// A string value.
    #[inline(always)]
    pub fn string(&mut self) -> Text<'a> {
        // SAFETY: two `u32::MAX`, never the position of a byte, end the index; it moves on only from a quote, and quotes come in pairs.
        let (open, close) = unsafe { (*self.quotes.get_unchecked(self.next_quote), *self.quotes.get_unchecked(self.next_quote + 1)) };
        if open as usize != self.at {
            malformed(self.at);
        }
        self.next_quote += 2;
        self.at = close as usize + 1;
        // SAFETY: both are positions in the text, in order.
        Text { raw: unsafe { self.text.get_unchecked(open as usize + 1..close as usize) }, may_have_escapes: self.has_backslashes }
    }

    /// Steps over any value.
    #[inline(always)]
    pub fn skip_value(&mut self) {
        if self.is_string() {
            self.string();
        } else {
            (self.at, self.next_quote) = behind_other(self.text, self.quotes, self.at, self.next_quote);
        }
    }

    #[inline(always)]
    fn byte(&self) -> u8 {
        // SAFETY: `at` moves over one byte that is not the zero behind the text at a time, or behind a quote.
        unsafe { *self.text.get_unchecked(self.at) }
    }

    #[inline(always)]
    fn skip_space(&mut self) {
        if self.byte() <= b' ' {
            self.at = behind_space(self.text, self.at);
        }
    }

    #[inline(always)]
    fn expect(&mut self, byte: u8) {
        if self.byte() != byte {
            malformed(self.at);
        }
        self.at += 1;
    }
}

// What is rarely needed gets numbers and gives numbers, so that the parser itself can live in registers.

/// Where the white space ends that begins at `at`.
#[inline(never)]
fn behind_space(text: &[u8], mut at: usize) -> usize {
    while matches!(text[at], b' ' | b'\n' | b'\r' | b'\t') {
        at += 1;
    }
    at
}

/// Where the number, literal, array or object ends that begins at `at`, by its brackets; and the next quote's number.
#[inline(never)]
fn behind_other(text: &[u8], quotes: &[u32], mut at: usize, mut next_quote: usize) -> (usize, usize) {
    let mut depth = 0;
    loop {
        match text[at] {
            0 => malformed(at),
            b'"' => {
                at = quotes[next_quote + 1] as usize;
                next_quote += 2;
            }
            b'[' | b'{' => depth += 1,
            b',' | b']' | b'}' if depth == 0 => return (at, next_quote),
            b']' | b'}' => {
                depth -= 1;
                if depth == 0 {
                    return (at + 1, next_quote);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

#[cold]
#[inline(never)]
fn malformed(at: usize) -> ! {
    panic!("JSON that is not well-formed, at byte {at} of a chunk")
}

#[cold]
fn decoded(raw: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(raw).expect("JSON is UTF-8");
    let mut characters = text.chars();
    let mut units: Vec<u16> = Vec::with_capacity(raw.len());
    while let Some(character) = characters.next() {
        let plain = match character {
            '\\' => match characters.next().expect("an escape") {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => {
                    let digits: String = characters.by_ref().take(4).collect();
                    units.push(u16::from_str_radix(&digits, 16).expect("four hexadecimal digits"));
                    continue;
                }
                other @ ('"' | '\\' | '/') => other,
                other => panic!("JSON with the escape \\{other}"),
            },
            other => other,
        };
        units.extend_from_slice(plain.encode_utf16(&mut [0; 2]));
    }
    String::from_utf16(&units).expect("surrogates in pairs").into_bytes()
}
