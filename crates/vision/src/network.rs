//! The inference runtime behind one trait: the only file that names ONNX Runtime.

use std::path::PathBuf;
use std::sync::OnceLock;

use ort::environment::Environment;
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::TensorRef;

use crate::error::Error;
use crate::models::Models;

/// One output of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// Name in the graph.
    pub name: String,
    /// Size of each axis.
    pub shape: Vec<usize>,
    /// Values in row-major order.
    pub values: Vec<f32>,
}

/// A network with one input. The one seam of the engine: tests put fakes here and drive the stages on drawn pictures.
pub trait Network: Send {
    /// Runs the network on one tensor of `shape` (row-major) and returns the outputs in graph order.
    ///
    /// # Errors
    /// [`Error::Inference`] when the runtime refuses the input or fails.
    fn run(&mut self, shape: &[usize], values: &[f32]) -> Result<Vec<Output>, Error>;
}

/// A graph loaded into ONNX Runtime, on one thread of the CPU.
pub struct OnnxNetwork {
    session: Session,
}

impl OnnxNetwork {
    /// Loads a serialised graph. One intra-op thread: parallelism comes from several engines, which scales to 2.0 x on
    /// two cores where threads inside one session gave 1.0 to 1.9 x.
    ///
    /// # Errors
    /// [`Error::Runtime`] without the library, [`Error::Model`] for a graph it cannot load.
    pub fn load(models: &Models, graph: &[u8]) -> Result<Self, Error> {
        let environment = environment(models)?;
        let session = (|| -> ort::Result<Session> {
            Session::builder(environment)?
                .with_optimization_level(GraphOptimizationLevel::All)?
                .with_intra_threads(1)?
                .with_inter_threads(1)?
                .commit_from_memory(graph)
        })()
        .map_err(|error| Error::Model(error.to_string()))?;
        Ok(Self { session })
    }
}

impl Network for OnnxNetwork {
    fn run(&mut self, shape: &[usize], values: &[f32]) -> Result<Vec<Output>, Error> {
        let failed = |error: ort::Error| Error::Inference(error.to_string());
        let input = TensorRef::from_array_view((shape.to_vec(), values)).map_err(failed)?;
        let outputs = self.session.run(ort::inputs![input]).map_err(failed)?;
        outputs
            .iter()
            .map(|(name, value)| {
                let (shape, values) = value.try_extract_tensor::<f32>().map_err(failed)?;
                let shape = shape.iter().map(|&axis| axis as usize).collect();
                Ok(Output { name: name.to_owned(), shape, values: values.to_vec() })
            })
            .collect()
    }
}

/// The process-wide runtime: loaded once, from `ORT_DYLIB_PATH`, from the models directory, or from where the system
/// keeps libraries, in this order.
fn environment(models: &Models) -> Result<&'static Environment, Error> {
    static ENVIRONMENT: OnceLock<Result<Environment, String>> = OnceLock::new();
    let load = || {
        let library = std::env::var_os("ORT_DYLIB_PATH")
            .map(PathBuf::from)
            .or_else(|| models.runtime_library())
            .unwrap_or_else(|| PathBuf::from("libonnxruntime.so"));
        let builder = ort::init_from(&library).map_err(|error| format!("{}: {error}", library.display()))?;
        builder.with_telemetry(false).build().map_err(|error| error.to_string())
    };
    ENVIRONMENT.get_or_init(load).as_ref().map_err(|error| Error::Runtime(error.clone()))
}
