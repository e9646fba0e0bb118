//! Renders and compresses the reference page of the API, which never changes while the server runs.

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::{env, fs};

use flate2::Compression;
use flate2::write::GzEncoder;

/// What the script of the page is configured with: it loads nothing from elsewhere, and offers no service of others.
const CONFIGURATION: &str = r#"{
    "url": "/openapi.json",
    "agent": {"disabled": true},
    "mcp": {"disabled": true},
    "hideClientButton": true,
    "showDeveloperTools": "never",
    "telemetry": false,
    "withDefaultFonts": false
}"#;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let page = scalar_api_reference::render_scalar(CONFIGURATION, Some("/docs/scalar.js"));
    let script = scalar_api_reference::get_asset("scalar.js").ok_or("the package has no scalar.js")?;
    write("docs.html.gz", page.as_bytes())?;
    write("scalar.js.gz", &script)
}

fn write(name: &str, content: &[u8]) -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let mut file = GzEncoder::new(fs::File::create(folder.join(name))?, Compression::best());
    file.write_all(content)?;
    file.finish()?;
    Ok(())
}
