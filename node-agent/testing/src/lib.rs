//! What the tests of several floors share. Only tests depend on it.

pub mod root;
