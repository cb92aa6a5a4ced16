//! 64-bit FNV-1a over an answer, as in `bench/harness/digest.mjs`.

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x100_0000_01b3;

/// Of lines: sorted by bytes, each ended by a newline.
pub fn of_lines(mut lines: Vec<String>) -> u64 {
    lines.sort();
    let bytes = lines.iter().flat_map(|line| line.bytes().chain(*b"\n"));
    bytes.fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}

/// Of whole numbers, each one step.
pub fn of_numbers(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(OFFSET, |hash, number| (hash ^ number).wrapping_mul(PRIME))
}
