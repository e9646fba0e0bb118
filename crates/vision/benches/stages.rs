//! Time of each stage on one thread, and how much of the core's arithmetic peak the networks reach. Needs the models:
//! `vultus models pull --to target/models`. Run with `make bench`.
//!
//! The machine may be noisy, so the peak is measured in the same run and shares of it are printed. The counts of
//! operations are those of the graphs: two for each multiplication and addition of a convolution or matrix product.

#![expect(clippy::print_stdout, reason = "a bench prints its table")]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use vultus_vision::models::Models;
use vultus_vision::{DetectSize, Engine, Params};

/// Runs of each stage.
const RUNS: usize = 60;

fn main() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let dir = std::env::var_os("VULTUS_MODELS_DIR").map_or_else(|| root.join("target/models"), PathBuf::from);
    let models = Models::open(&dir).unwrap_or_else(|error| panic!("{error}"));
    let mut engine = Engine::load(&models, Params::default()).unwrap_or_else(|error| panic!("{error}"));
    let jpeg = jpeg_1280x960(&root.join("testdata/collins.jpg"));

    let decoded = engine.decode(&jpeg).expect("the bench's own picture");
    let faces = engine.detect(&decoded, DetectSize::Standard).expect("detection");
    let face = faces[0].clone();
    let landmarks = engine.landmarks(&decoded, &face).expect("landmarks");

    let peak = fma_peak();
    println!("arithmetic peak of one core, measured: {:.1} GFLOP/s", peak / 1e9);
    println!("{:<34}{:>10}{:>12}{:>14}", "stage (1280 x 960, one face)", "ms", "MFLOP", "of the peak");
    let report = |name: &str, time: Duration, operations: f64| {
        let share = operations / time.as_secs_f64() / peak * 100.0;
        let (count, share) = if operations > 0.0 {
            (format!("{:.0}", operations / 1e6), format!("{share:.0} %"))
        } else {
            ("-".into(), "-".into())
        };
        println!("{name:<34}{:>10.2}{count:>12}{share:>14}", time.as_secs_f64() * 1e3);
    };
    let time = median(|| {
        let image = engine.decode(black_box(&jpeg)).expect("decode");
        engine.recycle(image);
    });
    report("decode", time, 0.0);
    // 640 x 480 input: three quarters of the 640 x 640 that the graph is counted at.
    let time = median(|| drop(engine.detect(black_box(&decoded), DetectSize::Standard)));
    report("detect", time, operations::DETECTION_640X640 * 0.75);
    let time = median(|| drop(engine.landmarks(black_box(&decoded), &face)));
    report("landmarks (two passes)", time, 2.0 * operations::LANDMARKS);
    let time = median(|| drop(engine.embed(black_box(&decoded), &face, &landmarks)));
    report("align and embed", time, operations::RECOGNITION);
    let time = median(|| drop(engine.liveness(black_box(&decoded), &face)));
    report("liveness", time, operations::LIVENESS);
}

/// Floating point operations of one run of each stock graph: convolutions and matrix products, counted from their shapes.
mod operations {
    pub(crate) const DETECTION_640X640: f64 = 688.4e6;
    pub(crate) const RECOGNITION: f64 = 442.3e6;
    pub(crate) const LANDMARKS: f64 = 31.2e6;
    pub(crate) const LIVENESS: f64 = 208.3e6;
}

/// A photograph of one face, enlarged onto a canvas of 1280 x 960 pixels, as JPEG.
fn jpeg_1280x960(photo: &Path) -> Vec<u8> {
    let photo =
        image::open(photo).expect("a photograph of testdata").resize(960, 960, image::imageops::FilterType::Triangle);
    let mut canvas = image::RgbImage::from_pixel(1280, 960, image::Rgb([90, 110, 130]));
    image::imageops::overlay(&mut canvas, &photo.to_rgb8(), 160, 0);
    let mut bytes = std::io::Cursor::new(Vec::new());
    canvas.write_to(&mut bytes, image::ImageFormat::Jpeg).expect("JPEG in memory");
    bytes.into_inner()
}

fn median(mut run: impl FnMut()) -> Duration {
    run();
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .collect();
    times.sort();
    times[RUNS / 2]
}

/// Operations a second of independent fused multiply-additions in registers: what no network can exceed on this core.
fn fma_peak() -> f64 {
    const ROUNDS: usize = 2_000_000;
    let best = (0..5).map(|_| {
        let start = Instant::now();
        let operations = fma::rounds(ROUNDS);
        operations / start.elapsed().as_secs_f64()
    });
    best.fold(0.0, f64::max)
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions chosen at run time; only this measurement needs them")]
mod fma {
    use std::arch::x86_64::{
        _mm256_fmadd_ps, _mm256_set1_ps, _mm256_storeu_ps, _mm512_fmadd_ps, _mm512_set1_ps, _mm512_storeu_ps,
    };
    use std::hint::black_box;

    /// Independent chains: enough to hide the latency of 4 cycles at 2 instructions a cycle.
    const CHAINS: usize = 12;

    pub(crate) fn rounds(rounds: usize) -> f64 {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the instructions exist on this processor.
            unsafe { wide(rounds) };
            (rounds * CHAINS * 16 * 2) as f64
        } else if is_x86_feature_detected!("fma") {
            // SAFETY: as above.
            unsafe { narrow(rounds) };
            (rounds * CHAINS * 8 * 2) as f64
        } else {
            panic!("this bench wants a processor with fused multiply-add");
        }
    }

    #[target_feature(enable = "avx512f")]
    unsafe fn wide(rounds: usize) {
        let (factor, addend) = (_mm512_set1_ps(black_box(0.999)), _mm512_set1_ps(black_box(0.001)));
        let mut sums = [_mm512_set1_ps(1.0); CHAINS];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm512_fmadd_ps(*sum, factor, addend);
            }
        }
        let mut out = [0.0f32; 16];
        for sum in sums {
            // SAFETY: `out` holds 16 floats.
            unsafe { _mm512_storeu_ps(out.as_mut_ptr(), sum) };
            black_box(&out);
        }
    }

    #[target_feature(enable = "avx2,fma")]
    unsafe fn narrow(rounds: usize) {
        let (factor, addend) = (_mm256_set1_ps(black_box(0.999)), _mm256_set1_ps(black_box(0.001)));
        let mut sums = [_mm256_set1_ps(1.0); CHAINS];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm256_fmadd_ps(*sum, factor, addend);
            }
        }
        let mut out = [0.0f32; 8];
        for sum in sums {
            // SAFETY: `out` holds 8 floats.
            unsafe { _mm256_storeu_ps(out.as_mut_ptr(), sum) };
            black_box(&out);
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod fma {
    use std::hint::black_box;

    /// Plain code, which the compiler turns into vector instructions where the target always has them.
    pub(crate) fn rounds(rounds: usize) -> f64 {
        const LANES: usize = 64;
        let (factor, addend) = (black_box(0.999f32), black_box(0.001f32));
        let mut sums = [1.0f32; LANES];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = sum.mul_add(factor, addend);
            }
        }
        black_box(&sums);
        (rounds * LANES * 2) as f64
    }
}
