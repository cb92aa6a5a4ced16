//! NDJSON in two steps, as fast parsers do it: an index of the strings' quotes, found 64 bytes at a time, then a walk over the records that
//! jumps from quote to quote and reads everything between them by JSON's grammar.

mod index;
mod parser;

pub use index::{Index, PADDING};
pub use parser::{Parser, Text};
