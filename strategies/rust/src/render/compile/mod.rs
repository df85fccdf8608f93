//! From Jinja2's syntax tree to a program, refusing what is not known to render alike.
//!
//! The tree is the one that Jinja2's own parser makes, so white space control, operator
//! precedence and literals cannot differ. Names are resolved as Jinja2's compiler resolves
//! them: a scope is analysed as a whole before its code, a name that it stores becomes its own,
//! and a name found nowhere is looked up among the template's variables.

use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value as Node;

use super::program::{
    Args, Attr, BinOp, CmpOp, Const, Expr, Filter, For, Load, Loads, Macro, Param, Program, Slot,
    Stmt, Target, Test,
};

/// Filters whose results are known to equal Jinja2's, with the arguments they may be given.
pub const FILTERS: &[(&str, Filter, usize, &[&str])] = &[
    ("capitalize", Filter::Capitalize, 0, &[]),
    ("count", Filter::Length, 0, &[]),
    ("d", Filter::Default, 2, &["default_value", "boolean"]),
    ("default", Filter::Default, 2, &["default_value", "boolean"]),
    ("dictsort", Filter::DictSort, 0, &[]),
    ("first", Filter::First, 0, &[]),
    ("int", Filter::Int, 0, &[]),
    ("items", Filter::Items, 0, &[]),
    ("join", Filter::Join, 1, &["d"]),
    ("last", Filter::Last, 0, &[]),
    ("length", Filter::Length, 0, &[]),
    ("list", Filter::List, 0, &[]),
    ("lower", Filter::Lower, 0, &[]),
    ("map", Filter::Map, 1, &["attribute"]),
    ("reject", Filter::Reject, 2, &[]),
    ("rejectattr", Filter::RejectAttr, 3, &[]),
    ("replace", Filter::Replace, 2, &[]),
    ("reverse", Filter::Reverse, 0, &[]),
    ("safe", Filter::Safe, 0, &[]),
    ("select", Filter::Select, 2, &[]),
    ("selectattr", Filter::SelectAttr, 3, &[]),
    ("sort", Filter::Sort, 0, &["attribute"]),
    ("string", Filter::String, 0, &[]),
    (
        "tojson",
        Filter::ToJson,
        4,
        &["ensure_ascii", "indent", "separators", "sort_keys"],
    ),
    ("trim", Filter::Trim, 1, &["chars"]),
    ("unique", Filter::Unique, 0, &[]),
    ("upper", Filter::Upper, 0, &[]),
];

/// Tests whose results are known to equal Jinja2's, with their number of arguments.
pub const TESTS: &[(&str, Test, usize)] = &[
    ("!=", Test::Ne, 1),
    ("<", Test::Lt, 1),
    ("<=", Test::Le, 1),
    ("==", Test::Eq, 1),
    (">", Test::Gt, 1),
    (">=", Test::Ge, 1),
    ("boolean", Test::Boolean, 0),
    ("callable", Test::Callable, 0),
    ("defined", Test::Defined, 0),
    ("divisibleby", Test::DivisibleBy, 1),
    ("eq", Test::Eq, 1),
    ("equalto", Test::Eq, 1),
    ("even", Test::Even, 0),
    ("false", Test::False, 0),
    ("float", Test::Float, 0),
    ("ge", Test::Ge, 1),
    ("greaterthan", Test::Gt, 1),
    ("gt", Test::Gt, 1),
    ("in", Test::In, 1),
    ("integer", Test::Integer, 0),
    ("iterable", Test::Iterable, 0),
    ("le", Test::Le, 1),
    ("lessthan", Test::Lt, 1),
    ("lt", Test::Lt, 1),
    ("mapping", Test::Mapping, 0),
    ("ne", Test::Ne, 1),
    ("none", Test::None, 0),
    ("number", Test::Number, 0),
    ("odd", Test::Odd, 0),
    ("sequence", Test::Sequence, 0),
    ("string", Test::String, 0),
    ("true", Test::True, 0),
    ("undefined", Test::Undefined, 0),
];

/// Statements that are rendered, by their class in Jinja2's syntax tree.
pub const STATEMENTS: &[&str] = &[
    "Assign",
    "AssignBlock",
    "Break",
    "CallBlock",
    "Continue",
    "For",
    "If",
    "Macro",
    "Output",
    "With",
];

/// Expressions that are evaluated, by their class in Jinja2's syntax tree.
pub const EXPRESSIONS: &[&str] = &[
    "Add", "And", "Call", "Compare", "Concat", "CondExpr", "Const", "Dict", "Div", "Filter",
    "FloorDiv", "Getattr", "Getitem", "List", "Mod", "Mul", "Name", "Neg", "Not", "Or", "Pos",
    "Slice", "Sub", "Test", "Tuple",
];

/// Functions known to equal those of transformers' environment.
pub const FUNCTIONS: &[&str] = &[
    "dict",
    "namespace",
    "raise_exception",
    "range",
    "strftime_now",
];

/// Names that Jinja2 defines by itself and that are not rendered.
const JINJA_GLOBALS: &[&str] = &["cycler", "joiner", "lipsum", "self", "super"];

/// Methods known to equal Python's, by the type that has them.
pub const DICT_METHODS: &[&str] = &["copy", "get", "items", "keys", "values"];
pub const STR_METHODS: &[&str] = &[
    "capitalize",
    "count",
    "endswith",
    "find",
    "format",
    "isdigit",
    "join",
    "lower",
    "lstrip",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "title",
    "upper",
];

/// Methods that change their object, which the sandbox turns into an undefined value.
pub const SANDBOXED_DICT: &[&str] = &["clear", "pop", "popitem", "setdefault", "update"];
pub const SANDBOXED_LIST: &[&str] = &[
    "append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort",
];

/// Every public attribute of Python's types that a template can meet: on an object of the type
/// they come before its items.
pub const DICT_ATTRIBUTES: &[&str] = &[
    "clear",
    "copy",
    "fromkeys",
    "get",
    "items",
    "keys",
    "pop",
    "popitem",
    "setdefault",
    "update",
    "values",
];
pub const STR_ATTRIBUTES: &[&str] = &[
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "maketrans",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "translate",
    "upper",
    "zfill",
];
pub const LIST_ATTRIBUTES: &[&str] = &[
    "append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse",
    "sort",
];
/// Of numbers, tuples, ranges, views, generators, macros and functions.
pub const OTHER_ATTRIBUTES: &[&str] = &[
    "arguments",
    "as_integer_ratio",
    "bit_count",
    "bit_length",
    "caller",
    "catch_kwargs",
    "catch_varargs",
    "close",
    "conjugate",
    "count",
    "denominator",
    "explicit_caller",
    "from_bytes",
    "fromhex",
    "fromkeys",
    "gi_code",
    "gi_frame",
    "gi_running",
    "gi_suspended",
    "gi_yieldfrom",
    "hex",
    "imag",
    "index",
    "is_integer",
    "isdisjoint",
    "mapping",
    "name",
    "numerator",
    "real",
    "send",
    "start",
    "step",
    "stop",
    "throw",
    "to_bytes",
];

/// Attributes of `loop` that are rendered.
pub const LOOP_ATTRIBUTES: &[&str] = &[
    "depth",
    "depth0",
    "first",
    "index",
    "index0",
    "last",
    "length",
    "nextitem",
    "previtem",
    "revindex",
    "revindex0",
];

type Refusal<T> = Result<T, String>;

fn refuse<T>(reason: impl Into<String>) -> Refusal<T> {
    Err(reason.into())
}

fn kind(node: &Node) -> &str {
    node.get("_").and_then(Node::as_str).unwrap_or("")
}

fn field<'n>(node: &'n Node, name: &str) -> Refusal<&'n Node> {
    node.get(name)
        .ok_or_else(|| format!("malformed syntax tree: {} without {name}", kind(node)))
}

fn text_field<'n>(node: &'n Node, name: &str) -> Refusal<&'n str> {
    field(node, name)?
        .as_str()
        .ok_or_else(|| format!("malformed syntax tree: {name} is no string"))
}

fn list_field<'n>(node: &'n Node, name: &str) -> Refusal<&'n [Node]> {
    match field(node, name)? {
        Node::Array(items) => Ok(items),
        Node::Null => Ok(&[]),
        _ => refuse(format!("malformed syntax tree: {name} is no list")),
    }
}

/// Calls `visit` on every node below and including `node`.
fn walk<'n>(node: &'n Node, visit: &mut impl FnMut(&'n Node)) {
    match node {
        Node::Array(items) => items.iter().for_each(|item| walk(item, visit)),
        Node::Object(fields) => {
            visit(node);
            fields.values().for_each(|child| walk(child, visit));
        }
        _ => {}
    }
}

fn mentions(node: &Node, names: &[&str]) -> bool {
    let mut found = false;
    walk(node, &mut |inner| {
        found |= kind(inner) == "Name"
            && inner
                .get("name")
                .and_then(Node::as_str)
                .is_some_and(|name| names.contains(&name));
    });
    found
}

/// What is known of the names of one scope.
#[derive(Debug, Clone, Default)]
struct Symbols {
    refs: FxHashMap<String, Slot>,
    loads: Vec<(Slot, Load)>,
    stores: FxHashSet<String>,
}

impl Symbols {
    fn set_load(&mut self, slot: Slot, load: Load) {
        match self.loads.iter_mut().find(|(known, _)| *known == slot) {
            Some(entry) => entry.1 = load,
            None => self.loads.push((slot, load)),
        }
    }
}

/// A scope being compiled, with its place among the others.
#[derive(Debug, Default)]
struct Scope {
    symbols: Symbols,
    /// One slot for each name, also across the copies that branches analyse.
    slots: FxHashMap<String, Slot>,
}

/// Compiles templates; one for each.
#[derive(Debug, Default)]
struct Compiler {
    scopes: Vec<Scope>,
    root_slots: usize,
    macro_slots: usize,
    /// Number of scopes outside the macro being compiled, if one is.
    in_macro: Option<usize>,
    names: Vec<Box<str>>,
    macros: Vec<Macro>,
    date_formats: Vec<Box<str>>,
    /// Names of the macros that live in a scope inside the template's own.
    inner_macros: FxHashSet<String>,
}

/// Compiles a template from the JSON of its syntax tree.
///
/// # Errors
///
/// The first construct found whose rendering is not known to equal Jinja2's.
pub fn compile(tree: &Node) -> Refusal<Program> {
    if kind(tree) != "Template" {
        return refuse("malformed syntax tree: no template");
    }
    let mut compiler = Compiler::default();
    walk(tree, &mut |node| {
        if matches!(kind(node), "For" | "With" | "AssignBlock" | "CallBlock") {
            walk(node, &mut |inner| {
                if let (true, Some(name)) = (kind(inner) == "Macro", inner["name"].as_str()) {
                    compiler.inner_macros.insert(name.to_owned());
                }
            });
        }
    });
    let nodes = list_field(tree, "body")?;
    compiler.scopes.push(Scope::default());
    compiler.analyse(nodes)?;
    let body = compiler.block(nodes)?;
    let loads = compiler.leave();
    Ok(Program {
        loads,
        slots: compiler.root_slots,
        body,
        macros: compiler.macros,
        names: compiler.names,
        date_formats: compiler.date_formats,
    })
}

// Analysis of scopes: which names are theirs, and where the others come from.
impl Compiler {
    fn top(&mut self) -> &mut Scope {
        self.scopes.last_mut().expect("a scope is open")
    }

    fn enter(&mut self) {
        self.scopes.push(Scope::default());
    }

    fn leave(&mut self) -> Loads {
        self.scopes
            .pop()
            .map(|scope| scope.symbols.loads)
            .unwrap_or_default()
    }

    fn find(&self, name: &str) -> Option<Slot> {
        self.scopes
            .iter()
            .rev()
            .find_map(|scope| scope.symbols.refs.get(name).copied())
    }

    fn find_outside(&self, name: &str) -> Option<Slot> {
        let outer = self.scopes.len() - 1;
        self.scopes[..outer]
            .iter()
            .rev()
            .find_map(|scope| scope.symbols.refs.get(name).copied())
    }

    fn slot(&mut self, name: &str) -> Slot {
        if let Some(slot) = self.top().slots.get(name) {
            return *slot;
        }
        let root = self.in_macro.is_none();
        let counter = if root {
            &mut self.root_slots
        } else {
            &mut self.macro_slots
        };
        let slot = Slot {
            root,
            index: *counter,
        };
        *counter += 1;
        self.top().slots.insert(name.to_owned(), slot);
        slot
    }

    fn define(&mut self, name: &str, load: Option<Load>) -> Slot {
        let slot = self.slot(name);
        let symbols = &mut self.top().symbols;
        symbols.refs.insert(name.to_owned(), slot);
        if let Some(load) = load {
            symbols.set_load(slot, load);
        }
        slot
    }

    fn name_index(&mut self, name: &str) -> usize {
        if let Some(index) = self.names.iter().position(|known| &**known == name) {
            index
        } else {
            self.names.push(name.into());
            self.names.len() - 1
        }
    }

    fn note_load(&mut self, name: &str) {
        if self.find(name).is_none() {
            let index = self.name_index(name);
            self.define(name, Some(Load::Context(index)));
        }
    }

    fn note_store(&mut self, name: &str) {
        self.top().symbols.stores.insert(name.to_owned());
        if self.top().symbols.refs.contains_key(name) {
            return;
        }
        let load = self.find_outside(name).map_or(Load::Missing, Load::Alias);
        self.define(name, Some(load));
    }

    fn declare(&mut self, name: &str) -> Slot {
        self.top().symbols.stores.insert(name.to_owned());
        let slot = self.define(name, None);
        // Its value comes from the construct itself.
        self.top().symbols.loads.retain(|(known, _)| *known != slot);
        slot
    }

    fn analyse(&mut self, nodes: &[Node]) -> Refusal<()> {
        nodes.iter().try_for_each(|node| self.analyse_node(node))
    }

    fn analyse_params(&mut self, target: &Node) -> Refusal<()> {
        match kind(target) {
            "Name" => {
                self.declare(text_field(target, "name")?);
                Ok(())
            }
            "Tuple" => list_field(target, "items")?
                .iter()
                .try_for_each(|item| self.analyse_params(item)),
            other => refuse(format!("{other} as a loop target")),
        }
    }

    fn analyse_node(&mut self, node: &Node) -> Refusal<()> {
        match node {
            Node::Array(items) => return self.analyse(items),
            Node::Object(_) => {}
            _ => return Ok(()),
        }
        match kind(node) {
            "Name" => {
                let name = text_field(node, "name")?;
                match text_field(node, "ctx")? {
                    "load" => self.note_load(name),
                    "store" => self.note_store(name),
                    _ => {
                        self.declare(name);
                    }
                }
                Ok(())
            }
            "NSRef" => {
                self.note_load(text_field(node, "name")?);
                Ok(())
            }
            "If" => self.analyse_if(node),
            "Macro" => {
                self.note_store(text_field(node, "name")?);
                Ok(())
            }
            "Assign" => {
                self.analyse_node(field(node, "node")?)?;
                self.analyse_node(field(node, "target")?)
            }
            "For" => self.analyse_node(field(node, "iter")?),
            "CallBlock" => self.analyse_node(field(node, "call")?),
            "FilterBlock" => self.analyse_node(field(node, "filter")?),
            "With" => self.analyse(list_field(node, "values")?),
            "AssignBlock" => self.analyse_node(field(node, "target")?),
            "Scope" | "Block" | "OverlayScope" => Ok(()),
            _ => match node {
                Node::Object(fields) => fields
                    .values()
                    .try_for_each(|child| self.analyse_node(child)),
                _ => Ok(()),
            },
        }
    }

    /// Branches are analysed on copies; what only some of them store may also come from outside.
    fn analyse_if(&mut self, node: &Node) -> Refusal<()> {
        self.analyse_node(field(node, "test")?)?;
        let original = self.top().symbols.clone();
        let mut branches = Vec::new();
        for part in ["body", "elif_", "else_"] {
            self.top().symbols = original.clone();
            self.analyse(list_field(node, part)?)?;
            branches.push(std::mem::take(&mut self.top().symbols));
        }
        let mut stored: Vec<String> = branches
            .iter()
            .flat_map(|branch| branch.stores.iter().cloned())
            .filter(|name| !original.stores.contains(name))
            .collect();
        stored.sort_unstable();
        stored.dedup();
        let mut merged = original;
        for branch in branches {
            merged.refs.extend(branch.refs);
            for (slot, load) in branch.loads {
                merged.set_load(slot, load);
            }
            merged.stores.extend(branch.stores);
        }
        self.top().symbols = merged;
        for name in stored {
            let Some(slot) = self.find(&name) else {
                return refuse(format!("cannot resolve the variable {name}"));
            };
            let load = match self.find_outside(&name) {
                Some(outer) => Load::Alias(outer),
                None => Load::Context(self.name_index(&name)),
            };
            self.top().symbols.set_load(slot, load);
        }
        Ok(())
    }
}

// Code.
impl Compiler {
    fn block(&mut self, nodes: &[Node]) -> Refusal<Vec<Stmt>> {
        let mut out = Vec::new();
        for node in nodes {
            self.statement(node, &mut out)?;
        }
        Ok(out)
    }

    fn statement(&mut self, node: &Node, out: &mut Vec<Stmt>) -> Refusal<()> {
        if !STATEMENTS.contains(&kind(node)) {
            return refuse(format!("the statement {}", kind(node)));
        }
        match kind(node) {
            "Output" => {
                for part in list_field(node, "nodes")? {
                    if kind(part) == "TemplateData" {
                        out.push(Stmt::Text(text_field(part, "data")?.into()));
                    } else {
                        out.push(Stmt::Print(self.expr(part)?));
                    }
                }
            }
            "If" => out.push(self.if_statement(node)?),
            "For" => out.push(self.for_statement(node)?),
            "Assign" => {
                let value = self.expr(field(node, "node")?)?;
                let target = self.target(field(node, "target")?)?;
                out.push(Stmt::Set(target, value));
            }
            "AssignBlock" => {
                self.enter();
                let nodes = list_field(node, "body")?;
                self.analyse(nodes)?;
                let body = self.block(nodes)?;
                let mut filters = Vec::new();
                let mut filter = field(node, "filter")?;
                while !filter.is_null() {
                    let (name, args) = self.filter_parts(filter)?;
                    filters.push((name, args));
                    filter = field(filter, "node")?;
                }
                filters.reverse();
                let loads = self.leave();
                let target = self.target(field(node, "target")?)?;
                out.push(Stmt::SetBlock(target, loads, body, filters));
            }
            "Macro" => out.push(self.macro_statement(node)?),
            "CallBlock" => {
                let callee = field(field(node, "call")?, "node")?;
                let generation = kind(callee) == "ExtensionAttribute"
                    && text_field(callee, "name")? == "_generation_support";
                if !generation {
                    return refuse("a call block");
                }
                let nodes = list_field(node, "body")?;
                let mut jumps = false;
                walk(field(node, "body")?, &mut |inner| {
                    jumps |= matches!(kind(inner), "Break" | "Continue" | "Macro");
                });
                if jumps {
                    return refuse("break, continue or a macro inside a generation block");
                }
                if mentions(field(node, "body")?, &["caller", "kwargs", "varargs"]) {
                    return refuse("caller, kwargs or varargs in a generation block");
                }
                self.enter();
                self.analyse(nodes)?;
                let body = self.block(nodes)?;
                let loads = self.leave();
                out.push(Stmt::Scope(loads, body));
            }
            "With" => {
                let values = list_field(node, "values")?
                    .iter()
                    .map(|value| self.expr(value))
                    .collect::<Refusal<Vec<_>>>()?;
                self.enter();
                let mut pairs = Vec::new();
                for (target, value) in list_field(node, "targets")?.iter().zip(values) {
                    if kind(target) != "Name" {
                        return refuse("a tuple as the target of with");
                    }
                    pairs.push((self.declare(text_field(target, "name")?), value));
                }
                let nodes = list_field(node, "body")?;
                self.analyse(nodes)?;
                let body = self.block(nodes)?;
                let loads = self.leave();
                out.push(Stmt::With(pairs, loads, body));
            }
            "Break" => out.push(Stmt::Break),
            "Continue" => out.push(Stmt::Continue),
            other => return refuse(format!("the statement {other}")),
        }
        Ok(())
    }

    fn if_statement(&mut self, node: &Node) -> Refusal<Stmt> {
        let mut arms = vec![(
            self.expr(field(node, "test")?)?,
            self.block(list_field(node, "body")?)?,
        )];
        for arm in list_field(node, "elif_")? {
            arms.push((
                self.expr(field(arm, "test")?)?,
                self.block(list_field(arm, "body")?)?,
            ));
        }
        Ok(Stmt::If(arms, self.block(list_field(node, "else_")?)?))
    }

    fn for_statement(&mut self, node: &Node) -> Refusal<Stmt> {
        if field(node, "recursive")?.as_bool() != Some(false) {
            return refuse("a recursive loop");
        }
        let target_node = field(node, "target")?;
        let test = field(node, "test")?;
        let nodes = list_field(node, "body")?;
        let iter = self.expr(field(node, "iter")?)?;

        let filter = if test.is_null() {
            None
        } else {
            if mentions(test, &["loop"]) {
                return refuse("loop inside the condition of a loop");
            }
            self.enter();
            self.analyse_params(target_node)?;
            self.analyse_node(test)?;
            let target = self.target(target_node)?;
            let condition = self.expr(test)?;
            let loads = self.leave();
            Some((target, loads, condition))
        };

        self.enter();
        let loop_slot = mentions(field(node, "body")?, &["loop"]).then(|| self.declare("loop"));
        self.analyse_params(target_node)?;
        self.analyse(nodes)?;
        let target = self.target(target_node)?;
        let body = self.block(nodes)?;
        let loads = self.leave();

        let else_nodes = list_field(node, "else_")?;
        let or_else = if else_nodes.is_empty() {
            None
        } else {
            self.enter();
            self.analyse(else_nodes)?;
            let body = self.block(else_nodes)?;
            Some((self.leave(), body))
        };
        Ok(Stmt::For(Box::new(For {
            target,
            iter,
            loop_slot,
            loads,
            body,
            filter,
            or_else,
        })))
    }

    fn macro_statement(&mut self, node: &Node) -> Refusal<Stmt> {
        if self.in_macro.is_some() {
            return refuse("a macro inside a macro");
        }
        let name = text_field(node, "name")?;
        if mentions(field(node, "body")?, &["caller", "kwargs", "varargs"]) {
            return refuse("caller, kwargs or varargs in a macro");
        }
        let outer_slots = std::mem::take(&mut self.macro_slots);
        self.in_macro = Some(self.scopes.len());
        self.enter();
        let args = list_field(node, "args")?;
        let defaults = list_field(node, "defaults")?;
        let nodes = list_field(node, "body")?;
        self.analyse(args)?;
        self.analyse(defaults)?;
        self.analyse(nodes)?;
        let mut params = Vec::new();
        let required = args.len() - defaults.len();
        for (index, arg) in args.iter().enumerate() {
            let arg = text_field(arg, "name")?;
            if matches!(arg, "caller" | "kwargs" | "varargs") {
                return refuse(format!("a macro parameter named {arg}"));
            }
            let Some(slot) = self.find(arg) else {
                return refuse(format!("cannot resolve the parameter {arg}"));
            };
            let default = match index.checked_sub(required) {
                Some(at) => Some(self.expr(&defaults[at])?),
                None => None,
            };
            params.push(Param {
                name: arg.into(),
                slot,
                default,
            });
        }
        let body = self.block(nodes)?;
        let loads = self.leave();
        self.in_macro = None;
        let slots = std::mem::replace(&mut self.macro_slots, outer_slots);
        self.macros.push(Macro {
            name: name.into(),
            params,
            loads,
            slots,
            body,
        });
        let Some(slot) = self.find(name) else {
            return refuse(format!("cannot resolve the macro {name}"));
        };
        Ok(Stmt::Macro(slot, self.macros.len() - 1))
    }

    fn target(&mut self, node: &Node) -> Refusal<Target> {
        match kind(node) {
            "Name" => {
                let name = text_field(node, "name")?;
                match self.find(name) {
                    Some(slot) => Ok(Target::Slot(slot)),
                    None => refuse(format!("cannot resolve the variable {name}")),
                }
            }
            "Tuple" => Ok(Target::Tuple(
                list_field(node, "items")?
                    .iter()
                    .map(|item| self.target(item))
                    .collect::<Refusal<_>>()?,
            )),
            "NSRef" => {
                let name = text_field(node, "name")?;
                let attr = text_field(node, "attr")?;
                match self.find(name) {
                    Some(slot) => Ok(Target::Namespace(slot, attr.into())),
                    None => refuse(format!("cannot resolve the variable {name}")),
                }
            }
            other => refuse(format!("{other} as a target")),
        }
    }

    fn exprs(&mut self, nodes: &[Node]) -> Refusal<Vec<Expr>> {
        nodes.iter().map(|node| self.expr(node)).collect()
    }

    fn boxed(&mut self, node: &Node, name: &str) -> Refusal<Box<Expr>> {
        Ok(Box::new(self.expr(field(node, name)?)?))
    }

    fn binary(&mut self, op: BinOp, node: &Node) -> Refusal<Expr> {
        Ok(Expr::Bin(
            op,
            self.boxed(node, "left")?,
            self.boxed(node, "right")?,
        ))
    }

    fn expr(&mut self, node: &Node) -> Refusal<Expr> {
        Ok(match kind(node) {
            "Const" => Expr::Const(constant(field(node, "value")?)?),
            "TemplateData" => Expr::Const(Const::Str(text_field(node, "data")?.into())),
            "Name" => {
                // Behind the end of its scope such a macro reads what that scope has lost.
                let name = text_field(node, "name")?;
                if self.inner_macros.contains(name) {
                    return refuse("a macro inside a scope, other than by a call");
                }
                self.name(name)?
            }
            "List" => Expr::List(self.exprs(list_field(node, "items")?)?),
            "Tuple" => Expr::Tuple(self.exprs(list_field(node, "items")?)?),
            "Dict" => Expr::Dict(
                list_field(node, "items")?
                    .iter()
                    .map(|pair| {
                        Ok((
                            self.expr(field(pair, "key")?)?,
                            self.expr(field(pair, "value")?)?,
                        ))
                    })
                    .collect::<Refusal<_>>()?,
            ),
            "Getattr" => self.getattr(node)?,
            "Getitem" => self.getitem(node)?,
            "Call" => self.call(node)?,
            "Filter" => {
                let inner = field(node, "node")?;
                if inner.is_null() {
                    return refuse("a filter block");
                }
                if let Some(unknown) = self.unknown(node, "filter")? {
                    return Ok(unknown);
                }
                let inner = Box::new(self.expr(inner)?);
                let (filter, args) = self.filter_parts(node)?;
                Expr::Filter(filter, inner, args)
            }
            "Test" => self.test(node)?,
            "Not" => Expr::Not(self.boxed(node, "node")?),
            "Neg" => Expr::Neg(self.boxed(node, "node")?),
            "Pos" => Expr::Pos(self.boxed(node, "node")?),
            "And" => Expr::And(self.boxed(node, "left")?, self.boxed(node, "right")?),
            "Or" => Expr::Or(self.boxed(node, "left")?, self.boxed(node, "right")?),
            "CondExpr" => {
                let otherwise = field(node, "expr2")?;
                Expr::Cond(
                    self.boxed(node, "test")?,
                    self.boxed(node, "expr1")?,
                    if otherwise.is_null() {
                        None
                    } else {
                        Some(Box::new(self.expr(otherwise)?))
                    },
                )
            }
            "Compare" => {
                let mut parts = Vec::new();
                for operand in list_field(node, "ops")? {
                    let op = match text_field(operand, "op")? {
                        "eq" => CmpOp::Eq,
                        "ne" => CmpOp::Ne,
                        "lt" => CmpOp::Lt,
                        "lteq" => CmpOp::Le,
                        "gt" => CmpOp::Gt,
                        "gteq" => CmpOp::Ge,
                        "in" => CmpOp::In,
                        "notin" => CmpOp::NotIn,
                        other => return refuse(format!("the comparison {other}")),
                    };
                    parts.push((op, self.expr(field(operand, "expr")?)?));
                }
                Expr::Compare(self.boxed(node, "expr")?, parts)
            }
            "Concat" => Expr::Concat(self.exprs(list_field(node, "nodes")?)?),
            "Add" => self.binary(BinOp::Add, node)?,
            "Sub" => self.binary(BinOp::Sub, node)?,
            "Mul" => self.binary(BinOp::Mul, node)?,
            "Div" => self.binary(BinOp::Div, node)?,
            "FloorDiv" => self.binary(BinOp::FloorDiv, node)?,
            "Mod" => self.binary(BinOp::Mod, node)?,
            other => return refuse(format!("the expression {other}")),
        })
    }

    fn name(&mut self, name: &str) -> Refusal<Expr> {
        let Some(slot) = self.find(name) else {
            return refuse(format!("cannot resolve the variable {name}"));
        };
        if name == "loop" {
            return refuse("loop other than by one of its attributes");
        }
        if JINJA_GLOBALS.contains(&name) {
            return refuse(format!("the function {name}"));
        }
        Ok(Expr::Name(slot, name.into()))
    }

    fn unknown(&mut self, node: &Node, what: &str) -> Refusal<Option<Expr>> {
        if field(node, "known")?.as_bool() != Some(false) {
            return Ok(None);
        }
        let name = text_field(node, "name")?;
        let inner = self.boxed(node, "node")?;
        let message = format!("No {what} named '{name}' found.");
        Ok(Some(Expr::Unknown(inner, message.into())))
    }

    fn getattr(&mut self, node: &Node) -> Refusal<Expr> {
        let name = text_field(node, "attr")?;
        if name.starts_with('_') {
            return refuse(format!("the attribute {name}"));
        }
        let inner = field(node, "node")?;
        if kind(inner) == "Name" && text_field(inner, "name")? == "loop" {
            if !LOOP_ATTRIBUTES.contains(&name) {
                return refuse(format!("loop.{name}"));
            }
            let Some(slot) = self.find("loop") else {
                return refuse("loop outside a loop");
            };
            return Ok(Expr::Attr(
                Box::new(Expr::Name(slot, "loop".into())),
                attribute(name),
            ));
        }
        Ok(Expr::Attr(Box::new(self.expr(inner)?), attribute(name)))
    }

    fn getitem(&mut self, node: &Node) -> Refusal<Expr> {
        let arg = field(node, "arg")?;
        let inner = self.boxed(node, "node")?;
        if kind(arg) == "Slice" {
            let mut bounds = [None, None, None];
            for (bound, name) in bounds.iter_mut().zip(["start", "stop", "step"]) {
                let part = field(arg, name)?;
                if !part.is_null() {
                    *bound = Some(Box::new(self.expr(part)?));
                }
            }
            return Ok(Expr::Slice(inner, bounds));
        }
        Ok(Expr::Item(inner, Box::new(self.expr(arg)?)))
    }

    fn args(&mut self, node: &Node) -> Refusal<Args> {
        for part in ["dyn_args", "dyn_kwargs"] {
            if !field(node, part)?.is_null() {
                return refuse("unpacked arguments in a call");
            }
        }
        let named = list_field(node, "kwargs")?
            .iter()
            .map(|pair| {
                Ok((
                    text_field(pair, "key")?.into(),
                    self.expr(field(pair, "value")?)?,
                ))
            })
            .collect::<Refusal<_>>()?;
        Ok(Args {
            positional: self.exprs(list_field(node, "args")?)?,
            named,
        })
    }

    fn call(&mut self, node: &Node) -> Refusal<Expr> {
        let callee_node = field(node, "node")?;
        if kind(callee_node) == "Getattr" {
            let name = text_field(callee_node, "attr")?;
            let known = [DICT_METHODS, STR_METHODS, SANDBOXED_DICT, SANDBOXED_LIST]
                .iter()
                .any(|methods| methods.contains(&name));
            let exists = [
                DICT_ATTRIBUTES,
                STR_ATTRIBUTES,
                LIST_ATTRIBUTES,
                OTHER_ATTRIBUTES,
            ]
            .iter()
            .any(|names| names.contains(&name));
            if exists && !known {
                return refuse(format!("the method {name}"));
            }
        }
        let callee = Box::new(match kind(callee_node) {
            "Name" => self.name(text_field(callee_node, "name")?)?,
            _ => self.expr(callee_node)?,
        });
        let args = self.args(node)?;
        if let Expr::Name(slot, name) = &*callee {
            let global = self.is_context(*slot);
            if global && &**name == "strftime_now" {
                let [Expr::Const(Const::Str(format))] = args.positional.as_slice() else {
                    return refuse("strftime_now with a format that is not a literal");
                };
                if !self.date_formats.contains(format) {
                    self.date_formats.push(format.clone());
                }
            }
        }
        Ok(Expr::Call(callee, args))
    }

    fn is_context(&self, slot: Slot) -> bool {
        self.scopes.iter().any(|scope| {
            scope
                .symbols
                .loads
                .iter()
                .any(|(known, load)| *known == slot && matches!(load, Load::Context(_)))
        })
    }

    fn filter_parts(&mut self, node: &Node) -> Refusal<(Filter, Args)> {
        let name = text_field(node, "name")?;
        let args = self.args(node)?;
        let Some((_, filter, most, named)) = FILTERS.iter().find(|known| known.0 == name) else {
            return refuse(format!("the filter {name}"));
        };
        if args.positional.len() > *most {
            return refuse(format!("the filter {name} with these arguments"));
        }
        if let Some((key, _)) = args.named.iter().find(|(key, _)| !named.contains(&&**key)) {
            return refuse(format!("the filter {name} with {key}="));
        }
        let first_literal = match args.positional.first() {
            Some(Expr::Const(Const::Str(text))) => Some(&**text),
            _ => None,
        };
        let test_at = match filter {
            Filter::Select | Filter::Reject => 0,
            Filter::SelectAttr | Filter::RejectAttr => 1,
            Filter::Map => {
                let plain = args.named.len() == 1 && args.positional.is_empty();
                let inner = first_literal.and_then(|inner| {
                    FILTERS
                        .iter()
                        .find(|known| known.0 == inner)
                        .map(|known| known.1)
                });
                let simple = matches!(
                    inner,
                    Some(
                        Filter::Capitalize
                            | Filter::Int
                            | Filter::Length
                            | Filter::List
                            | Filter::Lower
                            | Filter::String
                            | Filter::ToJson
                            | Filter::Trim
                            | Filter::Upper
                    )
                );
                if plain || (simple && args.named.is_empty()) {
                    return Ok((*filter, args));
                }
                return refuse("map with these arguments");
            }
            _ => return Ok((*filter, args)),
        };
        if let Some(test) = args.positional.get(test_at) {
            let Expr::Const(Const::Str(test)) = test else {
                return refuse(format!("{name} with a test that is not a literal"));
            };
            match TESTS.iter().find(|known| known.0 == &**test) {
                Some((_, _, count)) if args.positional.len() == test_at + 1 + count => {}
                _ => return refuse(format!("{name} with the test {test}")),
            }
        }
        if test_at == 1 && first_literal.is_none() {
            return refuse(format!("{name} with an attribute that is not a literal"));
        }
        Ok((*filter, args))
    }

    fn test(&mut self, node: &Node) -> Refusal<Expr> {
        if let Some(unknown) = self.unknown(node, "test")? {
            return Ok(unknown);
        }
        let name = text_field(node, "name")?;
        let args = self.args(node)?;
        let Some((_, test, count)) = TESTS.iter().find(|known| known.0 == name) else {
            return refuse(format!("the test {name}"));
        };
        if !args.named.is_empty() || args.positional.len() != *count {
            return refuse(format!("the test {name} with these arguments"));
        }
        Ok(Expr::Test(
            *test,
            self.boxed(node, "node")?,
            args.positional,
        ))
    }
}

fn attribute(name: &str) -> Attr {
    Attr {
        name: name.into(),
        of_dict: DICT_ATTRIBUTES.contains(&name),
        of_str: STR_ATTRIBUTES.contains(&name),
        of_list: LIST_ATTRIBUTES.contains(&name),
        of_other: OTHER_ATTRIBUTES.contains(&name),
    }
}

fn constant(value: &Node) -> Refusal<Const> {
    Ok(match value {
        Node::Null => Const::None,
        Node::Bool(value) => Const::Bool(*value),
        Node::String(text) => Const::Str(text.as_str().into()),
        Node::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(value), _) => Const::Int(value),
            (None, Some(value)) if number.is_f64() => Const::Float(value),
            _ => return refuse("a number that JSON does not carry"),
        },
        Node::Object(_) => return refuse("an integer literal beyond 64 bits"),
        Node::Array(_) => return refuse("a literal of an unknown kind"),
    })
}
