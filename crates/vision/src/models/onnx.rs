//! The ONNX file format: the protobuf messages of `onnx.proto` (IR version 12), as far as inference needs them.
//!
//! Field numbers and names come from the specification. A field that is not listed is lost when a model is written back.
//! We leave out training graphs and the placement of nodes on several devices on purpose, because no inference model of
//! one process uses them.

use prost::{Message, Oneof};

/// `TensorProto.DataType.FLOAT`.
pub(super) const FLOAT: i32 = 1;
/// `TensorProto.DataType.INT64`.
#[cfg(test)]
pub(super) const INT64: i32 = 7;
/// `AttributeProto.AttributeType.INT`.
pub(super) const ATTRIBUTE_INT: i32 = 2;
/// `AttributeProto.AttributeType.INTS`.
pub(super) const ATTRIBUTE_INTS: i32 = 7;

// The field names are those of the specification.
#[allow(clippy::struct_field_names)]
#[derive(Clone, PartialEq, Message)]
pub(super) struct Model {
    #[prost(int64, optional, tag = "1")]
    pub(super) ir_version: Option<i64>,
    #[prost(string, optional, tag = "2")]
    pub(super) producer_name: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub(super) producer_version: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub(super) domain: Option<String>,
    #[prost(int64, optional, tag = "5")]
    pub(super) model_version: Option<i64>,
    #[prost(string, optional, tag = "6")]
    pub(super) doc_string: Option<String>,
    #[prost(message, optional, tag = "7")]
    pub(super) graph: Option<Graph>,
    #[prost(message, repeated, tag = "8")]
    pub(super) opset_import: Vec<OperatorSetId>,
    #[prost(message, repeated, tag = "14")]
    pub(super) metadata_props: Vec<StringStringEntry>,
    #[prost(message, repeated, tag = "25")]
    pub(super) functions: Vec<Function>,
}

/// The value of `key` in the metadata of a serialised model, without reading the graph.
pub(super) fn metadata(onnx: &[u8], key: &str) -> Result<Option<String>, prost::DecodeError> {
    #[derive(Clone, PartialEq, Message)]
    struct Metadata {
        #[prost(message, repeated, tag = "14")]
        metadata_props: Vec<StringStringEntry>,
    }
    let properties = Metadata::decode(onnx)?.metadata_props;
    Ok(properties.into_iter().find(|entry| entry.key.as_deref() == Some(key)).and_then(|entry| entry.value))
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct OperatorSetId {
    #[prost(string, optional, tag = "1")]
    pub(super) domain: Option<String>,
    #[prost(int64, optional, tag = "2")]
    pub(super) version: Option<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StringStringEntry {
    #[prost(string, optional, tag = "1")]
    pub(super) key: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(super) value: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Graph {
    #[prost(message, repeated, tag = "1")]
    pub(super) node: Vec<Node>,
    #[prost(string, optional, tag = "2")]
    pub(super) name: Option<String>,
    #[prost(message, repeated, tag = "5")]
    pub(super) initializer: Vec<Tensor>,
    #[prost(string, optional, tag = "10")]
    pub(super) doc_string: Option<String>,
    #[prost(message, repeated, tag = "11")]
    pub(super) input: Vec<ValueInfo>,
    #[prost(message, repeated, tag = "12")]
    pub(super) output: Vec<ValueInfo>,
    #[prost(message, repeated, tag = "13")]
    pub(super) value_info: Vec<ValueInfo>,
    #[prost(message, repeated, tag = "14")]
    pub(super) quantization_annotation: Vec<TensorAnnotation>,
    #[prost(message, repeated, tag = "15")]
    pub(super) sparse_initializer: Vec<SparseTensor>,
    #[prost(message, repeated, tag = "16")]
    pub(super) metadata_props: Vec<StringStringEntry>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Node {
    #[prost(string, repeated, tag = "1")]
    pub(super) input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub(super) output: Vec<String>,
    #[prost(string, optional, tag = "3")]
    pub(super) name: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub(super) op_type: Option<String>,
    #[prost(message, repeated, tag = "5")]
    pub(super) attribute: Vec<Attribute>,
    #[prost(string, optional, tag = "6")]
    pub(super) doc_string: Option<String>,
    #[prost(string, optional, tag = "7")]
    pub(super) domain: Option<String>,
    #[prost(string, optional, tag = "8")]
    pub(super) overload: Option<String>,
    #[prost(message, repeated, tag = "9")]
    pub(super) metadata_props: Vec<StringStringEntry>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Attribute {
    #[prost(string, optional, tag = "1")]
    pub(super) name: Option<String>,
    #[prost(float, optional, tag = "2")]
    pub(super) f: Option<f32>,
    #[prost(int64, optional, tag = "3")]
    pub(super) i: Option<i64>,
    #[prost(bytes = "vec", optional, tag = "4")]
    pub(super) s: Option<Vec<u8>>,
    #[prost(message, optional, tag = "5")]
    pub(super) t: Option<Tensor>,
    #[prost(message, optional, tag = "6")]
    pub(super) g: Option<Graph>,
    #[prost(float, repeated, packed = "false", tag = "7")]
    pub(super) floats: Vec<f32>,
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub(super) ints: Vec<i64>,
    #[prost(bytes = "vec", repeated, tag = "9")]
    pub(super) strings: Vec<Vec<u8>>,
    #[prost(message, repeated, tag = "10")]
    pub(super) tensors: Vec<Tensor>,
    #[prost(message, repeated, tag = "11")]
    pub(super) graphs: Vec<Graph>,
    #[prost(string, optional, tag = "13")]
    pub(super) doc_string: Option<String>,
    #[prost(message, optional, tag = "14")]
    pub(super) tp: Option<Type>,
    #[prost(message, repeated, tag = "15")]
    pub(super) type_protos: Vec<Type>,
    #[prost(int32, optional, tag = "20")]
    pub(super) r#type: Option<i32>,
    #[prost(string, optional, tag = "21")]
    pub(super) ref_attr_name: Option<String>,
    #[prost(message, optional, tag = "22")]
    pub(super) sparse_tensor: Option<SparseTensor>,
    #[prost(message, repeated, tag = "23")]
    pub(super) sparse_tensors: Vec<SparseTensor>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Tensor {
    #[prost(int64, repeated, packed = "false", tag = "1")]
    pub(super) dims: Vec<i64>,
    #[prost(int32, optional, tag = "2")]
    pub(super) data_type: Option<i32>,
    #[prost(message, optional, tag = "3")]
    pub(super) segment: Option<Segment>,
    #[prost(float, repeated, tag = "4")]
    pub(super) float_data: Vec<f32>,
    #[prost(int32, repeated, tag = "5")]
    pub(super) int32_data: Vec<i32>,
    #[prost(bytes = "vec", repeated, tag = "6")]
    pub(super) string_data: Vec<Vec<u8>>,
    #[prost(int64, repeated, tag = "7")]
    pub(super) int64_data: Vec<i64>,
    #[prost(string, optional, tag = "8")]
    pub(super) name: Option<String>,
    #[prost(bytes = "vec", optional, tag = "9")]
    pub(super) raw_data: Option<Vec<u8>>,
    #[prost(double, repeated, tag = "10")]
    pub(super) double_data: Vec<f64>,
    #[prost(uint64, repeated, tag = "11")]
    pub(super) uint64_data: Vec<u64>,
    #[prost(string, optional, tag = "12")]
    pub(super) doc_string: Option<String>,
    #[prost(message, repeated, tag = "13")]
    pub(super) external_data: Vec<StringStringEntry>,
    #[prost(int32, optional, tag = "14")]
    pub(super) data_location: Option<i32>,
    #[prost(message, repeated, tag = "16")]
    pub(super) metadata_props: Vec<StringStringEntry>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Segment {
    #[prost(int64, optional, tag = "1")]
    pub(super) begin: Option<i64>,
    #[prost(int64, optional, tag = "2")]
    pub(super) end: Option<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SparseTensor {
    #[prost(message, optional, tag = "1")]
    pub(super) values: Option<Tensor>,
    #[prost(message, optional, tag = "2")]
    pub(super) indices: Option<Tensor>,
    #[prost(int64, repeated, packed = "false", tag = "3")]
    pub(super) dims: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TensorAnnotation {
    #[prost(string, optional, tag = "1")]
    pub(super) tensor_name: Option<String>,
    #[prost(message, repeated, tag = "2")]
    pub(super) quant_parameter_tensor_names: Vec<StringStringEntry>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ValueInfo {
    #[prost(string, optional, tag = "1")]
    pub(super) name: Option<String>,
    #[prost(message, optional, tag = "2")]
    pub(super) r#type: Option<Type>,
    #[prost(string, optional, tag = "3")]
    pub(super) doc_string: Option<String>,
    #[prost(message, repeated, tag = "4")]
    pub(super) metadata_props: Vec<StringStringEntry>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Type {
    #[prost(string, optional, tag = "6")]
    pub(super) denotation: Option<String>,
    #[prost(oneof = "TypeValue", tags = "1, 4, 5, 7, 8, 9")]
    pub(super) value: Option<TypeValue>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum TypeValue {
    #[prost(message, tag = "1")]
    Tensor(TensorType),
    #[prost(message, tag = "4")]
    Sequence(Box<ElementType>),
    #[prost(message, tag = "5")]
    Map(Box<MapType>),
    #[prost(message, tag = "7")]
    Opaque(OpaqueType),
    #[prost(message, tag = "8")]
    SparseTensor(TensorType),
    #[prost(message, tag = "9")]
    Optional(Box<ElementType>),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TensorType {
    #[prost(int32, optional, tag = "1")]
    pub(super) elem_type: Option<i32>,
    #[prost(message, optional, tag = "2")]
    pub(super) shape: Option<Shape>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ElementType {
    #[prost(message, optional, boxed, tag = "1")]
    pub(super) elem_type: Option<Box<Type>>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct MapType {
    #[prost(int32, optional, tag = "1")]
    pub(super) key_type: Option<i32>,
    #[prost(message, optional, boxed, tag = "2")]
    pub(super) value_type: Option<Box<Type>>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct OpaqueType {
    #[prost(string, optional, tag = "1")]
    pub(super) domain: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(super) name: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Shape {
    #[prost(message, repeated, tag = "1")]
    pub(super) dim: Vec<Dimension>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Dimension {
    #[prost(oneof = "DimensionValue", tags = "1, 2")]
    pub(super) value: Option<DimensionValue>,
    #[prost(string, optional, tag = "3")]
    pub(super) denotation: Option<String>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum DimensionValue {
    #[prost(int64, tag = "1")]
    Value(i64),
    #[prost(string, tag = "2")]
    Param(String),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Function {
    #[prost(string, optional, tag = "1")]
    pub(super) name: Option<String>,
    #[prost(string, repeated, tag = "4")]
    pub(super) input: Vec<String>,
    #[prost(string, repeated, tag = "5")]
    pub(super) output: Vec<String>,
    #[prost(string, repeated, tag = "6")]
    pub(super) attribute: Vec<String>,
    #[prost(message, repeated, tag = "7")]
    pub(super) node: Vec<Node>,
    #[prost(string, optional, tag = "8")]
    pub(super) doc_string: Option<String>,
    #[prost(message, repeated, tag = "9")]
    pub(super) opset_import: Vec<OperatorSetId>,
    #[prost(string, optional, tag = "10")]
    pub(super) domain: Option<String>,
    #[prost(message, repeated, tag = "11")]
    pub(super) attribute_proto: Vec<Attribute>,
    #[prost(message, repeated, tag = "12")]
    pub(super) value_info: Vec<ValueInfo>,
    #[prost(string, optional, tag = "13")]
    pub(super) overload: Option<String>,
    #[prost(message, repeated, tag = "14")]
    pub(super) metadata_props: Vec<StringStringEntry>,
}

impl Node {
    /// Whether this is the operator `op` of the ONNX standard itself.
    pub(super) fn is(&self, op: &str) -> bool {
        self.op_type() == op && matches!(self.domain(), "" | "ai.onnx")
    }

    /// The integer attribute `name`.
    pub(super) fn int(&self, name: &str) -> Option<i64> {
        self.attribute.iter().find(|attribute| attribute.name() == name)?.i
    }
}

impl Tensor {
    /// A tensor of 32-bit floats.
    pub(super) fn from_floats(name: String, dims: Vec<i64>, values: &[f32]) -> Tensor {
        let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Tensor { name: Some(name), dims, data_type: Some(FLOAT), raw_data: Some(raw), ..Tensor::default() }
    }

    /// The values, if they are 32-bit floats that the file itself holds.
    pub(super) fn floats(&self) -> Option<Vec<f32>> {
        if self.data_type() != FLOAT || self.data_location() != 0 || self.segment.is_some() {
            return None;
        }
        let values = match &self.raw_data {
            Some(raw) => raw.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
            None => self.float_data.clone(),
        };
        let length: i64 = self.dims.iter().product();
        (values.len() as i64 == length).then_some(values)
    }
}
