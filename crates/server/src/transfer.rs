//! Collections as files: one JSON object a line (NDJSON), first the collection and then each of its members.

use std::io::{BufRead, Write};

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use vultus_store::collections::{self, NewCollection};
use vultus_store::embeddings::{self, NewEmbedding};
use vultus_store::enrollments::{self, Facts, Filter, NewEnrollment};
use vultus_store::{Db, Error, Id, Kind};

use crate::model::Model;
use crate::{app, clock};

/// The format that the first line of a file names.
const FORMAT: &str = "vultus collection 1";
/// Members to read or store at a time.
const BATCH: u32 = 200;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    format: String,
    name: String,
    unknowns: bool,
}

/// A line for a member.
#[derive(Serialize, Deserialize)]
struct Line {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
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

/// Writes a collection. Returns the number of members.
///
/// # Errors
/// For an unknown collection, and when the file cannot be written.
pub async fn export(db: &Db, account: Id, collection: Id, out: &mut impl Write) -> anyhow::Result<usize> {
    let found = collections::by_id(db, account, collection).await?;
    write(out, &Head { format: FORMAT.into(), name: found.name, unknowns: found.unknowns })?;
    let (mut after, mut count) = (None, 0);
    loop {
        let filter = Filter { collection_id: Some(collection), limit: Some(BATCH), after, ..Filter::default() };
        let page = enrollments::list(db, account, &filter).await?;
        for person in page.items {
            let templates = match embeddings::list(db, account, person.id).await {
                // Deleted after the page was read.
                Err(Error::Gone { .. }) => continue,
                templates => templates?,
            };
            count += 1;
            let line = Line {
                name: person.name,
                external_id: person.external_id,
                metadata: person.metadata.map(RawValue::from_string).transpose()?,
                embeddings: templates.into_iter().map(Template::new).collect(),
            };
            write(out, &line)?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(count);
        }
    }
}

/// Checks a file to its end: the form of every line, and that the model in use made every embedding. Returns the number
/// of members.
///
/// # Errors
/// The first thing that is wrong, with its line.
pub fn check(input: impl BufRead, model: &Model) -> anyhow::Result<usize> {
    let mut lines = Lines::new(input)?;
    let mut count = 0;
    while let Some(line) = lines.next()? {
        line.enrollment(None, model).with_context(|| format!("line {}", lines.number))?;
        count += 1;
    }
    Ok(count)
}

/// Creates a collection from a file that was [checked](check). Returns its id. `name` replaces the name in the file.
///
/// # Errors
/// What [`check`] finds, and errors of the database. The collection is then removed with everything that was imported. If
/// that fails too, the message says so.
pub async fn import(
    db: &Db,
    account: Id,
    input: impl BufRead,
    name: Option<&str>,
    model: &Model,
) -> anyhow::Result<Id> {
    let mut lines = Lines::new(input)?;
    let id = app::new_id(Kind::Collection)?;
    let new = NewCollection { id, name: name.unwrap_or(&lines.head.name), unknowns: lines.head.unknowns };
    let mut tx = db.write(account).await?;
    collections::insert(&mut tx, account, &new, clock::now_us()).await?;
    tx.commit().await?;
    let mut stored = Vec::new();
    let imported = members(db, account, id, &mut lines, model, &mut stored).await;
    let Err(error) = imported else { return Ok(id) };
    match undo(db, account, id, &stored).await {
        Ok(()) => Err(error.context("nothing was imported")),
        Err(undoing) => Err(error.context(format!(
            "the collection {id} was imported in part, and cannot be removed now ({undoing}): delete it and its members"
        ))),
    }
}

async fn undo(db: &Db, account: Id, collection: Id, stored: &[Id]) -> vultus_store::Result<()> {
    for enrollment in stored {
        let mut tx = db.write(account).await?;
        enrollments::delete(&mut tx, account, *enrollment, clock::now_us()).await?;
        tx.commit().await?;
    }
    let mut tx = db.write(account).await?;
    collections::delete(&mut tx, account, collection, clock::now_us()).await?;
    tx.commit().await
}

async fn members<R: BufRead>(
    db: &Db,
    account: Id,
    collection: Id,
    lines: &mut Lines<R>,
    model: &Model,
    stored: &mut Vec<Id>,
) -> anyhow::Result<()> {
    loop {
        let mut batch = Vec::new();
        while batch.len() < BATCH as usize
            && let Some(line) = lines.next()?
        {
            batch.push(line.enrollment(Some(collection), model).with_context(|| format!("line {}", lines.number))?);
        }
        if batch.is_empty() {
            return Ok(());
        }
        let mut tx = db.write(account).await?;
        for new in &batch {
            enrollments::insert(&mut tx, account, new, clock::now_us()).await?;
        }
        tx.commit().await?;
        stored.extend(batch.iter().map(|new| new.id));
    }
}

fn write(out: &mut impl Write, line: &impl Serialize) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    Ok(out.write_all(b"\n")?)
}

/// The lines of a file after the first one.
struct Lines<R> {
    input: R,
    number: usize,
    head: Head,
}

impl<R: BufRead> Lines<R> {
    fn new(mut input: R) -> anyhow::Result<Self> {
        let mut first = String::new();
        input.read_line(&mut first)?;
        let head: Head = serde_json::from_str(&first).context("line 1: this is not an exported collection")?;
        ensure!(head.format == FORMAT, "line 1: the format is \"{}\", this program reads \"{FORMAT}\"", head.format);
        Ok(Self { input, number: 1, head })
    }

    fn next(&mut self) -> anyhow::Result<Option<Line>> {
        let mut text = String::new();
        self.number += 1;
        if self.input.read_line(&mut text)? == 0 {
            return Ok(None);
        }
        let line = serde_json::from_str(&text);
        line.map(Some).with_context(|| format!("line {}: this is not a member of a collection", self.number))
    }
}

impl Line {
    /// The member in the form to store.
    fn enrollment(self, collection_id: Option<Id>, model: &Model) -> anyhow::Result<NewEnrollment> {
        ensure!(!self.embeddings.is_empty(), "the member has no embedding");
        let embeddings = self.embeddings.into_iter().map(|template| template.embedding(model));
        let facts = Facts {
            name: self.name,
            external_id: self.external_id,
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
        Ok(NewEmbedding {
            id: app::new_id(Kind::Embedding)?,
            model: self.model,
            vector,
            quality: None,
            image_key: None,
        })
    }
}
