//! The compiled template: expressions and statements whose names are slots.

/// Where a variable lives: the template's own slots, or those of the running macro.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot {
    pub root: bool,
    pub index: usize,
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

#[derive(Debug, Clone, PartialEq)]
pub enum Const {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Box<str>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinOp {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Mod,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CmpOp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    NotIn,
}

/// An attribute name, with the Python types on which it is an attribute of the type itself.
#[allow(clippy::struct_excessive_bools)] // one for each type, read together
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attr {
    pub name: Box<str>,
    pub of_dict: bool,
    pub of_str: bool,
    pub of_list: bool,
    pub of_other: bool,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Args {
    pub positional: Vec<Expr>,
    pub named: Vec<(Box<str>, Expr)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    Capitalize,
    Default,
    DictSort,
    First,
    Int,
    Items,
    Join,
    Last,
    Length,
    List,
    Lower,
    Map,
    Reject,
    RejectAttr,
    Replace,
    Reverse,
    Safe,
    Select,
    SelectAttr,
    Sort,
    String,
    ToJson,
    Trim,
    Unique,
    Upper,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Test {
    Boolean,
    Callable,
    Defined,
    DivisibleBy,
    Eq,
    Even,
    False,
    Float,
    Ge,
    Gt,
    In,
    Integer,
    Iterable,
    Le,
    Lt,
    Mapping,
    Ne,
    None,
    Number,
    Odd,
    Sequence,
    String,
    True,
    Undefined,
}

#[derive(Debug, Clone, PartialEq)]
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
    Filter(Filter, Box<Expr>, Args),
    Test(Test, Box<Expr>, Vec<Expr>),
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

#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    Slot(Slot),
    Tuple(Vec<Target>),
    /// An attribute of a namespace.
    Namespace(Slot, Box<str>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct For {
    pub target: Target,
    pub iter: Expr,
    pub loop_slot: Option<Slot>,
    pub loads: Loads,
    pub body: Vec<Stmt>,
    /// The filter's own scope: its target, what it loads, its condition.
    pub filter: Option<(Target, Loads, Expr)>,
    pub or_else: Option<(Loads, Vec<Stmt>)>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Stmt {
    Text(Box<str>),
    Print(Expr),
    If(Vec<(Expr, Vec<Stmt>)>, Vec<Stmt>),
    For(Box<For>),
    Set(Target, Expr),
    /// `{% set x %}…{% endset %}`, with its filters from the inside out.
    SetBlock(Target, Loads, Vec<Stmt>, Vec<(Filter, Args)>),
    Macro(Slot, usize),
    /// A body with a scope of its own: `{% generation %}`.
    Scope(Loads, Vec<Stmt>),
    With(Vec<(Slot, Expr)>, Loads, Vec<Stmt>),
    Break,
    Continue,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    pub name: Box<str>,
    pub slot: Slot,
    pub default: Option<Expr>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Macro {
    pub name: Box<str>,
    pub params: Vec<Param>,
    pub loads: Loads,
    pub slots: usize,
    pub body: Vec<Stmt>,
}

/// A template, ready to render.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    pub loads: Loads,
    pub slots: usize,
    pub body: Vec<Stmt>,
    pub macros: Vec<Macro>,
    /// Variables that the template takes from outside.
    pub names: Vec<Box<str>>,
    /// Formats that the template passes to `strftime_now`.
    pub date_formats: Vec<Box<str>>,
}
