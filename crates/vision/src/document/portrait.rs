//! The portrait on a document.

use crate::detect::Face;
use crate::geometry::Rect;
use crate::image::Image;
use crate::resample::Resampler;

/// The portrait of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Portrait {
    /// The face, in pixels of the document.
    pub face: Face,
    /// The face with hair and neck, as far as the document shows them, at most 512 pixels a side.
    pub chip: Image,
}

/// Side of a chip in pixels, at most: twice what face recognition and people need.
const MAX_SIDE: u32 = 512;

/// Side of the chip over the longer side of the face.
const MARGIN: f32 = 1.8;

/// The largest of the faces of an upright document. Ghost images, and the small second portraits of many documents, are
/// printed smaller than the portrait, so they are never chosen. `None` without a face.
pub fn of(resampler: &mut Resampler, document: &Image, faces: &[Face]) -> Option<Portrait> {
    let face = faces.iter().max_by(|a, b| a.rect.area().total_cmp(&b.rect.area()))?.clone();
    let whole = Rect::new(0.0, 0.0, document.width() as f32, document.height() as f32);
    let square = face.rect.square(MARGIN);
    let inside =
        Rect::new(square.x1.max(whole.x1), square.y1.max(whole.y1), square.x2.min(whole.x2), square.y2.min(whole.y2));
    // Near an edge of the document the chip ends there. It is not filled up with pixels from outside.
    let longer = inside.width().max(inside.height()).max(1.0);
    let scale = (MAX_SIDE as f32 / longer).min(1.0);
    let side = |length: f32| ((length * scale).round() as u32).max(1);
    let chip = resampler.cut(document, &inside, side(inside.width()), side(inside.height()));
    Some(Portrait { face, chip })
}
