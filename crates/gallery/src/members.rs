//! The subjects of a gallery: which rows belong to which person.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

/// The end of a list of rows.
const NONE: u32 = u32::MAX;

/// The subjects of a gallery and their rows.
#[derive(Clone)]
pub(crate) struct Members<S> {
    pub subjects: Vec<S>,
    /// For each subject, the order of its arrival, counted from 0. It decides between equal cosines.
    pub arrivals: Vec<u64>,
    /// For each subject, the first of its rows; the others follow in `next`.
    first: Vec<u32>,
    positions: HashMap<S, u32>,
    /// For each row, the position of its subject.
    pub owners: Vec<u32>,
    next: Vec<u32>,
    /// For each row, its key.
    pub keys: Vec<u128>,
    slots: HashMap<u128, u32>,
    pub arrived: u64,
}

impl<S: Clone + Eq + Hash> Members<S> {
    pub fn new() -> Self {
        Self {
            subjects: Vec::new(),
            arrivals: Vec::new(),
            first: Vec::new(),
            positions: HashMap::new(),
            owners: Vec::new(),
            next: Vec::new(),
            keys: Vec::new(),
            slots: HashMap::new(),
            arrived: 0,
        }
    }

    /// Members as they were saved: subjects with their arrivals, and key and owner of each row. `None` if these
    /// contradict each other.
    pub fn from_parts(subjects: Vec<(S, u64)>, keys: Vec<u128>, owners: &[u32], arrived: u64) -> Option<Self> {
        let mut members = Self { arrived, ..Self::new() };
        members.positions.reserve(subjects.len());
        members.slots.reserve(keys.len());
        for (subject, arrival) in subjects {
            members.append(subject, arrival);
        }
        let consistent = members.positions.len() == members.subjects.len()
            && owners.len() == keys.len()
            && owners.iter().all(|owner| (*owner as usize) < members.subjects.len())
            && members.arrivals.iter().all(|arrival| *arrival < arrived)
            // Or the next arrivals could not be counted.
            && arrived < 1 << 63;
        if !consistent {
            return None;
        }
        keys.into_iter().zip(owners).for_each(|(key, owner)| members.attach(key, *owner));
        let whole = members.slots.len() == members.keys.len() && !members.first.contains(&NONE);
        whole.then_some(members)
    }

    pub fn slot(&self, key: u128) -> Option<u32> {
        self.slots.get(&key).copied()
    }

    /// The rows of a subject, the one added last first.
    pub fn rows_of(&self, subject: &S) -> impl Iterator<Item = u32> + '_ {
        let first = self.positions.get(subject).map_or(NONE, |position| self.first[*position as usize]);
        self.follow(first)
    }

    /// The rows of the subject at a position.
    pub fn rows_at(&self, position: u32) -> impl Iterator<Item = u32> + '_ {
        self.follow(self.first[position as usize])
    }

    /// Adds a row behind the last one.
    pub fn push(&mut self, subject: S, key: u128) {
        let position = match self.positions.entry(subject) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                let subject = new.key().clone();
                new.insert(self.subjects.len() as u32);
                self.subjects.push(subject);
                self.arrivals.push(self.arrived);
                self.first.push(NONE);
                self.arrived += 1;
                self.subjects.len() as u32 - 1
            }
        };
        self.attach(key, position);
    }

    /// Removes a row. The last row takes its slot. A subject without rows is removed too.
    pub fn swap_remove(&mut self, slot: u32) {
        let owner = self.owners[slot as usize];
        let behind = self.next[slot as usize];
        self.redirect(owner, slot, behind);
        let last = self.owners.len() as u32 - 1;
        if slot != last {
            self.redirect(self.owners[last as usize], last, slot);
            self.slots.insert(self.keys[last as usize], slot);
        }
        self.slots.remove(&self.keys[slot as usize]);
        self.owners.swap_remove(slot as usize);
        self.next.swap_remove(slot as usize);
        self.keys.swap_remove(slot as usize);
        if self.first[owner as usize] == NONE {
            self.detach(owner);
        }
    }

    fn append(&mut self, subject: S, arrival: u64) {
        self.positions.insert(subject.clone(), self.subjects.len() as u32);
        self.subjects.push(subject);
        self.arrivals.push(arrival);
        self.first.push(NONE);
    }

    fn attach(&mut self, key: u128, position: u32) {
        let slot = self.owners.len() as u32;
        self.next.push(std::mem::replace(&mut self.first[position as usize], slot));
        self.owners.push(position);
        self.keys.push(key);
        self.slots.insert(key, slot);
    }

    /// Changes the link to row `from` of a subject so that it leads to row `to`.
    fn redirect(&mut self, owner: u32, from: u32, to: u32) {
        if self.first[owner as usize] == from {
            self.first[owner as usize] = to;
            return;
        }
        let before = self.rows_at(owner).find(|row| self.next[*row as usize] == from);
        if let Some(before) = before {
            self.next[before as usize] = to;
        }
    }

    /// Removes a subject without rows. The last subject takes its position.
    fn detach(&mut self, position: u32) {
        let last = self.subjects.len() as u32 - 1;
        if position != last {
            let rows: Vec<u32> = self.rows_at(last).collect();
            for row in rows {
                self.owners[row as usize] = position;
            }
            self.positions.insert(self.subjects[last as usize].clone(), position);
        }
        self.positions.remove(&self.subjects[position as usize]);
        self.subjects.swap_remove(position as usize);
        self.arrivals.swap_remove(position as usize);
        self.first.swap_remove(position as usize);
    }

    fn follow(&self, first: u32) -> impl Iterator<Item = u32> + '_ {
        let row = |row: u32| (row != NONE).then_some(row);
        std::iter::successors(row(first), move |at| row(self.next[*at as usize]))
    }
}
