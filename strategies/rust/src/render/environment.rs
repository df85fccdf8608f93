//! What a template can name: filters, tests, functions, methods and attributes of `loop`.
//!
//! This file says what such a construct is, and `known.rs` lists the ones that there are. The
//! compiler and the evaluator get the list as an [`Environment`], and so do filters: like
//! Jinja2's own, some of them look up other filters and tests by name.

use super::state::{LoopState, State};
use super::text::Text;
use super::value::{Map, Value};
use crate::fault::{Outcome, raised, unsupported};

/// Arguments of a filter, evaluated.
pub struct Given<'v, 'a> {
    pub positional: &'v [Value<'a>],
    pub named: &'v [(&'v str, Value<'a>)],
    pub environment: &'static Environment,
}

impl<'v, 'a> Given<'v, 'a> {
    /// The argument at a position, or else of this name.
    pub fn get(&self, index: usize, name: &str) -> Option<&'v Value<'a>> {
        self.positional.get(index).or_else(|| self.named(name))
    }

    /// The argument of this name.
    pub fn named(&self, name: &str) -> Option<&'v Value<'a>> {
        self.named
            .iter()
            .find_map(|(key, value)| (*key == name).then_some(value))
    }
}

type ApplyFilter = for<'f, 'g, 'v, 'a> fn(&'f Value<'a>, &'g Given<'v, 'a>) -> Outcome<Value<'a>>;

/// What the positional arguments of a filter are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Values,
    /// The name of a filter that takes no arguments; or `attribute=` and nothing else.
    FilterName,
    /// The name of a test and its arguments.
    TestName,
    /// An attribute, then the name of a test and its arguments.
    AttributeAndTestName,
}

/// How `{{ x | filter }}` is printed, for filters whose result need not be built for that.
#[derive(Debug, Clone, Copy)]
pub enum Printing {
    /// It is built, then printed.
    Built,
    /// It prints as its input does, so that the input is printed instead.
    AsInput,
    /// Without arguments, this prints it at once.
    By(fn(&Value, &mut String) -> Outcome<()>),
}

/// What a filter without arguments gives, for filters that the evaluator knows better ways for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gives {
    Value,
    /// The length of its input.
    Length,
    /// The items of its input in the opposite order.
    Reverse,
    /// The last item of its input.
    Last,
    /// The items of its input as a list.
    List,
    /// Also with arguments: those items of its input for which something holds that depends on
    /// the item alone.
    Picks,
}

/// A filter: one row of a table.
#[derive(Debug)]
pub struct Filter {
    pub name: &'static str,
    apply: ApplyFilter,
    /// Number of positional arguments that it takes at most.
    pub most: usize,
    /// Arguments that may be given by name.
    pub named: &'static [&'static str],
    pub form: Form,
    pub printing: Printing,
    /// Whether `map` may name it: it is known to do the same to each item, whatever comes.
    pub mappable: bool,
    pub gives: Gives,
    takes_marked: bool,
}

impl Filter {
    /// A filter without arguments.
    pub const fn new(name: &'static str, apply: ApplyFilter) -> Self {
        Self {
            name,
            apply,
            most: 0,
            named: &[],
            form: Form::Values,
            printing: Printing::Built,
            mappable: false,
            gives: Gives::Value,
            takes_marked: false,
        }
    }

    /// The arguments it takes: how many by position, and which by name.
    pub const fn takes(mut self, most: usize, named: &'static [&'static str]) -> Self {
        self.most = most;
        self.named = named;
        self
    }

    pub const fn form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    pub const fn printing(mut self, printing: Printing) -> Self {
        self.printing = printing;
        self
    }

    pub const fn mappable(mut self) -> Self {
        self.mappable = true;
        self
    }

    pub const fn gives(mut self, gives: Gives) -> Self {
        self.gives = gives;
        self
    }

    /// Its function also knows what to do with [`Value::Safe`] and [`Value::Table`].
    pub const fn takes_marked(mut self) -> Self {
        self.takes_marked = true;
        self
    }

    /// Applies the filter.
    pub fn apply<'a>(&self, value: &Value<'a>, given: &Given<'_, 'a>) -> Outcome<Value<'a>> {
        known(value, self.takes_marked)?;
        for argument in given.positional {
            argument.known()?;
        }
        (self.apply)(value, given)
    }
}

type HoldTest = for<'v, 'a> fn(&'v Value<'a>, &'v [Value<'a>]) -> Outcome<bool>;

/// A test: one row of a table.
#[derive(Debug)]
pub struct Test {
    pub name: &'static str,
    holds: HoldTest,
    /// Number of arguments that it takes.
    pub arguments: usize,
    takes_marked: bool,
}

impl Test {
    /// A test without arguments.
    pub const fn new(name: &'static str, holds: HoldTest) -> Self {
        Self {
            name,
            holds,
            arguments: 0,
            takes_marked: false,
        }
    }

    /// A test of a value against another one.
    pub const fn against(name: &'static str, holds: HoldTest) -> Self {
        let mut test = Self::new(name, holds);
        test.arguments = 1;
        test
    }

    /// Its function also knows what to do with [`Value::Safe`] and [`Value::Table`].
    pub const fn takes_marked(mut self) -> Self {
        self.takes_marked = true;
        self
    }

    /// Whether the test holds for a value.
    pub fn holds<'a>(&self, value: &Value<'a>, arguments: &[Value<'a>]) -> Outcome<bool> {
        if arguments.len() != self.arguments {
            return unsupported(format!("the test {} with these arguments", self.name));
        }
        known(value, self.takes_marked)?;
        (self.holds)(value, arguments)
    }
}

fn known(value: &Value, takes_marked: bool) -> Outcome<()> {
    match value {
        Value::Safe(_) | Value::Table(_) if takes_marked => Ok(()),
        value => value.known(),
    }
}

type CallFunction = for<'s, 'v, 'n, 'a> fn(
    &'s mut State<'a>,
    &'v [Value<'a>],
    &'n [(Text<'a>, Value<'a>)],
) -> Outcome<Value<'a>>;

/// A global function: one row of a table.
#[derive(Debug)]
pub struct Function {
    pub name: &'static str,
    /// Takes the state of the render, positional arguments and named ones.
    pub call: CallFunction,
    /// Whether its argument is a date's format, which Python fills in before the render.
    pub takes_date_format: bool,
    /// Whether it makes a range of integers.
    pub counts: bool,
}

impl Function {
    pub const fn new(name: &'static str, call: CallFunction) -> Self {
        Self {
            name,
            call,
            takes_date_format: false,
            counts: false,
        }
    }

    pub const fn counts(mut self) -> Self {
        self.counts = true;
        self
    }

    pub const fn takes_date_format(mut self) -> Self {
        self.takes_date_format = true;
        self
    }
}

/// A method of a Python type: one row of a table. `Call` says what it is called on.
#[derive(Debug)]
pub struct Method<Call: 'static> {
    pub name: &'static str,
    call: Call,
    /// Fewest and most arguments that Python's method takes.
    least: usize,
    most: usize,
}

pub type DictMethod =
    Method<for<'m, 'v, 'a> fn(&'m Map<'a>, &'v [Value<'a>]) -> Outcome<Value<'a>>>;
pub type StrMethod =
    Method<for<'t, 'v, 'a> fn(&'t Text<'a>, &'v [Value<'a>]) -> Outcome<Value<'a>>>;

impl<Call: Copy> Method<Call> {
    pub const fn new(name: &'static str, least: usize, most: usize, call: Call) -> Self {
        Self {
            name,
            call,
            least,
            most,
        }
    }

    /// The function of the method, if it takes these arguments.
    pub fn with(&self, arguments: &[Value]) -> Outcome<Call> {
        for argument in arguments {
            argument.known()?;
        }
        if (self.least..=self.most).contains(&arguments.len()) {
            return Ok(self.call);
        }
        raised(format!(
            "{} takes {} to {} arguments ({} given)",
            self.name,
            self.least,
            self.most,
            arguments.len()
        ))
    }
}

type GetLoopAttribute = for<'s, 'a> fn(&'s LoopState<'a>) -> Value<'a>;

/// An attribute of `loop`: one row of a table.
#[derive(Debug)]
pub struct LoopAttribute {
    pub name: &'static str,
    pub get: GetLoopAttribute,
}

impl LoopAttribute {
    pub const fn new(name: &'static str, get: GetLoopAttribute) -> Self {
        Self { name, get }
    }
}

/// The tables of everything that a template can name.
#[derive(Debug)]
pub struct Environment {
    pub filters: &'static [Filter],
    pub tests: &'static [Test],
    pub functions: &'static [Function],
    pub dict_methods: &'static [DictMethod],
    pub str_methods: &'static [StrMethod],
    pub loop_attributes: &'static [LoopAttribute],
}

impl Environment {
    pub fn filter(&self, name: &str) -> Option<&'static Filter> {
        self.filters.iter().find(|row| row.name == name)
    }

    pub fn test(&self, name: &str) -> Option<&'static Test> {
        self.tests.iter().find(|row| row.name == name)
    }

    /// The place of a function in the table.
    pub fn function(&self, name: &str) -> Option<usize> {
        self.functions.iter().position(|row| row.name == name)
    }

    pub fn dict_method(&self, name: &str) -> Option<&'static DictMethod> {
        self.dict_methods.iter().find(|row| row.name == name)
    }

    pub fn str_method(&self, name: &str) -> Option<&'static StrMethod> {
        self.str_methods.iter().find(|row| row.name == name)
    }

    pub fn loop_attribute(&self, name: &str) -> Option<&'static LoopAttribute> {
        self.loop_attributes.iter().find(|row| row.name == name)
    }
}
