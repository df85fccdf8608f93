//! Jinja2's filters, on values.
#![allow(clippy::unnecessary_wraps)] // the rows of a table share one signature

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::VecDeque;

use super::casing::{self, folded};
use super::environment::{Environment, Given};
use super::json::{self, Style};
use super::limits::{check_bytes, check_items};
use super::lookup::get_item;
use super::methods;
use super::text::Text;
use super::value::{Map, Undef, Value, python_type};
use crate::fault::{Fault, Outcome, raised, unsupported};

/// An allocation that fails ends the process, so what could be too big is left to Python.
const MAX_INDENT: i64 = 1000;

pub fn capitalize<'a>(value: &Value<'a>, _: &Given<'_, 'a>) -> Outcome<Value<'a>> {
    methods::capitalize(&value.to_text()?, &[])
}

pub fn upper<'a>(value: &Value<'a>, _: &Given<'_, 'a>) -> Outcome<Value<'a>> {
    casing::upper(value.to_text()?.as_str()).map(Value::text)
}

pub fn lower<'a>(value: &Value<'a>, _: &Given<'_, 'a>) -> Outcome<Value<'a>> {
    casing::lower(value.to_text()?.as_str()).map(Value::text)
}

pub fn title<'a>(value: &Value<'a>, _: &Given<'_, 'a>) -> Outcome<Value<'a>> {
    casing::title_words(value.to_text()?.as_str()).map(Value::text)
}

pub fn indent<'a>(value: &Value<'a>, given: &Given<'_, 'a>) -> Outcome<Value<'a>> {
    let Value::Str(text) = value else {
        // Jinja2 extends a list of the message, and raises for everything else.
        return unsupported(format!("indent of a {}", value.kind()));
    };
    let indention = match given.get(0, "width") {
        None => " ".repeat(4),
        Some(Value::Int(width)) if *width > MAX_INDENT => return unsupported("a vast indentation"),
        Some(Value::Int(width)) => " ".repeat(usize::try_from(*width).unwrap_or(0)),
        Some(Value::Str(text)) => text.as_str().to_owned(),
        Some(other) => return unsupported(format!("indent by a {}", other.kind())),
    };
    let first = given.get(1, "first").map_or(Ok(false), Value::truth)?;
    let blank = given.get(2, "blank").map_or(Ok(false), Value::truth)?;
    let mut out = String::new();
    // Jinja2 adds a line end first, so that the text ends with the line end that it ended with.
    let whole = format!("{}\n", text.as_str());
    for (index, (start, end)) in methods::line_ranges(&whole).into_iter().enumerate() {
        let line = &whole[start..end];
        if index > 0 {
            out.push('\n');
        }
        if if index == 0 {
            first
        } else {
            blank || !line.is_empty()
        } {
            out.push_str(&indention);
        }
        out.push_str(line);
        check_bytes(out.len())?;
    }
    Ok(Value::text(out))
}

pub fn min<'a>(value: &Value<'a>, given: &Given<'_, 'a>) -> Outcome<Value<'a>> {
    extreme(value, given, "<", Ordering::Less)
}

pub fn max<'a>(value: &Value<'a>, given: &Given<'_, 'a>) -> Outcome<Value<'a>> {
    extreme(value, given, ">", Ordering::Greater)
}

/// The first of the items that no other one is `beyond`.
fn extreme<'a>(
    value: &Value<'a>,
    given: &Given<'_, 'a>,
    operator: &'static str,
    beyond: Ordering,
) -> Outcome<Value<'a>> {
    let case_sensitive = given
        .get(0, "case_sensitive")
        .map_or(Ok(false), Value::truth)?;
    let key = |item: &Value<'a>| {
        let read = match given.get(1, "attribute") {
            None | Some(Value::None) => item.clone(),
            Some(name) => read_attribute(given.environment, item, name)?,
        };
        if case_sensitive {
            Ok(read)
        } else {
            sort_key(&read)
        }
    };
    let mut best: Option<(Value<'a>, Value<'a>)> = None;
    for item in value.collect()? {
        let own = key(&item)?;
        let better = match &best {
            None => true,
            Some((known, _)) => match own.order(known, operator)? {
                Some(order) => order == beyond,
                None => return unsupported("comparing NaN"),
            },
        };
        if better {
            best = Some((own, item));
        }
    }
    Ok(best.map_or(
        Value::Undefined(Undef::Message("No aggregated item, sequence was empty.")),
        |(_, item)| item,
    ))
}

pub fn string<'a>(value: &Value<'a>, _: &Given<'_, 'a>) -> Outcome<Value<'a>> {
    match value {
        Value::Safe(_) => Ok(value.clone()),
        value => value.to_text().map(Value::Str),
    }
}

pub fn safe<'a>(value: &Value<'a>, _: &Given<'_, 'a>) -> Outcome<Value<'a>> {
    match value {
        Value::Safe(_) => Ok(value.clone()),
        value => value.to_text().map(Value::Safe),
    }
}

pub fn trim<'a>(value: &Value<'a>, given: &Given<'_, 'a>) -> Outcome<Value<'a>> {
    methods::strip_ends(&value.to_text()?, given.get(0, "chars"), true, true)
}

pub fn default<'a>(value: &Value<'a>, given: &Given<'_, 'a>) -> Outcome<Value<'a>> {
    let replace = value.is_undefined()
        || match given.get(1, "boolean") {
            Some(flag) => flag.truth()? && !value.truth()?,
            None => false,
        };
    if !replace {
        return Ok(value.clone());
    }
    Ok(given
        .get(0, "default_value")
        .cloned()
        .unwrap_or(Value::Str(Text::Ref(""))))
}

pub fn length<'a>(value: &Value<'a>, _: &Given<'_, 'a>) -> Outcome<Value<'a>> {
    Ok(Value::Int(i64::try_from(value.len()?).unwrap_or(i64::MAX)))
}

pub fn list<'a>(value: &Value<'a>, _: &Given<'_, 'a>) -> Outcome<Value<'a>> {
    value.collect().map(Value::list)
}

pub fn first<'a>(value: &Value<'a>, _: &Given<'_, 'a>) -> Outcome<Value<'a>> {
    match value.iterate()?.next() {
        Some(item) => item,
        None => Ok(Value::Undefined(Undef::Message(
            "No first item, sequence was empty.",
        ))),
    }
}

pub fn last<'a>(value: &Value<'a>, _: &Given<'_, 'a>) -> Outcome<Value<'a>> {
    if let Value::Gen(_) = value {
        return raised("'generator' object is not reversible");
    }
    let found = match value {
        Value::List(items) => items.len().checked_sub(1).and_then(|last| items.get(last)),
        other => other.collect()?.pop(),
    };
    Ok(found.unwrap_or(Value::Undefined(Undef::Message(
        "No last item, sequence was empty.",
    ))))
}

pub fn reverse<'a>(value: &Value<'a>, _: &Given<'_, 'a>) -> Outcome<Value<'a>> {
    if let Value::Str(text) = value {
        return Ok(Value::text(text.as_str().chars().rev().collect()));
    }
    let mut items = value.collect()?;
    items.reverse();
    // Python makes a list of what it cannot read backwards, and a list is false when it is empty.
    if let Value::Gen(_) = value {
        return Ok(Value::list(items));
    }
    Ok(Value::generator(items.into(), None))
}

pub fn items<'a>(value: &Value<'a>, _: &Given<'_, 'a>) -> Outcome<Value<'a>> {
    Ok(match value {
        Value::Undefined(_) | Value::Missing => Value::generator(VecDeque::new(), None),
        Value::Dict(map) => Value::generator(pairs(map).into(), None),
        _ => Value::generator(
            VecDeque::new(),
            Some(Box::new(Fault::Raised(
                "Can only get item pairs from a mapping.".to_owned(),
            ))),
        ),
    })
}

fn pairs<'a>(map: &Map<'a>) -> Vec<Value<'a>> {
    map.pairs()
        .map(|(key, value)| Value::Tuple([Value::Str(key), value].into()))
        .collect()
}

pub fn join<'a>(value: &Value<'a>, given: &Given<'_, 'a>) -> Outcome<Value<'a>> {
    let separator = match given.get(0, "d") {
        Some(separator) => separator.to_text()?,
        None => Text::Ref(""),
    };
    let mut out = String::new();
    for (index, item) in value.iterate()?.enumerate() {
        if index > 0 {
            out.push_str(separator.as_str());
        }
        item?.print(&mut out)?;
        check_bytes(out.len())?;
    }
    Ok(Value::text(out))
}

pub fn replace<'a>(value: &Value<'a>, given: &Given<'_, 'a>) -> Outcome<Value<'a>> {
    let [old, new] = given.positional else {
        return raised("do_replace() missing required arguments");
    };
    methods::replace_in(
        &value.to_text()?,
        old.to_text()?.as_str(),
        new.to_text()?.as_str(),
        -1,
    )
}

pub fn int<'a>(value: &Value<'a>, _: &Given<'_, 'a>) -> Outcome<Value<'a>> {
    match value {
        Value::Undefined(undef) => raised(undef.message()),
        Value::Int(_) | Value::Big(_) => Ok(value.clone()),
        Value::Bool(flag) => Ok(Value::Int(i64::from(*flag))),
        Value::None | Value::List(_) | Value::Dict(_) | Value::Tuple(_) => Ok(Value::Int(0)),
        Value::Float(number) if number.abs() < 9e15 => {
            #[allow(clippy::cast_possible_truncation)] // truncating is what int() does
            Ok(Value::Int(number.trunc() as i64))
        }
        Value::Str(text) => int_of_text(text.as_str()).map(Value::Int),
        other => unsupported(format!("int of a {}", other.kind())),
    }
}

/// Python's `int` of a text, or 0 for a text that is surely none.
fn int_of_text(text: &str) -> Outcome<i64> {
    let digits = text.trim_matches([' ', '\n', '\t']);
    let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(digits);
    let plain = !unsigned.is_empty()
        && unsigned.len() <= 18
        && unsigned.bytes().all(|byte| byte.is_ascii_digit());
    if plain {
        return match digits.trim_start_matches('+').parse() {
            Ok(number) => Ok(number),
            Err(_) => unsupported("int of this text"),
        };
    }
    let wordy = digits
        .bytes()
        .all(|byte| byte.is_ascii_alphabetic() || byte == b' ');
    let float = matches!(
        unsigned.to_ascii_lowercase().as_str(),
        "inf" | "infinity" | "nan"
    );
    if wordy && !float {
        return Ok(0);
    }
    unsupported("int of this text")
}

pub fn to_json<'a>(value: &Value<'a>, given: &Given<'_, 'a>) -> Outcome<Value<'a>> {
    let mut out = String::new();
    json::push_value(value, &style(given)?, 0, &mut out)?;
    Ok(Value::text(out))
}

fn separator(value: &Value) -> Outcome<String> {
    match value {
        Value::Str(text) => Ok(text.as_str().to_owned()),
        _ => unsupported("a JSON separator that is no string"),
    }
}

fn style(given: &Given) -> Outcome<Style> {
    let mut style = Style::default();
    if let Some(flag) = given.get(0, "ensure_ascii") {
        style.ensure_ascii = flag.truth()?;
    }
    match given.get(1, "indent") {
        None | Some(Value::None) => {}
        Some(Value::Int(width)) if *width > MAX_INDENT => return unsupported("a vast indentation"),
        Some(Value::Int(width)) => {
            style.indent = Some(" ".repeat(usize::try_from(*width).unwrap_or(0)));
        }
        Some(Value::Str(text)) => style.indent = Some(text.as_str().to_owned()),
        Some(_) => return unsupported("this indentation of JSON"),
    }
    if style.indent.is_some() {
        ",".clone_into(&mut style.item_separator);
    }
    match given.get(2, "separators") {
        None | Some(Value::None) => {}
        Some(pair @ (Value::Tuple(_) | Value::List(_))) => {
            let [item, key] = pair
                .collect()?
                .try_into()
                .or_else(|_| unsupported::<[Value; 2]>("JSON separators that are no pair"))?;
            style.item_separator = separator(&item)?;
            style.key_separator = separator(&key)?;
        }
        Some(_) => return unsupported("these JSON separators"),
    }
    if let Some(flag) = given.get(3, "sort_keys") {
        style.sort_keys = flag.truth()?;
    }
    Ok(style)
}

pub fn dictsort<'a>(value: &Value<'a>, _: &Given<'_, 'a>) -> Outcome<Value<'a>> {
    match value {
        Value::Table(pairs) => {
            let mut pairs: Vec<_> = pairs.iter().cloned().collect();
            pairs.sort_by_key(|pair| pair.0);
            let pair = |(key, item)| Value::Tuple([Value::Int(key), item].into());
            Ok(Value::list(pairs.into_iter().map(pair).collect()))
        }
        Value::Dict(map) => {
            let mut keyed = Vec::new();
            for (key, item) in map.pairs() {
                let fold = folded(key.as_str())?.into_owned();
                keyed.push((fold, Value::Tuple([Value::Str(key), item].into())));
            }
            keyed.sort_by(|left, right| left.0.cmp(&right.0));
            Ok(Value::list(keyed.into_iter().map(|pair| pair.1).collect()))
        }
        Value::Undefined(undef) => raised(undef.message()),
        other => {
            other.known()?;
            raised(format!(
                "'{}' object has no attribute 'items'",
                python_type(other)
            ))
        }
    }
}

/// `obj[attribute]` as filters read it, with a dotted name as a path.
fn read_attribute<'a>(
    environment: &Environment,
    item: &Value<'a>,
    attribute: &Value<'a>,
) -> Outcome<Value<'a>> {
    let Value::Str(name) = attribute else {
        return unsupported("a filter attribute that is no string");
    };
    let mut value = item.clone();
    for part in name.as_str().split('.') {
        if part.is_empty() || part.bytes().all(|byte| byte.is_ascii_digit()) {
            return unsupported("a filter attribute that is an index");
        }
        value = get_item(environment, &value, &Value::text(part.to_owned()))?;
    }
    Ok(value)
}

/// A generator of what `keep` makes of each item; None leaves the item out.
///
/// What it reads is fixed here; an error waits until somebody reads that far.
fn lazily<'a>(
    value: &Value<'a>,
    keep: impl Fn(Value<'a>) -> Outcome<Option<Value<'a>>>,
) -> Outcome<Value<'a>> {
    let mut out = VecDeque::new();
    // An undefined, None or False input is empty here, and iterating happens on first use.
    if !matches!(value, Value::Gen(_)) && !value.truth()? {
        return Ok(Value::generator(out, None));
    }
    let items = match value.iterate() {
        Ok(items) => items,
        Err(fault) => return Ok(Value::generator(out, Some(fault))),
    };
    for item in items {
        match item.and_then(&keep) {
            Ok(kept) => {
                out.extend(kept);
                check_items(out.len())?;
            }
            Err(fault) => {
                if let Fault::Unsupported(_) = *fault {
                    return Err(fault);
                }
                value.read_ahead();
                return Ok(Value::generator(out, Some(fault)));
            }
        }
    }
    value.read_ahead();
    Ok(Value::generator(out, None))
}

pub fn map<'a>(value: &Value<'a>, given: &Given<'_, 'a>) -> Outcome<Value<'a>> {
    if let Some(attribute) = given.named("attribute") {
        return lazily(value, |item| {
            read_attribute(given.environment, &item, attribute).map(Some)
        });
    }
    let Some((Value::Str(name), positional)) = given.positional.split_first() else {
        return unsupported("map without a filter");
    };
    let Some(filter) = given.environment.filter(name.as_str()) else {
        return unsupported("map with an unknown filter");
    };
    if positional.len() > filter.most {
        return unsupported("map with these arguments");
    }
    let inner = Given {
        positional,
        named: &[],
        environment: given.environment,
    };
    lazily(value, |item| {
        if let Value::Gen(_) = item {
            return unsupported("reading generators one by one");
        }
        filter.apply(&item, &inner).map(Some)
    })
}

/// Whether a test holds for a value: `named` is its name and its arguments, or nothing.
fn holds<'a>(environment: &Environment, subject: &Value<'a>, named: &[Value<'a>]) -> Outcome<bool> {
    match named.split_first() {
        None => subject.truth(),
        Some((Value::Str(name), arguments)) => match environment.test(name.as_str()) {
            Some(test) => test.holds(subject, arguments),
            None => unsupported("an unknown test"),
        },
        Some(_) => unsupported("a test that is not named"),
    }
}

fn filtered<'a>(value: &Value<'a>, given: &Given<'_, 'a>, wanted: bool) -> Outcome<Value<'a>> {
    lazily(value, |item| {
        let holds = holds(given.environment, &item, given.positional)?;
        Ok((holds == wanted).then_some(item))
    })
}

pub fn select<'a>(value: &Value<'a>, given: &Given<'_, 'a>) -> Outcome<Value<'a>> {
    filtered(value, given, true)
}

pub fn reject<'a>(value: &Value<'a>, given: &Given<'_, 'a>) -> Outcome<Value<'a>> {
    filtered(value, given, false)
}

fn filtered_by_attribute<'a>(
    value: &Value<'a>,
    given: &Given<'_, 'a>,
    wanted: bool,
) -> Outcome<Value<'a>> {
    lazily(value, |item| {
        let Some((attribute, named)) = given.positional.split_first() else {
            return raised("Missing parameter for attribute name");
        };
        let subject = read_attribute(given.environment, &item, attribute)?;
        let holds = holds(given.environment, &subject, named)?;
        Ok((holds == wanted).then_some(item))
    })
}

pub fn selectattr<'a>(value: &Value<'a>, given: &Given<'_, 'a>) -> Outcome<Value<'a>> {
    filtered_by_attribute(value, given, true)
}

pub fn rejectattr<'a>(value: &Value<'a>, given: &Given<'_, 'a>) -> Outcome<Value<'a>> {
    filtered_by_attribute(value, given, false)
}

/// What a value is sorted by: strings without their case, everything else as it is.
fn sort_key<'a>(value: &Value<'a>) -> Outcome<Value<'a>> {
    match value {
        Value::Str(text) => Ok(match folded(text.as_str())? {
            Cow::Borrowed(_) => value.clone(),
            Cow::Owned(folded) => Value::text(folded),
        }),
        other => Ok(other.clone()),
    }
}

pub fn sort<'a>(value: &Value<'a>, given: &Given<'_, 'a>) -> Outcome<Value<'a>> {
    let attribute = given.named("attribute");
    let mut keyed = Vec::new();
    for item in value.collect()? {
        let key = match attribute {
            Some(Value::Str(name)) if name.as_str().contains(',') => {
                return unsupported("sorting by several attributes");
            }
            Some(name) => read_attribute(given.environment, &item, name)?,
            None => item.clone(),
        };
        keyed.push((sort_key(&key)?, item));
    }
    // The keys are lists of one in Jinja2, which compare by equality before they compare by order.
    let compare = |left: &Value<'a>, right: &Value<'a>| -> Outcome<Ordering> {
        if left.equals(right)? {
            return Ok(Ordering::Equal);
        }
        match left.order(right, "<")? {
            Some(order) => Ok(order),
            None => unsupported("sorting NaN"),
        }
    };
    // Neighbours that compare are all numbers, all strings or all equal, and so everything
    // compares with everything: the sort below needs an order that never fails.
    for pair in keyed.windows(2) {
        compare(&pair[0].0, &pair[1].0)?;
    }
    keyed.sort_by(|left, right| compare(&left.0, &right.0).unwrap_or(Ordering::Equal));
    Ok(Value::list(keyed.into_iter().map(|pair| pair.1).collect()))
}

pub fn unique<'a>(value: &Value<'a>, _: &Given<'_, 'a>) -> Outcome<Value<'a>> {
    let mut seen: Vec<Value<'a>> = Vec::new();
    let mut out = VecDeque::new();
    let items = value.collect()?;
    value.read_ahead();
    for item in items {
        let hashed_alike = matches!(
            item,
            Value::Str(_) | Value::Int(_) | Value::Big(_) | Value::Bool(_) | Value::None
        ) || item.is_undefined();
        if !hashed_alike {
            return unsupported(format!("unique over {}s", item.kind()));
        }
        let key = sort_key(&item)?;
        let mut known = false;
        for other in &seen {
            known |= other.equals(&key)?;
        }
        if !known {
            seen.push(key);
            out.push_back(item);
        }
    }
    Ok(Value::generator(out, None))
}
