//! Conversations that go on.
//!
//! A session is locked only by who does not hold the GIL: whoever counts may need it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::errors::{RefusedError, reason};
use super::taking;
use crate::data::{Data, prepare_message};
use crate::records::{Profile, Serving};
use crate::session::{self, Answer, Engine, Script};

/// The tokens of a prompt; or whether the template raised, and the reason. Then figures.
type PyAnswer<'py> = (Option<u32>, Option<(bool, String)>, Bound<'py, PyDict>);

fn py_answer(py: Python<'_>, answer: Answer) -> PyResult<PyAnswer<'_>> {
    let Answer { tokens, figures } = answer;
    let told = PyDict::new(py);
    told.set_item("statements", figures.statements)?;
    told.set_item("prompt_bytes", figures.prompt)?;
    told.set_item("spans", figures.spans)?;
    if let Some(construct) = figures.restarts {
        told.set_item("restarts", construct)?;
    }
    Ok(match tokens {
        Ok(tokens) => (Some(tokens), None, told),
        Err(fault) => (None, Some(reason(fault)), told),
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A conversation that goes on, whose prompts the core renders.
#[pyclass(module = "strategies._native", frozen)]
pub struct Session(Mutex<session::Session>);

impl Session {
    pub fn of(engine: Engine, script: Script) -> Self {
        Self(Mutex::new(session::Session::new(engine, script)))
    }
}

#[pymethods]
impl Session {
    /// Adds a message as a messages profile gives it to the template.
    ///
    /// Says whether it did. If not, Python applies the profile.
    #[pyo3(signature = (message, profile, *, reads_parts, parses_arguments))]
    fn serve(
        &self,
        py: Python<'_>,
        message: &Bound<'_, PyAny>,
        profile: &str,
        reads_parts: bool,
        parses_arguments: bool,
    ) -> bool {
        let Some(profile) = Profile::named(profile) else {
            return false;
        };
        let serving = Serving {
            profile,
            reads_parts,
            parses_arguments,
        };
        let Ok(Ok(served)) = taking::written(message).map(|message| serving.message(message))
        else {
            return false;
        };
        py.detach(|| lock(&self.0).add(Data::Dict(prepare_message(served))));
        true
    }

    /// Adds a message that is as the template gets it, or refuses it.
    fn put(&self, py: Python<'_>, message: &Bound<'_, PyAny>) -> PyResult<()> {
        let message = taking::message(message).map_err(RefusedError::new_err)?;
        py.detach(|| lock(&self.0).add(message));
        Ok(())
    }

    /// Counts the prompt of all messages.
    fn count<'py>(&self, py: Python<'py>) -> PyResult<PyAnswer<'py>> {
        let answer = py.detach(|| lock(&self.0).count());
        py_answer(py, answer)
    }

    /// The same conversation again, to go on in another way.
    fn copy(&self, py: Python<'_>) -> Self {
        py.detach(|| Self(Mutex::new(lock(&self.0).clone())))
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        py.detach(|| lock(&self.0).len())
    }
}

/// A conversation that goes on, whose prompts Jinja2 renders.
#[pyclass(module = "strategies._native", frozen)]
pub struct GivenSession(Mutex<session::Given>);

impl GivenSession {
    pub fn of(engine: Engine) -> Self {
        Self(Mutex::new(session::Given::new(engine)))
    }
}

#[pymethods]
impl GivenSession {
    /// Counts a prompt.
    fn count<'py>(
        &self,
        py: Python<'py>,
        prompt: &Bound<'py, PyString>,
    ) -> PyResult<PyAnswer<'py>> {
        let prompt = prompt.to_str()?.to_owned();
        let answer = py.detach(|| lock(&self.0).count(prompt));
        py_answer(py, answer)
    }
}
