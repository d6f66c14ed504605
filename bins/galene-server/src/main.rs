//! The conference server: arguments, files, clock and signals around the libraries.

fn main() {}
