//! Native core of isl-bench: renders, cuts and counts.
//!
//! The core knows no Python; `binding.rs` is the only file that does.

mod binding;
mod count;
mod data;
mod prompts;
mod render;
mod tokenizer;

/// Version of the crate, which is also the version of the Python distribution.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Cargo profile family that this library was compiled under.
///
/// A debug build is several times slower than a release build, so nothing may time one
/// unknowingly.
pub const BUILD_PROFILE: &str = if cfg!(debug_assertions) {
    "debug"
} else {
    "release"
};

#[cfg(test)]
mod tests {
    use super::{BUILD_PROFILE, VERSION};

    #[test]
    fn version_has_three_numbers() {
        assert_eq!(
            VERSION
                .split('.')
                .filter(|n| n.parse::<u32>().is_ok())
                .count(),
            3
        );
    }

    #[test]
    fn profile_follows_debug_assertions() {
        assert_eq!(BUILD_PROFILE == "debug", cfg!(debug_assertions));
    }
}
