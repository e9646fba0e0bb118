//! Structure on drawn graphs. That results stay the same is tested with the real networks, in `tests/rewrite.rs`.

use super::*;
use crate::models::Colour;
use crate::models::onnx::{
    ATTRIBUTE_INT, Attribute, Dimension, DimensionValue, INT64, Node, Shape, TensorType, Type, TypeValue,
};

const SPEC: InputSpec =
    InputSpec { width: 8, height: 4, any_size: false, colour: Colour::Rgb, mean: 0.0, scale: 1.0, dimension: None };

fn value(name: &str, dims: &[Option<i64>]) -> ValueInfo {
    let dimension = |dim: &Option<i64>| Dimension {
        value: Some(dim.map_or(DimensionValue::Param("n".into()), DimensionValue::Value)),
        denotation: None,
    };
    let shape = Some(Shape { dim: dims.iter().map(dimension).collect() });
    let tensor = TensorType { elem_type: Some(1), shape };
    let r#type = Some(Type { denotation: None, value: Some(TypeValue::Tensor(tensor)) });
    ValueInfo { name: Some(name.into()), r#type, ..ValueInfo::default() }
}

fn node(op: &str, inputs: &[&str], output: &str, group: i64) -> Node {
    let group = Attribute { name: Some("group".into()), i: Some(group), r#type: Some(ATTRIBUTE_INT), ..<_>::default() };
    Node {
        op_type: Some(op.into()),
        input: inputs.iter().map(|&name| name.into()).collect(),
        output: vec![output.into()],
        attribute: if op == "Conv" { vec![group] } else { vec![] },
        ..Node::default()
    }
}

fn tensor(name: &str, dims: &[i64], fill: f32) -> Tensor {
    Tensor::from_floats(name.into(), dims.to_vec(), &vec![fill; dims.iter().product::<i64>() as usize])
}

/// Convolution to 13 channels, `PRelu`, depthwise convolution, sigmoid, convolution to 5, flatten.
fn bottleneck() -> Model {
    let graph = Graph {
        node: vec![
            node("Conv", &["in", "w1", "b1"], "a", 1),
            node("PRelu", &["a", "s"], "b", 0),
            node("Conv", &["b", "w2", "b1"], "c", 13),
            node("Sigmoid", &["c"], "d", 0),
            node("Conv", &["d", "w3"], "e", 1),
            node("Flatten", &["e"], "out", 0),
        ],
        initializer: vec![
            tensor("w1", &[13, 3, 1, 1], 1e-20),
            tensor("b1", &[13], 2.0),
            tensor("s", &[13, 1, 1], -9.4),
            tensor("w2", &[13, 1, 3, 3], 3.0),
            tensor("w3", &[5, 13, 1, 1], 4.0),
        ],
        input: vec![value("in", &[None, Some(3), None, None]), value("w1", &[Some(13)])],
        output: vec![value("out", &[Some(1), Some(160)])],
        value_info: vec![value("a", &[Some(1), Some(13), Some(4), Some(8)])],
        ..Graph::default()
    };
    Model { ir_version: Some(3), graph: Some(graph), ..Model::default() }
}

fn rewritten(model: &Model, spec: &InputSpec) -> Graph {
    let bytes = rewrite(&model.encode_to_vec(), spec).unwrap();
    Model::decode(bytes.as_slice()).unwrap().graph.unwrap()
}

fn ops(graph: &Graph) -> Vec<&str> {
    graph.node.iter().map(Node::op_type).collect()
}

fn weight<'a>(graph: &'a Graph, output: &str, index: usize) -> &'a Tensor {
    let node = graph.node.iter().find(|node| node.output[0] == output).unwrap();
    graph.initializer.iter().find(|tensor| tensor.name() == node.input[index]).unwrap()
}

fn input_dims(graph: &Graph) -> Vec<Option<DimensionValue>> {
    let Some(TypeValue::Tensor(tensor)) = &graph.input[0].r#type.as_ref().unwrap().value else { panic!("no tensor") };
    tensor.shape.as_ref().unwrap().dim.iter().map(|dim| dim.value.clone()).collect()
}

#[test]
fn channels_are_padded_with_zeros_and_prelu_is_split() {
    let graph = rewritten(&bottleneck(), &SPEC);
    assert_eq!(ops(&graph), ["Conv", "Relu", "Conv", "Relu", "Conv", "Add", "Conv", "Sigmoid", "Conv", "Flatten"]);
    assert_eq!(weight(&graph, "a", 1).dims, [16, 3, 1, 1]);
    assert_eq!(weight(&graph, "a", 2).floats().unwrap(), [[2.0; 13].as_slice(), &[0.0; 3]].concat());
    assert_eq!(weight(&graph, "c", 1).dims, [16, 1, 3, 3]);
    assert_eq!(graph.node.iter().find(|node| node.output[0] == "c").unwrap().int("group"), Some(16));
    let last = weight(&graph, "e", 1);
    assert_eq!(last.dims, [5, 16, 1, 1], "the channels that leave the network stay");
    let row = [[4.0; 13].as_slice(), &[0.0; 3]].concat();
    assert_eq!(last.floats().unwrap(), row.repeat(5));
    let factors = weight(&graph, "b_scaled", 1).floats().unwrap();
    assert_eq!((factors[0], factors[12], factors[13].abs()), (9.4, 9.4, 0.0));
    assert!(!graph.initializer.iter().any(|tensor| tensor.name() == "s"), "nothing uses the slopes any more");
}

#[test]
fn vanishing_weights_become_zero() {
    assert!(weight(&rewritten(&bottleneck(), &SPEC), "a", 1).floats().unwrap().iter().all(|value| *value == 0.0));
}

#[test]
fn the_input_gets_the_shape_of_the_manifest() {
    let graph = rewritten(&bottleneck(), &SPEC);
    assert_eq!(graph.input.len(), 1);
    assert_eq!(input_dims(&graph), [1, 3, 4, 8].map(|size| Some(DimensionValue::Value(size))));

    let any = rewritten(&bottleneck(), &InputSpec { any_size: true, ..SPEC });
    assert_eq!(input_dims(&any)[2], Some(DimensionValue::Param("height".into())));

    let grey = InputSpec { colour: Colour::Grey, ..SPEC };
    let error = rewrite(&bottleneck().encode_to_vec(), &grey).unwrap_err().to_string();
    assert!(error.contains("3 channels") && error.contains("says 1"), "{error}");
}

#[test]
fn what_is_not_understood_is_left_alone() {
    // A value inside the block is read by an operator that mixes channels.
    let mut model = bottleneck();
    let graph = model.graph.as_mut().unwrap();
    graph.node.push(node("ReduceSum", &["c"], "sum", 0));
    graph.output.push(value("sum", &[]));
    let graph = rewritten(&model, &SPEC);
    assert_eq!(weight(&graph, "a", 1).dims, [13, 3, 1, 1]);

    // One slope for all channels, and an operator of the same name from elsewhere.
    let mut model = bottleneck();
    let graph = model.graph.as_mut().unwrap();
    graph.initializer[2] = tensor("s", &[1], 0.1);
    assert!(ops(&rewritten(&model, &SPEC)).contains(&"PRelu"));
    let mut model = bottleneck();
    model.graph.as_mut().unwrap().node[1].domain = Some("com.example".into());
    assert!(ops(&rewritten(&model, &SPEC)).contains(&"PRelu"));

    // A nested graph may read any value.
    let mut model = bottleneck();
    let branch = Attribute { name: Some("then_branch".into()), g: Some(Graph::default()), ..<_>::default() };
    model.graph.as_mut().unwrap().node[5].attribute.push(branch);
    assert!(ops(&rewritten(&model, &SPEC)).contains(&"PRelu"));
}

#[test]
fn one_tensor_in_two_roles_is_padded_for_each() {
    // `b1` is the bias of both convolutions; after padding only one of them keeps 13 channels.
    let mut model = bottleneck();
    let graph = model.graph.as_mut().unwrap();
    graph.node.push(node("Conv", &["in", "w1", "b1"], "side", 1));
    graph.output.push(value("side", &[]));
    let graph = rewritten(&model, &SPEC);
    assert_eq!(weight(&graph, "side", 1).dims, [13, 3, 1, 1]);
    assert_eq!(weight(&graph, "side", 2).dims, [13]);
    assert_eq!(weight(&graph, "c", 2).dims, [16]);
}

#[test]
fn integers_and_float_lists_survive() {
    let mut model = bottleneck();
    let shape = Tensor { name: Some("shape".into()), dims: vec![2], data_type: Some(INT64), ..Tensor::default() };
    let graph = model.graph.as_mut().unwrap();
    graph.initializer.push(Tensor { int64_data: vec![1, -1], ..shape });
    graph.node[5] = node("Reshape", &["e", "shape"], "out", 0);
    graph.initializer[3] = Tensor { raw_data: None, float_data: vec![3.0; 117], ..graph.initializer[3].clone() };
    let graph = rewritten(&model, &SPEC);
    assert_eq!(weight(&graph, "out", 1).int64_data, [1, -1]);
    assert_eq!(weight(&graph, "c", 1).floats().unwrap()[..9], [3.0; 9]);
}

#[test]
fn bytes_that_are_no_model_are_refused() {
    assert!(matches!(rewrite(b"<html>", &SPEC), Err(Error::Graph(_))));
    assert!(matches!(rewrite(b"", &SPEC), Err(Error::Graph(_))));
}
