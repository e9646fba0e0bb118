//! The messages of Milvus's gRPC service that we use, with the fields that we use. Names and numbers come from its protocol
//! (milvus.proto, schema.proto and common.proto of Milvus 2.3). A field that we leave out has its default.

use prost::{Message, Oneof};

/// `CreateCollectionRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct CreateCollection {
    #[prost(string, tag = "3")]
    pub collection_name: String,
    /// An encoded [`CollectionSchema`].
    #[prost(bytes = "vec", tag = "4")]
    pub schema: Vec<u8>,
    #[prost(int64, tag = "8")]
    pub num_partitions: i64,
}

/// A request that names a collection in field 3, such as to describe, load or drop it.
#[derive(Clone, PartialEq, Message)]
pub struct OfCollection {
    #[prost(string, tag = "3")]
    pub collection_name: String,
}

/// `GetLoadingProgressRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct GetLoadingProgress {
    #[prost(string, tag = "2")]
    pub collection_name: String,
}

/// `LoadCollectionRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct LoadCollection {
    #[prost(string, tag = "3")]
    pub collection_name: String,
    #[prost(int32, tag = "4")]
    pub replica_number: i32,
}

/// `CreateIndexRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct CreateIndex {
    #[prost(string, tag = "3")]
    pub collection_name: String,
    #[prost(string, tag = "4")]
    pub field_name: String,
    #[prost(message, repeated, tag = "5")]
    pub extra_params: Vec<KeyValuePair>,
}

/// `InsertRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct Insert {
    #[prost(string, tag = "3")]
    pub collection_name: String,
    #[prost(message, repeated, tag = "5")]
    pub fields_data: Vec<FieldData>,
    #[prost(uint32, tag = "7")]
    pub num_rows: u32,
}

/// `DeleteRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct Delete {
    #[prost(string, tag = "3")]
    pub collection_name: String,
    #[prost(string, tag = "5")]
    pub expr: String,
}

/// `SearchRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct Search {
    #[prost(string, tag = "3")]
    pub collection_name: String,
    /// The filter.
    #[prost(string, tag = "5")]
    pub dsl: String,
    /// An encoded [`PlaceholderGroup`].
    #[prost(bytes = "vec", tag = "6")]
    pub placeholder_group: Vec<u8>,
    /// [`BOOLEAN_EXPRESSION`].
    #[prost(int32, tag = "7")]
    pub dsl_type: i32,
    #[prost(message, repeated, tag = "9")]
    pub params: Vec<KeyValuePair>,
    #[prost(uint64, tag = "11")]
    pub guarantee_timestamp: u64,
    #[prost(int64, tag = "12")]
    pub nq: i64,
    #[prost(int32, tag = "14")]
    pub consistency_level: i32,
}

/// `QueryRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct Query {
    #[prost(string, tag = "3")]
    pub collection_name: String,
    #[prost(string, tag = "4")]
    pub expr: String,
    #[prost(string, repeated, tag = "5")]
    pub output_fields: Vec<String>,
    #[prost(uint64, tag = "8")]
    pub guarantee_timestamp: u64,
    #[prost(message, repeated, tag = "9")]
    pub params: Vec<KeyValuePair>,
    #[prost(int32, tag = "11")]
    pub consistency_level: i32,
}

/// `DslType.BoolExprV1`.
pub const BOOLEAN_EXPRESSION: i32 = 1;
/// `ConsistencyLevel.Customized`: a read sees all writes up to the guarantee timestamp.
pub const UP_TO_TIMESTAMP: i32 = 4;

/// `common.Status`, also as an answer of its own.
#[derive(Clone, PartialEq, Message)]
pub struct Status {
    #[prost(int32, tag = "1")]
    pub error_code: i32,
    #[prost(string, tag = "2")]
    pub reason: String,
    #[prost(int32, tag = "3")]
    pub code: i32,
}

/// `DescribeCollectionResponse`.
#[derive(Clone, PartialEq, Message)]
pub struct DescribeCollection {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    #[prost(int64, tag = "3")]
    pub collection_id: i64,
}

/// `GetLoadingProgressResponse`.
#[derive(Clone, PartialEq, Message)]
pub struct LoadingProgress {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    /// Per cent.
    #[prost(int64, tag = "2")]
    pub progress: i64,
}

/// `MutationResult`.
#[derive(Clone, PartialEq, Message)]
pub struct MutationResult {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    #[prost(uint64, tag = "9")]
    pub timestamp: u64,
}

/// `FlushRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct Flush {
    #[prost(string, repeated, tag = "3")]
    pub collection_names: Vec<String>,
}

/// `FlushResponse`.
#[derive(Clone, PartialEq, Message)]
pub struct Flushed {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
}

/// `AllocTimestampRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct AllocTimestamp {}

/// `AllocTimestampResponse`.
#[derive(Clone, PartialEq, Message)]
pub struct Timestamp {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    #[prost(uint64, tag = "2")]
    pub timestamp: u64,
}

/// `SearchResults`.
#[derive(Clone, PartialEq, Message)]
pub struct SearchResults {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    #[prost(message, optional, tag = "2")]
    pub results: Option<SearchResultData>,
}

/// `schema.SearchResultData`: the hits of all probes one after the other.
#[derive(Clone, PartialEq, Message)]
pub struct SearchResultData {
    #[prost(float, repeated, tag = "4")]
    pub scores: Vec<f32>,
    #[prost(message, optional, tag = "5")]
    pub ids: Option<Ids>,
    /// Hits of each probe.
    #[prost(int64, repeated, tag = "6")]
    pub topks: Vec<i64>,
}

/// `schema.IDs` of a collection whose primary keys are text.
#[derive(Clone, PartialEq, Message)]
pub struct Ids {
    #[prost(message, optional, tag = "2")]
    pub str_id: Option<StringArray>,
}

/// `QueryResults`.
#[derive(Clone, PartialEq, Message)]
pub struct QueryResults {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    #[prost(message, repeated, tag = "2")]
    pub fields_data: Vec<FieldData>,
}

/// `common.KeyValuePair`.
#[derive(Clone, PartialEq, Message)]
pub struct KeyValuePair {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

/// `schema.CollectionSchema`.
#[derive(Clone, PartialEq, Message)]
pub struct CollectionSchema {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, repeated, tag = "4")]
    pub fields: Vec<FieldSchema>,
}

/// `schema.FieldSchema`.
#[derive(Clone, PartialEq, Message)]
pub struct FieldSchema {
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(bool, tag = "3")]
    pub is_primary_key: bool,
    /// [`VARCHAR`] or [`FLOAT_VECTOR`].
    #[prost(int32, tag = "5")]
    pub data_type: i32,
    #[prost(message, repeated, tag = "6")]
    pub type_params: Vec<KeyValuePair>,
    #[prost(bool, tag = "13")]
    pub is_partition_key: bool,
}

/// `DataType.VarChar`.
pub const VARCHAR: i32 = 21;
/// `DataType.FloatVector`, which is also its `PlaceholderType`.
pub const FLOAT_VECTOR: i32 = 101;

/// `schema.FieldData`: one column.
#[derive(Clone, PartialEq, Message)]
pub struct FieldData {
    #[prost(int32, tag = "1")]
    pub r#type: i32,
    #[prost(string, tag = "2")]
    pub field_name: String,
    #[prost(oneof = "Column", tags = "3, 4")]
    pub field: Option<Column>,
}

/// The values of a column.
#[derive(Clone, PartialEq, Oneof)]
pub enum Column {
    #[prost(message, tag = "3")]
    Scalars(ScalarField),
    #[prost(message, tag = "4")]
    Vectors(VectorField),
}

/// `schema.ScalarField`.
#[derive(Clone, PartialEq, Message)]
pub struct ScalarField {
    #[prost(oneof = "Scalars", tags = "3, 6")]
    pub data: Option<Scalars>,
}

/// Values of one type.
#[derive(Clone, PartialEq, Oneof)]
pub enum Scalars {
    #[prost(message, tag = "3")]
    Long(LongArray),
    #[prost(message, tag = "6")]
    String(StringArray),
}

/// `schema.LongArray`.
#[derive(Clone, PartialEq, Message)]
pub struct LongArray {
    #[prost(int64, repeated, tag = "1")]
    pub data: Vec<i64>,
}

/// `schema.StringArray`.
#[derive(Clone, PartialEq, Message)]
pub struct StringArray {
    #[prost(string, repeated, tag = "1")]
    pub data: Vec<String>,
}

/// `schema.VectorField` of floats.
#[derive(Clone, PartialEq, Message)]
pub struct VectorField {
    #[prost(int64, tag = "1")]
    pub dim: i64,
    #[prost(message, optional, tag = "2")]
    pub float_vector: Option<FloatArray>,
}

/// `schema.FloatArray`.
#[derive(Clone, PartialEq, Message)]
pub struct FloatArray {
    #[prost(float, repeated, tag = "1")]
    pub data: Vec<f32>,
}

/// `common.PlaceholderGroup`: the probes of a search.
#[derive(Clone, PartialEq, Message)]
pub struct PlaceholderGroup {
    #[prost(message, repeated, tag = "1")]
    pub placeholders: Vec<PlaceholderValue>,
}

/// `common.PlaceholderValue`.
#[derive(Clone, PartialEq, Message)]
pub struct PlaceholderValue {
    #[prost(string, tag = "1")]
    pub tag: String,
    #[prost(int32, tag = "2")]
    pub r#type: i32,
    /// Little-endian floats, a string of bytes for each probe.
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub values: Vec<Vec<u8>>,
}
