//! The JSON API: registers and devices. A handler is parse → command → submit → render.

pub mod device;
pub mod enrolment;
pub mod fields;
pub mod openapi;
pub mod register;
pub mod render;
pub mod shop;
pub mod time;
