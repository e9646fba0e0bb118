//! The one place that draws random bytes.

use anyhow::Context as _;

/// Bytes from the system's generator.
///
/// # Errors
/// When the system has no generator.
pub fn random_bytes<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).context("the system gives no random bytes")?;
    Ok(bytes)
}
