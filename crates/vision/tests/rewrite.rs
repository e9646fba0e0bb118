//! The rewritten networks give the results of the stock ones. Needs the models: `vultus models pull --to target/models`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;

use vultus_vision::models::{Models, Role};
use vultus_vision::network::{Network, OnnxNetwork, Output};

fn models() -> Models {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/models");
    let dir = std::env::var_os("VULTUS_MODELS_DIR").map_or_else(|| PathBuf::from(default), PathBuf::from);
    Models::open(&dir).unwrap()
}

/// Smooth waves in the range that the network is fed with, different in each channel.
fn waves(shape: &[usize], low: f32, high: f32) -> Vec<f32> {
    let count = shape.iter().product::<usize>();
    (0..count).map(|i| low + (high - low) * (0.5 + 0.5 * (i as f32 * 0.0137).sin() * (i as f32 * 0.31).cos())).collect()
}

fn run(models: &Models, graph: &[u8], shape: &[usize], values: &[f32]) -> Vec<Output> {
    OnnxNetwork::load(models, graph).unwrap().run(shape, values).unwrap()
}

/// Runs a network as it is and rewritten; outputs may differ by 1e-4 of their largest value.
fn assert_same(role: Role) {
    let models = models();
    let input = models.entry(role).unwrap().input.clone().unwrap();
    let shape = [1, input.colour.channels() as usize, input.height as usize, input.width as usize];
    let values = waves(&shape, (0.0 - input.mean) * input.scale, (255.0 - input.mean) * input.scale);
    let stock = run(&models, &models.stock_graph(role).unwrap(), &shape, &values);
    let rewritten = run(&models, &models.graph(role).unwrap(), &shape, &values);
    assert_eq!(stock.len(), rewritten.len());
    for (stock, rewritten) in stock.iter().zip(&rewritten) {
        assert_eq!((&stock.name, &stock.shape), (&rewritten.name, &rewritten.shape));
        let largest = stock.values.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        assert!(largest > 0.0, "{role:?}: {} is all zero", stock.name);
        for (one, other) in stock.values.iter().zip(&rewritten.values) {
            assert!((one - other).abs() <= 1e-4 * largest, "{role:?}: {}: {one} became {other}", stock.name);
        }
    }
}

#[test]
fn detection_is_the_same() {
    assert_same(Role::Detection);
}

#[test]
fn recognition_is_the_same() {
    assert_same(Role::Recognition);
}

#[test]
fn landmarks_are_the_same() {
    assert_same(Role::Landmarks);
}

#[test]
fn liveness_is_the_same() {
    assert_same(Role::Liveness);
}

#[test]
fn detection_takes_other_sizes() {
    let models = models();
    let mut network = OnnxNetwork::load(&models, &models.graph(Role::Detection).unwrap()).unwrap();
    for (height, width) in [(480, 640), (640, 640), (1280, 960)] {
        let shape = [1, 3, height, width];
        for output in network.run(&shape, &waves(&shape, 0.0, 255.0)).unwrap() {
            let stride: usize = output.name.rsplit('_').next().unwrap().parse().unwrap();
            assert_eq!(output.shape[1], (height / stride) * (width / stride), "{}", output.name);
        }
    }
}
