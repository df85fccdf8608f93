//! Python's methods of strings and dicts.

use super::value::{Map, Text, Value, ViewKind, change_case, is_space, python_type};
use crate::fault::{Fault, Outcome, raised, unsupported};

/// Calls `receiver.name(*args)`.
pub fn call<'a>(receiver: &Value<'a>, name: &str, args: &[Value<'a>]) -> Outcome<Value<'a>> {
    for arg in args {
        arg.known()?;
    }
    match receiver {
        Value::Dict(map) => dict_method(map, name, args),
        Value::Str(text) => str_method(text, name, args),
        other => unsupported(format!("the method {name} of a {}", other.kind())),
    }
}

fn arity<'v, 'a>(
    name: &str,
    args: &'v [Value<'a>],
    least: usize,
    most: usize,
) -> Outcome<&'v [Value<'a>]> {
    if args.len() < least || args.len() > most {
        return raised(format!(
            "{name} takes {least} to {most} arguments ({} given)",
            args.len()
        ));
    }
    Ok(args)
}

fn dict_method<'a>(map: &Map<'a>, name: &str, args: &[Value<'a>]) -> Outcome<Value<'a>> {
    match name {
        "get" => {
            let args = arity(name, args, 1, 2)?;
            let found = match &args[0] {
                Value::Str(key) => map.get(key.as_str()),
                Value::List(_) | Value::Dict(_) => {
                    return raised(format!("unhashable type: '{}'", args[0].kind()));
                }
                Value::Tuple(_) => return unsupported("a tuple as a key"),
                Value::View(..) => return unsupported("a view as a key"),
                _ => None,
            };
            Ok(found.unwrap_or_else(|| args.get(1).cloned().unwrap_or(Value::None)))
        }
        "items" => arity(name, args, 0, 0).map(|_| Value::View(ViewKind::Items, map.clone())),
        "keys" => arity(name, args, 0, 0).map(|_| Value::View(ViewKind::Keys, map.clone())),
        "values" => arity(name, args, 0, 0).map(|_| Value::View(ViewKind::Values, map.clone())),
        "copy" => arity(name, args, 0, 0).map(|_| Value::Dict(map.clone())),
        _ => unsupported(format!("the dict method {name}")),
    }
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

fn ascii<'t>(name: &str, text: &'t str) -> Outcome<&'t str> {
    if text.is_ascii() {
        Ok(text)
    } else {
        unsupported(format!("{name} of text beyond ASCII"))
    }
}

/// Byte range of `text` without the characters that `drop` holds for at its ends.
pub fn strip_range(
    text: &str,
    left: bool,
    right: bool,
    drop: impl Fn(char) -> bool,
) -> (usize, usize) {
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

/// `strip`, `lstrip` or `rstrip`, with white space where no characters are given.
pub fn strip<'a>(
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

fn affix(name: &str, text: &str, value: &Value) -> Outcome<bool> {
    let test = |part: &str| {
        if name == "startswith" {
            text.starts_with(part)
        } else {
            text.ends_with(part)
        }
    };
    match value {
        Value::Str(part) => Ok(test(part.as_str())),
        Value::Tuple(parts) => {
            for part in parts.iter() {
                if test(text_arg(name, part)?) {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        other => raised(format!(
            "{name} first arg must be str or a tuple of str, not {}",
            python_type(other)
        )),
    }
}

fn pieces<'a>(text: &Text<'a>, ranges: &[(usize, usize)]) -> Value<'a> {
    Value::list(
        ranges
            .iter()
            .map(|&(start, end)| Value::Str(text.slice(start, end)))
            .collect(),
    )
}

fn split_at<'a>(text: &Text<'a>, separator: &str, most: usize, from_right: bool) -> Value<'a> {
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

fn split_spaces<'a>(text: &Text<'a>, most: usize) -> Value<'a> {
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

fn split_lines<'a>(text: &Text<'a>) -> Value<'a> {
    let source = text.as_str();
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
    pieces(text, &ranges)
}

/// Python's `text.replace(old, new, count)`.
pub fn replace<'a>(text: &Text<'a>, old: &str, new: &str, count: i64) -> Value<'a> {
    let source = text.as_str();
    if count == 0 || (!old.is_empty() && !source.contains(old)) {
        return Value::Str(text.clone());
    }
    Value::text(if count < 0 {
        source.replace(old, new)
    } else {
        source.replacen(old, new, limit(count))
    })
}

fn capitalized(text: &str) -> Outcome<String> {
    let mut out = change_case(text, false)?;
    if let Some(first) = out.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    Ok(out)
}

fn titled(text: &str) -> Outcome<String> {
    let mut inside = false;
    Ok(ascii("title", text)?
        .chars()
        .map(|c| {
            let out = if inside {
                c.to_ascii_lowercase()
            } else {
                c.to_ascii_uppercase()
            };
            inside = c.is_ascii_alphabetic();
            out
        })
        .collect())
}

fn char_index(text: &str, at: Option<usize>) -> Outcome<i64> {
    match at {
        None => Ok(-1),
        Some(at) => i64::try_from(super::value::char_count(&text[..at]))
            .map_err(|_| Box::new(Fault::Unsupported("an index beyond 64 bits".to_owned()))),
    }
}

fn str_method<'a>(text: &Text<'a>, name: &str, args: &[Value<'a>]) -> Outcome<Value<'a>> {
    let source = text.as_str();
    Ok(match name {
        "strip" => strip(text, arity(name, args, 0, 1)?.first(), true, true)?,
        "lstrip" => strip(text, arity(name, args, 0, 1)?.first(), true, false)?,
        "rstrip" => strip(text, arity(name, args, 0, 1)?.first(), false, true)?,
        "startswith" | "endswith" => {
            if args.len() > 1 {
                return unsupported(format!("{name} with bounds"));
            }
            Value::Bool(affix(name, source, &arity(name, args, 1, 1)?[0])?)
        }
        "split" | "rsplit" => {
            let args = arity(name, args, 0, 2)?;
            let most = count_arg(args.get(1))?;
            match args.first() {
                None | Some(Value::None) if name == "split" || most < 0 => {
                    split_spaces(text, limit(most))
                }
                None | Some(Value::None) => return unsupported("rsplit at white space"),
                Some(separator) => {
                    let separator = text_arg(name, separator)?;
                    if separator.is_empty() {
                        return raised("empty separator");
                    }
                    split_at(text, separator, limit(most), name == "rsplit")
                }
            }
        }
        "splitlines" if !args.is_empty() => return unsupported("splitlines that keeps the ends"),
        "splitlines" => split_lines(text),
        "replace" => {
            let args = arity(name, args, 2, 3)?;
            let count = count_arg(args.get(2))?;
            replace(
                text,
                text_arg(name, &args[0])?,
                text_arg(name, &args[1])?,
                count,
            )
        }
        "lower" => arity(name, args, 0, 0)
            .and_then(|_| change_case(source, false))
            .map(Value::text)?,
        "upper" => arity(name, args, 0, 0)
            .and_then(|_| change_case(source, true))
            .map(Value::text)?,
        "capitalize" => arity(name, args, 0, 0)
            .and_then(|_| capitalized(source))
            .map(Value::text)?,
        "title" => arity(name, args, 0, 0)
            .and_then(|_| titled(source))
            .map(Value::text)?,
        "isdigit" => {
            arity(name, args, 0, 0)?;
            let source = ascii(name, source)?;
            Value::Bool(!source.is_empty() && source.bytes().all(|byte| byte.is_ascii_digit()))
        }
        "find" | "rfind" | "count" => {
            if args.len() > 1 {
                return unsupported(format!("{name} with bounds"));
            }
            let part = text_arg(name, &arity(name, args, 1, 1)?[0])?;
            match name {
                "find" => Value::Int(char_index(source, source.find(part))?),
                "rfind" => Value::Int(char_index(source, source.rfind(part))?),
                _ => Value::Int(matches(source, part)),
            }
        }
        "join" => {
            let mut out = String::new();
            for (index, item) in arity(name, args, 1, 1)?[0].iterate()?.enumerate() {
                if index > 0 {
                    out.push_str(source);
                }
                match item? {
                    Value::Str(part) => out.push_str(part.as_str()),
                    other => {
                        other.known()?;
                        return raised(format!(
                            "sequence item {index}: expected str instance, {} found",
                            python_type(&other)
                        ));
                    }
                }
            }
            Value::text(out)
        }
        "format" => Value::text(format_plain(source, args)?),
        "removeprefix" => {
            let part = text_arg(name, &arity(name, args, 1, 1)?[0])?;
            let start = if source.starts_with(part) {
                part.len()
            } else {
                0
            };
            Value::Str(text.slice(start, source.len()))
        }
        "removesuffix" => {
            let part = text_arg(name, &arity(name, args, 1, 1)?[0])?;
            let cut = if source.ends_with(part) {
                part.len()
            } else {
                0
            };
            Value::Str(text.slice(0, source.len() - cut))
        }
        _ => return unsupported(format!("the str method {name}")),
    })
}

/// `str.format` where every field is a bare `{}` and every value prints alike in any format.
fn format_plain(source: &str, args: &[Value]) -> Outcome<String> {
    let mut out = String::new();
    let mut args = args.iter();
    let mut rest = source;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let Some(after) = rest[at..].strip_prefix("{}") else {
            return unsupported("format with more than bare fields");
        };
        match args.next() {
            Some(value @ (Value::Str(_) | Value::Int(_))) => value.print(&mut out)?,
            Some(other) => return unsupported(format!("format of a {}", other.kind())),
            None => return raised("Replacement index out of range for positional args tuple"),
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn matches(source: &str, part: &str) -> i64 {
    let count = if part.is_empty() {
        super::value::char_count(source) + 1
    } else {
        source.matches(part).count()
    };
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::call;
    use crate::render::value::{Text, Value};

    fn run(text: &'static str, name: &str, args: &[&'static str]) -> String {
        let args: Vec<_> = args.iter().map(|arg| Value::Str(Text::Ref(arg))).collect();
        let mut out = String::new();
        call(&Value::Str(Text::Ref(text)), name, &args)
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
    fn case_is_refused_beyond_ascii() {
        assert_eq!(run("it's a", "title", &[]), "\"It'S A\"");
        assert!(call(&Value::Str(Text::Ref("É")), "lower", &[]).is_err());
    }
}
