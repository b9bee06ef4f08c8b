//! Pages in a real browser, a module a page, and the tools themselves.

mod both_pages;
mod console;
mod console_rails;
mod console_staff;
mod first_page;
mod first_view;
mod register;
mod shop;
mod tools;
mod wallet;
