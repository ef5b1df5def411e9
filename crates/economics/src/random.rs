//! Numbers that look random and are a function of a seed: xoshiro256++ (Blackman and Vigna 2019), started by SplitMix64. The same seed and stream give the
//! same numbers on every machine: functions of floats are those of `libm`, in Rust.

/// A stream of numbers.
#[derive(Debug, Clone)]
pub struct Dice([u64; 4]);

impl Dice {
    /// The stream number `stream` of a seed; streams of one seed are independent for all purposes here.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut state = mix(seed) ^ mix(stream.wrapping_add(0x5851_F42D_4C95_7F2D));
        let mut next = || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            mix(state)
        };
        Self([next(), next(), next(), next()])
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        let [a, b, c, d] = self.0;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        self.0 = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        result
    }

    /// A whole number below `bound`; 0 for a bound of 0. The bias is below `bound / 2^64`.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// A number from 0 up to 1, without it.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Two independent standard normal numbers (Marsaglia's polar method).
    pub fn normals(&mut self) -> (f64, f64) {
        loop {
            let (x, y) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let square = x * x + y * y;
            if square < 1.0 && square > 0.0 {
                let factor = libm::sqrt(-2.0 * libm::log(square) / square);
                return (x * factor, y * factor);
            }
        }
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_and_a_stream_give_the_same_numbers_and_others_give_others() {
        let draw = |seed, stream| Dice::new(seed, stream).bits();
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(2, 1));
        assert_ne!(draw(1, 2), draw(1, 3));
    }

    #[test]
    fn normals_have_mean_zero_variance_one_and_no_correlation() {
        let mut dice = Dice::new(3, 0);
        let pairs: Vec<(f64, f64)> = (0..100_000).map(|_| dice.normals()).collect();
        let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / pairs.len() as f64;
        assert!(mean(|(x, _)| *x).abs() < 0.02 && mean(|(_, y)| *y).abs() < 0.02);
        assert!((mean(|(x, _)| x * x) - 1.0).abs() < 0.02 && mean(|(x, y)| x * y).abs() < 0.02);
    }

    #[test]
    fn whole_numbers_fill_their_range() {
        let mut dice = Dice::new(4, 0);
        let mut seen = [0; 6];
        (0..6_000).for_each(|_| seen[dice.below(6) as usize] += 1);
        assert!(seen.iter().all(|count| (850..1_150).contains(count)), "{seen:?}");
        assert_eq!(dice.below(0), 0);
    }
}
