//! What can go wrong when the engine is loaded or run. A picture without a face is a result, not an error; bytes that
//! are no picture are a [`DecodeError`](crate::DecodeError).

/// A failure of the engine itself: never the fault of a picture.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The ONNX Runtime library is absent or does not load.
    #[error("ONNX Runtime cannot be loaded ({0}): run `vultus models pull`, or set ORT_DYLIB_PATH to its library")]
    Runtime(String),
    /// The models directory or its manifest is not usable.
    #[error(transparent)]
    Models(#[from] crate::models::Error),
    /// A model file is damaged or does not have the form that its stage needs.
    #[error("a model cannot be used ({0}): run `vultus models verify`")]
    Model(String),
    /// The networks do not give the known answers for a test picture.
    #[error(
        "the models fail the test at the start ({0}): run `vultus models pull`, which replaces files that are damaged; if \
         that changes nothing, the inference runtime does not work on this processor"
    )]
    SelfTest(String),
    /// The runtime failed on an input.
    #[error("inference failed: {0}")]
    Inference(String),
}
