//! Faces in a picture: YuNet (Wu, Peng, Yu: "YuNet: A Tiny Millisecond-level Face Detector", 2023).

use crate::error::Error;
use crate::geometry::{Point, Rect};
use crate::image::Image;
use crate::models::InputSpec;
use crate::network::{Network, Output};
use crate::resample::{Resampler, planes};
use crate::suppress::suppress;

/// A detected face, in pixels of the upright original.
#[derive(Debug, Clone, PartialEq)]
pub struct Face {
    /// The box. It may reach a little beyond the picture.
    pub rect: Rect,
    /// How sure the detector is, 0 to 1.
    pub confidence: f32,
    /// Left eye, right eye, nose, left and right corner of the mouth; "left" is left in the picture.
    pub points: [Point; 5],
}

/// How carefully to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DetectSize {
    /// The longest side becomes [`DetectParams::side`].
    #[default]
    Standard,
    /// A second pass, in which the longest side becomes [`DetectParams::small_faces_side`], finds smaller faces: four
    /// times the work for twice the side.
    Small,
}

/// Settings of the detection stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DetectParams {
    /// Longest side of the network's input in pixels, a multiple of 32.
    pub side: u32,
    /// The same in the second pass, when small faces are asked for.
    pub small_faces_side: u32,
    /// Least confidence of a face.
    pub min_confidence: f32,
    /// Boxes that overlap a better one by more than this (IoU) are the same face.
    pub max_iou: f32,
}

impl Default for DetectParams {
    fn default() -> Self {
        Self { side: 640, small_faces_side: 1280, min_confidence: 0.6, max_iou: 0.3 }
    }
}

/// Which face of a picture is meant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Dominant<'a> {
    /// There is no face.
    None,
    /// This one.
    One(&'a Face),
    /// Several faces are about equally large: the picture does not say whom it shows.
    Ambiguous,
}

/// The face that a picture is of: the one with the largest box, provided that every other box has at most 60 % of its
/// area. People behind the subject of a portrait are smaller than that; two people side by side are not.
pub fn dominant(faces: &[Face]) -> Dominant<'_> {
    const MAX_AREA_RATIO: f32 = 0.6;
    let Some(largest) = faces.iter().max_by(|a, b| a.rect.area().total_cmp(&b.rect.area())) else {
        return Dominant::None;
    };
    let rivals = faces.iter().filter(|face| face.rect.area() > MAX_AREA_RATIO * largest.rect.area()).count();
    if rivals > 1 { Dominant::Ambiguous } else { Dominant::One(largest) }
}

/// Most candidates that are looked at, the most confident ones: a face has a handful.
const MAX_CANDIDATES: usize = 8192;

/// The detection stage.
pub struct Detector {
    network: Box<dyn Network>,
    input: InputSpec,
    pub(crate) params: DetectParams,
    planes: Vec<f32>,
}

impl Detector {
    /// A stage around a YuNet network whose input height and width are free.
    pub fn new(network: Box<dyn Network>, input: InputSpec, params: DetectParams) -> Self {
        Self { network, input, params, planes: Vec::new() }
    }

    /// Finds all faces, largest first. Of a crowd of many thousands, those that the network is surest of.
    ///
    /// # Errors
    /// [`Error::Inference`] when the runtime fails, [`Error::Model`] when the network has no YuNet outputs.
    pub fn detect(&mut self, resampler: &mut Resampler, image: &Image, size: DetectSize) -> Result<Vec<Face>, Error> {
        let DetectParams { side, small_faces_side, max_iou, .. } = self.params;
        let mut faces = self.pass(resampler, image, side)?;
        if size == DetectSize::Small {
            // Faces that filled the standard input are too large for this one: the passes complete each other.
            faces.extend(self.pass(resampler, image, small_faces_side)?);
        }
        faces.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        faces.truncate(MAX_CANDIDATES);
        let mut faces = suppress(faces, |face| face.confidence, |face| face.rect, max_iou);
        faces.sort_by(|a, b| b.rect.area().total_cmp(&a.rect.area()));
        Ok(faces)
    }

    /// All candidates at one input size, in pixels of the original.
    fn pass(&mut self, resampler: &mut Resampler, image: &Image, side: u32) -> Result<Vec<Face>, Error> {
        let (canvas, scale) = letterbox(resampler, image, side);
        planes(&canvas, &self.input, &mut self.planes);
        let shape = [1, 3, canvas.height() as usize, canvas.width() as usize];
        let outputs = self.network.run(&shape, &self.planes)?;
        let mut faces = candidates(&outputs, canvas.width() as usize, self.params.min_confidence)?;
        faces.retain(|face| plausible(face, canvas.width().max(canvas.height()) as f32));
        for face in &mut faces {
            let Rect { x1, y1, x2, y2 } = face.rect;
            face.rect = Rect::new(x1 / scale, y1 / scale, x2 / scale, y2 / scale);
            face.points = face.points.map(|p| Point::new(p.x / scale, p.y / scale));
        }
        Ok(faces)
    }
}

/// Scales a picture so that its longest side is `side`, and pads right and bottom with black to multiples of the
/// network's coarsest stride. Returns the canvas and the factor from original to canvas.
fn letterbox(resampler: &mut Resampler, image: &Image, side: u32) -> (Image, f32) {
    const STRIDE: u32 = 32;
    let scale = side as f32 / image.width().max(image.height()) as f32;
    let fit = |length: u32| ((length as f32 * scale).round() as u32).max(1);
    let (width, height) = (fit(image.width()), fit(image.height()));
    let whole = Rect::new(0.0, 0.0, image.width() as f32, image.height() as f32);
    let scaled = resampler.cut(image, &whole, width, height);
    let (canvas_width, canvas_height) = (width.next_multiple_of(STRIDE), height.next_multiple_of(STRIDE));
    if (canvas_width, canvas_height) == (width, height) {
        return (scaled, scale);
    }
    let mut pixels = vec![0; 3 * canvas_width as usize * canvas_height as usize];
    let rows = pixels.chunks_exact_mut(3 * canvas_width as usize);
    for (to, from) in rows.zip(scaled.pixels().chunks_exact(3 * width as usize)) {
        to[..from.len()].copy_from_slice(from);
    }
    (Image::from_rgb8(canvas_width, canvas_height, pixels), scale)
}

/// Whether a candidate can be a face of a canvas with this longer side, in its pixels. The network gives logarithms of
/// sizes, so that a damaged model or a strange picture can give boxes without bounds, or ones that are no numbers; crops
/// are made of what passes.
fn plausible(face: &Face, side: f32) -> bool {
    let Rect { x1, y1, x2, y2 } = face.rect;
    let near = |value: f32| (-2.0 * side..=3.0 * side).contains(&value);
    let sized = |length: f32| (1.0..=4.0 * side).contains(&length);
    let placed = [x1, y1, x2, y2].into_iter().chain(face.points.iter().flat_map(|p| [p.x, p.y])).all(near);
    placed && sized(face.rect.width()) && sized(face.rect.height())
}

/// Decodes YuNet's anchor-free heads, in pixels of the canvas: a cell at (column, row) of stride s holds the centre's
/// offset and the logarithm of the size in units of s, five points likewise, and two scores whose geometric mean is the
/// confidence.
fn candidates(outputs: &[Output], canvas_width: usize, min_confidence: f32) -> Result<Vec<Face>, Error> {
    let mut faces = Vec::new();
    for stride in [8usize, 16, 32] {
        let named = |kind: &str| {
            let name = format!("{kind}_{stride}");
            let output = outputs.iter().find(|output| output.name == name);
            output.map(|o| o.values.as_slice()).ok_or_else(|| Error::Model(format!("the detector has no {name}")))
        };
        let (classes, objects, boxes, points) = (named("cls")?, named("obj")?, named("bbox")?, named("kps")?);
        let columns = canvas_width / stride;
        let step = stride as f32;
        for (cell, (class, object)) in classes.iter().zip(objects).enumerate() {
            let confidence = (class.clamp(0.0, 1.0) * object.clamp(0.0, 1.0)).sqrt();
            if confidence.is_nan() || confidence < min_confidence {
                continue;
            }
            let (column, row) = ((cell % columns) as f32, (cell / columns) as f32);
            let [dx, dy, log_width, log_height] = std::array::from_fn(|i| boxes[4 * cell + i]);
            let (x, y) = ((column + dx) * step, (row + dy) * step);
            let (half_width, half_height) = (log_width.exp() * step / 2.0, log_height.exp() * step / 2.0);
            faces.push(Face {
                rect: Rect::new(x - half_width, y - half_height, x + half_width, y + half_height),
                confidence,
                points: std::array::from_fn(|i| {
                    let offset = &points[10 * cell + 2 * i..][..2];
                    Point::new((column + offset[0]) * step, (row + offset[1]) * step)
                }),
            });
        }
    }
    Ok(faces)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Colour;

    /// A YuNet that sees what it is told, at cells of stride 8 of its canvas, and notes the canvas.
    struct Fake {
        /// Column, row, confidence, width and height in pixels.
        faces: Vec<(usize, usize, f32, f32, f32)>,
        canvas: std::sync::mpsc::Sender<Vec<usize>>,
    }

    impl Network for Fake {
        fn run(&mut self, shape: &[usize], _: &[f32]) -> Result<Vec<Output>, Error> {
            self.canvas.send(shape.to_vec()).unwrap();
            let mut outputs = Vec::new();
            for stride in [8, 16, 32] {
                let columns = shape[3] / stride;
                let cells = columns * (shape[2] / stride);
                let [mut scores, mut boxes] = [vec![0.0; cells], vec![0.0; 4 * cells]];
                for &(column, row, confidence, width, height) in self.faces.iter().filter(|_| stride == 8) {
                    let cell = row * columns + column;
                    scores[cell] = confidence;
                    boxes[4 * cell + 2] = (width / 8.0).ln();
                    boxes[4 * cell + 3] = (height / 8.0).ln();
                }
                let points = vec![0.5; 10 * cells];
                let named = [("cls", scores.clone()), ("obj", scores), ("bbox", boxes), ("kps", points)];
                outputs.extend(named.map(|(kind, values)| Output {
                    name: format!("{kind}_{stride}"),
                    shape: vec![],
                    values,
                }));
            }
            Ok(outputs)
        }
    }

    fn detect(faces: &[(usize, usize, f32, f32, f32)], width: u32, height: u32) -> (Vec<Face>, Vec<usize>) {
        let (canvas, seen) = std::sync::mpsc::channel();
        let colour = Colour::Bgr;
        let input =
            InputSpec { width: 640, height: 640, any_size: true, colour, mean: 0.0, scale: 1.0, dimension: None };
        let fake = Fake { faces: faces.to_vec(), canvas };
        let mut detector = Detector::new(Box::new(fake), input, DetectParams::default());
        let image = Image::from_rgb8(width, height, vec![7; 3 * (width * height) as usize]);
        let faces = detector.detect(&mut Resampler::default(), &image, DetectSize::Standard).unwrap();
        (faces, seen.recv().unwrap())
    }

    #[test]
    fn boxes_are_in_pixels_of_the_original() {
        // 1280 x 720 is halved to 640 x 360 and padded to 640 x 384.
        let (faces, canvas) = detect(&[(10, 20, 0.9, 40.0, 60.0)], 1280, 720);
        assert_eq!(canvas, [1, 3, 384, 640]);
        let Rect { x1, y1, x2, y2 } = faces[0].rect;
        let expected = [(80.0 - 20.0) * 2.0, (160.0 - 30.0) * 2.0, (80.0 + 20.0) * 2.0, (160.0 + 30.0) * 2.0];
        assert!([x1, y1, x2, y2].iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.01), "{:?}", faces[0].rect);
        assert_eq!(faces[0].points[0], Point::new(168.0, 328.0));
        assert!((faces[0].confidence - 0.9).abs() < 1e-6);
    }

    #[test]
    fn doubles_and_doubtful_faces_are_dropped_and_the_largest_comes_first() {
        let seen = [
            (10, 10, 0.7, 40.0, 40.0),
            (11, 10, 0.95, 40.0, 40.0),
            (40, 30, 0.8, 80.0, 90.0),
            (60, 5, 0.59, 30.0, 30.0),
        ];
        let (faces, _) = detect(&seen, 640, 640);
        let confidences: Vec<u32> = faces.iter().map(|face| (face.confidence * 100.0).round() as u32).collect();
        assert_eq!(confidences, [80, 95]);
    }

    #[test]
    fn boxes_without_bounds_are_no_faces() {
        let sizes = [f32::INFINITY, f32::NAN, 1e30, 4000.0, 1e-30, 0.0, f32::MAX];
        let strange = sizes.iter().enumerate().flat_map(|(i, &size)| {
            [(2 * i, 10, 0.9, size, 40.0), (2 * i, 20, 0.9, 40.0, size), (2 * i, 30, f32::NAN, 40.0, 40.0)]
        });
        let sound = (70, 70, 0.8, 60.0, 60.0);
        let (faces, _) = detect(&strange.chain([sound]).collect::<Vec<_>>(), 640, 640);
        assert_eq!(faces.len(), 1, "{faces:?}");
        assert!((faces[0].confidence - 0.8).abs() < 1e-6);
    }

    #[test]
    fn a_portrait_is_of_its_clearly_largest_face() {
        let face =
            |side: f32| Face { rect: Rect::new(0.0, 0.0, side, side), confidence: 0.9, points: [Point::default(); 5] };
        assert_eq!(dominant(&[]), Dominant::None);
        let crowd = [face(20.0), face(100.0), face(60.0)];
        assert_eq!(dominant(&crowd), Dominant::One(&crowd[1]));
        assert_eq!(dominant(&[face(100.0), face(90.0)]), Dominant::Ambiguous);
        assert_eq!(dominant(&[face(100.0), face(100.0)]), Dominant::Ambiguous);
    }
}
