//! The one TLS provider: ring. Libraries that make connections are built without one of their own.

/// Installs the provider for the whole process; again is no harm. Comes before any HTTPS client is made.
pub fn install() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}
