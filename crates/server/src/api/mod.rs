//! The JSON API: registers, devices and merchants' own systems. A handler is parse → command →
//! submit → render.

pub mod cursor;
pub mod device;
pub mod enrolment;
pub mod fields;
pub mod headers;
pub mod openapi;
pub mod partner;
pub mod register;
pub mod render;
pub mod shop;
pub mod time;
