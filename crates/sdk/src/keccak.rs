//! keccak256, as Ethereum has it (the padding of 2012, not FIPS 202's), for selectors of functions and errors. After "The Keccak reference", 3.0.

/// Bytes that are absorbed at a time.
const RATE: usize = 136;
const ROUNDS: usize = 24;

/// keccak256 of `bytes`.
pub(crate) fn keccak256(bytes: &[u8]) -> [u8; 32] {
    let mut state = [0u64; 25];
    let mut blocks = bytes.chunks_exact(RATE);
    for block in &mut blocks {
        absorb(&mut state, block);
    }
    let mut last = [0; RATE];
    let rest = blocks.remainder();
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] |= 0x01;
    last[RATE - 1] |= 0x80;
    absorb(&mut state, &last);
    let mut digest = [0; 32];
    for (out, lane) in digest.chunks_exact_mut(8).zip(state) {
        out.copy_from_slice(&lane.to_le_bytes());
    }
    digest
}

fn absorb(state: &mut [u64; 25], block: &[u8]) {
    for (lane, bytes) in state.iter_mut().zip(block.chunks_exact(8)) {
        let mut word = [0; 8];
        word.copy_from_slice(bytes);
        *lane ^= u64::from_le_bytes(word);
    }
    let mut constants = 1u8;
    for _ in 0..ROUNDS {
        theta(state);
        rho_and_pi(state);
        chi(state);
        state[0] ^= iota(&mut constants);
    }
}

fn theta(state: &mut [u64; 25]) {
    let mut parity = [0; 5];
    for (at, lane) in state.iter().enumerate() {
        parity[at % 5] ^= lane;
    }
    for (at, lane) in state.iter_mut().enumerate() {
        *lane ^= parity[(at + 4) % 5] ^ parity[(at + 1) % 5].rotate_left(1);
    }
}

fn rho_and_pi(state: &mut [u64; 25]) {
    let (mut x, mut y) = (1, 0);
    let mut carried = state[1];
    for step in 1..=24u32 {
        (x, y) = (y, (2 * x + 3 * y) % 5);
        let turned = carried.rotate_left(step * (step + 1) / 2 % 64);
        carried = std::mem::replace(&mut state[x + 5 * y], turned);
    }
}

fn chi(state: &mut [u64; 25]) {
    for row in state.chunks_exact_mut(5) {
        let mut before = [0; 5];
        before.copy_from_slice(row);
        for (x, lane) in row.iter_mut().enumerate() {
            *lane ^= !before[(x + 1) % 5] & before[(x + 2) % 5];
        }
    }
}

/// The next round's constant: bits of a shift register, at the places 2^j - 1.
fn iota(register: &mut u8) -> u64 {
    (0..7).fold(0, |constant, j| {
        let bit = *register & 1;
        let carry = *register >> 7;
        *register = (*register << 1) ^ (carry * 0x71);
        constant | u64::from(bit) << ((1u32 << j) - 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        keccak256(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Known digests, at and around the length of a block.
    #[test]
    fn digests_are_the_known_ones() {
        assert_eq!(hex(b""), "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
        assert_eq!(hex(b"transfer(address,uint256)")[..8], *"a9059cbb");
        for (length, digest) in [
            (1, "644826e22109357806d1a633732140f7ace7bb6ca8fa0b67006d7e3d0ad6fe6f"),
            (135, "e9cd15a85e4b32b79132637b22775876cc597d8be1d19d8daf42a46d2233f0f7"),
            (136, "520624732be0bc2eff4ca18c833d85f5783325cb37fc3d8ec1d385aa9a6fc7f8"),
            (137, "171c6f03b55a0672ff99dbca84110b6bc3b8f75e1b31b5979cca100ba74f520a"),
            (272, "af54f02f4ebd3bf890b8024b76e344c954d5dbe7d9d1efe16cd874072262d763"),
            (1000, "faea3c6b68c290b5ff4891609f6c8c206c7c2f0c44bda151161994adef8f8a15"),
        ] {
            assert_eq!(hex(&vec![0xa5; length]), digest);
        }
    }
}
