//! Everything that a template can name and that is known to do the same here as in Jinja2.
//!
//! One row is all it takes: the compiler, the evaluator and `constructs()` read these tables.
//! Each row has a case in `tests/template_corpus.py`, which Jinja2 and this core have to render
//! to the same text.

use super::environment::{
    DictMethod, Environment, Filter, Form, Function, Gives, LoopAttribute, Printing, StrMethod,
    Test,
};
use super::{filters, functions, json, loops, methods, tests};

/// The environment of chat templates.
pub static KNOWN: Environment = Environment {
    filters: FILTERS,
    tests: TESTS,
    functions: FUNCTIONS,
    dict_methods: DICT_METHODS,
    str_methods: STR_METHODS,
    loop_attributes: LOOP_ATTRIBUTES,
};

const EXTREME: &[&str] = &["attribute", "case_sensitive"];
const DUMPS: &[&str] = &["ensure_ascii", "indent", "separators", "sort_keys"];

#[rustfmt::skip] // one row a line
const FILTERS: &[Filter] = &[
    Filter::new("capitalize", filters::capitalize).mappable(),
    Filter::new("count", filters::length).mappable().gives(Gives::Length),
    Filter::new("d", filters::default).takes(2, &["default_value", "boolean"]),
    Filter::new("default", filters::default).takes(2, &["default_value", "boolean"]),
    Filter::new("dictsort", filters::dictsort).takes_marked(),
    Filter::new("first", filters::first),
    Filter::new("indent", filters::indent).takes(3, &["blank", "first", "width"]),
    Filter::new("int", filters::int).mappable(),
    Filter::new("items", filters::items),
    Filter::new("join", filters::join).takes(1, &["d"]),
    Filter::new("last", filters::last).gives(Gives::Last),
    Filter::new("length", filters::length).mappable().gives(Gives::Length),
    Filter::new("list", filters::list).mappable().gives(Gives::List),
    Filter::new("lower", filters::lower).mappable(),
    Filter::new("map", filters::map).takes(1, &["attribute"]).form(Form::FilterName),
    Filter::new("max", filters::max).takes(2, EXTREME),
    Filter::new("min", filters::min).takes(2, EXTREME),
    Filter::new("reject", filters::reject).takes(2, &[]).form(Form::TestName).gives(Gives::Picks),
    Filter::new("rejectattr", filters::rejectattr).takes(3, &[]).form(Form::AttributeAndTestName).gives(Gives::Picks),
    Filter::new("replace", filters::replace).takes(2, &[]),
    Filter::new("reverse", filters::reverse).gives(Gives::Reverse),
    Filter::new("safe", filters::safe).takes_marked().printing(Printing::AsInput),
    Filter::new("select", filters::select).takes(2, &[]).form(Form::TestName).gives(Gives::Picks),
    Filter::new("selectattr", filters::selectattr).takes(3, &[]).form(Form::AttributeAndTestName).gives(Gives::Picks),
    Filter::new("sort", filters::sort).takes(0, &["attribute"]),
    Filter::new("string", filters::string).mappable().takes_marked().printing(Printing::AsInput),
    Filter::new("title", filters::title).mappable(),
    Filter::new("tojson", filters::to_json).takes(4, DUMPS).mappable()
        .printing(Printing::By(json::push_plainly)),
    Filter::new("trim", filters::trim).takes(1, &["chars"]).mappable(),
    Filter::new("unique", filters::unique),
    Filter::new("upper", filters::upper).mappable(),
];

const TESTS: &[Test] = &[
    Test::against("!=", tests::ne),
    Test::against("<", tests::lt),
    Test::against("<=", tests::le),
    Test::against("==", tests::eq),
    Test::against(">", tests::gt),
    Test::against(">=", tests::ge),
    Test::new("boolean", tests::boolean).takes_marked(),
    Test::new("callable", tests::callable),
    Test::new("defined", tests::defined).takes_marked(),
    Test::against("divisibleby", tests::divisible_by),
    Test::against("eq", tests::eq),
    Test::against("equalto", tests::eq),
    Test::new("even", tests::even),
    Test::new("false", tests::is_false).takes_marked(),
    Test::new("float", tests::float),
    Test::against("ge", tests::ge),
    Test::against("greaterthan", tests::gt),
    Test::against("gt", tests::gt),
    Test::against("in", tests::is_in),
    Test::new("integer", tests::integer),
    Test::new("iterable", tests::iterable),
    Test::against("le", tests::le),
    Test::against("lessthan", tests::lt),
    Test::against("lt", tests::lt),
    Test::new("mapping", tests::mapping),
    Test::against("ne", tests::ne),
    Test::new("none", tests::none).takes_marked(),
    Test::new("number", tests::number),
    Test::new("odd", tests::odd),
    Test::new("sequence", tests::sequence),
    Test::new("string", tests::string).takes_marked(),
    Test::new("true", tests::is_true).takes_marked(),
    Test::new("undefined", tests::undefined).takes_marked(),
];

const FUNCTIONS: &[Function] = &[
    Function::new("dict", functions::dict),
    Function::new("namespace", functions::namespace),
    Function::new("raise_exception", functions::raise_exception),
    Function::new("range", functions::range).counts(),
    Function::new("strftime_now", functions::strftime_now).takes_date_format(),
];

const DICT_METHODS: &[DictMethod] = &[
    DictMethod::new("copy", 0, 0, methods::dict_copy),
    DictMethod::new("get", 1, 2, methods::dict_get),
    DictMethod::new("items", 0, 0, methods::dict_items),
    DictMethod::new("keys", 0, 0, methods::dict_keys),
    DictMethod::new("values", 0, 0, methods::dict_values),
];

const STR_METHODS: &[StrMethod] = &[
    StrMethod::new("capitalize", 0, 0, methods::capitalize),
    StrMethod::new("count", 1, 3, methods::count),
    StrMethod::new("endswith", 1, 3, methods::endswith),
    StrMethod::new("find", 1, 3, methods::find),
    StrMethod::new("format", 0, usize::MAX, methods::format),
    StrMethod::new("isdigit", 0, 0, methods::isdigit),
    StrMethod::new("join", 1, 1, methods::join),
    StrMethod::new("lower", 0, 0, methods::lower),
    StrMethod::new("lstrip", 0, 1, methods::lstrip),
    StrMethod::new("removeprefix", 1, 1, methods::removeprefix),
    StrMethod::new("removesuffix", 1, 1, methods::removesuffix),
    StrMethod::new("replace", 2, 3, methods::replace),
    StrMethod::new("rfind", 1, 3, methods::rfind),
    StrMethod::new("rsplit", 0, 2, methods::rsplit),
    StrMethod::new("rstrip", 0, 1, methods::rstrip),
    StrMethod::new("split", 0, 2, methods::split),
    StrMethod::new("splitlines", 0, 1, methods::splitlines),
    StrMethod::new("startswith", 1, 3, methods::startswith),
    StrMethod::new("strip", 0, 1, methods::strip),
    StrMethod::new("title", 0, 0, methods::title),
    StrMethod::new("upper", 0, 0, methods::upper),
];

const LOOP_ATTRIBUTES: &[LoopAttribute] = &[
    LoopAttribute::new("depth", loops::depth),
    LoopAttribute::new("depth0", loops::depth0),
    LoopAttribute::new("first", loops::first),
    LoopAttribute::new("index", loops::index),
    LoopAttribute::new("index0", loops::index0),
    LoopAttribute::new("last", loops::last),
    LoopAttribute::new("length", loops::length),
    LoopAttribute::new("nextitem", loops::nextitem),
    LoopAttribute::new("previtem", loops::previtem),
    LoopAttribute::new("revindex", loops::revindex),
    LoopAttribute::new("revindex0", loops::revindex0),
];

#[cfg(test)]
mod unit_tests {
    use serde_json::{Value as Json, json};

    use std::sync::atomic::AtomicBool;

    use super::KNOWN;
    use crate::data::Dict;
    use crate::fault::Outcome;
    use crate::render::Template;
    use crate::render::environment::{
        Environment, Filter, Function, Given, Method, StrMethod, Test,
    };
    use crate::render::state::State;
    use crate::render::text::Text;
    use crate::render::value::Value;

    // The drill of README.md: one more of each kind, by its function and one row.
    fn shout<'a>(value: &Value<'a>, _: &Given<'_, 'a>) -> Outcome<Value<'a>> {
        Ok(Value::text(format!("{}!", value.to_text()?.as_str())))
    }

    #[allow(clippy::unnecessary_wraps)] // the signature of a test
    fn loud(value: &Value, _: &[Value]) -> Outcome<bool> {
        Ok(matches!(value, Value::Str(text) if text.as_str().ends_with('!')))
    }

    #[allow(clippy::unnecessary_wraps)] // the signature of a function
    fn greeting<'a>(
        _: &mut State<'a>,
        _: &[Value<'a>],
        _: &[(Text<'a>, Value<'a>)],
    ) -> Outcome<Value<'a>> {
        Ok(Value::Str(Text::Ref("hello")))
    }

    #[allow(clippy::unnecessary_wraps)] // the signature of a method
    fn isascii<'a>(text: &Text<'a>, _: &[Value<'a>]) -> Outcome<Value<'a>> {
        Ok(Value::Bool(text.as_str().is_ascii()))
    }

    static DRILL: Environment = Environment {
        filters: &[Filter::new("shout", shout)],
        tests: &[Test::new("loud", loud)],
        functions: &[Function::new("greeting", greeting)],
        dict_methods: &[],
        str_methods: &[StrMethod::new("isascii", 0, 0, isascii)],
        loop_attributes: &[],
    };

    /// A node with arguments, as Jinja2's parser makes it.
    fn node(class: &str, more: &Json) -> Json {
        let mut node = json!({
            "_": class, "args": [], "kwargs": [], "dyn_args": null, "dyn_kwargs": null,
            "known": true,
        });
        for (name, value) in more.as_object().unwrap() {
            node[name] = value.clone();
        }
        node
    }

    fn render(environment: &'static Environment, expression: &Json) -> Result<String, String> {
        let output = json!({"_": "Output", "nodes": [expression]});
        let tree = json!({"_": "Template", "body": [output]}).to_string();
        let template = Template::within(environment, &tree, Dict::new())?;
        let mut out = String::new();
        template
            .render(&[], None, &AtomicBool::new(false), &mut out)
            .unwrap();
        Ok(out)
    }

    #[test]
    fn a_row_is_all_that_a_construct_needs() {
        let text = json!({"_": "Const", "value": "hey"});
        let shouted = node("Filter", &json!({"node": text, "name": "shout"}));
        let is_loud = node("Test", &json!({"node": shouted, "name": "loud"}));
        let name = json!({"_": "Name", "name": "greeting", "ctx": "load"});
        let called = node("Call", &json!({"node": name}));
        let attribute = json!({"_": "Getattr", "node": text, "attr": "isascii", "ctx": "load"});
        let method = node("Call", &json!({"node": attribute}));
        for (expression, printed) in [
            (&shouted, "hey!"),
            (&is_loud, "True"),
            (&called, "hello"),
            (&method, "True"),
        ] {
            assert_eq!(render(&DRILL, expression).as_deref(), Ok(printed));
        }
        for (expression, refused) in [
            (&shouted, "the filter shout"),
            (&method, "the method isascii"),
        ] {
            assert_eq!(render(&KNOWN, expression), Err(refused.to_owned()));
        }
    }

    fn assert_sorted<'n>(names: impl Iterator<Item = &'n str>) {
        let names: Vec<_> = names.collect();
        assert!(names.is_sorted_by(|one, two| one < two), "{names:?}");
    }

    #[test]
    fn rows_are_in_order_so_that_none_is_there_twice() {
        assert_sorted(KNOWN.filters.iter().map(|row| row.name));
        assert_sorted(KNOWN.tests.iter().map(|row| row.name));
        assert_sorted(KNOWN.functions.iter().map(|row| row.name));
        assert_sorted(KNOWN.dict_methods.iter().map(|row| row.name));
        assert_sorted(KNOWN.str_methods.iter().map(|row| row.name));
        assert_sorted(KNOWN.loop_attributes.iter().map(|row| row.name));
    }

    #[test]
    fn methods_are_attributes_of_their_type() {
        fn names<Call>(rows: &[Method<Call>]) -> impl Iterator<Item = &'static str> {
            rows.iter().map(|row| row.name)
        }
        use crate::render::attributes::{Owners, SANDBOXED_DICT};
        for name in names(KNOWN.dict_methods) {
            assert!(
                Owners::of(name).dict && !SANDBOXED_DICT.contains(&name),
                "{name}"
            );
        }
        for name in names(KNOWN.str_methods) {
            assert!(Owners::of(name).str, "{name}");
        }
    }
}
