use super::{File, ListError, Read, damaged};
pub fn read(file: File<'_>) -> Result<Read, ListError> { Err(damaged(file, "x")) }
