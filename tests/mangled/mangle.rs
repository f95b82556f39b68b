//! Cuts, doubles and exchanges parts of what can be read.

/// Texts that stand in for a number.
const HOSTILE: &[&str] = &[
    "1e5",
    "1e-30",
    "1E400",
    "-0",
    "-1",
    "NaN",
    "Infinity",
    "0x10",
    "1_000",
    "1,5",
    "01",
    ".5",
    "5.",
    "",
    "79228162514264337593543950335",
    "79228162514264337593543950336",
    "0.00000000000000000000000000001",
    "1.00000000000000000000000000000000001",
    "99999999999999999999999999999999999999999999999999",
    "9223372036854775807",
    "null",
    "true",
    "{}",
    "[]",
    "\"\"",
    "1.1.1",
    "٣",
    "²",
    " 1",
];

/// Bytes that mean something somewhere.
const ODD: &[u8] = b"\"{}[],:\\\0-+9e\n=#.\r\xFF";

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(n.max(1)).unwrap()).unwrap()
    }
}

/// One to three changes.
pub(crate) fn mangled(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(3) {
        let from = random.below(bytes.len() + 1);
        let to = (from + random.below(12)).min(bytes.len());
        match random.below(9) {
            0..=3 => put_hostile_number(&mut bytes, random),
            4 => drop(bytes.drain(from..to)),
            5 => drop(bytes.splice(from..from, bytes[from..to].to_vec())),
            6 => drop(bytes.splice(from..to.min(from + 1), [ODD[random.below(ODD.len())]])),
            7 => flip(&mut bytes, from, random),
            _ => bytes.truncate(from),
        }
    }
    bytes
}

fn flip(bytes: &mut [u8], at: usize, random: &mut Random) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << random.below(8);
    }
}

fn put_hostile_number(bytes: &mut Vec<u8>, random: &mut Random) {
    let begins = |index: &usize| {
        let before = index.checked_sub(1).map_or(b' ', |before| bytes[before]);
        bytes[*index].is_ascii_digit() && !before.is_ascii_alphanumeric() && before != b'.'
    };
    let starts: Vec<usize> = (0..bytes.len()).filter(begins).collect();
    if starts.is_empty() {
        return;
    }
    let start = starts[random.below(starts.len())];
    let len = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    drop(bytes.splice(start..start + len, HOSTILE[random.below(HOSTILE.len())].bytes()));
}
