//! Symbols of dark and light modules, and how they are drawn: what the codes of this crate share.
//!
//! The SVG has no style, script, text or outside reference, so a strict Content-Security-Policy
//! admits it. One unit of its view box is one module, and `crispEdges` keeps bars sharp: a page
//! that shows it at a whole number of device pixels a module loses nothing.

use qrcode::{Color, QrCode};
use std::fmt::Write;

/// Light modules on each side of a QR symbol (ISO/IEC 18004, 5.3.8: 4).
pub const QR_QUIET_MODULES: usize = 4;

/// A symbol without its quiet zone: rows of modules, from the top left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modules {
    width: usize,
    dark: Vec<bool>,
}

impl Modules {
    /// Rows of `width` modules each, from the top left.
    pub(crate) const fn new(width: usize, dark: Vec<bool>) -> Self {
        Self { width, dark }
    }

    /// A QR symbol that was encoded.
    pub(crate) fn of_qr(code: QrCode) -> Self {
        let width = code.width();
        let dark = code.into_colors().into_iter().map(|module| module == Color::Dark).collect();
        Self { width, dark }
    }

    /// Columns, in modules.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows, in modules: 1 for a barcode.
    pub fn height(&self) -> usize {
        self.rows().count()
    }

    /// The rows from the top, each [`width`](Self::width) modules from the left, `true` for dark.
    pub fn rows(&self) -> impl Iterator<Item = &[bool]> {
        self.dark.chunks_exact(self.width)
    }
}

/// Draws each run of dark modules of each row as one rectangle, on white.
pub(crate) fn svg(modules: &Modules, quiet_x: usize, quiet_y: usize, row_height: usize) -> String {
    let width = modules.width() + 2 * quiet_x;
    let height = modules.height() * row_height + 2 * quiet_y;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         shape-rendering=\"crispEdges\">\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/><g fill=\"#000\">"
    );
    for (y, row) in modules.rows().enumerate() {
        let top = quiet_y + y * row_height;
        let mut left = quiet_x;
        for run in row.chunk_by(|one, next| one == next) {
            if run.first() == Some(&true) {
                let run_width = run.len();
                write!(
                    text,
                    "<rect x=\"{left}\" y=\"{top}\" width=\"{run_width}\" height=\"{row_height}\"/>"
                )
                .expect("writing to a String does not fail");
            }
            left += run.len();
        }
    }
    text.push_str("</g></svg>\n");
    text
}

/// What tests of drawn symbols look through: a picture as a browser paints it, and a scanner.
#[cfg(test)]
pub(crate) mod picture {
    use rxing::{BarcodeFormat, RXingResult};

    /// Pixels a module: a scanner sees several.
    pub(crate) const PIXELS: usize = 3;

    /// A grey picture painted only from the rectangles of the SVG text, as a browser would.
    pub(crate) struct Picture {
        pub(crate) width: usize,
        pub(crate) height: usize,
        pub(crate) luma: Vec<u8>,
    }

    fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
        let (_, rest) = element.split_once(&format!(" {name}=\""))?;
        rest.split_once('"').map(|(value, _)| value)
    }

    fn number(element: &str, name: &str) -> usize {
        attribute(element, name).map_or(0, |value| value.parse().expect("a whole number"))
    }

    pub(crate) fn paint(svg: &str) -> Picture {
        let view_box = attribute(svg, "viewBox").expect("a view box");
        let size: Vec<usize> =
            view_box.split(' ').map(|part| part.parse().expect("a whole number")).collect();
        let [0, 0, units_wide, units_high] = size[..] else { panic!("view box {view_box}") };
        let (width, height) = (units_wide * PIXELS, units_high * PIXELS);
        // Grey until painted: whatever the SVG leaves open shows.
        let mut luma = vec![128; width * height];
        let (background, bars) =
            svg.split_once("<g fill=\"#000\">").expect("bars are one black group");
        for (part, shade) in [(background, 255), (bars, 0)] {
            for element in part.split("<rect").skip(1) {
                let (left, top) = (number(element, "x") * PIXELS, number(element, "y") * PIXELS);
                let (wide, high) =
                    (number(element, "width") * PIXELS, number(element, "height") * PIXELS);
                for row in luma.chunks_exact_mut(width).skip(top).take(high) {
                    row[left..left + wide].fill(shade);
                }
            }
        }
        Picture { width, height, luma }
    }

    pub(crate) fn scan(svg: &str, format: BarcodeFormat) -> RXingResult {
        let picture = paint(svg);
        assert!(
            picture.luma.iter().all(|pixel| *pixel != 128),
            "the background covers the view box"
        );
        let width = u32::try_from(picture.width).expect("small");
        let height = u32::try_from(picture.height).expect("small");
        rxing::helpers::detect_in_luma(picture.luma, width, height, Some(format))
            .expect("the symbol is read")
    }
}
