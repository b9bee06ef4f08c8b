//! The JSON API: registers, devices and the console. A handler is parse → command → submit →
//! render.

pub mod console;
pub mod device;
pub mod enrolment;
pub mod fields;
pub mod openapi;
pub mod register;
pub mod render;
pub mod time;
