//! Pixels of a line to characters: cuts the line out upright and runs the recognition network of PP-OCR (CTC).

use crate::error::Error;
use crate::geometry::{Point, sample};
use crate::image::Image;
use crate::models::InputSpec;
use crate::network::Network;
use crate::resample::planes;

use super::text::TextBox;

/// A line as the network sees it: for each step along the line, the probability of each of its classes.
pub struct Posteriors {
    classes: usize,
    values: Vec<f32>,
}

impl Posteriors {
    /// Steps from left to right, each the probabilities of all classes; class 0 is "no character".
    pub fn steps(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.classes)
    }
}

/// The recognition stage.
pub struct Recogniser {
    network: Box<dyn Network>,
    input: InputSpec,
    /// The character of each class; class 0 has none.
    characters: Vec<String>,
    planes: Vec<f32>,
}

impl Recogniser {
    /// A stage around a CTC network; `characters` is the list in its metadata, one a line, from class 1 on. The class
    /// behind the last is a space.
    pub fn new(network: Box<dyn Network>, input: InputSpec, characters: &str) -> Self {
        let listed = characters.split('\n').map(str::to_owned);
        let characters = std::iter::once(String::new()).chain(listed).chain([" ".to_owned()]).collect();
        Self { network, input, characters, planes: Vec::new() }
    }

    /// The classes whose character is in `wanted`.
    pub fn classes_of(&self, wanted: &str) -> Vec<usize> {
        let is_wanted = |text: &String| !text.is_empty() && text.chars().all(|c| wanted.contains(c));
        self.characters.iter().enumerate().filter(|(_, text)| is_wanted(text)).map(|(class, _)| class).collect()
    }

    /// Cuts a line out of the picture, as wide as `width` pixels or as its shape asks for, and runs the network.
    ///
    /// # Errors
    /// [`Error::Inference`], or [`Error::Model`] when the output is no list of steps.
    pub fn posteriors(&mut self, image: &Image, line: &TextBox, width: Option<u32>) -> Result<Posteriors, Error> {
        const MAX_WIDTH: u32 = 2048;
        let natural = (line.width / line.height.max(1.0) * self.input.height as f32).round() as u32;
        let width = width.unwrap_or(natural).clamp(self.input.height / 2, MAX_WIDTH);
        let strip = strip(image, line, width, self.input.height);
        planes(&strip, &self.input, &mut self.planes);
        let mut outputs = self.network.run(&[1, 3, strip.height() as usize, width as usize], &self.planes)?;
        let bad = || Error::Model("the text recogniser does not give steps of classes".into());
        let output = if outputs.is_empty() { return Err(bad()) } else { outputs.swap_remove(0) };
        let classes = *output.shape.last().filter(|&&classes| classes > 1).ok_or_else(bad)?;
        Ok(Posteriors { classes, values: output.values })
    }

    /// The likeliest class of each step, repeats and blanks removed, and the mean probability of what is left.
    pub fn text(&self, posteriors: &Posteriors) -> (String, f32) {
        let (mut text, mut sum, mut count, mut last) = (String::new(), 0.0, 0.0f32, 0);
        for step in posteriors.steps() {
            let (class, probability) =
                step.iter().enumerate().fold((0, 0.0), |best, (class, &p)| if p > best.1 { (class, p) } else { best });
            if class != 0 && class != last {
                text += self.characters.get(class).map_or("", String::as_str);
                (sum, count) = (sum + probability, count + 1.0);
            }
            last = class;
        }
        (text.trim().to_owned(), sum / count.max(1.0))
    }
}

/// The pixels of a turned box, upright; shrinking averages several samples a pixel.
pub fn strip(image: &Image, line: &TextBox, width: u32, height: u32) -> Image {
    let (dx, dy) = (line.width / width as f32, line.height / height as f32);
    let (nx, ny) = (samples(dx), samples(dy));
    let mut pixels = Vec::with_capacity(3 * width as usize * height as usize);
    for y in 0..height {
        for x in 0..width {
            let mut sum = [0.0f32; 3];
            for i in 0..nx * ny {
                let across = (y as f32 + ((i / nx) as f32 + 0.5) / ny as f32) * dy - line.height / 2.0;
                let along = (x as f32 + ((i % nx) as f32 + 0.5) / nx as f32) * dx - line.width / 2.0;
                let at = line.at(along, across);
                let colour = sample(image, Point::new(at.x, at.y));
                sum = std::array::from_fn(|c| sum[c] + colour[c]);
            }
            pixels.extend(sum.map(|c| (c / (nx * ny) as f32).round() as u8));
        }
    }
    Image::from_rgb8(width, height, pixels)
}

/// How many samples a pixel needs in a direction in which the picture is shrunk `step` times.
fn samples(step: f32) -> usize {
    (step.round() as usize).clamp(1, 8)
}
