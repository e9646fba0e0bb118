//! A bounded cache of what belongs to collections: what was unused for longest makes room.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use vultus_store::collections::CollectionKey;

/// Values by account and collection, each with a weight, whose sum is bounded.
pub struct Cache<T> {
    capacity: usize,
    entries: Mutex<Entries<T>>,
}

struct Entries<T> {
    by_collection: HashMap<CollectionKey, Entry<T>>,
    /// Counts uses.
    clock: u64,
}

struct Entry<T> {
    value: T,
    used: u64,
    weight: usize,
}

impl<T: Clone> Cache<T> {
    /// An empty cache for values that weigh `capacity` together.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, entries: Mutex::new(Entries { by_collection: HashMap::new(), clock: 0 }) }
    }

    /// What all values may weigh together.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The value of a collection.
    pub fn get(&self, collection: CollectionKey) -> Option<T> {
        let mut entries = self.entries();
        entries.clock += 1;
        let clock = entries.clock;
        entries.by_collection.get_mut(&collection).map(|entry| {
            entry.used = clock;
            entry.value.clone()
        })
    }

    /// The value of a collection, made by `new` and without weight so far if there is none.
    pub fn get_or_insert(&self, collection: CollectionKey, new: impl FnOnce() -> T) -> T {
        let mut entries = self.entries();
        entries.clock += 1;
        let clock = entries.clock;
        let entry =
            entries.by_collection.entry(collection).or_insert_with(|| Entry { value: new(), used: 0, weight: 0 });
        entry.used = clock;
        entry.value.clone()
    }

    /// Sets the value and the weight of a collection.
    pub fn set(&self, collection: CollectionKey, value: T, weight: usize) {
        let mut entries = self.entries();
        entries.clock += 1;
        let used = entries.clock;
        entries.by_collection.insert(collection, Entry { value, used, weight });
        entries.make_room(collection, self.capacity);
    }

    /// Sets the weight of a collection, if it is here.
    pub fn weigh(&self, collection: CollectionKey, weight: usize) {
        let mut entries = self.entries();
        if let Some(entry) = entries.by_collection.get_mut(&collection) {
            entry.weight = weight;
            entries.make_room(collection, self.capacity);
        }
    }

    /// Drops the value of a collection.
    pub fn remove(&self, collection: CollectionKey) {
        self.entries().by_collection.remove(&collection);
    }

    /// All that is here.
    pub fn all(&self) -> Vec<(CollectionKey, T)> {
        self.entries().by_collection.iter().map(|(id, entry)| (*id, entry.value.clone())).collect()
    }

    fn entries(&self) -> MutexGuard<'_, Entries<T>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Entries<T> {
    /// Drops others than the one in use, longest unused first, until all fit. The one in use stays.
    fn make_room(&mut self, in_use: CollectionKey, capacity: usize) {
        while self.by_collection.values().map(|entry| entry.weight).sum::<usize>() > capacity {
            let others = self.by_collection.iter().filter(|(id, _)| **id != in_use);
            let Some(oldest) = others.min_by_key(|(_, entry)| entry.used).map(|(id, _)| *id) else { return };
            self.by_collection.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use vultus_store::{Id, Kind};

    use super::*;

    fn key(account: i64, collection: i64) -> CollectionKey {
        let [account, collection] = [(Kind::Account, account), (Kind::Collection, collection)]
            .map(|(kind, number)| Id::new(kind, number, [0; 8]));
        CollectionKey { account, collection }
    }

    #[test]
    fn what_is_kept_for_one_account_is_not_there_for_another() {
        let cache = Cache::new(10);
        cache.set(key(1, 1), 'a', 1);
        assert_eq!((cache.get(key(1, 1)), cache.get(key(2, 1))), (Some('a'), None));
        cache.remove(key(2, 1));
        assert_eq!(cache.get_or_insert(key(2, 1), || 'b'), 'b');
        assert_eq!(cache.get(key(1, 1)), Some('a'));
    }

    #[test]
    fn the_longest_unused_value_makes_room() {
        let [a, b, c] = [1, 2, 3].map(|n| key(1, n));
        let cache = Cache::new(10);
        cache.set(a, 'a', 4);
        cache.set(b, 'b', 4);
        assert_eq!(cache.get(a), Some('a'));
        assert_eq!(cache.get_or_insert(c, || 'c'), 'c');
        cache.weigh(c, 4);
        assert_eq!((cache.get(a), cache.get(b), cache.get(c)), (Some('a'), None, Some('c')));
        cache.weigh(c, 40);
        assert_eq!(cache.all(), [(c, 'c')], "one that is too large alone stays");
    }
}
