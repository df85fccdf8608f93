//! Conversations that wait to be counted.

use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;

use super::errors::NativeError;
use super::taking::{self, Taken};
use crate::data::{Data, prepare_message};
use crate::prompts::Conversation;
use crate::records::{Profile, Serving};

/// Messages, tools and turns.
type PyConversation<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>);

/// Conversations that wait to be counted, each once.
#[pyclass(module = "strategies._native", frozen)]
pub struct Waiting(Mutex<Vec<Option<Conversation>>>);

impl Waiting {
    pub fn of(conversations: Vec<Conversation>) -> Self {
        Self(Mutex::new(conversations.into_iter().map(Some).collect()))
    }

    /// Gives away the conversations at some places.
    pub fn take(&self, places: Vec<usize>) -> PyResult<Vec<Conversation>> {
        places
            .into_iter()
            .map(|place| self.take_one(place))
            .collect()
    }

    pub fn take_one(&self, place: usize) -> PyResult<Conversation> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let conversation = kept.get_mut(place).and_then(Option::take);
        conversation.ok_or_else(|| NativeError::new_err("no conversation waits there"))
    }

    fn set(&self, place: usize, conversation: Conversation) -> PyResult<()> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(slot) = kept.get_mut(place) else {
            return Err(PyIndexError::new_err(place));
        };
        *slot = Some(conversation);
        Ok(())
    }
}

#[pymethods]
impl Waiting {
    /// Makes room for a number of conversations.
    #[new]
    fn new(places: usize) -> Self {
        let empty = std::iter::repeat_with(|| None);
        Self(Mutex::new(empty.take(places).collect()))
    }

    /// Takes over a conversation whose messages are as the template gets them.
    ///
    /// Raises if the core cannot represent them; the plain call then counts all its turns.
    fn put(&self, place: usize, conversation: PyConversation<'_>) -> PyResult<()> {
        let taken = take_over(conversation, taking::message, taking::tool)?;
        self.set(place, taken)
    }

    /// Takes over a conversation as a messages profile gives it to the template.
    ///
    /// Says whether it did. If not, Python applies the profile: it refuses messages in its own
    /// words, and knows what becomes of rare ones.
    #[pyo3(signature = (place, conversation, profile, *, reads_parts, parses_arguments))]
    fn serve(
        &self,
        place: usize,
        conversation: PyConversation<'_>,
        profile: &str,
        reads_parts: bool,
        parses_arguments: bool,
    ) -> PyResult<bool> {
        let Some(profile) = Profile::named(profile) else {
            return Ok(false);
        };
        let serving = Serving {
            profile,
            reads_parts,
            parses_arguments,
        };
        let message = |value: &Bound<'_, PyAny>| {
            let served = serving.message(taking::written(value)?);
            let message = served.map_err(|refusal| refusal.0)?;
            Ok(Data::Dict(prepare_message(message)))
        };
        let tool = |value: &Bound<'_, PyAny>| {
            let served = serving.tool(taking::written(value)?);
            served.map(Data::Dict).map_err(|refusal| refusal.0)
        };
        match take_over(conversation, message, tool) {
            Ok(conversation) => self.set(place, conversation).map(|()| true),
            Err(_) => Ok(false),
        }
    }
}

fn take_over(
    conversation: PyConversation<'_>,
    message: impl Fn(&Bound<'_, PyAny>) -> Taken,
    tool: impl Fn(&Bound<'_, PyAny>) -> Taken,
) -> PyResult<Conversation> {
    let (messages, tools, turns) = conversation;
    Ok(Conversation {
        messages: taking::each(&messages, message)?,
        tools: if tools.is_none() {
            None
        } else {
            Some(Data::List(taking::each(&tools, tool)?))
        },
        turns: turns.extract()?,
    })
}
