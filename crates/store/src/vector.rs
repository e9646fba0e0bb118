//! Vectors as bytes: little-endian 32-bit floats.

use sqlx::error::BoxDynError;
use sqlx::{Database, Decode, Type};

pub(crate) fn to_bytes(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// A vector as it comes from a column, decoded without a copy of its bytes.
pub(crate) struct Vector(pub(crate) Vec<f32>);

impl<DB: Database> Type<DB> for Vector
where
    Vec<u8>: Type<DB>,
{
    fn type_info() -> DB::TypeInfo {
        <Vec<u8> as Type<DB>>::type_info()
    }
}

impl<'r, DB: Database> Decode<'r, DB> for Vector
where
    &'r [u8]: Decode<'r, DB>,
{
    fn decode(value: DB::ValueRef<'r>) -> Result<Vector, BoxDynError> {
        let (floats, []) = <&[u8]>::decode(value)?.as_chunks() else {
            return Err("the length of a vector is not a multiple of four".into());
        };
        Ok(Vector(floats.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()))
    }
}
