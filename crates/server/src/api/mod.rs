//! The JSON API: registers, devices, merchants' own systems and the console. A handler is parse →
//! command → submit → render.

pub mod console;
pub mod cursor;
pub mod device;
pub mod enrolment;
pub mod fields;
pub mod headers;
pub mod member;
pub mod openapi;
pub mod partner;
pub mod register;
pub mod render;
pub mod shop;
pub mod time;
