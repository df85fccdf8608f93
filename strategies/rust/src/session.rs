//! A conversation that goes on: messages are added, and its prompt is counted in between.
//!
//! What is known of the last prompt borrows the messages and the template. So a session is a
//! function that is suspended between two calls, as async functions are: its locals own what the
//! others borrow. Nothing waits there; each call resumes it until it has counted.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::count::remembered::Remembered;
use crate::count::running::Running;
use crate::count::source::Prompt;
use crate::data::Data;
use crate::fault::{Fault, panic_message};
use crate::prefix::common_prefix;
use crate::render::{Grown, Messages, Template};
use crate::tokenizer::SpanLengths;

/// What counts the prompts of sessions; they share it.
#[derive(Clone)]
pub struct Engine {
    pub tokenizer: Arc<dyn SpanLengths>,
    pub memory: Arc<Remembered>,
}

/// The template of a session and what it gets beside the messages.
#[derive(Debug, Clone)]
pub struct Script {
    pub template: Arc<Template>,
    pub tools: Option<Arc<Data>>,
}

/// A prompt that was counted, or why it was not.
#[derive(Debug, Clone)]
pub struct Answer {
    pub tokens: Result<u32, Fault>,
    pub figures: Figures,
}

/// What a call did and what is kept for the next one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Figures {
    /// Number of statements of the template that were run.
    pub statements: u64,
    /// A construct of the template that is rendered again in every call, if there is one.
    pub restarts: Option<&'static str>,
    /// Bytes of the prompt.
    pub prompt: usize,
    /// Number of its spans.
    pub spans: usize,
}

type Desk = Arc<Mutex<Option<Answer>>>;
type Suspended = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A conversation whose prompt this core renders.
pub struct Session {
    engine: Engine,
    script: Script,
    messages: Arc<Messages>,
    /// Where the suspended function leaves its answer.
    desk: Desk,
    suspended: Option<Suspended>,
}

impl Session {
    #[must_use]
    pub fn new(engine: Engine, script: Script) -> Self {
        Self {
            engine,
            script,
            messages: Arc::default(),
            desk: Desk::default(),
            suspended: None,
        }
    }

    /// Adds a message as the template gets it.
    pub fn add(&mut self, message: Data) {
        self.messages.push(Arc::new(message));
    }

    /// Number of messages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Counts the prompt of all messages.
    pub fn count(&mut self) -> Answer {
        let suspended = self.suspended.get_or_insert_with(|| {
            Box::pin(count_again_and_again(
                self.engine.clone(),
                self.script.clone(),
                Arc::clone(&self.messages),
                Arc::clone(&self.desk),
            ))
        });
        let resume = || {
            suspended
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
        };
        let resumed = catch_unwind(AssertUnwindSafe(resume));
        let mut desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = desk.take().unwrap_or_else(|| Answer {
            tokens: Err(Fault::Unsupported(match resumed {
                Ok(_) => "no answer".to_owned(),
                Err(panic) => panic_message(&*panic),
            })),
            figures: Figures::default(),
        });
        if answer.tokens.is_err() {
            // It begins anew, so that nothing of a failure stays.
            self.suspended = None;
        }
        answer
    }
}

/// Copies share the messages. What is known of the last prompt is not copied: the first call of a
/// copy renders all of it, and finds its spans in the memory.
impl Clone for Session {
    fn clone(&self) -> Self {
        Self {
            messages: Arc::new(Messages::clone(&self.messages)),
            ..Self::new(self.engine.clone(), self.script.clone())
        }
    }
}

async fn count_again_and_again(
    engine: Engine,
    script: Script,
    messages: Arc<Messages>,
    desk: Desk,
) {
    let stop = AtomicBool::new(false);
    let tools = script.tools.as_deref();
    let mut turns = script.template.open_turns(&messages, tools, &stop);
    let mut running = Running::default();
    loop {
        let rendered = turns.render(messages.len());
        let mut figures = Figures {
            statements: rendered.statements,
            ..Figures::default()
        };
        let tokens = rendered.prompt.map_err(|fault| *fault);
        let tokens = tokens.and_then(|Grown { text, kept }| {
            figures.prompt = text.len();
            running.count(Prompt { text, kept }, &*engine.tokenizer, &engine.memory)
        });
        figures.spans = running.spans();
        figures.restarts = turns.restarts();
        *desk.lock().unwrap_or_else(PoisonError::into_inner) = Some(Answer { tokens, figures });
        suspend().await;
    }
}

/// Waits for the next call.
fn suspend() -> impl Future<Output = ()> + Send {
    let mut resumed = false;
    poll_fn(move |_| {
        if std::mem::replace(&mut resumed, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
}

/// A conversation whose prompts Jinja2 renders.
pub struct Given {
    engine: Engine,
    running: Running,
    before: String,
}

impl Given {
    #[must_use]
    pub fn new(engine: Engine) -> Self {
        Self {
            engine,
            running: Running::default(),
            before: String::new(),
        }
    }

    /// Counts a prompt, searching only what is new in it.
    pub fn count(&mut self, prompt: String) -> Answer {
        let kept = common_prefix(&prompt, &self.before);
        let Engine { tokenizer, memory } = &self.engine;
        let text = Prompt {
            text: &prompt,
            kept,
        };
        let counted = catch_unwind(AssertUnwindSafe(|| {
            self.running.count(text, &**tokenizer, memory)
        }));
        let tokens =
            counted.unwrap_or_else(|panic| Err(Fault::Unsupported(panic_message(&*panic))));
        let figures = Figures {
            prompt: prompt.len(),
            spans: self.running.spans(),
            ..Figures::default()
        };
        if tokens.is_ok() {
            self.before = prompt;
        } else {
            *self = Self::new(self.engine.clone());
        }
        Answer { tokens, figures }
    }
}
