//! Python's methods of dicts and strings. Their rows in `known.rs` check the number of arguments.
#![allow(clippy::unnecessary_wraps)] // the rows of a table share one signature

use super::casing;
use super::limits::{check_bytes, check_items};
use super::text::{Text, char_count, is_space};
use super::value::{Map, Value, ViewKind, python_type};
use crate::fault::{Fault, Outcome, raised, unsupported};

pub fn dict_get<'a>(map: &Map<'a>, arguments: &[Value<'a>]) -> Outcome<Value<'a>> {
    let found = match &arguments[0] {
        Value::Str(key) => map.get(key.as_str()),
        Value::List(_) | Value::Dict(_) => {
            return raised(format!("unhashable type: '{}'", arguments[0].kind()));
        }
        Value::Tuple(_) => return unsupported("a tuple as a key"),
        Value::View(..) => return unsupported("a view as a key"),
        _ => None,
    };
    Ok(found.unwrap_or_else(|| arguments.get(1).cloned().unwrap_or(Value::None)))
}

pub fn dict_items<'a>(map: &Map<'a>, _: &[Value<'a>]) -> Outcome<Value<'a>> {
    Ok(Value::View(ViewKind::Items, map.clone()))
}

pub fn dict_keys<'a>(map: &Map<'a>, _: &[Value<'a>]) -> Outcome<Value<'a>> {
    Ok(Value::View(ViewKind::Keys, map.clone()))
}

pub fn dict_values<'a>(map: &Map<'a>, _: &[Value<'a>]) -> Outcome<Value<'a>> {
    Ok(Value::View(ViewKind::Values, map.clone()))
}

pub fn dict_copy<'a>(map: &Map<'a>, _: &[Value<'a>]) -> Outcome<Value<'a>> {
    Ok(Value::Dict(map.clone()))
}

fn text_arg<'v>(name: &str, value: &'v Value) -> Outcome<&'v str> {
    match value {
        Value::Str(text) => Ok(text.as_str()),
        other => raised(format!(
            "{name}() argument must be str, not {}",
            python_type(other)
        )),
    }
}

fn count_arg(value: Option<&Value>) -> Outcome<i64> {
    match value {
        None => Ok(-1),
        Some(Value::Int(count)) => Ok(*count),
        Some(Value::Bool(flag)) => Ok(i64::from(*flag)),
        Some(other) => raised(format!(
            "'{}' object cannot be interpreted as an integer",
            python_type(other)
        )),
    }
}

/// Splits at most `most` times; a negative number means without limit.
fn limit(most: i64) -> usize {
    usize::try_from(most).unwrap_or(usize::MAX)
}

/// The only argument of a method that also takes bounds, which are not rendered.
fn without_bounds<'v, 'a>(name: &str, arguments: &'v [Value<'a>]) -> Outcome<&'v Value<'a>> {
    match arguments {
        [argument] => Ok(argument),
        _ => unsupported(format!("{name} with bounds")),
    }
}

/// Byte range of `text` without the characters that `drop` holds for at its ends.
fn strip_range(text: &str, left: bool, right: bool, drop: impl Fn(char) -> bool) -> (usize, usize) {
    let rest = if left {
        text.trim_start_matches(&drop)
    } else {
        text
    };
    let start = text.len() - rest.len();
    let kept = if right {
        rest.trim_end_matches(&drop)
    } else {
        rest
    };
    (start, start + kept.len())
}

/// `strip`, `lstrip` or `rstrip`, of white space if no characters are given.
pub fn strip_ends<'a>(
    text: &Text<'a>,
    chars: Option<&Value<'a>>,
    left: bool,
    right: bool,
) -> Outcome<Value<'a>> {
    let source = text.as_str();
    let (start, end) = match chars {
        None | Some(Value::None) => strip_range(source, left, right, is_space),
        Some(Value::Str(chars)) => {
            let chars = chars.as_str();
            strip_range(source, left, right, |c| chars.contains(c))
        }
        Some(_) => return raised("strip arg must be None or str"),
    };
    Ok(Value::Str(text.slice(start, end)))
}

pub fn strip<'a>(text: &Text<'a>, arguments: &[Value<'a>]) -> Outcome<Value<'a>> {
    strip_ends(text, arguments.first(), true, true)
}

pub fn lstrip<'a>(text: &Text<'a>, arguments: &[Value<'a>]) -> Outcome<Value<'a>> {
    strip_ends(text, arguments.first(), true, false)
}

pub fn rstrip<'a>(text: &Text<'a>, arguments: &[Value<'a>]) -> Outcome<Value<'a>> {
    strip_ends(text, arguments.first(), false, true)
}

/// Whether `has` holds for the text given, or for one of a tuple of texts.
fn affix<'a>(
    name: &str,
    arguments: &[Value<'a>],
    has: impl Fn(&str) -> bool,
) -> Outcome<Value<'a>> {
    match without_bounds(name, arguments)? {
        Value::Str(part) => Ok(Value::Bool(has(part.as_str()))),
        Value::Tuple(parts) => {
            for part in parts.iter() {
                if has(text_arg(name, part)?) {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        }
        other => raised(format!(
            "{name} first arg must be str or a tuple of str, not {}",
            python_type(other)
        )),
    }
}

pub fn startswith<'a>(text: &Text<'a>, arguments: &[Value<'a>]) -> Outcome<Value<'a>> {
    affix("startswith", arguments, |part| {
        text.as_str().starts_with(part)
    })
}

pub fn endswith<'a>(text: &Text<'a>, arguments: &[Value<'a>]) -> Outcome<Value<'a>> {
    affix("endswith", arguments, |part| text.as_str().ends_with(part))
}

fn pieces<'a>(text: &Text<'a>, ranges: &[(usize, usize)]) -> Outcome<Value<'a>> {
    check_items(ranges.len())?;
    Ok(Value::list(
        ranges
            .iter()
            .map(|&(start, end)| Value::Str(text.slice(start, end)))
            .collect(),
    ))
}

fn split_at<'a>(
    text: &Text<'a>,
    separator: &str,
    most: usize,
    from_right: bool,
) -> Outcome<Value<'a>> {
    let source = text.as_str();
    let mut cuts: Vec<usize> = if from_right {
        let mut cuts: Vec<usize> = source
            .rmatch_indices(separator)
            .take(most)
            .map(|found| found.0)
            .collect();
        cuts.reverse();
        cuts
    } else {
        source
            .match_indices(separator)
            .take(most)
            .map(|found| found.0)
            .collect()
    };
    let mut ranges = Vec::with_capacity(cuts.len() + 1);
    let mut start = 0;
    for cut in cuts.drain(..) {
        ranges.push((start, cut));
        start = cut + separator.len();
    }
    ranges.push((start, source.len()));
    pieces(text, &ranges)
}

fn split_spaces<'a>(text: &Text<'a>, most: usize) -> Outcome<Value<'a>> {
    let source = text.as_str();
    let mut ranges = Vec::new();
    let mut at = 0;
    loop {
        let rest = source[at..].trim_start_matches(is_space);
        at = source.len() - rest.len();
        if rest.is_empty() {
            break;
        }
        if ranges.len() == most {
            ranges.push((at, source.len()));
            break;
        }
        let len = rest.find(is_space).unwrap_or(rest.len());
        ranges.push((at, at + len));
        at += len;
    }
    pieces(text, &ranges)
}

/// Byte ranges of the lines of a text, as `splitlines` finds them.
pub fn line_ranges(source: &str) -> Vec<(usize, usize)> {
    let ends_line = |c: char| {
        matches!(
            c,
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'
                ..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
        )
    };
    let mut ranges = Vec::new();
    let mut start = 0;
    while let Some(at) = source[start..].find(ends_line) {
        let at = start + at;
        ranges.push((start, at));
        let mut rest = source[at..].chars();
        let first = rest.next();
        start = source.len() - rest.as_str().len();
        if first == Some('\r') && rest.as_str().starts_with('\n') {
            start += 1;
        }
    }
    if start < source.len() {
        ranges.push((start, source.len()));
    }
    ranges
}

/// `split` or `rsplit` at a text.
fn split_at_text<'a>(
    text: &Text<'a>,
    separator: &Value<'a>,
    most: i64,
    from_right: bool,
) -> Outcome<Value<'a>> {
    let name = if from_right { "rsplit" } else { "split" };
    let separator = text_arg(name, separator)?;
    if separator.is_empty() {
        return raised("empty separator");
    }
    split_at(text, separator, limit(most), from_right)
}

pub fn split<'a>(text: &Text<'a>, arguments: &[Value<'a>]) -> Outcome<Value<'a>> {
    let most = count_arg(arguments.get(1))?;
    match arguments.first() {
        None | Some(Value::None) => split_spaces(text, limit(most)),
        Some(separator) => split_at_text(text, separator, most, false),
    }
}

pub fn rsplit<'a>(text: &Text<'a>, arguments: &[Value<'a>]) -> Outcome<Value<'a>> {
    let most = count_arg(arguments.get(1))?;
    match arguments.first() {
        None | Some(Value::None) if most < 0 => split_spaces(text, limit(most)),
        None | Some(Value::None) => unsupported("rsplit at white space"),
        Some(separator) => split_at_text(text, separator, most, true),
    }
}

pub fn splitlines<'a>(text: &Text<'a>, arguments: &[Value<'a>]) -> Outcome<Value<'a>> {
    if !arguments.is_empty() {
        return unsupported("splitlines that keeps the ends");
    }
    pieces(text, &line_ranges(text.as_str()))
}

/// Python's `text.replace(old, new, count)`.
pub fn replace_in<'a>(text: &Text<'a>, old: &str, new: &str, count: i64) -> Outcome<Value<'a>> {
    let source = text.as_str();
    if count == 0 || (!old.is_empty() && !source.contains(old)) {
        return Ok(Value::Str(text.clone()));
    }
    let places = source.matches(old).count().min(limit(count));
    let more = places.saturating_mul(new.len().saturating_sub(old.len()));
    check_bytes(source.len().saturating_add(more))?;
    Ok(Value::text(if count < 0 {
        source.replace(old, new)
    } else {
        source.replacen(old, new, limit(count))
    }))
}

pub fn replace<'a>(text: &Text<'a>, arguments: &[Value<'a>]) -> Outcome<Value<'a>> {
    let count = count_arg(arguments.get(2))?;
    replace_in(
        text,
        text_arg("replace", &arguments[0])?,
        text_arg("replace", &arguments[1])?,
        count,
    )
}

pub fn lower<'a>(text: &Text<'a>, _: &[Value<'a>]) -> Outcome<Value<'a>> {
    casing::lower(text.as_str()).map(Value::text)
}

pub fn upper<'a>(text: &Text<'a>, _: &[Value<'a>]) -> Outcome<Value<'a>> {
    casing::upper(text.as_str()).map(Value::text)
}

pub fn capitalize<'a>(text: &Text<'a>, _: &[Value<'a>]) -> Outcome<Value<'a>> {
    casing::capitalize(text.as_str()).map(Value::text)
}

pub fn title<'a>(text: &Text<'a>, _: &[Value<'a>]) -> Outcome<Value<'a>> {
    casing::title(text.as_str()).map(Value::text)
}

pub fn isdigit<'a>(text: &Text<'a>, _: &[Value<'a>]) -> Outcome<Value<'a>> {
    let source = text.as_str();
    if !source.is_ascii() {
        return unsupported("isdigit of text beyond ASCII");
    }
    Ok(Value::Bool(
        !source.is_empty() && source.bytes().all(|byte| byte.is_ascii_digit()),
    ))
}

fn char_index(text: &str, at: Option<usize>) -> Outcome<i64> {
    match at {
        None => Ok(-1),
        Some(at) => i64::try_from(char_count(&text[..at]))
            .map_err(|_| Box::new(Fault::Unsupported("an index beyond 64 bits".to_owned()))),
    }
}

pub fn find<'a>(text: &Text<'a>, arguments: &[Value<'a>]) -> Outcome<Value<'a>> {
    let source = text.as_str();
    let part = text_arg("find", without_bounds("find", arguments)?)?;
    char_index(source, source.find(part)).map(Value::Int)
}

pub fn rfind<'a>(text: &Text<'a>, arguments: &[Value<'a>]) -> Outcome<Value<'a>> {
    let source = text.as_str();
    let part = text_arg("rfind", without_bounds("rfind", arguments)?)?;
    char_index(source, source.rfind(part)).map(Value::Int)
}

pub fn count<'a>(text: &Text<'a>, arguments: &[Value<'a>]) -> Outcome<Value<'a>> {
    let source = text.as_str();
    let part = text_arg("count", without_bounds("count", arguments)?)?;
    let count = if part.is_empty() {
        char_count(source) + 1
    } else {
        source.matches(part).count()
    };
    Ok(Value::Int(i64::try_from(count).unwrap_or(i64::MAX)))
}

pub fn join<'a>(text: &Text<'a>, arguments: &[Value<'a>]) -> Outcome<Value<'a>> {
    let mut out = String::new();
    for (index, item) in arguments[0].iterate()?.enumerate() {
        if index > 0 {
            out.push_str(text.as_str());
        }
        match item? {
            Value::Str(part) => {
                out.push_str(part.as_str());
                check_bytes(out.len())?;
            }
            other => {
                other.known()?;
                return raised(format!(
                    "sequence item {index}: expected str instance, {} found",
                    python_type(&other)
                ));
            }
        }
    }
    Ok(Value::text(out))
}

pub fn removeprefix<'a>(text: &Text<'a>, arguments: &[Value<'a>]) -> Outcome<Value<'a>> {
    let part = text_arg("removeprefix", &arguments[0])?;
    let source = text.as_str();
    let start = if source.starts_with(part) {
        part.len()
    } else {
        0
    };
    Ok(Value::Str(text.slice(start, source.len())))
}

pub fn removesuffix<'a>(text: &Text<'a>, arguments: &[Value<'a>]) -> Outcome<Value<'a>> {
    let part = text_arg("removesuffix", &arguments[0])?;
    let source = text.as_str();
    let cut = if source.ends_with(part) {
        part.len()
    } else {
        0
    };
    Ok(Value::Str(text.slice(0, source.len() - cut)))
}

/// `str.format` for bare `{}` fields and for values that print the same in any format.
pub fn format<'a>(text: &Text<'a>, arguments: &[Value<'a>]) -> Outcome<Value<'a>> {
    let mut out = String::new();
    let mut arguments = arguments.iter();
    let mut rest = text.as_str();
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let Some(after) = rest[at..].strip_prefix("{}") else {
            return unsupported("format with more than bare fields");
        };
        match arguments.next() {
            Some(value @ (Value::Str(_) | Value::Int(_))) => value.print(&mut out)?,
            Some(other) => return unsupported(format!("format of a {}", other.kind())),
            None => return raised("Replacement index out of range for positional args tuple"),
        }
        check_bytes(out.len())?;
        rest = after;
    }
    out.push_str(rest);
    check_bytes(out.len())?;
    Ok(Value::text(out))
}

#[cfg(test)]
mod tests {
    use crate::render::known::KNOWN;
    use crate::render::text::Text;
    use crate::render::value::Value;

    fn run(text: &'static str, name: &str, args: &[&'static str]) -> String {
        let args: Vec<_> = args.iter().map(|arg| Value::Str(Text::Ref(arg))).collect();
        let mut out = String::new();
        let method = KNOWN.str_method(name).unwrap().with(&args).unwrap();
        method(&Text::Ref(text), &args)
            .unwrap()
            .repr(&mut out)
            .unwrap();
        out
    }

    #[test]
    fn splitting_and_stripping() {
        assert_eq!(run(" a  b ", "split", &[]), "['a', 'b']");
        assert_eq!(run("a,,b", "split", &[","]), "['a', '', 'b']");
        assert_eq!(run("", "split", &[","]), "['']");
        assert_eq!(run("", "split", &[]), "[]");
        assert_eq!(run("\u{1c}a\u{a0}", "strip", &[]), "'a'");
        assert_eq!(run("xxayx", "lstrip", &["xy"]), "'ayx'");
        assert_eq!(run("a\r\nb\u{2028}", "splitlines", &[]), "['a', 'b']");
    }

    #[test]
    fn searching_counts_characters() {
        assert_eq!(run("éab", "find", &["b"]), "2");
        assert_eq!(run("éab", "find", &["z"]), "-1");
        assert_eq!(run("aaa", "count", &["a"]), "3");
        assert_eq!(run("aé", "count", &[""]), "3");
    }

    #[test]
    fn case_is_changed_beyond_ascii() {
        assert_eq!(run("it's é", "title", &[]), "\"It'S É\"");
        assert_eq!(run("É", "lower", &[]), "'é'");
    }
}
