//! Pages in a real browser, a module a page, and the tools themselves.

mod console;
mod first_page;
mod register;
mod shop;
mod tools;
mod wallet;
