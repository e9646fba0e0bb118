//! The documented API: one file for each resource.

pub(super) mod collection;
pub(super) mod enroll;
pub(super) mod facedetect;
pub(super) mod feedback;
pub(super) mod identify;
pub(super) mod match_;
pub(super) mod spdetect;
