//! Text files in chunks of whole lines that stay in the processor's cache, from splits that threads claim.

use crate::threads::Claims;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

const CHUNK: usize = 64 << 10;
const SPLIT: u64 = 8 << 20;

/// A range of bytes; the lines that begin in it belong to it.
pub struct Split {
    path: String,
    from: u64,
    /// Exclusive.
    to: u64,
}

/// All of `paths` in parts for threads.
pub fn splits(paths: &[String]) -> Vec<Split> {
    let mut splits = Vec::new();
    for path in paths {
        let length = fs::metadata(path).unwrap_or_else(|error| panic!("{path}: {error}")).len();
        for from in (0..length).step_by(SPLIT as usize) {
            splits.push(Split { path: path.clone(), from, to: length.min(from + SPLIT) });
        }
    }
    splits
}

/// Claims splits and calls `work(text, length)` with their lines: the first `length` bytes of `text`, which a zero and `padding` bytes in all
/// follow.
pub fn for_each_chunk(splits: &[Split], claims: &Claims, padding: usize, mut work: impl FnMut(&[u8], usize)) {
    let mut buffer = vec![0u8; CHUNK + padding];
    while let Some(part) = claims.claim() {
        let Split { path, from, to } = &splits[part];
        let file = File::open(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut at = line_start(&file, *from);
        let to = line_start(&file, *to);
        // Bytes of an unfinished line at the buffer's start.
        let mut kept = 0;
        while at < to || kept > 0 {
            if kept > CHUNK / 2 {
                buffer.resize(2 * buffer.len(), 0);
            }
            let room = (buffer.len() - padding - kept).min((to - at) as usize);
            file.read_exact_at(&mut buffer[kept..kept + room], at).unwrap_or_else(|error| panic!("{path}: {error}"));
            at += room as u64;
            let filled = kept + room;
            let newline = buffer[..filled].iter().rposition(|&byte| byte == b'\n');
            let whole = if at == to { filled } else { newline.map_or(0, |newline| newline + 1) };
            let behind = std::mem::replace(&mut buffer[whole], 0);
            work(&buffer[..whole + padding], whole);
            buffer[whole] = behind;
            buffer.copy_within(whole..filled, 0);
            kept = filled - whole;
        }
    }
}

/// Where the first line begins that does so at `from` or later; the file's end if none does.
fn line_start(file: &File, from: u64) -> u64 {
    let mut at = from.saturating_sub(1);
    let mut piece = [0u8; 4096];
    while from > 0 {
        let read = file.read_at(&mut piece, at).expect("reading a line's end");
        match piece[..read].iter().position(|&byte| byte == b'\n') {
            Some(newline) => return at + newline as u64 + 1,
            None if read == 0 => return at,
            None => at += read as u64,
        }
    }
    0
}
