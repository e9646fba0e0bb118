//! Compresses the reference page of the API and its scripts, which never change while the server runs.

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use flate2::Compression;
use flate2::write::GzEncoder;

/// The sources of the page, in the folder of the module that serves it.
const PAGES: &str = "src/http/pages";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    for name in ["docs.html", "docs.js"] {
        let source = Path::new(PAGES).join(name);
        println!("cargo::rerun-if-changed={}", source.display());
        write(name, &fs::read(source)?)?;
    }
    write("scalar.js", &scalar_api_reference::get_asset("scalar.js").ok_or("the package has no scalar.js")?)
}

fn write(name: &str, content: &[u8]) -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let mut file = GzEncoder::new(fs::File::create(folder.join(format!("{name}.gz")))?, Compression::best());
    file.write_all(content)?;
    file.finish()?;
    Ok(())
}
