//! The keys that tests press: those that move about, send and leave. Text is put in, not pressed.

use chromiumoxide::Page;
use chromiumoxide::cdp::browser_protocol::input::{DispatchKeyEventParams, DispatchKeyEventType};

/// The name of a key as `KeyboardEvent.key`, its code, its number, and what it writes.
const KEYS: [(&str, &str, i64, &str); 13] = [
    ("Enter", "Enter", 13, "\r"),
    ("Tab", "Tab", 9, ""),
    ("Escape", "Escape", 27, ""),
    (" ", "Space", 32, " "),
    ("Backspace", "Backspace", 8, ""),
    ("Delete", "Delete", 46, ""),
    ("ArrowUp", "ArrowUp", 38, ""),
    ("ArrowDown", "ArrowDown", 40, ""),
    ("ArrowLeft", "ArrowLeft", 37, ""),
    ("ArrowRight", "ArrowRight", 39, ""),
    ("Home", "Home", 36, ""),
    ("End", "End", 35, ""),
    ("Shift+Tab", "Tab", 9, ""),
];
/// The bit of Shift.
const SHIFT: i64 = 8;

/// Presses a key and lets it go, wherever the focus is.
pub(crate) async fn press(page: &Page, key: &str) {
    let known = KEYS.iter().find(|(name, ..)| *name == key);
    let (name, code, number, text) = *known.unwrap_or_else(|| panic!("no key {key:?} in the list"));
    let is_shifted = name.starts_with("Shift+");
    let mut event = DispatchKeyEventParams::new(DispatchKeyEventType::KeyDown);
    event.key = Some(name.trim_start_matches("Shift+").to_owned());
    event.code = Some(code.to_owned());
    event.windows_virtual_key_code = Some(number);
    event.modifiers = is_shifted.then_some(SHIFT);
    event.text = (!text.is_empty()).then(|| text.to_owned());
    page.execute(event.clone()).await.expect("a key can be pressed");
    event.r#type = DispatchKeyEventType::KeyUp;
    event.text = None;
    page.execute(event).await.expect("a key can be let go");
}
