//! Unguessable names and tokens.

/// `N` random bytes as hexadecimal digits.
pub(crate) fn hex<const N: usize>() -> String {
    hex::encode(bytes::<N>())
}

/// `N` random bytes from the kernel.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // getrandom(2) fails only on kernels before 3.17 or under a filter that also stops the rest of this program.
    getrandom::fill(&mut bytes).expect("the kernel gives random bytes");
    bytes
}
