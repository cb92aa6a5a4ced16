//! Column batches as `src/columnar/column-batch.ts` lays them out.

use std::fs;

const HEADER_BYTES: usize = 32;
const COLUMN_BYTES: usize = 24;

pub struct Strings {
    /// One more than there are rows.
    pub offsets: Vec<u32>,
    pub data: Vec<u8>,
}

impl Strings {
    #[inline(always)]
    pub fn get(&self, row: usize) -> &[u8] {
        &self.data[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }
}

pub struct Batch {
    bytes: Vec<u8>,
}

impl Batch {
    /// The batches of a file, one after the other, each padded to 8 bytes.
    pub fn read_all(path: &str) -> Vec<Batch> {
        let file = fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut batches = Vec::new();
        let mut at = 0;
        while at < file.len() {
            let length = word(&file, at + 16) as usize;
            batches.push(Batch { bytes: file[at..at + length].to_vec() });
            at += length.div_ceil(8) * 8;
        }
        batches
    }

    pub fn rows(&self) -> usize {
        word(&self.bytes, 8) as usize
    }

    pub fn strings(&self, column: usize) -> Strings {
        let (values, data) = self.place(column);
        let offsets: Vec<u32> = (0..=self.rows()).map(|row| word(&self.bytes, values + 4 * row)).collect();
        let length = offsets[self.rows()] as usize;
        Strings { offsets, data: self.bytes[data..data + length].to_vec() }
    }

    pub fn longs(&self, column: usize) -> Vec<i64> {
        let (values, _) = self.place(column);
        let bytes = &self.bytes[values..values + 8 * self.rows()];
        bytes.chunks_exact(8).map(|chunk| i64::from_le_bytes(chunk.try_into().unwrap())).collect()
    }

    fn place(&self, column: usize) -> (usize, usize) {
        let at = HEADER_BYTES + COLUMN_BYTES * column;
        assert_eq!(word(&self.bytes, at + 8), 0, "a column with nulls");
        (word(&self.bytes, at + 12) as usize, word(&self.bytes, at + 16) as usize)
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}
