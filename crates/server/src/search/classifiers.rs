//! The newest classifier of each collection in use: what makes a search result a probability.

use std::sync::Arc;

use vultus_gallery::{Classifier, ImpostorTail, Options};
use vultus_store::collections::CollectionKey;
use vultus_store::fits::{self, Fit};
use vultus_store::{Db, jobs};

use crate::clock;
use crate::search::Error;
use crate::search::{Cache, Space};

/// A classifier whose subjects are the [numbers](vultus_store::Id::number) of enrollments.
pub type PersonClassifier = Classifier<u128>;

/// Which classifier it is: when it was fitted, or for how many people an untrained one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stamp {
    Fitted(i64),
    Untrained(u32),
}

/// The classifiers by collection.
pub struct Classifiers {
    cache: Cache<(Stamp, Arc<PersonClassifier>)>,
}

impl Classifiers {
    /// Keeps classifiers of at most `people` in all, those that were used last.
    pub fn new(people: usize) -> Self {
        Self { cache: Cache::new(people) }
    }

    /// The newest classifier for the embeddings of a space. Before the first fit, it is what is usual for a collection of
    /// that size; so it is while a stored classifier that cannot be read is fitted again.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn current(&self, db: &Db, space: &Space<'_>) -> Result<Arc<PersonClassifier>, Error> {
        let fit = space.state.fit.as_ref().filter(|fit| fit.model == space.model);
        let people = space.state.members;
        // An untrained one takes the number of people into account by itself: a new one is due when it has doubled.
        let stamp = fit.map_or(Stamp::Untrained(people.max(1).ilog2()), |fit| Stamp::Fitted(fit.fitted));
        if let Some((_, classifier)) = self.cache.get(space.key()).filter(|(here, _)| *here == stamp) {
            return Ok(classifier);
        }
        let stored = match fit {
            Some(_) => fits::of_collection(db, space.account, space.collection).await?,
            None => None,
        };
        let stored = stored.filter(|stored| stored.model == space.model);
        let readable = stored.and_then(|stored| Some((Stamp::Fitted(stored.fitted), decode(&stored)?)));
        if readable.is_none() && fit.is_some() {
            tokio::spawn(fit_again(db.clone(), space.key()));
        }
        let (stamp, classifier) = readable.unwrap_or_else(|| (stamp, untrained(space.state.unknowns, people as usize)));
        let classifier = Arc::new(classifier);
        self.cache.set(space.key(), (stamp, classifier.clone()), classifier.population().max(1));
        Ok(classifier)
    }

    /// Drops the classifier of a collection.
    pub fn remove_collection(&self, collection: CollectionKey) {
        self.cache.remove(collection);
    }
}

/// Has the classifier of a collection fitted in place of one that cannot be read. Its own task, since no request waits for it.
async fn fit_again(db: Db, of: CollectionKey) {
    let queue = async {
        let mut tx = db.write(of.account).await?;
        jobs::fit_soon(&mut tx, of.account, of.collection, clock::now_us()).await?;
        tx.commit().await
    };
    match queue.await {
        Ok(()) => tracing::warn!(collection = %of.collection, "a stored classifier cannot be read: it is fitted again"),
        Err(error) => tracing::warn!(collection = %of.collection, %error, "a stored classifier cannot be read"),
    }
}

/// A classifier as it is kept.
///
/// # Errors
/// When it cannot be written, which would be a defect.
pub fn encode(classifier: &PersonClassifier) -> anyhow::Result<Vec<u8>> {
    Ok(postcard::to_stdvec(classifier)?)
}

/// None for one that another version of the program wrote.
fn decode(fit: &Fit) -> Option<PersonClassifier> {
    postcard::from_bytes(&fit.data).ok()
}

fn untrained(unknowns: bool, people: usize) -> PersonClassifier {
    let options = Options { unknowns, impostors: ImpostorTail::default(), rejections: Vec::new(), threads: 1 };
    Classifier::untrained(options, people)
}
