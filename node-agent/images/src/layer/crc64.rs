//! CRC-64/ISO as Go's `hash/crc64` computes it, sixteen bytes at a step; Docker's tar-split records carry it for each file.

const POLYNOMIAL: u64 = 0xD800_0000_0000_0000;

/// Bytes at a step.
const STEP: usize = 16;

static TABLES: [[u64; 256]; STEP] = tables();

const fn tables() -> [[u64; 256]; STEP] {
    let mut tables = [[0; 256]; STEP];
    let mut at = 0;
    while at < 256 {
        let mut crc = at as u64;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        tables[0][at] = crc;
        at += 1;
    }
    at = 0;
    while at < 256 {
        let mut step = 1;
        while step < STEP {
            let crc = tables[step - 1][at];
            tables[step][at] = tables[0][(crc & 0xff) as usize] ^ (crc >> 8);
            step += 1;
        }
        at += 1;
    }
    tables
}

/// A running checksum.
#[derive(Default)]
pub(crate) struct Crc64 {
    crc: u64,
}

impl Crc64 {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        let mut crc = !self.crc;
        let (chunks, rest) = bytes.as_chunks::<STEP>();
        for chunk in chunks {
            let mixed = (u128::from(crc) ^ u128::from_le_bytes(*chunk)).to_le_bytes();
            crc = 0;
            for (at, byte) in mixed.iter().enumerate() {
                crc ^= TABLES[STEP - 1 - at][usize::from(*byte)];
            }
        }
        for byte in rest {
            crc = TABLES[0][usize::from(crc.to_le_bytes()[0] ^ byte)] ^ (crc >> 8);
        }
        self.crc = !crc;
    }

    /// The sum, most significant byte first, as Go writes it.
    pub(crate) fn sum(&self) -> [u8; 8] {
        self.crc.to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_gos_hash_crc64() {
        let known = [
            ("", 0),
            ("a", 0x3420_0000_0000_0000),
            ("abc", 0x3776_c420_0000_0000),
            ("abcdefgh", 0x0e21_b002_d367_76c4),
        ];
        for (text, sum) in known {
            let mut crc = Crc64::default();
            crc.update(text.as_bytes());
            assert_eq!(u64::from_be_bytes(crc.sum()), sum, "{text:?}");
        }
    }

    #[test]
    fn the_sum_does_not_depend_on_how_the_bytes_arrive() {
        let bytes: Vec<u8> = (0..1000u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
        let mut whole = Crc64::default();
        whole.update(&bytes);
        for step in [1, 3, 7, 8, 100] {
            let mut parts = Crc64::default();
            bytes.chunks(step).for_each(|part| parts.update(part));
            assert_eq!(parts.sum(), whole.sum());
        }
    }
}
