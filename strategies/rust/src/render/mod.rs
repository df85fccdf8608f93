//! Chat templates, rendered as transformers' Jinja2 environment renders them.

mod compile;
mod eval;
mod filters;
mod json;
mod methods;
mod program;
pub mod value;

use crate::data::{Data, Dict};
use crate::fault::Fault;
use program::Program;
use value::{Seq, Value};

/// The constructs that are rendered, by kind: what the parity tests have to cover.
pub fn constructs() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![
        ("statements", compile::STATEMENTS.to_vec()),
        ("expressions", compile::EXPRESSIONS.to_vec()),
        (
            "filters",
            compile::FILTERS.iter().map(|known| known.0).collect(),
        ),
        (
            "tests",
            compile::TESTS.iter().map(|known| known.0).collect(),
        ),
        ("functions", compile::FUNCTIONS.to_vec()),
        ("dict methods", compile::DICT_METHODS.to_vec()),
        ("str methods", compile::STR_METHODS.to_vec()),
        ("loop attributes", compile::LOOP_ATTRIBUTES.to_vec()),
    ]
}

/// A template with the variables that are the same for every conversation.
#[derive(Debug)]
pub struct Template {
    program: Program,
    variables: Dict,
    dates: Vec<String>,
}

impl Template {
    /// Compiles a template from the JSON of Jinja2's syntax tree.
    ///
    /// # Errors
    ///
    /// Why the template is not rendered here.
    pub fn new(tree: &str, variables: Dict) -> Result<Self, String> {
        let tree = serde_json::from_str(tree).map_err(|error| error.to_string())?;
        let program = compile::compile(&tree)?;
        Ok(Self {
            program,
            variables,
            dates: Vec::new(),
        })
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

    /// Appends the prompt of `messages` to `out`.
    ///
    /// # Errors
    ///
    /// What the template raises, or why this prompt is not rendered here.
    pub fn render(
        &self,
        messages: &[Data],
        tools: Option<&Data>,
        out: &mut String,
    ) -> Result<(), Fault> {
        let context: Vec<Value> = self
            .program
            .names
            .iter()
            .map(|name| match &**name {
                "messages" => Value::List(Seq::Data(messages)),
                "tools" => tools.map_or(Value::None, Value::from_data),
                name => match self.variables.get(name) {
                    Some(data) => Value::from_data(data),
                    None => eval::function_named(name).map_or(Value::Missing, Value::Func),
                },
            })
            .collect();
        eval::Vm::render(&self.program, &context, &self.dates, out).map_err(|fault| *fault)
    }
}
