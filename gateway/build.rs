//! Takes what /docs serves out of the archive of Swagger UI that a crate vendors, plain and compressed.
//! Must never fetch anything: the archive is in the crate.
//! Called by cargo.

use std::env;
use std::error::Error;
use std::fs::File;
use std::io::{Cursor, Read, Write};
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::ZipArchive;

const FILES: [&str; 2] = ["swagger-ui.css", "swagger-ui-bundle.js"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let folder = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    for file in FILES {
        let wanted = format!("/dist/{file}");
        let mut names = archive.file_names().filter_map(Result::ok);
        let name = names.find(|name| name.ends_with(&wanted));
        let name = name
            .ok_or(format!("the archive has no {file}"))?
            .into_owned();
        drop(names);
        let mut text = Vec::new();
        archive.by_name(&name)?.read_to_end(&mut text)?;
        std::fs::write(folder.join(file), &text)?;
        let packed = File::create(folder.join(format!("{file}.gz")))?;
        let mut packed = GzEncoder::new(packed, Compression::best());
        packed.write_all(&text)?;
        packed.finish()?;
    }
    Ok(())
}
