//! A Milvus collection of embeddings.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use prost::Message as _;

use crate::client::{Client, Error, check, rpc};
use crate::proto::{self, Column, FieldData, FieldSchema, KeyValuePair, Scalars, Status};

/// Primary key: a text that begins with the space.
const KEY: &str = "key";
/// Partition key.
const SPACE: &str = "space";
const VECTOR: &str = "vector";
/// Longest key or space, bytes.
const MAX_KEY_BYTES: usize = 128;
/// Number of partitions that hold the spaces: Milvus's default.
const PARTITIONS: i64 = 64;
/// Build parameters of the HNSW index: the same as for pgvector, so that both find as much.
const BUILD: &str = r#"{"M":16,"efConstruction":64}"#;
/// Most hits of a search, and rows of a query.
const MAX_HITS: usize = 16_384;
/// How long to wait between two looks at a table that is loading, and how many times to look.
const LOADING_PAUSE: Duration = Duration::from_millis(100);
const LOADING_PAUSES: usize = 600;

/// An embedding.
#[derive(Clone, PartialEq)]
pub struct Row {
    /// Unique in the table: the space and further parts, separated by slashes.
    pub key: String,
    /// Of length 1, so that inner products are cosines.
    pub vector: Vec<f32>,
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Row({}, {} values)", self.key, self.vector.len())
    }
}

/// A moment on Milvus's clock. A read with a stamp sees all earlier writes. If the stamp is younger than about 0.2 s, the read
/// waits until Milvus is sure to have seen everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(pub u64);

impl Stamp {
    /// Before every write.
    pub const NEVER: Self = Self(1);
}

/// A Milvus collection.
#[derive(Debug, Clone)]
pub struct Table {
    client: Client,
    name: String,
    /// Milvus's number of the collection. A collection that is created again under the same name has another number.
    pub id: i64,
}

impl Table {
    /// Opens the collection of this name. Creates, indexes and loads it if needed. Only one caller at a time may do this,
    /// because all others could fail.
    pub async fn open(client: &Client, name: &str, dimension: usize) -> Result<Self, Error> {
        let id = match Self::find(client, name).await? {
            Some(id) => id,
            None => Self::create(client, name, dimension).await?,
        };
        let table = Self { client: client.clone(), name: name.to_owned(), id };
        // Usually both are already done, and then there is no error.
        table.index().await?;
        table.load().await?;
        Ok(table)
    }

    /// Milvus's number of the collection of this name, if it exists.
    pub async fn find(client: &Client, name: &str) -> Result<Option<i64>, Error> {
        let method = rpc!("DescribeCollection");
        let request = proto::OfCollection { collection_name: name.to_owned() };
        let found: proto::DescribeCollection = client.call(method, request).await?;
        match check("describe a collection", found.status) {
            Ok(()) => Ok(Some(found.collection_id)),
            Err(Error::NoTable) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn create(client: &Client, name: &str, dimension: usize) -> Result<i64, Error> {
        let text = |name: &str| FieldSchema {
            name: name.to_owned(),
            data_type: proto::VARCHAR,
            type_params: pairs(&[("max_length", &MAX_KEY_BYTES.to_string())]),
            ..FieldSchema::default()
        };
        let vector = FieldSchema {
            name: VECTOR.to_owned(),
            data_type: proto::FLOAT_VECTOR,
            type_params: pairs(&[("dim", &dimension.to_string())]),
            ..FieldSchema::default()
        };
        let key = FieldSchema { is_primary_key: true, ..text(KEY) };
        let space = FieldSchema { is_partition_key: true, ..text(SPACE) };
        let schema = proto::CollectionSchema { name: name.to_owned(), fields: vec![key, space, vector] };
        let request = proto::CreateCollection {
            collection_name: name.to_owned(),
            schema: schema.encode_to_vec(),
            num_partitions: PARTITIONS,
        };
        let status: Status = client.call(rpc!("CreateCollection"), request).await?;
        check("create a collection", Some(status))?;
        Self::find(client, name).await?.ok_or(Error::NoTable)
    }

    async fn index(&self) -> Result<(), Error> {
        let request = proto::CreateIndex {
            collection_name: self.name.clone(),
            field_name: VECTOR.to_owned(),
            extra_params: pairs(&[("index_type", "HNSW"), ("metric_type", "IP"), ("params", BUILD)]),
        };
        let status: Status = self.client.call(rpc!("CreateIndex"), request).await?;
        check("index a collection", Some(status))
    }

    async fn load(&self) -> Result<(), Error> {
        let request = proto::LoadCollection { collection_name: self.name.clone(), replica_number: 1 };
        let status: Status = self.client.call(rpc!("LoadCollection"), request).await?;
        check("load a collection", Some(status))?;
        for _ in 0..LOADING_PAUSES {
            let request = proto::GetLoadingProgress { collection_name: self.name.clone() };
            let method = rpc!("GetLoadingProgress");
            let loading: proto::LoadingProgress = self.client.call(method, request).await?;
            check("load a collection", loading.status)?;
            if loading.progress >= 100 {
                return Ok(());
            }
            tokio::time::sleep(LOADING_PAUSE).await;
        }
        let reason = "it is not loaded after a minute".to_owned();
        Err(Error::Refused { operation: "load a collection", reason, code: 0 })
    }

    /// Drops a collection if it exists.
    pub async fn drop(client: &Client, name: &str) -> Result<(), Error> {
        let request = proto::OfCollection { collection_name: name.to_owned() };
        let status: Status = client.call(rpc!("DropCollection"), request).await?;
        check("drop a collection", Some(status))
    }

    /// Adds rows to a space. Their keys must not exist yet, or Milvus has them twice. Add a few thousand at a time, because a
    /// request has at most 64 MB. (Milvus's own upsert puts rows into wrong partitions before 2.3.10.)
    pub async fn insert(&self, space: &str, rows: Vec<Row>) -> Result<Stamp, Error> {
        let Some(first) = rows.first() else { return Ok(Stamp::NEVER) };
        let (count, dimension) = (rows.len(), first.vector.len());
        let (keys, vectors): (Vec<String>, Vec<Vec<f32>>) = rows.into_iter().map(|row| (row.key, row.vector)).unzip();
        let text = |name: &str, data: Vec<String>| FieldData {
            r#type: proto::VARCHAR,
            field_name: name.to_owned(),
            field: Some(Column::Scalars(proto::ScalarField {
                data: Some(Scalars::String(proto::StringArray { data })),
            })),
        };
        let floats = proto::FloatArray { data: vectors.concat() };
        let vectors = FieldData {
            r#type: proto::FLOAT_VECTOR,
            field_name: VECTOR.to_owned(),
            field: Some(Column::Vectors(proto::VectorField { dim: dimension as i64, float_vector: Some(floats) })),
        };
        let request = proto::Insert {
            collection_name: self.name.clone(),
            fields_data: vec![text(KEY, keys), text(SPACE, vec![space.to_owned(); count]), vectors],
            num_rows: count as u32,
        };
        let done: proto::MutationResult = self.client.call(rpc!("Insert"), request).await?;
        check("store embeddings", done.status)?;
        Ok(Stamp(done.timestamp))
    }

    /// Removes the rows with these keys. Remove a few thousand at a time.
    pub async fn remove(&self, keys: &[String]) -> Result<Stamp, Error> {
        if keys.is_empty() {
            return Ok(Stamp::NEVER);
        }
        let keys: Vec<String> = keys.iter().map(|key| quoted(key)).collect();
        let expr = format!("{KEY} in [{}]", keys.join(","));
        let request = proto::Delete { collection_name: self.name.clone(), expr };
        let done: proto::MutationResult = self.client.call(rpc!("Delete"), request).await?;
        check("remove embeddings", done.status)?;
        // The answer has no timestamp.
        self.now().await
    }

    /// Asks Milvus to index the inserted rows in the background. Milvus does so by itself after many rows or some time. Until
    /// then it searches new rows less accurately.
    pub async fn seal(&self) -> Result<(), Error> {
        let request = proto::Flush { collection_names: vec![self.name.clone()] };
        let sealed: proto::Flushed = self.client.call(rpc!("Flush"), request).await?;
        check("seal embeddings", sealed.status)
    }

    /// The present moment. It is later than every write that Milvus has answered to any client.
    pub async fn now(&self) -> Result<Stamp, Error> {
        let method = rpc!("AllocTimestamp");
        let now: proto::Timestamp = self.client.call(method, proto::AllocTimestamp {}).await?;
        check("tell the time", now.status)?;
        Ok(Stamp(now.timestamp))
    }

    /// For each probe of length 1, the keys and cosines of the most similar rows of a space, best first, at most `limit`, as
    /// they were at `seen` or later. The index keeps `breadth` neighbours while it searches, and at least `limit`. More
    /// neighbours find more and take longer.
    pub async fn search(
        &self,
        space: &str,
        probes: &[Vec<f32>],
        limit: usize,
        breadth: usize,
        seen: Stamp,
    ) -> Result<Vec<Vec<(String, f32)>>, Error> {
        let limit = limit.min(MAX_HITS);
        let bytes = |probe: &Vec<f32>| probe.iter().flat_map(|value| value.to_le_bytes()).collect();
        let placeholder = proto::PlaceholderValue {
            tag: "$0".to_owned(),
            r#type: proto::FLOAT_VECTOR,
            values: probes.iter().map(bytes).collect(),
        };
        let params = format!(r#"{{"ef":{}}}"#, limit.max(breadth));
        let request = proto::Search {
            collection_name: self.name.clone(),
            dsl: format!("{SPACE} == {}", quoted(space)),
            placeholder_group: proto::PlaceholderGroup { placeholders: vec![placeholder] }.encode_to_vec(),
            dsl_type: proto::BOOLEAN_EXPRESSION,
            params: pairs(&[
                ("anns_field", VECTOR),
                ("metric_type", "IP"),
                ("topk", &limit.to_string()),
                ("params", &params),
                ("round_decimal", "-1"),
            ]),
            guarantee_timestamp: seen.0,
            nq: probes.len() as i64,
            consistency_level: proto::UP_TO_TIMESTAMP,
        };
        let found: proto::SearchResults = self.client.call(rpc!("Search"), request).await?;
        check("search", found.status)?;
        let found = found.results.unwrap_or_default();
        let keys = found.ids.and_then(|ids| ids.str_id).unwrap_or_default().data;
        let mut hits = keys.into_iter().zip(found.scores);
        let counts = found.topks.iter().copied().chain(std::iter::repeat(0));
        Ok(counts.take(probes.len()).map(|count| hits.by_ref().take(count as usize).collect()).collect())
    }

    /// The keys of a space that lie in any of the ranges, in order, as they were at `seen` or later. A range begins with its
    /// first text and ends before its second. Pass at most a hundred ranges.
    pub async fn keys(&self, space: &str, ranges: &[Range<String>], seen: Stamp) -> Result<Vec<String>, Error> {
        let within: Vec<String> = ranges.iter().map(in_range).collect();
        let filter = format!("{SPACE} == {} and ({})", quoted(space), within.join(" or "));
        let mut keys: Vec<String> = Vec::new();
        loop {
            let after = keys.last().map(|last| format!(" and {KEY} > {}", quoted(last))).unwrap_or_default();
            let page = self.first_keys(format!("{filter}{after}"), MAX_HITS, seen).await?;
            let full = page.len() == MAX_HITS;
            keys.extend(page);
            if !full {
                return Ok(keys);
            }
        }
    }

    /// The first key of all spaces that is not before a text, as it was at `seen` or later.
    pub async fn first_key(&self, from: &str, seen: Stamp) -> Result<Option<String>, Error> {
        Ok(self.first_keys(format!("{KEY} >= {}", quoted(from)), 1, seen).await?.pop())
    }

    /// The first keys that pass a filter. Milvus does not document it, but a limited query returns the smallest keys. Milvus's
    /// own clients rely on this to read all rows.
    async fn first_keys(&self, expr: String, limit: usize, seen: Stamp) -> Result<Vec<String>, Error> {
        let request = proto::Query {
            collection_name: self.name.clone(),
            expr,
            output_fields: vec![KEY.to_owned()],
            guarantee_timestamp: seen.0,
            params: pairs(&[("limit", &limit.to_string())]),
            consistency_level: proto::UP_TO_TIMESTAMP,
        };
        let found: proto::QueryResults = self.client.call(rpc!("Query"), request).await?;
        check("list embeddings", found.status)?;
        let column = found.fields_data.into_iter().find(|column| column.field_name == KEY);
        let Some(Column::Scalars(proto::ScalarField { data: Some(Scalars::String(keys)) })) =
            column.and_then(|column| column.field)
        else {
            return Ok(Vec::new());
        };
        let mut keys = keys.data;
        keys.sort_unstable();
        Ok(keys)
    }
}

fn in_range(range: &Range<String>) -> String {
    format!("({KEY} >= {} and {KEY} < {})", quoted(&range.start), quoted(&range.end))
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<KeyValuePair> {
    pairs.iter().map(|&(key, value)| KeyValuePair { key: key.to_owned(), value: value.to_owned() }).collect()
}

/// A string literal of Milvus's expressions.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
