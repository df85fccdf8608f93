//! Jinja2's syntax tree, as `strategies/chat/syntax.py` writes it.
//!
//! A node is an object with its class under `_` and its fields in Jinja2's order.

pub use serde_json::Value as Node;

/// What the compiler makes of a node, or why it refuses.
pub type Refusal<T> = Result<T, String>;

pub fn refuse<T>(reason: impl Into<String>) -> Refusal<T> {
    Err(reason.into())
}

/// The node's class in Jinja2.
pub fn kind(node: &Node) -> &str {
    node.get("_").and_then(Node::as_str).unwrap_or("")
}

/// A field of a node, which is there in every tree that Jinja2 makes.
pub fn field<'n>(node: &'n Node, name: &str) -> Refusal<&'n Node> {
    node.get(name)
        .ok_or_else(|| format!("malformed syntax tree: {} without {name}", kind(node)))
}

/// A field that is a string.
pub fn text_field<'n>(node: &'n Node, name: &str) -> Refusal<&'n str> {
    field(node, name)?
        .as_str()
        .ok_or_else(|| format!("malformed syntax tree: {name} is no string"))
}

/// A field that is a list; None is an empty one.
pub fn list_field<'n>(node: &'n Node, name: &str) -> Refusal<&'n [Node]> {
    match field(node, name)? {
        Node::Array(items) => Ok(items),
        Node::Null => Ok(&[]),
        _ => refuse(format!("malformed syntax tree: {name} is no list")),
    }
}

/// Calls `visit` on every node below and including `node`.
pub fn walk<'n>(node: &'n Node, visit: &mut impl FnMut(&'n Node)) {
    match node {
        Node::Array(items) => items.iter().for_each(|item| walk(item, visit)),
        Node::Object(fields) => {
            visit(node);
            fields.values().for_each(|child| walk(child, visit));
        }
        _ => {}
    }
}

/// Whether one of `names` is read or written in `node`.
pub fn mentions(node: &Node, names: &[&str]) -> bool {
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
