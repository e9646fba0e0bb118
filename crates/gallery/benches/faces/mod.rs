//! Embeddings like those of faces: people are random directions with the spectrum that the embeddings of the default model
//! have on LFW, photos of them add noise with the spectrum and the size of the differences between photos of one person
//! there (a third of the squared length; the mean cosine of two photos is 0.67), and both are turned by a fixed random
//! rotation.

use vultus_gallery::dot;

/// Components of an embedding.
pub const DIMENSION: usize = 512;
/// Share of the squared length on a main axis, for the people and for the noise, at the axes 1, 16, 32, 64, 96, 128,
/// 144 and 160; straight lines between.
const SPECTRUM: [(usize, f32, f32); 8] = [
    (0, 0.0222, 0.0102),
    (15, 0.0145, 0.0105),
    (31, 0.0105, 0.0097),
    (63, 0.0061, 0.0075),
    (95, 0.0036, 0.0057),
    (127, 0.00175, 0.0032),
    (143, 0.0006, 0.0013),
    (159, 0.0, 0.0),
];
/// Squared length of what photos of one person have in common, and of what they do not.
const COMMON: f32 = 0.665;
const NOISE: f32 = 0.325;

/// Pseudo-random numbers (xorshift).
pub struct Random(pub u64);

impl Random {
    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Nearly normal: four uniform numbers of 16 bits.
    fn normal(&mut self) -> f32 {
        let bits = self.next();
        let sum: f32 = [0, 16, 32, 48].map(|shift| (bits >> shift & 0xffff) as f32 / 65_535.0 - 0.5).iter().sum();
        sum * 3.0f32.sqrt()
    }
}

/// Deviation on each axis, of people and of noise.
fn deviations() -> (Vec<f32>, Vec<f32>) {
    let value = |axis: usize, of: fn(&(usize, f32, f32)) -> f32| {
        let after = SPECTRUM.iter().position(|point| point.0 > axis).unwrap_or(SPECTRUM.len() - 1);
        let (a, b) = (&SPECTRUM[after - 1], &SPECTRUM[after]);
        of(a) + (of(b) - of(a)) * (axis - a.0) as f32 / (b.0 - a.0) as f32
    };
    let noise: Vec<f32> = (0..159).map(|axis| NOISE * value(axis, |point| point.2)).collect();
    let people = (0..159).map(|axis| (value(axis, |point| point.1) - noise[axis]).max(0.0));
    let scale = |of: Vec<f32>, length: f32| {
        let sum: f32 = of.iter().sum();
        of.iter().map(|variance| (variance * length / sum).sqrt()).collect()
    };
    (scale(people.collect(), COMMON), scale(noise, NOISE))
}

/// The people.
pub struct World {
    people: Vec<f32>,
    noise: Vec<f32>,
    signs: Vec<f32>,
}

impl World {
    /// Always the same people.
    pub fn new() -> Self {
        let (people, noise) = deviations();
        let mut random = Random(0x5851_f42d_4c95_7f2d);
        let signs = (0..2 * DIMENSION).map(|_| if random.next() >> 40 & 1 == 0 { 1.0 } else { -1.0 }).collect();
        Self { people, noise, signs }
    }

    /// The embedding of a photo, of length 1; the same for the same numbers.
    pub fn photo(&self, person: usize, photo: usize) -> Vec<f32> {
        let seed = |of: usize| Random((of as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (mut face, mut light) = (seed(person), seed(person * 16 + photo + (1 << 40)));
        (0..4).for_each(|_| _ = (face.next(), light.next()));
        let mut values = vec![0.0; DIMENSION];
        for ((value, person), noise) in values.iter_mut().zip(&self.people).zip(&self.noise) {
            *value = face.normal() * person + light.normal() * noise;
        }
        for signs in self.signs.chunks_exact(DIMENSION) {
            values.iter_mut().zip(signs).for_each(|(value, sign)| *value *= sign);
            hadamard(&mut values);
        }
        let norm = dot(&values, &values).sqrt();
        for value in &mut values {
            *value /= norm;
        }
        values
    }
}

/// The Walsh-Hadamard transform: with random signs, a rotation that spreads every axis over all others.
fn hadamard(values: &mut [f32]) {
    let mut half = 1;
    while half < values.len() {
        for block in values.chunks_exact_mut(2 * half) {
            let (a, b) = block.split_at_mut(half);
            a.iter_mut().zip(b).for_each(|(a, b)| (*a, *b) = (*a + *b, *a - *b));
        }
        half *= 2;
    }
}
