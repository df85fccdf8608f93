//! Native core of isl-bench: renders, cuts and counts.
//!
//! Only `binding` knows Python. README.md says what the rooms are for.

#[cfg(windows)]
compile_error!("isl-bench runs on Linux and macOS; on Windows, install it in WSL");

mod binding;
mod count;
mod data;
#[allow(
    dead_code,
    reason = "a cache of engines and engines that ask where a span stands are on their way"
)]
mod engine;
mod fault;
mod prefix;
mod prompts;
mod records;
mod render;
mod session;
mod tokenizer;

/// What a render and a part of a dataset need is many small pieces, given back soon.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Version of the crate, which is also the version of the Python distribution.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Whether this is a debug or a release build.
///
/// A debug build is several times slower, so a measurement has to ask first.
pub const BUILD_PROFILE: &str = if cfg!(debug_assertions) {
    "debug"
} else {
    "release"
};
