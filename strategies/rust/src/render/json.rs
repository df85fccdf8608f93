//! `json.dumps`, as transformers' `tojson` filter calls it.

use super::limits::check_bytes;
use super::number::{push_float, push_int};
use super::value::{Map, Seq, Value};
use crate::data::{Data, Dict};
use crate::fault::{Outcome, raised};

/// Arguments of `json.dumps`.
#[derive(Debug, Clone)]
pub struct Style {
    pub ensure_ascii: bool,
    /// Text of one level of indentation.
    pub indent: Option<String>,
    pub item_separator: String,
    pub key_separator: String,
    pub sort_keys: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            ensure_ascii: false,
            indent: None,
            item_separator: ", ".to_owned(),
            key_separator: ": ".to_owned(),
            sort_keys: false,
        }
    }
}

/// Writes a value in the style that `tojson` has without arguments.
pub fn push_plainly(value: &Value, out: &mut String) -> Outcome<()> {
    push_value(value, &Style::default(), 0, out)
}

/// Writes a value; `level` is the number of indentations around it.
pub fn push_value(value: &Value, style: &Style, level: usize, out: &mut String) -> Outcome<()> {
    match value {
        Value::None => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Int(number) => push_int(*number, out),
        Value::Big(digits) => out.push_str(digits),
        Value::Float(number) => push_json_float(*number, out),
        Value::Str(text) => push_string(text.as_str(), style.ensure_ascii, out),
        Value::List(Seq::Data(items)) => {
            sequence(items.iter(), style, level, out, |item, out| {
                push_data(item, style, level + 1, out)
            })?;
        }
        Value::List(items @ (Seq::Tail(_) | Seq::Picked(_) | Seq::Range(..))) => {
            let items: Vec<_> = items.iter().collect();
            sequence(items.iter(), style, level, out, |item, out| {
                push_value(item, style, level + 1, out)
            })?;
        }
        Value::List(Seq::Own(items)) | Value::Tuple(items) => {
            sequence(items.iter(), style, level, out, |item, out| {
                push_value(item, style, level + 1, out)
            })?;
        }
        Value::Dict(Map::Data(dict)) => push_dict(dict, style, level, out)?,
        Value::Dict(Map::Own(pairs)) => {
            let mut pairs: Vec<_> = pairs
                .iter()
                .map(|(key, item)| (key.as_str(), item))
                .collect();
            if style.sort_keys {
                pairs.sort_by_key(|pair| pair.0);
            }
            mapping(pairs.into_iter(), style, level, out, |item, out| {
                push_value(item, style, level + 1, out)
            })?;
        }
        other => {
            other.known()?;
            return raised(format!(
                "Object of type {} is not JSON serializable",
                other.kind()
            ));
        }
    }
    Ok(())
}

fn push_data(data: &Data, style: &Style, level: usize, out: &mut String) -> Outcome<()> {
    match data {
        Data::Str(text) => push_string(text, style.ensure_ascii, out),
        Data::Dict(dict) => return push_dict(dict, style, level, out),
        Data::List(items) => {
            return sequence(items.iter(), style, level, out, |item, out| {
                push_data(item, style, level + 1, out)
            });
        }
        scalar => return push_value(&Value::from_data(scalar), style, level, out),
    }
    Ok(())
}

fn push_dict(dict: &Dict, style: &Style, level: usize, out: &mut String) -> Outcome<()> {
    let item = |item: &Data, out: &mut String| push_data(item, style, level + 1, out);
    if style.sort_keys {
        let mut pairs: Vec<_> = dict
            .entries()
            .iter()
            .map(|(key, item)| (&**key, item))
            .collect();
        pairs.sort_by_key(|pair| pair.0);
        return mapping(pairs.into_iter(), style, level, out, item);
    }
    let pairs = dict.entries().iter().map(|(key, item)| (&**key, item));
    mapping(pairs, style, level, out, item)
}

fn new_line(style: &Style, level: usize, out: &mut String) {
    if let Some(indent) = &style.indent {
        out.push('\n');
        for _ in 0..level {
            out.push_str(indent);
        }
    }
}

fn sequence<I>(
    items: impl Iterator<Item = I>,
    style: &Style,
    level: usize,
    out: &mut String,
    mut push: impl FnMut(I, &mut String) -> Outcome<()>,
) -> Outcome<()> {
    out.push('[');
    let mut any = false;
    for item in items {
        if any {
            out.push_str(&style.item_separator);
        }
        any = true;
        new_line(style, level + 1, out);
        push(item, out)?;
        check_bytes(out.len())?;
    }
    if any {
        new_line(style, level, out);
    }
    out.push(']');
    Ok(())
}

fn mapping<'k, I>(
    pairs: impl Iterator<Item = (&'k str, I)>,
    style: &Style,
    level: usize,
    out: &mut String,
    mut push: impl FnMut(I, &mut String) -> Outcome<()>,
) -> Outcome<()> {
    out.push('{');
    let mut any = false;
    for (key, item) in pairs {
        if any {
            out.push_str(&style.item_separator);
        }
        any = true;
        new_line(style, level + 1, out);
        push_string(key, style.ensure_ascii, out);
        out.push_str(&style.key_separator);
        push(item, out)?;
        check_bytes(out.len())?;
    }
    if any {
        new_line(style, level, out);
    }
    out.push('}');
    Ok(())
}

fn push_json_float(number: f64, out: &mut String) {
    if number.is_nan() {
        out.push_str("NaN");
    } else if number.is_infinite() {
        out.push_str(if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        });
    } else {
        push_float(number, out);
    }
}

fn push_string(text: &str, ensure_ascii: bool, out: &mut String) {
    use std::fmt::Write;
    out.push('"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x08 => "\\b",
            0x0c => "\\f",
            0..0x20 => "",
            _ => continue,
        };
        push_unescaped(&text[plain..at], ensure_ascii, out);
        if escape.is_empty() {
            let _ = write!(out, "\\u{byte:04x}");
        } else {
            out.push_str(escape);
        }
        plain = at + 1;
    }
    push_unescaped(&text[plain..], ensure_ascii, out);
    out.push('"');
}

fn push_unescaped(text: &str, ensure_ascii: bool, out: &mut String) {
    use std::fmt::Write;
    if !ensure_ascii || text.is_ascii() && !text.contains('\u{7f}') {
        out.push_str(text);
        return;
    }
    for c in text.chars() {
        if c.is_ascii() && c != '\u{7f}' {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Style, push_value};
    use crate::data::{Data, Dict};
    use crate::render::value::Value;

    fn dump(data: &Data, style: &Style) -> String {
        let mut out = String::new();
        push_value(&Value::from_data(data), style, 0, &mut out).unwrap();
        out
    }

    fn sample() -> Data {
        let mut dict = Dict::new();
        dict.push("b".into(), Data::List(vec![Data::Int(1), Data::Float(1.0)]));
        dict.push("a".into(), Data::Str("é\u{1}\"</".into()));
        dict.push("c".into(), Data::Dict(Dict::new()));
        Data::Dict(dict)
    }

    #[test]
    fn default_style_is_that_of_json_dumps() {
        assert_eq!(
            dump(&sample(), &Style::default()),
            r#"{"b": [1, 1.0], "a": "é\u0001\"</", "c": {}}"#
        );
    }

    #[test]
    fn indentation_order_and_ascii() {
        let style = Style {
            ensure_ascii: true,
            indent: Some("  ".to_owned()),
            item_separator: ",".to_owned(),
            sort_keys: true,
            ..Style::default()
        };
        assert_eq!(
            dump(&sample(), &style),
            "{\n  \"a\": \"\\u00e9\\u0001\\\"</\",\n  \"b\": [\n    1,\n    1.0\n  ],\n  \"c\": {}\n}"
        );
    }
}
