//! What a scanner at a till reads: zbarimg over an image, as another program than the one that drew
//! the code.

use std::path::Path;
use std::process::Command;

/// zbarimg's exit code where an image has no code.
const NO_CODE: i32 = 4;

/// Every code of an image, in no order.
pub(crate) fn decode(zbarimg: &Path, png: &[u8]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder for the image");
    let file = folder.path().join("image.png");
    std::fs::write(&file, png).expect("the folder can be written");
    let output = Command::new(zbarimg).args(["--quiet", "--raw", "--nodbus"]).arg(&file).output();
    let output = output.expect("zbarimg can be started");
    if output.status.code() == Some(NO_CODE) {
        return Vec::new();
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}
