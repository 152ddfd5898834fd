//! Owns the picture of a text: a QR code (ISO/IEC 18004) as SVG, for a page or for `data:image/svg+xml`.
//! Must never put the text itself, a script or a reference into the picture.
//! Called by `totp`.

use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};

/// Width of a module, in units of the picture.
const MODULE: u32 = 4;

/// Black on white, four modules of quiet zone around it; none when the text is longer than a QR code can be.
pub fn svg(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let image = code
        .render::<svg::Color>()
        .quiet_zone(true)
        .module_dimensions(MODULE, MODULE)
        .dark_color(svg::Color("#000"))
        .light_color(svg::Color("#fff"))
        .build();
    // Inside a page the XML declaration before the element would be an error.
    image.find("<svg").map(|at| image[at..].to_owned())
}
