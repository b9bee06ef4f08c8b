//! The world model: members, shops and attackers that load and attack a server over HTTP, and
//! reports of what happened.
//!
//! Nothing of it is here yet: the crate holds its place in the workspace, and the direction of its
//! dependencies, until the issue that builds it.
