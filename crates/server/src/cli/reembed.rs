//! `vultus reembed`: moves the enrolled people to another recognition model, using the kept images.

use std::sync::Arc;

use anyhow::bail;
use futures_util::{StreamExt as _, TryStreamExt as _};
use vultus_store::blobs::Key;
use vultus_store::reembeddings::{self, Progress};
use vultus_store::{Db, Id};

use super::print;
use crate::blobs::Blobs;
use crate::clock;
use crate::config::Config;
use crate::error::Error;
use crate::flows::Picture;
use crate::flows::enroll::embed_dominant;
use crate::model::Model;
use crate::origin::Origin;
use crate::pools::{Engine, Pool, faces};
use crate::seal::Refusal;

/// Embeddings to read from the database at a time.
const BATCH: u32 = 500;

/// Arguments of `vultus reembed`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Replace the old vectors with the new ones. Stop the server first, and start it with the new model afterwards.
    #[arg(long)]
    switch: bool,
    #[command(flatten)]
    config: Config,
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let mut config = args.config;
    // Nobody else asks for these threads.
    config.fairness.account_share = 1.0;
    let (db, keyring) = super::open_with_keyring(&config.data).await?;
    let model = Model::configured(&config.data)?.name;
    if args.switch {
        return switch(&db, &model).await;
    }
    let engines = Arc::new(faces::start(&config)?);
    let blobs = Blobs::open(&config, db.clone(), keyring)?;
    let result = gather(&db, &blobs, &model, &engines, config.engine.threads()).await;
    tokio::task::spawn_blocking(move || engines.stop()).await?;
    let unusable = result?;
    let Progress { staged, lost, .. } = reembeddings::progress(&db, &model).await?;
    print(&format!(
        "{staged} embeddings have a new vector by \"{model}\"; {unusable} have an image that is damaged or without a usable \
         face, and {lost} have none kept: those people have to be enrolled again.\nStop the server, run `vultus reembed --switch`, and \
         start it with the new model."
    ))
}

/// Makes the new vectors. Returns the number of images that could not be used.
async fn gather(
    db: &Db,
    blobs: &Blobs,
    model: &str,
    engines: &Arc<Pool<Engine>>,
    threads: usize,
) -> anyhow::Result<usize> {
    if let Err(reason) = engines.loaded().await {
        bail!("cannot load the models: {reason}");
    }
    blobs.seal_plain().await?;
    let (mut after, mut unusable): (Option<Id>, usize) = (None, 0);
    loop {
        let batch = reembeddings::pending(db, model, after, BATCH).await?;
        let Some(last) = batch.last() else { return Ok(unusable) };
        after = Some(last.id);
        let work = futures_util::stream::iter(batch).map(|image| one(db, blobs, engines, image, model));
        let done: Vec<bool> = work.buffer_unordered(2 * threads).try_collect().await?;
        unusable += done.iter().filter(|usable| !**usable).count();
    }
}

/// Makes the new vector of one embedding. Returns false if its image cannot be used.
async fn one(db: &Db, blobs: &Blobs, engines: &Pool<Engine>, key: Key, model: &str) -> anyhow::Result<bool> {
    let image = match blobs.get(key).await {
        Ok(Some(image)) => image,
        Ok(None) => return Ok(false),
        Err(error) if error.is::<Refusal>() => {
            tracing::warn!(image = %key, "a kept image was damaged or put in another's place");
            return Ok(false);
        }
        Err(error) => return Err(error),
    };
    let origin = Origin::own(key.account);
    let picture = Picture::new(None, image.into(), origin.clone(), None);
    let embed = move |engine: &mut Engine| embed_dominant(engine, &picture);
    let embedding = match engines.run(&origin, embed).await? {
        Ok(Ok((embedding, _))) => embedding,
        // Damaged, or larger than what is accepted now.
        Ok(Err(_)) | Err(Error::BadImage { .. }) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let mut tx = db.write(key.account).await?;
    reembeddings::stage(&mut tx, key.account, key.id, model, embedding.as_slice()).await?;
    tx.commit().await?;
    Ok(true)
}

async fn switch(db: &Db, model: &str) -> anyhow::Result<()> {
    let before = reembeddings::progress(db, model).await?;
    if before.staged == 0 {
        bail!("there are no new vectors of \"{model}\": run `vultus reembed` with the new model first");
    }
    while let Some((account, enrollment)) = reembeddings::next_staged(db, model).await? {
        let mut tx = db.write(account).await?;
        reembeddings::switch(&mut tx, account, enrollment, model, clock::now_us()).await?;
        tx.commit().await?;
    }
    let Progress { current, pending, lost, .. } = reembeddings::progress(db, model).await?;
    print(&format!(
        "{current} embeddings are by \"{model}\" now; {} are by other models and are not compared",
        pending + lost
    ))
}
