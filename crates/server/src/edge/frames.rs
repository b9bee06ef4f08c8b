//! Frames of a camera, read for pages whose browser has no barcode reader of its own.
//!
//! Shape: grey pixels, one byte each, row by row → a line of its own → a fixed number of threads →
//! the texts of the symbols in it. Nothing of a frame is kept or logged.
//!
//! Limits: [`WIDTH_MAX`] by [`HEIGHT_MAX`], one frame of a caller under way, [`FRAMES_TAKEN_MAX`]
//! of a listener that are being received, [`FRAMES_QUEUED_MAX`] in line, [`THREADS`] being read.
//! Past those a page is told to send the next frame a little later: the shop's number can be typed
//! meanwhile. The decoder is somebody else's and meets bytes of strangers: its panics are caught.
//!
//! Not here: what a text means.

use std::collections::HashSet;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use hyper::body::Bytes;
use rxing::{BarcodeFormat, DecodeHints};
use tokio::sync::oneshot;

use super::error::EdgeError;
use super::problem::Problem;

/// The widest frame, pixels.
pub const WIDTH_MAX: u32 = 1280;
/// The highest frame, pixels.
pub const HEIGHT_MAX: u32 = 960;
/// The most that a frame's body may take, bytes: 1 MiB, less than the widest at its highest.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;
/// The most frames of one listener that are received at once.
pub const FRAMES_TAKEN_MAX: usize = 16;
/// The most frames in line.
pub const FRAMES_QUEUED_MAX: usize = 8;
/// Threads that read frames.
pub const THREADS: usize = 2;

/// Grey pixels.
#[derive(Clone, Debug)]
pub struct Frame {
    width: u32,
    height: u32,
    luma: Bytes,
}

impl Frame {
    /// A frame of this width and height, as the path says them.
    ///
    /// # Errors
    /// [`EdgeError::FrameMustFit`].
    pub fn new(width: &str, height: &str, luma: Bytes) -> Result<Self, Problem> {
        let side = |text: &str, most: u32| {
            let number: Option<u32> = text.parse().ok();
            number.filter(|number| (1..=most).contains(number))
        };
        let sides = side(width, WIDTH_MAX).zip(side(height, HEIGHT_MAX));
        let fits = sides.filter(|(width, height)| {
            usize::try_from(width * height).is_ok_and(|pixels| pixels == luma.len())
        });
        let (width, height) = fits.ok_or(EdgeError::FrameMustFit)?;
        Ok(Self { width, height, luma })
    }

    /// The texts of the symbols that are found; the decoder's own panics are nothing found.
    pub fn texts(&self) -> Vec<String> {
        let read = catch_unwind(AssertUnwindSafe(|| self.read()));
        read.unwrap_or_else(|_| {
            let (width, height) = (self.width, self.height);
            tracing::warn!(width, height, "a frame made the decoder panic");
            Vec::new()
        })
    }

    fn read(&self) -> Vec<String> {
        let formats = HashSet::from([BarcodeFormat::QR_CODE, BarcodeFormat::CODE_128]);
        let mut hints = DecodeHints {
            PossibleFormats: Some(formats),
            // A camera shows the next frame in a moment: none is worth long work.
            TryHarder: Some(false),
            ..DecodeHints::default()
        };
        let (width, height) = (self.width, self.height);
        let found = rxing::helpers::detect_in_luma_slice_with_hints(
            &self.luma, width, height, None, &mut hints,
        );
        found.map(|found| found.getText().to_owned()).into_iter().collect()
    }
}

/// A frame in line, and who waits for its texts.
struct Job {
    frame: Frame,
    reply: oneshot::Sender<Vec<String>>,
}

/// The threads that read frames, and the line before them. They end when this is dropped.
#[derive(Debug)]
pub struct FrameReaders {
    jobs: SyncSender<Job>,
}

impl FrameReaders {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system has no room for them.
    pub fn start() -> io::Result<Self> {
        let (jobs, line) = sync_channel(FRAMES_QUEUED_MAX);
        let line = Arc::new(Mutex::new(line));
        for number in 0..THREADS {
            let line = Arc::clone(&line);
            let thread = std::thread::Builder::new().name(format!("frames-{number}"));
            thread.spawn(move || work(&line))?;
        }
        Ok(Self { jobs })
    }

    /// Puts a frame in line.
    ///
    /// # Errors
    /// [`EdgeError::Busy`] when the line is full.
    pub fn read(&self, frame: Frame) -> Result<oneshot::Receiver<Vec<String>>, Problem> {
        let (reply, texts) = oneshot::channel();
        let taken = self.jobs.try_send(Job { frame, reply });
        taken.map_err(|_| Problem::from(EdgeError::Busy).and_retry_after(1))?;
        Ok(texts)
    }
}

fn work(line: &Mutex<Receiver<Job>>) {
    loop {
        let next = line.lock().expect("no holder panics").recv();
        let Ok(Job { frame, reply }) = next else { return };
        // Whoever does not wait any more has sent a newer frame.
        if !reply.is_closed() {
            let _ = reply.send(frame.texts());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use yaoki_formats::qr_text::qr_modules;

    /// A text as a camera sees its QR, a few pixels a module, on grey.
    fn frame_of(text: &str) -> Frame {
        let modules = qr_modules(text).expect("short");
        let (quiet, pixels) = (4, 4);
        let side = (modules.width() + 2 * quiet) * pixels;
        let mut luma = vec![220; side * side];
        for (y, row) in modules.rows().enumerate() {
            for (x, _) in row.iter().enumerate().filter(|(_, dark)| **dark) {
                for line in 0..pixels {
                    let start = ((y + quiet) * pixels + line) * side + (x + quiet) * pixels;
                    luma[start..start + pixels].fill(30);
                }
            }
        }
        let side = side.to_string();
        Frame::new(&side, &side, Bytes::from(luma)).expect("it fits")
    }

    #[test]
    fn a_qr_in_a_frame_is_read_and_an_empty_frame_has_none() {
        assert_eq!(frame_of("000201ひので").texts(), ["000201ひので"]);
        let grey = Frame::new("64", "48", Bytes::from(vec![128; 64 * 48])).expect("it fits");
        assert_eq!(grey.texts(), Vec::<String>::new());
    }

    #[test]
    fn a_frame_whose_pixels_are_not_those_of_its_path_is_refused() {
        for (width, height, bytes) in
            [("0", "0", 0), ("4", "4", 15), ("4", "x", 16), ("1281", "1", 1281), ("-4", "-4", 16)]
        {
            assert!(Frame::new(width, height, Bytes::from(vec![0; bytes])).is_err(), "{width}");
        }
    }

    #[test]
    fn frames_are_read_in_turn_and_past_the_line_they_are_turned_away() {
        let readers = FrameReaders::start().expect("threads start");
        let frame = frame_of("a text that is read");
        let texts = readers.read(frame.clone()).expect("there is room");
        assert_eq!(texts.blocking_recv().expect("it is read"), ["a text that is read"]);
        let kept: Vec<_> = (0..1000).map(|_| readers.read(frame.clone())).collect();
        assert!(kept.iter().any(Result::is_err), "a thousand at once are too many");
        assert!(kept.iter().any(Result::is_ok));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn no_frame_panics(
            width in 1..40_u32, luma in proptest::collection::vec(any::<u8>(), 1..900)
        ) {
            let rows = luma.len() / usize::try_from(width).expect("small");
            prop_assume!(rows > 0);
            let bytes = luma[..rows * usize::try_from(width).expect("small")].to_vec();
            let frame = Frame::new(&width.to_string(), &rows.to_string(), Bytes::from(bytes));
            let _ = frame.expect("it fits").texts();
        }
    }
}
