//! The core's files without its Python side, and what the targets compare.

#![allow(
    dead_code,
    unused_imports,
    reason = "some of it is there for the Python side"
)]

#[path = "../../src/count/mod.rs"]
mod count;
#[path = "../../src/data.rs"]
mod data;
#[path = "../../src/engine/mod.rs"]
mod engine;
#[path = "../../src/fault.rs"]
mod fault;
#[path = "../../src/prefix.rs"]
mod prefix;
#[path = "../../src/prompts.rs"]
mod prompts;
#[path = "../../src/render/mod.rs"]
mod render;
#[path = "../../src/tokenizer/mod.rs"]
mod tokenizer;

pub mod compare;
