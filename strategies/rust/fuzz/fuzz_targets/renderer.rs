//! Templates whose syntax trees are changed at random: a turn that is rendered from what is known of
//! the turn before is the text that it is alone.
//!
//! The trees are those in the folder `trees`; `trees.py` there writes them.
#![no_main]

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use core_alone::compare::compare_turns;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

static TREES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("trees");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("the folder of trees")
        .map(|entry| entry.expect("an entry of it").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    paths.sort();
    let texts = paths
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok());
    let trees: Vec<Value> = texts
        .filter_map(|text| serde_json::from_str(&text).ok())
        .collect();
    assert!(
        !trees.is_empty(),
        "there are no trees; make them with trees.py"
    );
    trees
});

#[derive(Arbitrary, Debug)]
struct Change {
    /// Which node is replaced, and by which node of which tree.
    place: u16,
    tree: u8,
    other: u16,
}

#[derive(Arbitrary, Debug)]
struct Message {
    role: u8,
    content: u8,
    extra: u8,
}

#[derive(Arbitrary, Debug)]
struct Input {
    tree: u8,
    changes: Vec<Change>,
    messages: Vec<Message>,
    tools: bool,
    turns: Vec<u8>,
}

const ROLES: [&str; 4] = ["user", "assistant", "tool", "system"];
const CONTENTS: [&str; 7] = [
    "Hello",
    "",
    "<think>a</think>\n\nb",
    " é \n",
    "user",
    "x",
    "{\"a\": 1}",
];

/// Whether a value is an expression, a statement, or what else Jinja2 calls a node.
fn kind(node: &Value) -> Option<&str> {
    node.get("_").and_then(Value::as_str)
}

fn count(value: &Value) -> usize {
    let own = usize::from(kind(value).is_some());
    match value {
        Value::Array(items) => own + items.iter().map(count).sum::<usize>(),
        Value::Object(fields) => own + fields.values().map(count).sum::<usize>(),
        _ => own,
    }
}

/// The node of that number, in the order of the tree.
fn node<'v>(value: &'v mut Value, number: &mut usize) -> Option<&'v mut Value> {
    if kind(value).is_some() {
        if *number == 0 {
            return Some(value);
        }
        *number -= 1;
    }
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| node(item, number)),
        Value::Object(fields) => fields.values_mut().find_map(|item| node(item, number)),
        _ => None,
    }
}

/// Whether one node may stand where the other stands: a statement for a statement.
fn alike(one: &Value, other: &Value) -> bool {
    const STATEMENTS: [&str; 9] = [
        "For",
        "If",
        "Output",
        "Assign",
        "AssignBlock",
        "Macro",
        "Break",
        "Continue",
        "Template",
    ];
    let is = |value: &Value| kind(value).map(|kind| STATEMENTS.contains(&kind));
    is(one) == is(other)
}

fn message(given: &Message) -> Value {
    let mut message = json!({
        "role": ROLES[usize::from(given.role) % ROLES.len()],
        "content": CONTENTS[usize::from(given.content) % CONTENTS.len()],
    });
    match given.extra % 8 {
        1 => message["reasoning_content"] = json!("hm"),
        2 => {
            message["tool_calls"] = json!([{"id": "call00000", "type": "function",
            "function": {"name": "f", "arguments": {"x": 1}}}])
        }
        3 => message["content"] = json!([{"type": "text", "text": "part"}]),
        4 => message["content"] = Value::Null,
        _ => {}
    }
    message
}

fuzz_target!(|input: Input| {
    let mut tree = TREES[usize::from(input.tree) % TREES.len()].clone();
    for change in input.changes.iter().take(6) {
        let other = &TREES[usize::from(change.tree) % TREES.len()];
        let mut number = usize::from(change.other) % count(other).max(1);
        let Some(replacement) = node(&mut other.clone(), &mut number).cloned() else {
            continue;
        };
        let mut number = usize::from(change.place) % count(&tree).max(1);
        if let Some(place) = node(&mut tree, &mut number).filter(|place| alike(place, &replacement))
        {
            *place = replacement;
        }
    }
    let messages: Vec<Value> = input.messages.iter().take(10).map(message).collect();
    let tools = json!([{"type": "function", "function": {"name": "f", "description": "d",
        "parameters": {"type": "object", "properties": {"x": {"type": "number"}}}}}]);
    let variables = json!({"bos_token": "<s>", "eos_token": "</s>", "add_generation_prompt": true});
    let mut turns: Vec<usize> = input
        .turns
        .iter()
        .take(12)
        .map(|turn| usize::from(*turn))
        .collect();
    if turns.is_empty() {
        turns = (1..=messages.len()).collect();
    }
    let tools = input.tools.then_some(&tools);
    let compared = compare_turns(&tree.to_string(), &variables, &messages, tools, &turns);
    if let Err(differs) = compared {
        panic!("{differs}");
    }
});
