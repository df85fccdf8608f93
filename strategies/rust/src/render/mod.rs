//! Chat templates, rendered as transformers' Jinja2 environment renders them.

mod added;
mod attributes;
mod casing;
mod compile;
mod environment;
mod eval;
mod filters;
mod free;
mod functions;
mod growing;
mod iterate;
mod json;
mod known;
pub mod limits;
mod lookup;
mod loops;
mod methods;
mod number;
mod ops;
mod picked;
mod print;
mod program;
mod same;
mod scope;
mod state;
mod tests;
mod text;
mod tree;
mod value;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::data::{Data, Dict};
use crate::fault::Fault;
pub use added::Messages;
use compile::expressions::EXPRESSIONS;
use compile::statements::STATEMENTS;
use environment::Environment;
pub use eval::turns::{Grown, Rendered, Turns};
use eval::{Evaluator, Run};
use growing::{Growing, Items, Tail};
use known::KNOWN;
use limits::Limits;

use program::Program;
use value::{Seq, Value};

/// The constructs that are rendered, by kind: what the parity tests have to cover.
pub fn constructs() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![
        ("statements", STATEMENTS.iter().map(|row| row.0).collect()),
        ("expressions", EXPRESSIONS.iter().map(|row| row.0).collect()),
        (
            "filters",
            KNOWN.filters.iter().map(|row| row.name).collect(),
        ),
        ("tests", KNOWN.tests.iter().map(|row| row.name).collect()),
        (
            "functions",
            KNOWN.functions.iter().map(|row| row.name).collect(),
        ),
        (
            "dict methods",
            KNOWN.dict_methods.iter().map(|row| row.name).collect(),
        ),
        (
            "str methods",
            KNOWN.str_methods.iter().map(|row| row.name).collect(),
        ),
        (
            "loop attributes",
            KNOWN.loop_attributes.iter().map(|row| row.name).collect(),
        ),
    ]
}

/// A template with the variables that are the same for every conversation.
#[derive(Debug, Clone)]
pub struct Template {
    program: Arc<Program>,
    variables: Dict,
    dates: Vec<String>,
    limits: Limits,
}

impl Template {
    /// Compiles a template from the JSON of Jinja2's syntax tree.
    ///
    /// # Errors
    ///
    /// Why the template is not rendered here.
    pub fn new(tree: &str, variables: Dict) -> Result<Self, String> {
        Self::within(&KNOWN, tree, variables)
    }

    fn within(
        environment: &'static Environment,
        tree: &str,
        variables: Dict,
    ) -> Result<Self, String> {
        let tree = serde_json::from_str(tree).map_err(|error| error.to_string())?;
        let program = compile::compile(environment, &tree)?;
        Ok(Self {
            program: Arc::new(program),
            variables,
            dates: Vec::new(),
            limits: Limits::default(),
        })
    }

    /// The same template with another value of a variable.
    #[must_use]
    pub fn with_variable(&self, name: &str, value: Data) -> Self {
        let mut other = self.clone();
        other.variables.set(name, value);
        other
    }

    /// Formats that the template passes to `strftime_now`.
    #[must_use]
    pub fn date_formats(&self) -> Vec<&str> {
        self.program
            .date_formats
            .iter()
            .map(|format| &**format)
            .collect()
    }

    /// Gives what `strftime_now` returns for each of [`Self::date_formats`].
    pub fn set_dates(&mut self, dates: Vec<String>) {
        self.dates = dates;
    }

    /// Sets how much a render may do.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Appends the prompt of `messages` to `out`, unless `stop` becomes true.
    ///
    /// # Errors
    ///
    /// What the template raises, or why this prompt is not rendered here.
    pub fn render(
        &self,
        messages: &[Data],
        tools: Option<&Data>,
        stop: &AtomicBool,
        out: &mut String,
    ) -> Result<(), Fault> {
        let mut evaluator = Evaluator::new(self.run(Items::Known(messages), tools, stop));
        let prompt = evaluator.render(messages.len()).map_err(|fault| *fault)?;
        out.push_str(prompt);
        Ok(())
    }

    /// Renders the prompts of a conversation's turns, each from what is known of the one before.
    ///
    /// `stop` becoming true ends the render at hand.
    pub fn turns<'t>(
        &'t self,
        messages: &'t [Data],
        tools: Option<&'t Data>,
        stop: &'t AtomicBool,
    ) -> Turns<'t> {
        Turns::new(self.run(Items::Known(messages), tools, stop))
    }

    /// Renders the prompts of a conversation that goes on, as [`Self::turns`] does.
    pub fn open_turns<'t>(
        &'t self,
        messages: &'t Messages,
        tools: Option<&'t Data>,
        stop: &'t AtomicBool,
    ) -> Turns<'t> {
        Turns::new(self.run(Items::Open(messages), tools, stop))
    }

    fn run<'t>(
        &'t self,
        messages: Items<'t>,
        tools: Option<&'t Data>,
        stop: &'t AtomicBool,
    ) -> Run<'t> {
        let environment = self.program.environment;
        let list = Arc::new(Growing::new(messages));
        let context = self
            .program
            .names
            .iter()
            .map(|name| match &**name {
                "messages" => Value::List(Seq::Tail(Tail::new(Arc::clone(&list)))),
                "tools" => tools.map_or(Value::None, Value::from_data),
                name => match self.variables.get(name) {
                    Some(data) => Value::from_data(data),
                    None => environment
                        .function(name)
                        .map_or(Value::Missing, Value::Func),
                },
            })
            .collect();
        Run {
            program: &self.program,
            context,
            list,
            dates: &self.dates,
            limits: self.limits,
            stop,
        }
    }
}
