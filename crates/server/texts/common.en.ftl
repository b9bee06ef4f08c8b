# What every page says.
common-skip = Skip to the content
common-other-language = 日本語
common-needs-script = This page needs JavaScript: requests are signed with a key of this device.
common-unreachable = The server cannot be reached. This goes on as soon as it can.
common-busy = The server is busy. This goes on in a moment.
common-points = { $points } points
common-camera-refused = The camera cannot be used. Allow it in the browser’s settings, or type the number.
common-camera-missing = This device has no camera. Type the number instead.
