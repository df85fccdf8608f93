//! The compiled template: expressions and statements whose names are slots.

use super::attributes::Owners;
use super::environment::{DictMethod, Environment, Filter, LoopAttribute, StrMethod, Test};
use super::ops::{BinOp, CmpOp};
use crate::data::Text;

/// Where a variable lives: the template's own slots, or those of the running macro.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot {
    pub root: bool,
    pub index: usize,
    /// Whether it differs from pass to pass of a loop: it holds the item, or `loop`.
    pub passing: bool,
}

/// How a slot gets its value when its scope is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// Looked up among the template's variables (index into [`Program::names`]).
    Context(usize),
    /// Copied from an outer scope.
    Alias(Slot),
    Missing,
}

pub type Loads = Vec<(Slot, Load)>;

#[derive(Debug, Clone)]
pub enum Const {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Text),
}

/// An attribute by its name, with all that the name could mean.
#[derive(Debug, Clone)]
pub struct Attr {
    pub name: Text,
    pub owners: Owners,
    pub dict_method: Option<&'static DictMethod>,
    pub str_method: Option<&'static StrMethod>,
    pub of_loop: Option<&'static LoopAttribute>,
}

#[derive(Debug, Clone, Default)]
pub struct Args {
    pub positional: Vec<Expr>,
    pub named: Vec<(Box<str>, Expr)>,
}

impl Args {
    pub fn is_empty(&self) -> bool {
        self.positional.is_empty() && self.named.is_empty()
    }
}

#[derive(Debug, Clone)]
pub enum Expr {
    Const(Const),
    Name(Slot, Box<str>),
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    Dict(Vec<(Expr, Expr)>),
    Attr(Box<Expr>, Attr),
    Item(Box<Expr>, Box<Expr>),
    Slice(Box<Expr>, [Option<Box<Expr>>; 3]),
    Call(Box<Expr>, Args),
    Filter(&'static Filter, Box<Expr>, Args),
    Test(&'static Test, Box<Expr>, Vec<Expr>),
    Not(Box<Expr>),
    Neg(Box<Expr>),
    Pos(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Cond(Box<Expr>, Box<Expr>, Option<Box<Expr>>),
    Compare(Box<Expr>, Vec<(CmpOp, Expr)>),
    Concat(Vec<Expr>),
    Bin(BinOp, Box<Expr>, Box<Expr>),
    /// A filter or test that does not exist: raises when it is reached.
    Unknown(Box<Expr>, Box<str>),
}

#[derive(Debug, Clone)]
pub enum Target {
    Slot(Slot),
    Tuple(Vec<Target>),
    /// An attribute of a namespace.
    Namespace(Slot, Box<str>),
}

#[derive(Debug, Clone)]
pub struct For {
    pub target: Target,
    pub iter: Expr,
    pub loop_slot: Option<Slot>,
    pub loads: Loads,
    pub body: Vec<Stmt>,
    /// The filter's own scope: its target, what it loads, its condition.
    pub filter: Option<(Target, Loads, Expr)>,
    pub or_else: Option<(Loads, Vec<Stmt>)>,
    /// The variables from around it that its body may read, if they are known.
    pub free: Option<Vec<Slot>>,
}

#[derive(Debug, Clone)]
pub enum Stmt {
    Text(Box<str>),
    Print(Expr),
    If(Vec<(Expr, Vec<Stmt>)>, Vec<Stmt>),
    For(Box<For>),
    Set(Target, Expr),
    /// `{% set x %}…{% endset %}`, with its filters from the inside out.
    SetBlock(Target, Loads, Vec<Stmt>, Vec<(&'static Filter, Args)>),
    /// `{% filter f %}…{% endfilter %}`, with its filters from the inside out.
    FilterBlock(Loads, Vec<Stmt>, Vec<(&'static Filter, Args)>),
    Macro(Slot, usize),
    /// A body with a scope of its own: `{% generation %}`.
    Scope(Loads, Vec<Stmt>),
    With(Vec<(Slot, Expr)>, Loads, Vec<Stmt>),
    Break,
    Continue,
}

#[derive(Debug, Clone)]
pub struct Param {
    pub name: Box<str>,
    pub slot: Slot,
    pub default: Option<Expr>,
}

#[derive(Debug, Clone)]
pub struct Macro {
    pub name: Box<str>,
    pub params: Vec<Param>,
    pub loads: Loads,
    pub slots: usize,
    pub body: Vec<Stmt>,
}

/// A template, ready to render.
#[derive(Debug, Clone)]
pub struct Program {
    /// What the template's names were looked up in.
    pub environment: &'static Environment,
    /// Of the template's own scope, whose slots come before all others.
    pub loads: Loads,
    pub slots: usize,
    pub body: Vec<Stmt>,
    pub macros: Vec<Macro>,
    /// Variables that the template takes from outside.
    pub names: Vec<Box<str>>,
    /// Formats that the template passes to `strftime_now`.
    pub date_formats: Vec<Box<str>>,
}
