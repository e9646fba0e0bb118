//! The one TLS provider: ring. Libraries that make connections are built without one of their own.

/// Installs the provider for the whole process. A second call does no harm. Call it before you create an HTTPS client.
pub fn install() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}
