//! The fast uploader of mailvault: bytes and files to S3, many at a time, off Python's lock.
//!
//! `py` is the edge that Python sees; everything below it is plain Rust and is tested as such.

#![deny(unsafe_code)]

mod bucket;
mod budget;
mod checksum;
mod classify;
mod client;
mod conditional;
mod content;
mod digest;
mod encoding;
mod error;
mod existing;
mod file;
mod headers;
mod key;
#[cfg(test)]
mod mock_server;
mod multipart;
#[cfg(test)]
mod multipart_tests;
mod pace;
#[cfg(test)]
mod pace_tests;
mod part;
mod patience;
mod py;
mod reader;
mod session;
#[cfg(test)]
mod session_tests;
mod signing;
mod upload;
#[cfg(test)]
mod upload_tests;
mod window;

use pyo3::prelude::*;
use tikv_jemallocator::Jemalloc;

/// What one thread of ours allocates another often frees. An upload takes a quarter less of CPU with
/// this one than with the C library's, and no more memory (docs/benchmarks.md).
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// The module `mailvault._rust`.
#[pymodule(gil_used = false)]
fn _rust(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<py::Uploader>()?;
    module.add_function(wrap_pyfunction!(py::reasons, module)?)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))
}
