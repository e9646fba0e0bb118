//! Vectors as bytes: little-endian 32-bit floats.

pub(crate) fn to_bytes(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|value| value.to_le_bytes()).collect()
}

pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Vec<f32>> {
    let (floats, []) = bytes.as_chunks() else { return None };
    Some(floats.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}
