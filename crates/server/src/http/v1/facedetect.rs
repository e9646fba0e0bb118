//! `facedetect`: all faces of a picture.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use utoipa::ToSchema;
use vultus_vision::{DetectSize, Landmarks, Point, Quality};

use crate::app::App;
use crate::flows;
use crate::flows::detect::{Faces, Found};
use crate::http::wire::error::Error;
use crate::http::wire::fields::Fields;
use crate::http::wire::input::Input;
use crate::http::wire::parameters::{Endpoint, Form, Kind, Parameter};

pub(super) const IMG: Parameter = Parameter::required("img", Kind::Picture, "The image file in base64.");
const LANDMARKS: Parameter =
    Parameter::optional("rawlandmarks", Kind::Switch, "Whether to add the 68 landmarks.").or(&["rawlandmark"]);
const SMALL_FACES: Parameter =
    Parameter::optional("smallfaces", Kind::Switch, "Whether to search at a higher resolution, for crowds.");

pub(crate) static FACEDETECT: Endpoint =
    Endpoint { form: Form::Picture("PictureBody"), parameters: &[IMG, LANDMARKS, SMALL_FACES] };

/// The faces of a picture.
#[derive(Debug, Serialize, ToSchema)]
pub struct FacesAnswer {
    #[schema(example = true)]
    success: bool,
    #[schema(example = "face processed successfully")]
    message: &'static str,
    data: FacesData,
    /// The faces once more: clients read them in either place.
    faces: Vec<Face>,
    meta: FacesMeta,
}

/// The faces of a picture.
#[derive(Debug, Serialize, ToSchema)]
pub struct FacesData {
    /// The faces, largest first; at most as many as `meta.max_faces`.
    faces: Vec<Face>,
}

/// A face.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Face {
    /// x1, y1, x2, y2 in pixels, and the confidence.
    #[schema(example = json!([272.7, 29.9, 335.0, 117.3, 0.9998]))]
    bounding_box: [f32; 5],
    /// x of five points, then y of the same: left eye, right eye, nose, left and right mouth corner. Left is left in
    /// the picture.
    #[schema(example = json!([291, 319, 306, 296, 316, 65, 62, 79, 97, 95]))]
    points: [i32; 10],
    /// The parts of the face by name, each a list of [x, y]; only with `rawlandmarks`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Vec<Object>>>)]
    landmarks: Option<[[Parts; 1]; 1]>,
    /// The 68 landmarks in iBUG order as [x, y]; only with `rawlandmarks`.
    #[serde(skip_serializing_if = "Option::is_none")]
    landmarks68: Option<Vec<[f32; 2]>>,
}

/// Parts of a face by name.
type Parts = BTreeMap<&'static str, Vec<[i32; 2]>>;

/// What is new beside the faces.
#[derive(Debug, Serialize, ToSchema)]
pub struct FacesMeta {
    /// One entry for each face, in the same order.
    faces: Vec<FaceMeta>,
    /// How many faces the picture has, also those that are left out.
    #[schema(example = 1)]
    found: usize,
    /// Most faces of an answer.
    #[schema(example = 500)]
    max_faces: u32,
}

/// What is new about a face.
#[derive(Debug, Serialize, ToSchema)]
pub struct FaceMeta {
    quality: QualityFacts,
}

/// How well a face can be recognised.
#[derive(Debug, Serialize, ToSchema)]
pub struct QualityFacts {
    /// Variance of the Laplacian; below about 50 the face looks blurred.
    sharpness: f32,
    /// Mean luma, 0 (black) to 1 (white).
    brightness: f32,
    /// Longer side of the box in pixels.
    face_size_px: f32,
    /// Turn of the head in degrees, positive to the right in the picture.
    yaw_deg: f32,
    /// Head raised in degrees.
    pitch_deg: f32,
    /// Head tilted clockwise in the picture in degrees.
    roll_deg: f32,
}

/// Find all faces of a picture.
///
/// A picture without faces is a success with an empty list.
#[utoipa::path(
    post, path = "/facedetect", tag = "Detection",
    responses((status = 200, description = "The faces, largest first", body = FacesAnswer)),
)]
pub(crate) async fn facedetect(State(app): State<Arc<App>>, input: Input) -> Result<Response, Error> {
    let read = |fields: &Fields<'_>| {
        let (raw, small) = (fields.switch(&LANDMARKS)?, fields.switch(&SMALL_FACES)?);
        Ok((raw.unwrap_or(false), small.unwrap_or(false), fields.picture(&IMG)?))
    };
    let (raw, small, picture) = input.read(read).await?;
    let size = if small { DetectSize::Small } else { DetectSize::Standard };
    let found = flows::detect::run(&app, picture, size).await?;
    Ok(Json(answer(&found, app.config.vision.max_faces, raw)).into_response())
}

fn answer(found: &Faces, max_faces: u32, raw: bool) -> FacesAnswer {
    let faces: Vec<Face> = found.kept.iter().map(|found| face(found, raw)).collect();
    let facts = found.kept.iter().map(|found| FaceMeta { quality: found.quality.into() }).collect();
    let meta = FacesMeta { faces: facts, found: found.count, max_faces };
    let data = FacesData { faces: faces.clone() };
    FacesAnswer { success: true, message: "face processed successfully", data, faces, meta }
}

fn face(found: &Found, raw: bool) -> Face {
    let (rect, five) = (found.face.rect, found.face.points);
    let mut points = [0; 10];
    for (i, point) in five.iter().enumerate() {
        (points[i], points[i + 5]) = (point.x.round() as i32, point.y.round() as i32);
    }
    Face {
        bounding_box: [rect.x1, rect.y1, rect.x2, rect.y2, found.face.confidence],
        points,
        landmarks: raw.then(|| [[parts(&found.landmarks)]]),
        landmarks68: raw
            .then(|| found.landmarks.0.iter().map(|point| [hundredth(point.x), hundredth(point.y)]).collect()),
    }
}

fn hundredth(value: f32) -> f32 {
    (value * 100.0).round() / 100.0
}

/// The landmarks by part. Each lip is closed, so both have the mouth corners (48, 54, 60, 64).
fn parts(landmarks: &Landmarks) -> Parts {
    const PLAIN: [(&str, RangeInclusive<usize>); 7] = [
        ("chin", 0..=16),
        ("left_eyebrow", 17..=21),
        ("right_eyebrow", 22..=26),
        ("nose_bridge", 27..=30),
        ("nose_tip", 31..=35),
        ("left_eye", 36..=41),
        ("right_eye", 42..=47),
    ];
    const TOP_LIP: [usize; 12] = [48, 49, 50, 51, 52, 53, 54, 64, 63, 62, 61, 60];
    const BOTTOM_LIP: [usize; 12] = [54, 55, 56, 57, 58, 59, 48, 60, 67, 66, 65, 64];
    let pair = |i: usize| {
        let Point { x, y } = landmarks.0[i];
        [x.round() as i32, y.round() as i32]
    };
    let plain = PLAIN.into_iter().map(|(name, range)| (name, range.map(pair).collect()));
    let lips = [("top_lip", TOP_LIP), ("bottom_lip", BOTTOM_LIP)];
    plain.chain(lips.into_iter().map(|(name, order)| (name, order.map(pair).to_vec()))).collect()
}

impl From<Quality> for QualityFacts {
    fn from(quality: Quality) -> Self {
        let Quality { sharpness, brightness, face_size_px, yaw_deg, pitch_deg, roll_deg } = quality;
        Self { sharpness, brightness, face_size_px, yaw_deg, pitch_deg, roll_deg }
    }
}
