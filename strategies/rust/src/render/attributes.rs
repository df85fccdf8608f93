//! Names of the public attributes of Python's types.
//!
//! They decide whether `x.name` is an attribute or an item, also for attributes that are not
//! rendered.

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

/// The types on which a name is an attribute of the type itself.
#[allow(clippy::struct_excessive_bools)] // one for each type, read together
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owners {
    pub dict: bool,
    pub str: bool,
    pub list: bool,
    pub other: bool,
}

impl Owners {
    pub fn of(name: &str) -> Self {
        Self {
            dict: DICT_ATTRIBUTES.contains(&name),
            str: STR_ATTRIBUTES.contains(&name),
            list: LIST_ATTRIBUTES.contains(&name),
            other: OTHER_ATTRIBUTES.contains(&name),
        }
    }

    pub fn any(self) -> bool {
        self.dict || self.str || self.list || self.other
    }
}
