//! The Python module `strategies._native`: a thin skin over the core.

use pyo3::prelude::*;

#[pymodule]
mod _native {
    use super::{Bound, PyModule, PyModuleMethods, PyResult};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", crate::VERSION)?;
        module.add("build_profile", crate::BUILD_PROFILE)
    }
}
