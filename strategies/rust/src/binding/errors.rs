//! What the core raises in Python.

use pyo3::create_exception;
use pyo3::exceptions::PyRuntimeError;

use crate::fault::Fault;

create_exception!(
    strategies._native,
    NativeError,
    PyRuntimeError,
    "The native core failed."
);
create_exception!(
    strategies._native,
    ThreadsError,
    NativeError,
    "The system starts no more threads."
);
create_exception!(
    strategies._native,
    RefusedError,
    NativeError,
    "The template, or this prompt of it, is not rendered here."
);
create_exception!(
    strategies._native,
    TemplateRaisedError,
    NativeError,
    "The template raised, here as in Jinja2."
);

/// The message of an error whose cause the caller knows.
pub const CANCELLED: &str = "cancelled";

/// Whether the template raised, and why there is no count.
pub fn reason(fault: Fault) -> (bool, String) {
    match fault {
        Fault::Raised(message) => (true, message),
        Fault::Unsupported(reason) => (false, reason),
        Fault::Cancelled => (false, CANCELLED.to_owned()),
    }
}
