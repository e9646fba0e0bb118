//! Search for members of a collection who look like a person who is being enrolled.
//!
//! The result is advice. It has a bound on its time, and neither its failure nor its absence decides whether the person is
//! stored.

use std::collections::HashMap;

use vultus_store::collections::MemberReader;
use vultus_store::embeddings::NewEmbedding;
use vultus_store::{Id, collections};
use vultus_vision::Calibration;

use crate::app::App;
use crate::error::Error;
use crate::search::Space;

/// A member who looks like the person who is enrolled.
#[derive(Debug)]
pub struct Similar {
    /// The enrollment.
    pub id: Id,
    /// The name of the person.
    pub name: String,
    /// Served score of the most similar embedding, 0 to 1.
    pub score: f32,
}

/// Why nobody was searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSearched {
    /// The collection has more embeddings than this server may hold in memory: no search succeeds until that is changed.
    CollectionTooLarge,
    /// The search took longer than advice may.
    Timeout,
    /// The search failed: the vector engine is away, for example.
    Unavailable,
}

impl NotSearched {
    /// The word for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::CollectionTooLarge => "collection_too_large",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
        }
    }
}

/// Similar members that are shown.
const MOST_SIMILAR: usize = 5;

/// The members of a collection from whom one of the new embeddings is hard to distinguish, most similar first. All
/// embeddings are by one model.
///
/// # Errors
/// [`NotSearched`]; a failure is logged here.
pub async fn find(
    app: &App,
    account: Id,
    collection: Id,
    new: &[NewEmbedding],
    calibration: &Calibration,
) -> Result<Vec<Similar>, NotSearched> {
    let bound = app.config.matching.duplicate_timeout;
    match tokio::time::timeout(bound, search(app, account, collection, new, calibration)).await {
        Ok(Ok(similar)) => Ok(similar),
        Ok(Err(Error::GalleryTooLarge { .. })) => Err(NotSearched::CollectionTooLarge),
        Ok(Err(error)) => {
            let error = format!("{:#}", anyhow::Error::from(error));
            tracing::warn!(%collection, error, "a person is enrolled without a search for duplicates");
            Err(NotSearched::Unavailable)
        }
        Err(_) => Err(NotSearched::Timeout),
    }
}

async fn search(
    app: &App,
    account: Id,
    collection: Id,
    new: &[NewEmbedding],
    calibration: &Calibration,
) -> Result<Vec<Similar>, Error> {
    let state = collections::state(&app.db, account, collection).await?;
    let Some(first) = new.first().filter(|_| state.members > 0) else { return Ok(Vec::new()) };
    let (model, dimension) = (first.model.as_str(), first.vector.len());
    let space = Space { account, collection, state: &state, model, dimension };
    let probes = new.iter().map(|embedding| embedding.vector.clone()).collect();
    let mut hits = app.vectors.search(space, probes, MOST_SIMILAR).await?.concat();
    hits.retain(|hit| f64::from(calibration.score(hit.cosine)) >= app.config.matching.duplicate_score);
    hits.sort_by(|a, b| b.cosine.total_cmp(&a.cosine));
    let mut ids: Vec<Id> = Vec::new();
    for hit in &hits {
        if !ids.contains(&hit.enrollment) {
            ids.push(hit.enrollment);
        }
    }
    // Members who are gone meanwhile are left out.
    let names = MemberReader::open(&app.db, account, collection).await?.facts(&ids).await?;
    let mut names: HashMap<Id, String> = names.into_iter().map(|(id, facts)| (id, facts.name)).collect();
    let similar = ids.into_iter().filter_map(|id| {
        // The first hit of a member is the best one.
        let best = hits.iter().find(|hit| hit.enrollment == id)?;
        Some(Similar { id, name: names.remove(&id)?, score: calibration.score(best.cosine) })
    });
    Ok(similar.take(MOST_SIMILAR).collect())
}
