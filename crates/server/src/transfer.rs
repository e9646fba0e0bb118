//! Collections as files: one JSON object a line (NDJSON), first the collection, then each of its members, and last their count
//! with a hash of all lines before. A file that was cut or changed is refused.

use std::io::{BufRead, Read as _, Write};

use anyhow::{Context as _, anyhow, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use vultus_store::collections::{self, NewCollection};
use vultus_store::embeddings::{self, NewEmbedding};
use vultus_store::enrollments::{self, Facts, Filter, NewEnrollment};
use vultus_store::{Db, Error, Id, Kind, legacy_ids};

use crate::fetch::hex;
use crate::http::wire::compact;
use crate::model::Model;
use crate::{app, clock};

/// The format that the first line of a file names.
const FORMAT: &str = "vultus collection 1";
/// Members to read at a time.
const BATCH: u32 = 200;
/// Longest line: a person with more than 20,000 embeddings of 512 dimensions. So a file that is not an export, such as a picture
/// of a disk without a single line end, does not fill the memory.
const MAX_LINE_BYTES: usize = 64 << 20;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    format: String,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    legacy_id: Option<String>,
    unknowns: bool,
}

/// A line for a member.
#[derive(Serialize, Deserialize)]
struct Line {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    legacy_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metadata: Option<Box<RawValue>>,
    embeddings: Vec<Template>,
}

/// An embedding: the model that made it, and its little-endian 32-bit floats in base64.
#[derive(Serialize, Deserialize)]
struct Template {
    model: String,
    vector: String,
}

/// The last line.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    /// The number of members.
    members: usize,
    /// SHA-256 of all lines before, with their line ends, in hexadecimal digits.
    sha256: String,
}

/// Whether the last line of a file must be there and be true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// The file must be exactly what [`export`] wrote.
    Required,
    /// The last line is ignored, and may be missing: for a file of an older version, or one that was edited.
    Ignored,
}

/// Writes a collection. Returns the number of members.
///
/// # Errors
/// For an unknown collection, and when the file cannot be written.
pub async fn export(db: &Db, account: Id, collection: Id, out: &mut impl Write) -> anyhow::Result<usize> {
    let found = collections::by_id(db, account, collection).await?;
    let mut hash = Sha256::new();
    write(
        out,
        &mut hash,
        &Head { format: FORMAT.into(), name: found.name, legacy_id: found.legacy_id, unknowns: found.unknowns },
    )?;
    let (mut after, mut members) = (None, 0);
    loop {
        let filter = Filter { collection_id: Some(collection), limit: Some(BATCH), after, ..Filter::default() };
        let page = enrollments::list(db, account, &filter).await?;
        for person in page.items {
            let templates = match embeddings::list(db, account, person.id).await {
                // Deleted after the page was read.
                Err(Error::Gone { .. }) => continue,
                templates => templates?,
            };
            members += 1;
            let line = Line {
                name: person.name,
                external_id: person.external_id,
                legacy_id: person.legacy_id,
                metadata: person.metadata.map(|json| RawValue::from_string(compact(&json))).transpose()?,
                embeddings: templates.into_iter().map(Template::new).collect(),
            };
            write(out, &mut hash, &line)?;
        }
        after = page.next;
        if after.is_none() {
            let end = End { members, sha256: hex(&hash.clone().finalize()) };
            write(out, &mut hash, &end)?;
            return Ok(members);
        }
    }
}

/// Checks a file to its end: the form of every line, that the model in use made every embedding, and that nothing is missing
/// or changed. Returns the number of members.
///
/// # Errors
/// The first thing that is wrong, with its line.
pub fn check(input: impl BufRead, model: &Model, completeness: Completeness) -> anyhow::Result<usize> {
    let mut lines = Lines::new(input, completeness)?;
    while let Some(line) = lines.next()? {
        line.enrollment(None, model).with_context(|| format!("line {}", lines.number))?;
    }
    Ok(lines.members)
}

/// Creates a collection from a file, in one transaction: after an error or a crash there is nothing of it. Returns its id. `name`
/// replaces the name in the file. [Check](check) the file before, because other writers of SQLite wait during an import.
///
/// # Errors
/// What [`check`] finds, and errors of the database. When the commit fails, it can be unknown whether there is a collection.
pub async fn import(
    db: &Db,
    account: Id,
    input: impl BufRead,
    name: Option<&str>,
    model: &Model,
    completeness: Completeness,
) -> anyhow::Result<Id> {
    let mut lines = Lines::new(input, completeness)?;
    let id = app::new_id(Kind::Collection)?;
    let new = NewCollection { id, name: name.unwrap_or(&lines.head.name), unknowns: lines.head.unknowns };
    let mut tx = db.write(account).await?;
    collections::insert(&mut tx, account, &new, clock::now_us()).await?;
    if let Some(legacy_id) = &lines.head.legacy_id {
        legacy_ids::set(&mut tx, account, id, legacy_id).await.context("nothing was imported: line 1")?;
    }
    while let Some(line) = lines.next().context("nothing was imported")? {
        let new =
            line.enrollment(Some(id), model).with_context(|| format!("nothing was imported: line {}", lines.number))?;
        let inserted = enrollments::insert(&mut tx, account, &new, clock::now_us()).await;
        inserted.with_context(|| format!("nothing was imported: line {}", lines.number))?;
    }
    tx.commit().await.with_context(|| format!("look for the collection {id}: it has all members or does not exist"))?;
    Ok(id)
}

fn write(out: &mut impl Write, hash: &mut Sha256, line: &impl Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    ensure!(
        text.len() <= MAX_LINE_BYTES,
        "a person has more embeddings than a line of {MAX_LINE_BYTES} bytes can hold"
    );
    hash.update(&text);
    Ok(out.write_all(&text)?)
}

/// The lines of a file after the first one.
struct Lines<R> {
    input: R,
    number: usize,
    head: Head,
    /// Members so far.
    members: usize,
    hash: Sha256,
    completeness: Completeness,
}

impl<R: BufRead> Lines<R> {
    fn new(mut input: R, completeness: Completeness) -> anyhow::Result<Self> {
        let first = read_line(&mut input, 1)?;
        let head: Head = serde_json::from_slice(&first).context("line 1: this is not an exported collection")?;
        ensure!(head.format == FORMAT, "line 1: the format is \"{}\", this program reads \"{FORMAT}\"", head.format);
        check_legacy_id(head.legacy_id.as_deref()).context("line 1")?;
        Ok(Self { input, number: 1, head, members: 0, hash: Sha256::new_with_prefix(&first), completeness })
    }

    /// The next member. `None` at the end of a file that is complete, or need not be.
    fn next(&mut self) -> anyhow::Result<Option<Line>> {
        self.number += 1;
        let text = read_line(&mut self.input, self.number)?;
        if text.is_empty() {
            ensure!(
                self.completeness == Completeness::Ignored,
                "the file ends after {} members without its last line, which says how many there are: export the collection \
                 again. If an older version exported it, and it is complete, use --without-check",
                self.members
            );
            return Ok(None);
        }
        if let Ok(end) = serde_json::from_slice::<End>(&text) {
            return self.end(&end).map(|()| None);
        }
        let line = serde_json::from_slice(&text);
        let line = line.with_context(|| format!("line {}: this is not a member of a collection", self.number))?;
        self.members += 1;
        self.hash.update(&text);
        Ok(Some(line))
    }

    /// Compares the last line with what was read before it.
    fn end(&mut self, end: &End) -> anyhow::Result<()> {
        let after = read_line(&mut self.input, self.number + 1)?;
        ensure!(after.is_empty(), "line {}: there is more after the last line of the export", self.number + 1);
        let read = End { members: self.members, sha256: hex(&self.hash.clone().finalize()) };
        ensure!(
            self.completeness == Completeness::Ignored || read == *end,
            "line {}: the file is not as it was exported: it had {} members, and {} were read, or a line was changed. Export \
             the collection again, or use --without-check if you changed the file",
            self.number,
            end.members,
            read.members
        );
        Ok(())
    }
}

/// One line with its end. Empty at the end of the file.
fn read_line(input: &mut impl BufRead, number: usize) -> anyhow::Result<Vec<u8>> {
    let mut text = Vec::new();
    input.take(MAX_LINE_BYTES as u64 + 1).read_until(b'\n', &mut text)?;
    ensure!(text.len() <= MAX_LINE_BYTES, "line {number}: it is longer than {MAX_LINE_BYTES} bytes");
    Ok(text)
}

fn check_legacy_id(text: Option<&str>) -> anyhow::Result<()> {
    text.map_or(Ok(()), legacy_ids::check).map_err(|problem| anyhow!("the legacy_id {problem}"))
}

impl Line {
    /// The member in the form to store.
    fn enrollment(self, collection_id: Option<Id>, model: &Model) -> anyhow::Result<NewEnrollment> {
        ensure!(!self.embeddings.is_empty(), "the member has no embedding");
        check_legacy_id(self.legacy_id.as_deref())?;
        let embeddings = self.embeddings.into_iter().map(|template| template.embedding(model));
        let facts = Facts {
            name: self.name,
            external_id: self.external_id,
            legacy_id: self.legacy_id,
            metadata: self.metadata.map(|json| json.get().to_owned()),
        };
        let embeddings = embeddings.collect::<anyhow::Result<_>>()?;
        Ok(NewEnrollment { id: app::new_id(Kind::Enrollment)?, facts, collection_id, embeddings })
    }
}

impl Template {
    fn new(embedding: embeddings::Embedding) -> Self {
        let bytes: Vec<u8> = embedding.vector.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { model: embedding.model, vector: BASE64_STANDARD.encode(bytes) }
    }

    fn embedding(self, model: &Model) -> anyhow::Result<NewEmbedding> {
        if self.model != model.name {
            bail!(
                "an embedding was made by the model \"{}\" and cannot be compared with those of \"{}\", which this \
                 server uses: enroll the images here, or run the server with that model",
                self.model,
                model.name
            );
        }
        let bytes = BASE64_STANDARD.decode(&self.vector).context("a vector is not base64")?;
        let vector: Vec<f32> = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        ensure!(
            bytes.len() == 4 * model.dimension && (length - 1.0).abs() < 1e-3,
            "a vector is not one of {} components and length 1",
            model.dimension
        );
        Ok(NewEmbedding { id: app::new_id(Kind::Embedding)?, model: self.model, vector, quality: None })
    }
}
