//! Channel counts: which values of a graph share one, and rounding it up.

use std::collections::{HashMap, HashSet};

use super::Weights;
use crate::models::onnx::{Graph, Node, ValueInfo};

/// Channels in a block of the fast layout with AVX2; with AVX-512 it has 16, and multiples of 8 were as fast there.
const BLOCK: i64 = 8;

/// Operators that treat every channel alike and alone, so that the content of a padded channel stays in it.
const CHANNELWISE: [&str; 8] =
    ["Relu", "LeakyRelu", "Sigmoid", "HardSigmoid", "Tanh", "GlobalAveragePool", "AveragePool", "MaxPool"];

/// Rounds channel counts up to a multiple of [`BLOCK`], with zero weights.
///
/// Depthwise convolutions of other counts run outside the fast layout. A padded channel may hold anything finite
/// (a sigmoid makes 0.5 of zero): every convolution that reads it has zero weights for it.
pub(super) fn pad(graph: &mut Graph, weights: &mut Weights) {
    let mut values = Values::of(graph, weights);
    for node in &mut graph.node {
        let (Some(input), Some(output)) = (node.input.first().cloned(), node.output.first().cloned()) else { continue };
        match Convolution::of(node, weights) {
            Some(Convolution { depthwise: true, .. }) => {
                if let Some(count) = values.padded(&output) {
                    for attribute in node.attribute.iter_mut().filter(|attribute| attribute.name() == "group") {
                        attribute.i = Some(count);
                    }
                    resize(&mut node.input[1..], weights, &[count]);
                }
            }
            Some(Convolution { depthwise: false, channels_in, channels_out }) => {
                let to = (values.padded(&output), values.padded(&input));
                if to != (None, None) {
                    let (count_out, count_in) = (to.0.unwrap_or(channels_out), to.1.unwrap_or(channels_in));
                    resize(&mut node.input[1..], weights, &[count_out, count_in]);
                }
            }
            None if node.is("PRelu") => {
                if let Some(count) = values.padded(&output) {
                    resize(&mut node.input[1..], weights, &[count]);
                }
            }
            None => {}
        }
    }
}

/// Replaces the weights (and the bias, where there is one) by copies whose leading dimensions are `dims`.
fn resize(names: &mut [String], weights: &mut Weights, dims: &[i64]) {
    for name in names {
        let (Some(old_dims), Some(values)) = (weights.dims(name), weights.floats(name)) else { continue };
        let mut new_dims = old_dims.to_vec();
        for (new, wanted) in new_dims.iter_mut().zip(dims) {
            *new = *wanted;
        }
        let outer = old_dims[0] as usize;
        let (old_row, new_row) = (values.len() / outer, new_dims[1..].iter().product::<i64>() as usize);
        let mut padded = vec![0.0; new_row * new_dims[0] as usize];
        for (new, old) in padded.chunks_exact_mut(new_row).zip(values.chunks_exact(old_row)) {
            new[..old_row].copy_from_slice(old);
        }
        *name = weights.add(&format!("{name}_padded"), new_dims, &padded);
    }
}

/// A two-dimensional convolution with weights from the file.
struct Convolution {
    channels_in: i64,
    channels_out: i64,
    depthwise: bool,
}

impl Convolution {
    fn of(node: &Node, weights: &Weights) -> Option<Convolution> {
        if !node.is("Conv") || !node.input.iter().skip(1).all(|name| weights.floats(name).is_some()) {
            return None;
        }
        let &[channels_out, row, _, _] = weights.dims(node.input.get(1)?)? else { return None };
        match node.int("group").unwrap_or(1) {
            1 => Some(Convolution { channels_in: row, channels_out, depthwise: false }),
            group if group == channels_out && row == 1 => {
                Some(Convolution { channels_in: group, channels_out, depthwise: true })
            }
            _ => None,
        }
    }
}

/// The image-like values of a graph, in sets that share one channel count.
pub(super) struct Values {
    /// A tree for each set; a root is its own parent.
    parents: HashMap<String, String>,
    /// By root; `None` where convolutions disagree.
    counts: HashMap<String, Option<i64>>,
    /// Roots of the sets that an unknown operator reads or writes.
    open: HashSet<String>,
}

impl Values {
    pub(super) fn of(graph: &Graph, weights: &Weights) -> Values {
        let mut values = Values { parents: HashMap::new(), counts: HashMap::new(), open: HashSet::new() };
        let mut counted: Vec<(&str, i64)> = Vec::new();
        let mut open: Vec<&str> = graph.input.iter().chain(&graph.output).map(ValueInfo::name).collect();
        for node in &graph.node {
            let (input, output) = (node.input.first(), node.output.first());
            let (Some(input), Some(output)) = (input, output) else { continue };
            if let Some(convolution) = Convolution::of(node, weights) {
                counted.extend([(input.as_str(), convolution.channels_in), (output, convolution.channels_out)]);
                if convolution.depthwise {
                    values.join(input, output);
                }
            } else if channelwise(node, weights) {
                values.join(input, output);
            } else if (node.is("Add") || node.is("Mul")) && node.input.iter().all(|name| weights.dims(name).is_none()) {
                node.input.iter().for_each(|name| values.join(name, output));
            } else {
                open.extend(node.input.iter().chain(&node.output).map(String::as_str));
            }
        }
        for (value, count) in counted {
            let root = values.root(value);
            let known = values.counts.entry(root).or_insert(Some(count));
            *known = known.filter(|known| *known == count);
        }
        values.open = open.into_iter().map(|value| values.root(value)).collect();
        values
    }

    /// Channels of a value, where it is the input or output of a convolution or joined to one.
    pub(super) fn count(&mut self, value: &str) -> Option<i64> {
        let root = self.root(value);
        self.counts.get(&root).copied().flatten()
    }

    /// The count to pad to, where that is possible, needed and costs at most a quarter more channels.
    fn padded(&mut self, value: &str) -> Option<i64> {
        let root = self.root(value);
        let count = self.counts.get(&root).copied().flatten()?;
        let padded = (count as u64).next_multiple_of(BLOCK as u64) as i64;
        (!self.open.contains(&root) && padded != count && 4 * padded <= 5 * count).then_some(padded)
    }

    fn root(&mut self, value: &str) -> String {
        let mut root = value.to_owned();
        while let Some(parent) = self.parents.get(&root).filter(|parent| **parent != root) {
            root.clone_from(parent);
        }
        self.parents.insert(value.to_owned(), root.clone());
        root
    }

    fn join(&mut self, one: &str, other: &str) {
        let (one, other) = (self.root(one), self.root(other));
        self.parents.insert(one, other);
    }
}

fn channelwise(node: &Node, weights: &Weights) -> bool {
    let one_to_one = node.input.len() == 1 && node.output.len() == 1;
    let simple = one_to_one && CHANNELWISE.iter().any(|op| node.is(op));
    simple || slopes(node, weights).is_some()
}

/// The slopes of a `PRelu` over an image-like value, one for each channel.
pub(super) fn slopes(node: &Node, weights: &Weights) -> Option<Vec<f32>> {
    let name = node.input.get(1).filter(|_| node.is("PRelu"))?;
    matches!(weights.dims(name)?, [_, 1, 1]).then(|| weights.floats(name))?
}
