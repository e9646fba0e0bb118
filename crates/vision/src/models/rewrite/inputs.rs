//! The inputs of a graph: only what the caller feeds, in a known shape.

use std::collections::HashSet;

use crate::models::onnx::{Dimension, DimensionValue, Graph, Tensor, TensorType, TypeValue, ValueInfo};
use crate::models::{Error, InputSpec};

/// Takes initialisers out of the graph inputs: while the caller could replace them, the runtime folds nothing into
/// them.
pub(super) fn drop_initializers(graph: &mut Graph) {
    let names: HashSet<&str> = graph.initializer.iter().map(Tensor::name).collect();
    graph.input.retain(|input| !names.contains(input.name()));
}

/// Gives the one input the shape that `spec` says; for a spec of any size, height and width become symbolic.
pub(super) fn set_shape(graph: &mut Graph, spec: &InputSpec) -> Result<(), Error> {
    let [input] = graph.input.as_mut_slice() else {
        return Err(Error::Graph(format!("it has {} inputs instead of one", graph.input.len())));
    };
    let Some(tensor) = tensor_type(input) else { return Err(Error::Graph("its input is no tensor".into())) };
    let dims = tensor.shape.get_or_insert_default().dim.as_mut_slice();
    let [batch, channels, height, width] = dims else {
        return Err(Error::Graph("its input has no shape [batch, channels, height, width]".into()));
    };
    fix(batch, 1, "images")?;
    fix(channels, spec.colour.channels(), "channels")?;
    if spec.any_size {
        height.value = Some(DimensionValue::Param("height".into()));
        width.value = Some(DimensionValue::Param("width".into()));
        for tensor in graph.output.iter_mut().filter_map(tensor_type) {
            tensor.shape.iter_mut().flat_map(|shape| &mut shape.dim).for_each(|dimension| dimension.value = None);
        }
    } else {
        fix(height, spec.height, "rows")?;
        fix(width, spec.width, "columns")?;
    }
    Ok(())
}

fn tensor_type(value: &mut ValueInfo) -> Option<&mut TensorType> {
    match value.r#type.as_mut()?.value.as_mut()? {
        TypeValue::Tensor(tensor) => Some(tensor),
        _ => None,
    }
}

fn fix(dimension: &mut Dimension, size: u32, what: &str) -> Result<(), Error> {
    match dimension.value {
        Some(DimensionValue::Value(fixed)) if fixed > 0 && fixed != i64::from(size) => {
            Err(Error::Graph(format!("its input has {fixed} {what}, the manifest says {size}")))
        }
        _ => {
            dimension.value = Some(DimensionValue::Value(i64::from(size)));
            Ok(())
        }
    }
}
