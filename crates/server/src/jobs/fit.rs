//! Fit the classifier of a collection from its embeddings.

use vultus_gallery::{Classifier, Gallery, ImpostorTail, Options, Rejection};
use vultus_store::collections::{self, MemberEmbedding, Reader};
use vultus_store::fits::{self, Fit};
use vultus_store::jobs::Claim;
use vultus_store::rejections;

use super::Tools;
use crate::clock;
use crate::search::classifiers;

/// Embeddings that a fit looks at. Of larger collections it takes evenly spread members: the statistics do not get better
/// by more, and the number of people is taken into account apart from them.
const MOST: u64 = 200_000;

/// Fits and keeps the classifier. A collection that was deleted meanwhile needs none.
pub(super) async fn run(tools: &Tools, claim: &Claim) -> anyhow::Result<()> {
    let (db, account, collection) = (&tools.db, claim.account, claim.subject);
    let embeddings = collections::embedding_count(db, account, collection).await?;
    let rejections = rejections::list(db, account, collection, &tools.model.name).await?;
    let mut reader = match Reader::open(db, account, collection).await {
        Err(vultus_store::Error::Gone { .. }) => return Ok(()),
        other => other?,
    };
    let stride = embeddings.div_ceil(MOST).max(1);
    let (mut gallery, mut outdated) = (Gallery::new(tools.model.dimension), 0);
    let mut member = Member::default();
    loop {
        let page = reader.page().await?;
        if page.is_empty() {
            break;
        }
        for row in page {
            let number = member.number(&row);
            if row.model != tools.model.name || row.vector.len() != tools.model.dimension {
                outdated += 1;
            } else if number.is_multiple_of(stride) {
                gallery.put(row.embedding_id.number(), row.enrollment_id.number(), &row.vector);
            }
        }
        tokio::task::yield_now().await;
    }
    let rejection = |rejection: rejections::Rejection| Rejection {
        subject: rejection.enrollment_id.number(),
        probe: rejection.vector,
    };
    let options = Options {
        unknowns: reader.unknowns,
        impostors: ImpostorTail::default(),
        rejections: rejections.into_iter().map(rejection).collect(),
        threads: 1,
    };
    let (version, model) = (reader.version, tools.model.name.clone());
    drop(reader);
    let data = modestly(move || classifiers::encode(&Classifier::fit(&gallery, options))).await?;
    let fit = Fit { model, version, outdated, fitted: clock::now_us(), data };
    let mut tx = db.write(account).await?;
    fits::save(&mut tx, account, collection, &fit).await?;
    Ok(tx.commit().await?)
}

/// Numbers the members as their rows come.
#[derive(Default)]
struct Member {
    last: Option<vultus_store::Id>,
    number: u64,
}

impl Member {
    fn number(&mut self, row: &MemberEmbedding) -> u64 {
        if self.last.replace(row.enrollment_id).is_some_and(|last| last != row.enrollment_id) {
            self.number += 1;
        }
        self.number
    }
}

/// Runs on a thread that gets what the others leave of the processors, so that requests do not wait for a fit.
async fn modestly<T: Send + 'static>(work: impl FnOnce() -> anyhow::Result<T> + Send + 'static) -> anyhow::Result<T> {
    /// The lowest priority there is, which still gets about 1/70 of a busy processor.
    const NICE: i32 = 19;
    let (answer, answered) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().name("fit".into()).spawn(move || {
        // A system that refuses has the thread run like the others.
        let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
        let _ = answer.send(work());
    })?;
    answered.await?
}
