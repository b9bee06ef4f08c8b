//! Attacks on accounts against the running server: nothing is enrolled, nothing can be spent, and no
//! password is confirmed.
