//! The Python module `strategies._native`: a thin skin over the core.

mod errors;
mod reading;
mod rows;
mod session;
mod taking;
mod waiting;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyBytes, PyDict, PyString};

use crate::count::columns::Wanted;
use crate::count::remembered::{MOST_BYTES, Remembered};
use crate::count::source::{Source, Turn};
use crate::count::workers::{Options, Stop};
use crate::count::{Counts, Failure, Report, count};
use crate::data::Data;
use crate::fault::Fault;
use crate::prompts::{Conversation, Prompts, Rendered};
use crate::render::limits::Limits;
use crate::render::{self, Messages, constructs};
use crate::session::{Engine, Script};
use crate::tokenizer::markers::Added;
use crate::tokenizer::sentencepiece::{Preparation, SentencePiece};
use crate::tokenizer::told;
use crate::tokenizer::{SpanCounter, SpanLengths};
use errors::{CANCELLED, NativeError, RefusedError, TemplateRaisedError, ThreadsError, reason};
use reading::{HarmlessNames, Records};
use session::{GivenSession, Session};
use waiting::Waiting;

fn render_error(fault: Fault) -> PyErr {
    match fault {
        Fault::Raised(message) => TemplateRaisedError::new_err(message),
        Fault::Unsupported(reason) => RefusedError::new_err(reason),
        Fault::Cancelled => NativeError::new_err(CANCELLED),
    }
}

/// A compiled chat template with the variables that all conversations share.
#[pyclass(module = "strategies._native", frozen)]
struct Template {
    inner: Arc<render::Template>,
}

#[pymethods]
impl Template {
    /// Compiles the JSON of Jinja2's syntax tree, or refuses it.
    ///
    /// A render that takes more steps or makes a longer text than it may is refused.
    #[new]
    #[pyo3(signature = (tree, variables, strftime, *, max_steps=None, max_bytes=None))]
    fn new(
        tree: &str,
        variables: &Bound<'_, PyDict>,
        strftime: &Bound<'_, PyAny>,
        max_steps: Option<u64>,
        max_bytes: Option<usize>,
    ) -> PyResult<Self> {
        let variables = taking::variables(variables).map_err(RefusedError::new_err)?;
        let mut inner = render::Template::new(tree, variables).map_err(RefusedError::new_err)?;
        let dates = inner
            .date_formats()
            .iter()
            .map(|format| strftime.call1((*format,))?.extract())
            .collect::<PyResult<Vec<String>>>()?;
        inner.set_dates(dates);
        let unlimited = Limits::default();
        inner.set_limits(Limits {
            steps: max_steps.unwrap_or(unlimited.steps),
            bytes: max_bytes.unwrap_or(unlimited.bytes),
        });
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Renders one prompt.
    #[pyo3(signature = (messages, tools))]
    fn render(
        &self,
        py: Python<'_>,
        messages: &Bound<'_, PyAny>,
        tools: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<String> {
        let messages = taking::each(messages, taking::message)?;
        let tools = match tools {
            Some(tools) => Some(Data::List(taking::each(tools, taking::tool)?)),
            None => None,
        };
        py.detach(|| {
            let mut out = String::new();
            self.inner
                .render(&messages, tools.as_ref(), &AtomicBool::new(false), &mut out)
                .map(|()| out)
        })
        .map_err(render_error)
    }

    /// Renders the turns of a conversation that waits, one after the other, as counting does.
    ///
    /// With `adding` as a session does: it has no message before the turn that needs it.
    ///
    /// Gives for each turn its prompt or its error, how many bytes it keeps of the last prompt
    /// before it, and how many statements of the template were run for it.
    #[pyo3(signature = (waiting, place, *, adding=false))]
    fn render_turns(
        &self,
        py: Python<'_>,
        waiting: &Bound<'_, Waiting>,
        place: usize,
        adding: bool,
    ) -> PyResult<Vec<PyTurn>> {
        let Conversation {
            messages,
            tools,
            turns,
        } = waiting.get().take_one(place)?;
        if turns.iter().any(|turn| *turn > messages.len()) {
            return Err(PyValueError::new_err(
                "a turn has more messages than there are",
            ));
        }
        let rendered = py.detach(|| {
            let stop = AtomicBool::new(false);
            let added = Messages::default();
            let mut all = if adding {
                self.inner.open_turns(&added, tools.as_ref(), &stop)
            } else {
                self.inner.turns(&messages, tools.as_ref(), &stop)
            };
            let mut rendered = Vec::with_capacity(turns.len());
            for turn in turns {
                if adding {
                    for message in messages.get(added.len()..turn).unwrap_or_default() {
                        added.push(Arc::new(message.clone()));
                    }
                }
                let render::Rendered { prompt, statements } = all.render(turn);
                let prompt = prompt
                    .map(|prompt| (prompt.text.to_owned(), prompt.kept))
                    .map_err(|fault| *fault);
                rendered.push((prompt, statements));
            }
            rendered
        });
        let turn = |(prompt, statements): (Result<(String, usize), Fault>, u64)| match prompt {
            Ok((text, kept)) => (Some(text), None, kept, statements),
            Err(fault) => (None, Some(render_error(fault)), 0, statements),
        };
        Ok(rendered.into_iter().map(turn).collect())
    }
}

/// A rendered turn: its prompt or its error, the bytes kept, and the statements run.
type PyTurn = (Option<String>, Option<PyErr>, usize, u64);

/// A turn without a count: conversation, turn, whether the template raised, and why.
type PyFailure = (usize, usize, bool, String);

fn py_failure(failure: Failure) -> PyFailure {
    let (raised, message) = reason(failure.fault);
    let Turn { conversation, turn } = failure.turn;
    (conversation, turn, raised, message)
}

fn figures<'py>(
    py: Python<'py>,
    convert_seconds: f64,
    report: &Report,
) -> PyResult<Bound<'py, PyDict>> {
    let figures = PyDict::new(py);
    figures.set_item("convert_seconds", convert_seconds)?;
    figures.set_item("render_seconds", report.render_seconds)?;
    figures.set_item("cut_seconds", report.cut_seconds)?;
    figures.set_item("encode_seconds", report.encode_seconds)?;
    figures.set_item("characters", report.characters)?;
    figures.set_item("markers_found", report.markers_found)?;
    figures.set_item("statements", report.statements)?;
    if let Some(construct) = report.restarts {
        figures.set_item("restarts", construct)?;
    }
    Ok(figures)
}

/// A number for every turn of every conversation.
type PyColumn = Vec<Vec<Option<u32>>>;

/// Counts, failures and figures of one call.
type PyCounts<'py> = (PyColumn, Vec<PyFailure>, Bound<'py, PyDict>);

/// The columns beside the counts, and the places of conversations that have unknown ones.
type PyColumns = (PyColumn, PyColumn, Vec<usize>);

/// A tokenizer that counts the prompts of many turns.
#[pyclass(module = "strategies._native", frozen)]
struct Counter {
    inner: Arc<dyn SpanLengths>,
    workers: usize,
    /// What its sessions share, and calls that remember.
    remembered: Arc<Remembered>,
}

impl Counter {
    fn of(inner: impl SpanLengths + 'static, workers: usize) -> Self {
        Self {
            inner: Arc::new(inner),
            workers: workers.max(1),
            remembered: Arc::default(),
        }
    }

    fn engine_of_sessions(&self) -> Engine {
        Engine {
            tokenizer: Arc::clone(&self.inner),
            memory: Arc::clone(&self.remembered),
        }
    }

    fn run<'py>(
        &self,
        py: Python<'py>,
        source: Arc<dyn Source>,
        wanted: Wanted,
        remembers: bool,
        convert_seconds: f64,
        progress: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<(PyCounts<'py>, PyColumns)> {
        let progress = progress.map(|callback| callback.clone().unbind());
        let (result, error) = py.detach(|| {
            let mut error = None;
            let mut watch = |done: usize| {
                let checked = Python::attach(|py| {
                    py.check_signals()?;
                    match &progress {
                        Some(callback) => callback.call1(py, (done,)).map(|_| ()),
                        None => Ok(()),
                    }
                });
                error = checked.err();
                error.is_none()
            };
            let mut options = Options {
                workers: self.workers,
                watch: &mut watch,
            };
            let memory = remembers.then_some(&self.remembered);
            (
                count(&self.inner, source, wanted, memory, &mut options),
                error,
            )
        });
        if let Some(error) = error {
            return Err(error);
        }
        let Counts {
            turns: counts,
            shared,
            osl,
            left,
            failures,
            report,
        } = result.map_err(|stop| match stop {
            Stop::Cancelled => NativeError::new_err(CANCELLED),
            Stop::NoThreads(reason) => ThreadsError::new_err(reason),
            Stop::Internal(message) => NativeError::new_err(message),
        })?;
        if let Some(callback) = progress {
            callback.call1(py, (report.turns,))?;
        }
        let failures = failures.into_iter().map(py_failure).collect();
        let figures = figures(py, convert_seconds, &report)?;
        Ok(((counts, failures, figures), (shared, osl, left)))
    }
}

#[pymethods]
impl Counter {
    /// Loads the JSON of a tokenizer.
    #[new]
    #[pyo3(signature = (tokenizer, *, workers, split_special_tokens=false))]
    fn new(
        py: Python<'_>,
        tokenizer: &str,
        workers: usize,
        split_special_tokens: bool,
    ) -> PyResult<Self> {
        let inner = py
            .detach(|| SpanCounter::new(tokenizer, split_special_tokens))
            .map_err(NativeError::new_err)?;
        Ok(Self::of(inner, workers))
    }

    /// Loads a model of the sentencepiece library, and the added tokens of transformers.
    ///
    /// Of each token it takes the text, and whether it strips the white space before and after it.
    #[staticmethod]
    #[pyo3(signature = (model, tokens, *, workers, adds_space=false, shield=None))]
    fn of_sentencepiece(
        py: Python<'_>,
        model: &[u8],
        tokens: Vec<(String, bool, bool)>,
        workers: usize,
        adds_space: bool,
        shield: Option<String>,
    ) -> PyResult<Self> {
        let tokens = tokens.into_iter().map(|(text, left, right)| Added {
            text: text.into(),
            cuts: true,
            strips: (left, right),
        });
        let preparation = Preparation { adds_space, shield };
        let inner = py
            .detach(|| SentencePiece::new(model, tokens, preparation))
            .map_err(NativeError::new_err)?;
        Ok(Self::of(inner, workers))
    }

    /// What `restore` needs, as bytes: all but the JSON of the tokenizer.
    ///
    /// None for a model of the sentencepiece library, which is loaded as quickly.
    fn save<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        let saved = py.detach(|| self.inner.save());
        saved.map(|saved| PyBytes::new(py, &saved))
    }

    /// Makes a counter again from what `save` has returned.
    ///
    /// `load` returns the JSON of its tokenizer. It is called at most once, from any thread, and
    /// only if there is a text that needs the library.
    #[staticmethod]
    #[pyo3(signature = (saved, load, *, workers))]
    fn restore(
        py: Python<'_>,
        saved: &Bound<'_, PyBytes>,
        load: Py<PyAny>,
        workers: usize,
    ) -> PyResult<Self> {
        let saved = PyBackedBytes::from(saved.clone());
        let json = move || {
            Python::attach(|py| load.call0(py)?.extract(py))
                .map_err(|error: PyErr| error.to_string())
        };
        let inner = py
            .detach(|| SpanCounter::restore(&saved, Box::new(json)))
            .map_err(NativeError::new_err)?;
        Ok(Self::of(inner, workers))
    }

    /// Number of entries in the model's vocabulary.
    #[getter]
    fn vocabulary(&self) -> usize {
        self.inner.vocabulary()
    }

    /// Kind of the engine that counts spans, None if the library does.
    #[getter]
    fn engine(&self) -> Option<&'static str> {
        self.inner.engine()
    }

    /// Begins a conversation that goes on, whose prompts a template of the core renders.
    #[pyo3(signature = (template, tools))]
    fn session(
        &self,
        template: &Bound<'_, Template>,
        tools: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Session> {
        let tools = match tools {
            Some(tools) => Some(Arc::new(Data::List(taking::each(tools, taking::tool)?))),
            None => None,
        };
        let script = Script {
            template: Arc::clone(&template.get().inner),
            tools,
        };
        Ok(Session::of(self.engine_of_sessions(), script))
    }

    /// Begins a conversation that goes on, whose prompts Jinja2 renders.
    fn given_session(&self) -> GivenSession {
        GivenSession::of(self.engine_of_sessions())
    }

    /// Bytes of the spans that sessions remember, and how many there are at most.
    fn remembered_bytes(&self, py: Python<'_>) -> (usize, usize) {
        py.detach(|| (self.remembered.bytes(), MOST_BYTES))
    }

    /// Renders and counts the turns of conversations that wait, at some places.
    ///
    /// With `remembers`, spans and words that an earlier call or a session has counted are not
    /// counted again.
    #[pyo3(signature = (template, waiting, places, *, remembers=false, progress=None))]
    fn count<'py>(
        &self,
        py: Python<'py>,
        template: &Bound<'py, Template>,
        waiting: &Bound<'py, Waiting>,
        places: Vec<usize>,
        remembers: bool,
        progress: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<PyCounts<'py>> {
        let (counts, _) = self.count_columns(
            py, template, waiting, places, false, false, remembers, progress,
        )?;
        Ok(counts)
    }

    /// The same, with the columns beside the counts: what each prompt shares with the one before
    /// it, and the length of the answer.
    ///
    /// A column that is not wanted is empty.
    #[allow(clippy::too_many_arguments)] // Python gives most of them by name
    #[pyo3(signature = (template, waiting, places, *, shared, osl, remembers=false, progress=None))]
    fn count_columns<'py>(
        &self,
        py: Python<'py>,
        template: &Bound<'py, Template>,
        waiting: &Bound<'py, Waiting>,
        places: Vec<usize>,
        shared: bool,
        osl: bool,
        remembers: bool,
        progress: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<(PyCounts<'py>, PyColumns)> {
        let started = Instant::now();
        let taken = waiting.get().take(places)?;
        let source = Rendered::new(Arc::clone(&template.get().inner), taken, osl);
        let convert_seconds = started.elapsed().as_secs_f64();
        let wanted = Wanted { shared, osl };
        let source = Arc::new(source);
        self.run(py, source, wanted, remembers, convert_seconds, progress)
    }

    /// Counts prompts that Jinja2 rendered, one list for each conversation.
    #[pyo3(signature = (prompts, *, progress=None))]
    fn count_prompts<'py>(
        &self,
        py: Python<'py>,
        prompts: Vec<Vec<Bound<'py, PyString>>>,
        progress: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<PyCounts<'py>> {
        // A text with surrogates is no text for the tokenizer either; only its own turn fails.
        let text = |prompt| PyBackedStr::try_from(prompt).ok();
        let prompts: Vec<Vec<Option<PyBackedStr>>> = prompts
            .into_iter()
            .map(|turns| turns.into_iter().map(text).collect())
            .collect();
        let source = Arc::new(Prompts(prompts));
        let (counts, _) = self.run(py, source, Wanted::default(), false, 0.0, progress)?;
        Ok(counts)
    }
}

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::reading::elements;
    #[pymodule_export]
    use super::rows::rows;
    #[pymodule_export]
    use super::{
        Counter, GivenSession, HarmlessNames, NativeError, Records, RefusedError, Session,
        Template, TemplateRaisedError, ThreadsError, Waiting,
    };

    use super::{
        Bound, PyDict, PyDictMethods, PyModule, PyModuleMethods, PyResult, constructs, pyfunction,
        told,
    };

    /// Lists the template constructs that are rendered, by kind.
    #[pyfunction(name = "constructs")]
    fn list_constructs(py: super::Python<'_>) -> PyResult<Bound<'_, PyDict>> {
        let out = PyDict::new(py);
        for (kind, names) in constructs() {
            out.set_item(kind, names)?;
        }
        Ok(out)
    }

    /// Lists the added tokens of a tokenizer, each with the condition of docs/cutting.md that it does
    /// not meet, or None.
    #[pyfunction]
    #[pyo3(signature = (tokenizer, *, split_special_tokens=false))]
    fn cuts(
        tokenizer: &str,
        split_special_tokens: bool,
    ) -> PyResult<Vec<(String, Option<&'static str>)>> {
        told::cuts(tokenizer, split_special_tokens).map_err(NativeError::new_err)
    }

    /// Lists the pairs of ASCII characters between which a text is cut; or names the condition of
    /// docs/cutting.md that does not hold.
    #[pyfunction]
    fn places(tokenizer: &str) -> PyResult<(Vec<String>, Option<&'static str>)> {
        let found = told::places(tokenizer).map_err(NativeError::new_err)?;
        Ok(match found {
            Ok(pairs) => (pairs, None),
            Err(unmet) => (Vec::new(), Some(unmet)),
        })
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", crate::VERSION)?;
        module.add("build_profile", crate::BUILD_PROFILE)
    }
}
