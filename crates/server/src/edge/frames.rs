//! Frames of a camera, read for pages whose browser has no barcode reader of its own.
//!
//! Shape: grey pixels, one byte each, row by row → a line of its own → a fixed number of threads →
//! the texts of the symbols in it. Nothing of a frame is kept or logged.
//!
//! Limits: [`WIDTH_MAX`] by [`HEIGHT_MAX`], one frame of a caller under way until its thread has
//! finished with it; of each listener [`FRAMES_TAKEN_MAX`] that come on believed connections, and
//! [`FRAMES_OF_STRANGERS_MAX`] on others; [`FRAMES_QUEUED_MAX`] in line, [`THREADS`] being read.
//! Past those a page is told to send the next frame a little later: the shop's number can be typed
//! meanwhile. The decoder is somebody else's and meets bytes of strangers: its panics are caught,
//! and a frame with more than [`FINDER_RUNS_MAX`], whose cube it would work through, is not shown
//! to it.
//!
//! Not here: what a text means.

use std::collections::HashSet;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use hyper::body::Bytes;
use rxing::common::{BitMatrix, HybridBinarizer};
use rxing::{BarcodeFormat, BinaryBitmap, DecodeHints, Luma8Source, MultiFormatReader, Reader};
use tokio::sync::oneshot;

use super::error::EdgeError;
use super::listener::ListenerName;
use super::pace::{Flight, InFlight};
use super::problem::Problem;

/// The widest frame, pixels.
pub const WIDTH_MAX: u32 = 1280;
/// The highest frame, pixels.
pub const HEIGHT_MAX: u32 = 960;
/// The most that a frame's body may take, bytes: 1 MiB, less than the widest at its highest.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;
/// The most frames of one listener that come at once on connections that the book believes.
pub const FRAMES_TAKEN_MAX: usize = 16;
/// The most of these on connections of one caller, so that no single one takes them all.
pub const FRAMES_TAKEN_EACH_MAX: usize = 4;
/// The most frames of one listener that come at once on connections of strangers.
pub const FRAMES_OF_STRANGERS_MAX: usize = 4;
/// The most frames in line.
pub const FRAMES_QUEUED_MAX: usize = 8;
/// Threads that read frames.
pub const THREADS: usize = 2;

/// The most rows of pixels that cross something like the finder pattern of a QR, counted once for
/// each crossing. A QR that fills a frame has about 300, and chance adds some.
pub const FINDER_RUNS_MAX: usize = 600;

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
        let hints = DecodeHints {
            PossibleFormats: Some(formats),
            // A camera shows the next frame in a moment: none is worth long work.
            TryHarder: Some(false),
            ..DecodeHints::default()
        };
        let source = Luma8Source::new_with_slice(&self.luma, self.width, self.height);
        let Ok(source) = source else { return Vec::new() };
        let mut bitmap = BinaryBitmap::new(HybridBinarizer::new(source));
        // The very pixels that the decoder looks at: no other threshold hides patterns from us.
        if is_crowded(bitmap.get_black_matrix()) {
            return Vec::new();
        }
        let found = MultiFormatReader::default().decode_with_hints(&mut bitmap, &hints);
        found.map(|found| found.getText().to_owned()).into_iter().collect()
    }
}

/// Whether there are more than [`FINDER_RUNS_MAX`].
fn is_crowded(pixels: &BitMatrix) -> bool {
    let mut count = 0;
    (0..pixels.getHeight()).any(|y| {
        count += finder_runs(pixels, y);
        count > FINDER_RUNS_MAX
    })
}

/// How many times a row crosses what its column shows to be like a finder pattern, too.
fn finder_runs(pixels: &BitMatrix, y: u32) -> usize {
    let width = pixels.getWidth();
    let (mut count, mut runs, mut was_dark) = (0, [0_u32; 5], false);
    // The edge of the frame ends the last run.
    for x in 0..=width {
        let is_dark = x < width && pixels.get(x, y);
        if is_dark != was_dark {
            if was_dark && is_finder(runs) {
                let middle = x - runs[4] - runs[3] - runs[2].div_ceil(2);
                count += usize::from(is_finder(column(pixels, (middle, y), runs[2])));
            }
            runs.rotate_left(1);
            runs[4] = 0;
            was_dark = is_dark;
        }
        runs[4] += 1;
    }
    count
}

/// The five runs of a column around a dark pixel, as far as a pattern reaches whose middle is as
/// high as the row's is wide: all columns together cost no more than some looks at each pixel.
fn column(pixels: &BitMatrix, (x, y): (u32, u32), middle: u32) -> [u32; 5] {
    let reach = usize::try_from(4 * middle + 4).expect("a frame is small");
    let dark = |y| pixels.get(x, y);
    let above = runs_from((0..=y).rev().take(reach).map(dark));
    let below = runs_from((y + 1..pixels.getHeight()).take(reach).map(dark));
    [above[2], above[1], above[0] + below[0], below[1], below[2]]
}

/// The lengths of the dark, the light and the dark run that a line begins with.
fn runs_from(line: impl Iterator<Item = bool>) -> [u32; 3] {
    let (mut runs, mut at) = ([0; 3], 0);
    for is_dark in line {
        if is_dark != (at % 2 == 0) {
            at += 1;
        }
        let Some(run) = runs.get_mut(at) else { break };
        *run += 1;
    }
    runs
}

/// Whether dark, light, dark, light, dark are near 1:1:3:1:1: within half a module and half a
/// pixel, which is what the decoder takes for a pattern.
fn is_finder(runs: [u32; 5]) -> bool {
    let total: u32 = runs.iter().sum();
    // In fourteenths of a pixel, of which a module has `2 * total`.
    let near =
        |run: u32, modules: u32| (14 * run).abs_diff(2 * total * modules) < modules * (total + 7);
    let all = runs.iter().zip([1, 1, 3, 1, 1]).all(|(&run, modules)| run > 0 && near(run, modules));
    total >= 7 && all
}

/// Who may send a frame, and have one read: each listener for itself.
#[derive(Debug, Default)]
pub struct FramePlaces {
    registers: Places,
    devices: Places,
}

#[derive(Debug)]
struct Places {
    own: Arc<InFlight>,
    believed: Arc<InFlight>,
    believed_each: Arc<InFlight>,
    strangers: Arc<InFlight>,
}

/// The number under which all of a listener are counted together.
const ALL: i64 = 0;

impl Default for Places {
    fn default() -> Self {
        Self {
            own: InFlight::new(1),
            believed: InFlight::new(FRAMES_TAKEN_MAX),
            believed_each: InFlight::new(FRAMES_TAKEN_EACH_MAX),
            strangers: InFlight::new(FRAMES_OF_STRANGERS_MAX),
        }
    }
}

/// A place to receive a frame in; given back when dropped.
#[derive(Debug)]
pub struct Receiving {
    listener: ListenerName,
    _flights: (Flight, Option<Flight>),
}

/// The place of a frame, and its caller's own; given back when dropped.
#[derive(Debug)]
pub struct FramePlace {
    _receiving: Receiving,
    _own: Flight,
}

impl FramePlaces {
    /// Takes a place to receive a frame in, on a connection that the book believes to be this
    /// caller's, or a stranger's. Strangers hold no place that the believed need.
    ///
    /// # Errors
    /// [`EdgeError::Busy`].
    pub fn receive(
        &self,
        listener: ListenerName,
        believed: Option<i64>,
    ) -> Result<Receiving, Problem> {
        let places = self.of(listener);
        let flights = match believed {
            Some(caller) => {
                places.believed_each.start(caller).zip(places.believed.start(ALL).map(Some))
            }
            None => places.strangers.start(ALL).map(|flight| (flight, None)),
        };
        let flights = flights.ok_or_else(|| Problem::from(EdgeError::Busy).and_retry_after(1))?;
        Ok(Receiving { listener, _flights: flights })
    }

    /// Takes the own place of `caller`, who has proven that the frame is his.
    ///
    /// # Errors
    /// [`EdgeError::TooManyInFlight`].
    pub fn own(&self, receiving: Receiving, caller: i64) -> Result<FramePlace, Problem> {
        let own = self.of(receiving.listener).own.start(caller);
        let own = own.ok_or_else(|| Problem::from(EdgeError::TooManyInFlight).and_retry_after(1));
        Ok(FramePlace { _receiving: receiving, _own: own? })
    }

    /// How many frames of a listener come on connections of strangers.
    pub fn of_strangers(&self, listener: ListenerName) -> usize {
        self.of(listener).strangers.count(ALL)
    }

    fn of(&self, listener: ListenerName) -> &Places {
        if listener == ListenerName::Registers { &self.registers } else { &self.devices }
    }
}

/// A frame in line, its place, and who waits for its texts.
struct Job {
    frame: Frame,
    place: FramePlace,
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

    /// Puts a frame in line. Its place is given back when a thread has finished with it, even if
    /// nobody waits any more.
    ///
    /// # Errors
    /// [`EdgeError::Busy`] when the line is full.
    pub fn read(
        &self,
        frame: Frame,
        place: FramePlace,
    ) -> Result<oneshot::Receiver<Vec<String>>, Problem> {
        let (reply, texts) = oneshot::channel();
        let taken = self.jobs.try_send(Job { frame, place, reply });
        taken.map_err(|_| Problem::from(EdgeError::Busy).and_retry_after(1))?;
        Ok(texts)
    }
}

fn work(line: &Mutex<Receiver<Job>>) {
    loop {
        let next = line.lock().expect("no holder panics").recv();
        let Ok(Job { frame, place, reply }) = next else { return };
        // Nobody waits for a frame whose deadline has passed.
        if reply.is_closed() {
            continue;
        }
        let texts = frame.texts();
        // The caller's place is free again before it hears of its frame.
        drop(place);
        let _ = reply.send(texts);
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
        // Each of its own listener, as it were: only the line is full.
        let place = |caller| {
            let places = FramePlaces::default();
            let receiving = places.receive(ListenerName::Registers, None)?;
            places.own(receiving, caller)
        };
        let frame = frame_of("a text that is read");
        let texts = readers.read(frame.clone(), place(0).expect("free")).expect("there is room");
        assert_eq!(texts.blocking_recv().expect("it is read"), ["a text that is read"]);
        let kept: Vec<_> = (1..1000)
            .map(|caller| readers.read(frame.clone(), place(caller).expect("free")))
            .collect();
        assert!(kept.iter().any(Result::is_err), "a thousand at once are too many");
        assert!(kept.iter().any(Result::is_ok));
    }

    #[test]
    fn a_frame_full_of_finder_patterns_is_read_by_nobody() {
        const WIDTH: usize = 1280;
        const HEIGHT: usize = 819;
        let is_dark = |x: usize, y: usize| (x.abs_diff(3).max(y.abs_diff(3))) != 2;
        let luma: Vec<u8> = (0..WIDTH * HEIGHT)
            .map(|at| if is_dark(at % WIDTH % 7, at / WIDTH % 7) { 30 } else { 220 })
            .collect();
        assert!(crowds(&luma, WIDTH));
        // A half that is white moves the mean of the frame, and hides nothing.
        let mut half = luma.clone();
        half[WIDTH * HEIGHT / 2..].fill(255);
        assert!(crowds(&half, WIDTH));
        let (width, height) = (WIDTH.to_string(), HEIGHT.to_string());
        let frame = Frame::new(&width, &height, Bytes::from(luma)).expect("it fits");
        assert_eq!(frame.texts(), Vec::<String>::new());
    }

    #[test]
    fn a_qr_is_no_crowd() {
        let frame = frame_of("000201ひので");
        assert!(!crowds(&frame.luma, usize::try_from(frame.width).expect("small")));
    }

    fn crowds(luma: &[u8], width: usize) -> bool {
        let side = |pixels: usize| u32::try_from(pixels).expect("small");
        let source = Luma8Source::new_with_slice(luma, side(width), side(luma.len() / width));
        let bitmap = BinaryBitmap::new(HybridBinarizer::new(source.expect("it fits")));
        is_crowded(bitmap.get_black_matrix())
    }

    #[test]
    fn strangers_take_no_place_of_the_believed_and_one_caller_not_all_of_them() {
        let places = FramePlaces::default();
        let receive = |believed| places.receive(ListenerName::Registers, believed);
        let strangers: Vec<_> = (0..99).map_while(|_| receive(None).ok()).collect();
        assert_eq!(strangers.len(), FRAMES_OF_STRANGERS_MAX);
        let greedy: Vec<_> = (0..99).map_while(|_| receive(Some(1)).ok()).collect();
        assert_eq!(greedy.len(), FRAMES_TAKEN_EACH_MAX);
        let others: Vec<_> = (2..99).map_while(|caller| receive(Some(caller)).ok()).collect();
        assert_eq!(others.len(), FRAMES_TAKEN_MAX - FRAMES_TAKEN_EACH_MAX);
        assert!(places.receive(ListenerName::Devices, None).is_ok(), "each listener for itself");
        drop(strangers);
        assert!(receive(None).is_ok());
    }

    #[test]
    fn a_caller_has_one_place_of_his_own_until_his_frame_is_finished() {
        let places = FramePlaces::default();
        let own = |caller| {
            let receiving = places.receive(ListenerName::Registers, None).expect("room");
            places.own(receiving, caller)
        };
        let place = own(1).expect("free");
        assert!(own(1).is_err() && own(2).is_ok());
        drop(place);
        assert!(own(1).is_ok());
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
