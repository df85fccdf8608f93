//! Datasets that the core reads, as Python sees them.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyDict, PyInt, PyList};

use super::errors::{CANCELLED, NativeError, RefusedError};
use super::waiting::Waiting;
use crate::data::{Data, Dict, Text, prepare_message};
use crate::prompts;
use crate::records::{
    Before, Bounds, Conversation, Ends, Form, Found, Harmless, Kinds, Names, Options, Profile,
    Serving, Stop, ends, read,
};

/// Conversations that are served between two looks for signals.
const SERVED_BETWEEN_LOOKS: usize = 1 << 10;

/// Id, messages, tools, turns, and the line on which the conversation starts.
type PyConversation<'py> = (
    String,
    Bound<'py, PyList>,
    Option<Bound<'py, PyList>>,
    Vec<usize>,
    usize,
);

fn python<'py>(py: Python<'py>, data: &Data) -> PyResult<Bound<'py, PyAny>> {
    Ok(match data {
        Data::None => py.None().into_bound(py),
        Data::Bool(flag) => flag.into_pyobject(py)?.to_owned().into_any(),
        Data::Int(number) => number.into_pyobject(py)?.into_any(),
        Data::Big(digits) => py.get_type::<PyInt>().call1((&**digits,))?,
        Data::Float(number) => number.into_pyobject(py)?.into_any(),
        Data::Str(text) => text.into_pyobject(py)?.into_any(),
        Data::List(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(python(py, item)?)?;
            }
            list.into_any()
        }
        Data::Dict(dict) => python_dict(py, dict)?.into_any(),
        Data::Opaque(reason) => return Err(NativeError::new_err(reason.to_string())),
    })
}

fn python_dict<'py>(py: Python<'py>, dict: &Dict) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    for (key, value) in dict.entries() {
        out.set_item(&**key, python(py, value)?)?;
    }
    Ok(out)
}

fn python_dicts<'py>(py: Python<'py>, dicts: &[Dict]) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for dict in dicts {
        list.append(python_dict(py, dict)?)?;
    }
    Ok(list)
}

fn python_conversation<'py>(
    py: Python<'py>,
    conversation: &Conversation,
) -> PyResult<PyConversation<'py>> {
    let tools = conversation.tools.as_deref();
    Ok((
        conversation.id.to_string(),
        python_dicts(py, &conversation.messages)?,
        tools.map(|tools| python_dicts(py, tools)).transpose()?,
        conversation.turns.clone(),
        conversation.line,
    ))
}

/// What a signal that has come raises.
fn interruption() -> Option<PyErr> {
    Python::attach(|py| py.check_signals().err())
}

/// Reads without the GIL, and looks for signals now and then.
fn read_all(py: Python<'_>, bytes: &[u8], options: &Options) -> PyResult<Found> {
    let (result, error) = py.detach(|| {
        let mut error = None;
        let mut go_on = || {
            error = interruption();
            error.is_none()
        };
        (read(bytes, options, &mut go_on), error)
    });
    if let Some(error) = error {
        return Err(error);
    }
    result.map_err(|stop| match stop {
        Stop::Refused { line, refusal } => {
            RefusedError::new_err(format!("line {line}: {}", refusal.0))
        }
        Stop::Cancelled => NativeError::new_err(CANCELLED),
    })
}

/// What is known of a conversation when its messages are gone.
#[derive(Debug)]
struct Outline {
    id: Text,
    turns: Vec<usize>,
    has_tools: bool,
}

/// The names of fields of records, rows, messages and calls that cannot change a prompt.
///
/// Made once for all parts of a dataset.
#[pyclass(module = "strategies._native", frozen, name = "Harmless")]
pub struct HarmlessNames(Arc<Harmless>);

#[pymethods]
impl HarmlessNames {
    #[new]
    fn new(
        record: &Bound<'_, PyAny>,
        row: &Bound<'_, PyAny>,
        message: &Bound<'_, PyAny>,
        call: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        Ok(Self(Arc::new(Harmless {
            record: names(record)?,
            row: names(row)?,
            message: names(message)?,
            call: names(call)?,
        })))
    }
}

/// The conversations of a dataset, read from its bytes.
#[pyclass(module = "strategies._native", frozen)]
pub struct Records {
    bytes: PyBackedBytes,
    options: Options,
    form: Form,
    lines: usize,
    outlines: Vec<Outline>,
    kinds: Kinds,
    /// None after they are given away. Then they are read again if someone asks.
    conversations: Mutex<Option<Vec<Conversation>>>,
}

impl Records {
    /// Gives the conversations away. The lock is not held while anything else goes on.
    fn take(&self, py: Python<'_>) -> PyResult<Vec<Conversation>> {
        let mut kept = self
            .conversations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let taken = kept.take();
        drop(kept);
        match taken {
            Some(conversations) => Ok(conversations),
            None => Ok(read_all(py, &self.bytes, &self.options)?.conversations),
        }
    }

    fn put_back(&self, conversations: Vec<Conversation>) {
        let mut kept = self
            .conversations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *kept = Some(conversations);
    }

    /// The conversations as a profile gives them to the template, each `finish`ed at once.
    fn serve_all<T: Send>(
        &self,
        py: Python<'_>,
        profile: &str,
        reads_parts: bool,
        reads_parts_with_tools: bool,
        finish: impl Fn(Conversation) -> T + Sync,
    ) -> PyResult<Vec<T>> {
        let Some(profile) = Profile::named(profile) else {
            return Err(RefusedError::new_err("a profile that is not known here"));
        };
        let serve_one = |conversation: Conversation| {
            let has_tools = conversation.tools.is_some();
            Serving {
                profile,
                reads_parts: if has_tools {
                    reads_parts_with_tools
                } else {
                    reads_parts
                },
                parses_arguments: self.options.parses_arguments,
            }
            .serve(conversation)
            .map(&finish)
            .map_err(|refusal| RefusedError::new_err(refusal.0))
        };
        let conversations = self.take(py)?;
        py.detach(|| {
            let mut served = Vec::with_capacity(conversations.len());
            for (place, conversation) in conversations.into_iter().enumerate() {
                if place % SERVED_BETWEEN_LOOKS == SERVED_BETWEEN_LOOKS - 1 {
                    interruption().map_or(Ok(()), Err)?;
                }
                served.push(serve_one(conversation)?);
            }
            Ok(served)
        })
    }
}

#[pymethods]
impl Records {
    /// Reads a dataset, or a part of one, or refuses it as a whole.
    ///
    /// `before` are the lines and conversations before this part, and `form` the format that an
    /// earlier part has shown. `is_lines` says that each line is known to be a record.
    #[new]
    #[pyo3(signature = (
        data, *, names_lines, longest_line, longest_document, parses_arguments, harmless,
        is_lines=false, before=(0, 0), form=None
    ))]
    // Each is an option of its own in Python.
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        data: PyBackedBytes,
        names_lines: bool,
        longest_line: usize,
        longest_document: usize,
        parses_arguments: bool,
        harmless: &Bound<'_, HarmlessNames>,
        is_lines: bool,
        before: (usize, usize),
        form: Option<&str>,
    ) -> PyResult<Self> {
        let form = match form {
            Some(name) => {
                let form = Form::named(name);
                Some(form.ok_or_else(|| RefusedError::new_err("a format that is not read here"))?)
            }
            None => None,
        };
        let options = Options {
            before: Before {
                lines: before.0,
                conversations: before.1,
                form,
            },
            bounds: Bounds {
                is_lines,
                names_lines,
                line: longest_line,
                document: longest_document,
            },
            harmless: Arc::clone(&harmless.get().0),
            parses_arguments,
        };
        let Found {
            conversations,
            form,
            lines,
        } = read_all(py, &data, &options)?;
        let mut kinds = Kinds::default();
        let outlines = conversations.iter().map(|conversation| {
            kinds.add(conversation);
            Outline {
                id: conversation.id.clone(),
                turns: conversation.turns.clone(),
                has_tools: conversation.tools.is_some(),
            }
        });
        Ok(Self {
            outlines: outlines.collect(),
            form,
            lines,
            bytes: data,
            options,
            kinds,
            conversations: Mutex::new(Some(conversations)),
        })
    }

    /// The name of the format.
    #[getter]
    fn format(&self) -> &'static str {
        self.form.name()
    }

    /// Lines of a part with one record to a line, of which the last need not end.
    #[getter]
    fn lines(&self) -> usize {
        self.lines
    }

    /// Id and turns of each conversation.
    fn outlines(&self) -> Vec<(&str, &[usize])> {
        let outlines = self.outlines.iter();
        outlines
            .map(|outline| (&*outline.id, &*outline.turns))
            .collect()
    }

    /// How much of each kind of content there is.
    fn kinds<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let kinds = PyDict::new(py);
        for (name, number) in [
            ("system messages", self.kinds.system_messages),
            ("tools", self.kinds.conversations_with_tools),
            ("tool calls", self.kinds.messages_with_calls),
            ("tool results", self.kinds.tool_results),
            ("reasoning", self.kinds.messages_with_reasoning),
        ] {
            kinds.set_item(name, number)?;
        }
        Ok(kinds)
    }

    /// The places of conversations that are given tools, or of those that are given none.
    fn places(&self, with_tools: bool) -> Vec<usize> {
        let outlines = self.outlines.iter().enumerate();
        outlines
            .filter(|(_, outline)| outline.has_tools == with_tools)
            .map(|(place, _)| place)
            .collect()
    }

    /// A conversation as the dataset has it.
    fn conversation<'py>(&self, py: Python<'py>, place: usize) -> PyResult<PyConversation<'py>> {
        let conversations = self.take(py)?;
        let conversation = conversations.get(place);
        let found = conversation.map(|conversation| python_conversation(py, conversation));
        self.put_back(conversations);
        found.unwrap_or_else(|| Err(PyIndexError::new_err(place)))
    }

    /// The conversations as a messages profile gives them to the template, ready to be counted.
    ///
    /// Whether the template reads the parts of a content may depend on whether there are tools,
    /// because these may have a template of their own.
    #[pyo3(signature = (profile, *, reads_parts, reads_parts_with_tools))]
    fn serve(
        &self,
        py: Python<'_>,
        profile: &str,
        reads_parts: bool,
        reads_parts_with_tools: bool,
    ) -> PyResult<Waiting> {
        let waiting = self.serve_all(py, profile, reads_parts, reads_parts_with_tools, prepared)?;
        Ok(Waiting::of(waiting))
    }

    /// The same as Python's values, to compare with Python's own profiles.
    #[pyo3(signature = (profile, *, reads_parts, reads_parts_with_tools))]
    fn served<'py>(
        &self,
        py: Python<'py>,
        profile: &str,
        reads_parts: bool,
        reads_parts_with_tools: bool,
    ) -> PyResult<Vec<PyConversation<'py>>> {
        let served = self.serve_all(py, profile, reads_parts, reads_parts_with_tools, |it| it)?;
        served
            .iter()
            .map(|conversation| python_conversation(py, conversation))
            .collect()
    }
}

/// Where the last complete element ends in a text that begins before an element of an array.
///
/// The place after its comma, or 0; whether a bracket closes the array after it; the line breaks
/// before that place, and the characters between the last of these and that place.
#[pyfunction]
#[pyo3(signature = (data))]
pub fn elements(py: Python<'_>, data: &[u8]) -> (usize, bool, usize, usize) {
    let Ends {
        end,
        closed,
        lines,
        column,
    } = py.detach(|| ends(data));
    (end, closed, lines, column)
}

fn names(names: &Bound<'_, PyAny>) -> PyResult<Names> {
    let names = names.try_iter()?;
    names
        .map(|name| Ok(name?.extract::<String>()?.into()))
        .collect()
}

fn prepared(conversation: Conversation) -> prompts::Conversation {
    let messages = conversation.messages.into_iter().map(prepare_message);
    let tools = conversation.tools;
    prompts::Conversation {
        messages: messages.map(Data::Dict).collect(),
        tools: tools.map(|tools| Data::List(tools.into_iter().map(Data::Dict).collect())),
        turns: conversation.turns,
    }
}
