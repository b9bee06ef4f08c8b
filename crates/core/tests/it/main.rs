//! The rules of Yaoki, proved: tables of cases, a naive model, every order, every switch.

mod states;
