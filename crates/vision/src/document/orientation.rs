//! The direction of the lines, for documents without a machine readable zone.

use super::ocr::strip;
use super::text::TextBox;
use crate::error::Error;
use crate::image::Image;
use crate::models::InputSpec;
use crate::network::Network;
use crate::resample::planes;

/// The orientation stage.
pub struct Orientation {
    network: Box<dyn Network>,
    input: InputSpec,
    planes: Vec<f32>,
}

impl Orientation {
    /// A stage around a network of two classes, upright and upside down.
    pub fn new(network: Box<dyn Network>, input: InputSpec) -> Self {
        Self { network, input, planes: Vec::new() }
    }

    /// The direction of the text in radians: that of the longest box, or the opposite if the network says so of most of
    /// the longest boxes. 0 without boxes.
    pub fn angle(&mut self, image: &Image, boxes: &[TextBox]) -> Result<f32, Error> {
        const ASKED: usize = 7;
        let mut longest = boxes.to_vec();
        longest.sort_by(|a, b| b.width.total_cmp(&a.width));
        let Some(first) = longest.first().copied() else { return Ok(0.0) };
        let mut reversed = 0.0;
        for line in longest.iter().take(ASKED) {
            // The network sees the beginning of a line, as much as its input has room for.
            let room = line.height * self.input.width as f32 / self.input.height as f32;
            let line = line.towards(first.angle);
            let width = line.width.min(room);
            let start = TextBox { center: line.at((width - line.width) / 2.0, 0.0), width, ..line };
            planes(&strip(image, &start, self.input.width, self.input.height), &self.input, &mut self.planes);
            let shape = [1, 3, self.input.height as usize, self.input.width as usize];
            let outputs = self.network.run(&shape, &self.planes)?;
            let Some([upright, upside_down]) = outputs.first().map(|output| output.values.as_slice()) else {
                return Err(Error::Model("the orientation network does not give two classes".into()));
            };
            reversed += upside_down - upright;
        }
        Ok(if reversed > 0.0 { first.reversed().angle } else { first.angle })
    }
}
