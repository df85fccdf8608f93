//! Jinja2's filters and tests, on values.

use std::cmp::Ordering;
use std::collections::VecDeque;

use super::eval::get_item;
use super::json::{self, Style};
use super::methods;
use super::program::{Filter, Test};
use super::value::{Map, Number, Seq, Text, Undef, Value, change_case, folded, python_type};
use crate::fault::{Fault, Outcome, raised, unsupported};

/// An allocation that fails ends the process, so what could be too big is left to Python.
const MAX_INDENT: i64 = 1000;

/// Arguments of a filter, evaluated.
pub struct Given<'v, 'a> {
    pub positional: &'v [Value<'a>],
    pub named: &'v [(&'v str, Value<'a>)],
}

impl<'v, 'a> Given<'v, 'a> {
    fn get(&self, index: usize, name: &str) -> Option<&'v Value<'a>> {
        self.positional.get(index).or_else(|| {
            self.named
                .iter()
                .find_map(|(key, value)| (*key == name).then_some(value))
        })
    }
}

/// Applies a filter.
pub fn apply<'a>(filter: Filter, value: Value<'a>, given: &Given<'_, 'a>) -> Outcome<Value<'a>> {
    match (&value, filter) {
        (Value::Safe(_), Filter::String | Filter::Safe) => return Ok(value),
        (Value::Table(pairs), Filter::DictSort) => {
            let mut pairs: Vec<_> = pairs.iter().cloned().collect();
            pairs.sort_by_key(|pair| pair.0);
            let pair = |(key, item)| Value::Tuple([Value::Int(key), item].into());
            return Ok(Value::list(pairs.into_iter().map(pair).collect()));
        }
        _ => value.known()?,
    }
    for given in given.positional {
        given.known()?;
    }
    Ok(match filter {
        Filter::Capitalize => methods::call(&Value::Str(value.to_text()?), "capitalize", &[])?,
        Filter::Upper => Value::text(change_case(value.to_text()?.as_str(), true)?),
        Filter::Lower => Value::text(change_case(value.to_text()?.as_str(), false)?),
        Filter::String => Value::Str(value.to_text()?),
        Filter::Safe => Value::Safe(value.to_text()?),
        Filter::Trim => methods::strip(&value.to_text()?, given.get(0, "chars"), true, true)?,
        Filter::Default => {
            let replace = value.is_undefined()
                || match given.get(1, "boolean") {
                    Some(flag) => flag.truth()? && !value.truth()?,
                    None => false,
                };
            if replace {
                given
                    .get(0, "default_value")
                    .cloned()
                    .unwrap_or(Value::Str(Text::Ref("")))
            } else {
                value
            }
        }
        Filter::Length => Value::Int(i64::try_from(value.len()?).unwrap_or(i64::MAX)),
        Filter::List => Value::list(value.collect()?),
        Filter::First => match value.iterate()?.next() {
            Some(item) => item?,
            None => Value::Undefined(Undef::Message("No first item, sequence was empty.")),
        },
        Filter::Last => match &value {
            Value::Gen(_) => return raised("'generator' object is not reversible"),
            value => match value.collect()?.pop() {
                Some(item) => item,
                None => Value::Undefined(Undef::Message("No last item, sequence was empty.")),
            },
        },
        Filter::Reverse => match &value {
            Value::Str(text) => Value::text(text.as_str().chars().rev().collect()),
            value => {
                let mut items = value.collect()?;
                items.reverse();
                // What Python cannot read backwards is made a list, which is false when empty.
                if let Value::Gen(_) = value {
                    return Ok(Value::list(items));
                }
                Value::generator(items.into(), None)
            }
        },
        Filter::Items => match &value {
            Value::Undefined(_) | Value::Missing => Value::generator(VecDeque::new(), None),
            Value::Dict(map) => Value::generator(pairs(map).into(), None),
            _ => Value::generator(
                VecDeque::new(),
                Some(Box::new(Fault::Raised(
                    "Can only get item pairs from a mapping.".to_owned(),
                ))),
            ),
        },
        Filter::Join => {
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
            }
            Value::text(out)
        }
        Filter::Replace => {
            let (Some(old), Some(new)) = (given.get(0, "old"), given.get(1, "new")) else {
                return raised("do_replace() missing required arguments");
            };
            methods::replace(
                &value.to_text()?,
                old.to_text()?.as_str(),
                new.to_text()?.as_str(),
                -1,
            )
        }
        Filter::Int => to_int(&value)?,
        Filter::ToJson => {
            let mut out = String::new();
            json::push_value(&value, &style(given)?, 0, &mut out)?;
            Value::text(out)
        }
        Filter::DictSort => match &value {
            Value::Dict(map) => {
                let mut keyed = Vec::new();
                for (key, item) in map.pairs() {
                    let fold = folded(key.as_str())?.into_owned();
                    keyed.push((fold, Value::Tuple([Value::Str(key), item].into())));
                }
                keyed.sort_by(|left, right| left.0.cmp(&right.0));
                Value::list(keyed.into_iter().map(|pair| pair.1).collect())
            }
            Value::Undefined(undef) => return raised(undef.message()),
            other => {
                return raised(format!(
                    "'{}' object has no attribute 'items'",
                    python_type(other)
                ));
            }
        },
        Filter::Sort => sort(&value, given.get(usize::MAX, "attribute"))?,
        Filter::Unique => unique(&value)?,
        Filter::Map | Filter::Select | Filter::Reject | Filter::SelectAttr | Filter::RejectAttr => {
            lazily(filter, &value, given)?
        }
    })
}

fn pairs<'a>(map: &Map<'a>) -> Vec<Value<'a>> {
    map.pairs()
        .map(|(key, value)| Value::Tuple([Value::Str(key), value].into()))
        .collect()
}

/// `obj[attribute]` as filters read it, where a dotted name is a path.
fn read_attribute<'a>(item: &Value<'a>, attribute: &Value<'a>) -> Outcome<Value<'a>> {
    let Value::Str(name) = attribute else {
        return unsupported("a filter attribute that is no string");
    };
    let mut value = item.clone();
    for part in name.as_str().split('.') {
        if part.is_empty() || part.bytes().all(|byte| byte.is_ascii_digit()) {
            return unsupported("a filter attribute that is an index");
        }
        value = get_item(&value, &Value::text(part.to_owned()))?;
    }
    Ok(value)
}

/// The filters that are generators: what they read is fixed here, an error waits for its reader.
fn lazily<'a>(filter: Filter, value: &Value<'a>, given: &Given<'_, 'a>) -> Outcome<Value<'a>> {
    let mut out = VecDeque::new();
    let one = |item: Outcome<Value<'a>>, out: &mut VecDeque<Value<'a>>| -> Outcome<()> {
        let item = item?;
        if filter == Filter::Map {
            let mapped = match given.get(usize::MAX, "attribute") {
                Some(attribute) => read_attribute(&item, attribute)?,
                None => map_by_name(item, given.positional)?,
            };
            out.push_back(mapped);
            return Ok(());
        }
        let by_attribute = matches!(filter, Filter::SelectAttr | Filter::RejectAttr);
        let wanted = matches!(filter, Filter::Select | Filter::SelectAttr);
        let (subject, rest) = if by_attribute {
            let Some((attribute, rest)) = given.positional.split_first() else {
                return raised("Missing parameter for attribute name");
            };
            (read_attribute(&item, attribute)?, rest)
        } else {
            (item.clone(), given.positional)
        };
        let holds = match rest.split_first() {
            None => subject.truth()?,
            Some((Value::Str(name), args)) => {
                match super::compile::TESTS
                    .iter()
                    .find(|known| known.0 == name.as_str())
                {
                    Some((_, test, _)) => run_test(*test, &subject, args)?,
                    None => return unsupported("an unknown test"),
                }
            }
            Some(_) => return unsupported("a test that is not named"),
        };
        if holds == wanted {
            out.push_back(item);
        }
        Ok(())
    };
    // An undefined, None or False input is empty here, and iterating happens on first use.
    if !matches!(value, Value::Gen(_)) && !value.truth()? {
        return Ok(Value::generator(out, None));
    }
    let items = match value.iterate() {
        Ok(items) => items,
        Err(fault) => return Ok(Value::generator(out, Some(fault))),
    };
    for item in items {
        if let Err(fault) = one(item, &mut out) {
            if let Fault::Unsupported(_) = *fault {
                return Err(fault);
            }
            value.read_ahead();
            return Ok(Value::generator(out, Some(fault)));
        }
    }
    value.read_ahead();
    Ok(Value::generator(out, None))
}

fn map_by_name<'a>(item: Value<'a>, positional: &[Value<'a>]) -> Outcome<Value<'a>> {
    let Some((Value::Str(name), args)) = positional.split_first() else {
        return unsupported("map without a filter");
    };
    let Some((_, filter, most, _)) = super::compile::FILTERS
        .iter()
        .find(|known| known.0 == name.as_str())
    else {
        return unsupported("map with an unknown filter");
    };
    if args.len() > *most {
        return unsupported("map with these arguments");
    }
    if let Value::Gen(_) = item {
        return unsupported("reading generators one by one");
    }
    apply(
        *filter,
        item,
        &Given {
            positional: args,
            named: &[],
        },
    )
}

/// What a value is sorted by: strings without their case, everything else as it is.
fn sort_key<'a>(value: &Value<'a>) -> Outcome<Value<'a>> {
    match value {
        Value::Str(text) => Ok(match folded(text.as_str())? {
            std::borrow::Cow::Borrowed(_) => value.clone(),
            std::borrow::Cow::Owned(folded) => Value::text(folded),
        }),
        other => Ok(other.clone()),
    }
}

fn sort<'a>(value: &Value<'a>, attribute: Option<&Value<'a>>) -> Outcome<Value<'a>> {
    let mut keyed = Vec::new();
    for item in value.collect()? {
        let key = match attribute {
            Some(Value::Str(name)) if name.as_str().contains(',') => {
                return unsupported("sorting by several attributes");
            }
            Some(name) => read_attribute(&item, name)?,
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

fn unique<'a>(value: &Value<'a>) -> Outcome<Value<'a>> {
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

fn to_int<'a>(value: &Value<'a>) -> Outcome<Value<'a>> {
    match value {
        Value::Undefined(undef) => raised(undef.message()),
        Value::Int(_) | Value::Big(_) => Ok(value.clone()),
        Value::Bool(flag) => Ok(Value::Int(i64::from(*flag))),
        Value::None | Value::List(_) | Value::Dict(_) | Value::Tuple(_) => Ok(Value::Int(0)),
        Value::Float(number) if number.abs() < 9e15 => {
            #[allow(clippy::cast_possible_truncation)] // truncating is what int() does
            Ok(Value::Int(number.trunc() as i64))
        }
        Value::Str(text) => {
            let digits = text.as_str().trim_matches([' ', '\n', '\t']);
            let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(digits);
            if !unsigned.is_empty()
                && unsigned.len() <= 18
                && unsigned.bytes().all(|byte| byte.is_ascii_digit())
            {
                return match digits.trim_start_matches('+').parse() {
                    Ok(number) => Ok(Value::Int(number)),
                    Err(_) => unsupported("int of this text"),
                };
            }
            let wordy = digits.is_ascii()
                && digits
                    .bytes()
                    .all(|byte| byte.is_ascii_alphabetic() || byte == b' ')
                && !matches!(
                    unsigned.to_ascii_lowercase().as_str(),
                    "inf" | "infinity" | "nan"
                );
            if wordy {
                return Ok(Value::Int(0));
            }
            unsupported("int of this text")
        }
        other => unsupported(format!("int of a {}", other.kind())),
    }
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

fn whole(value: &Value) -> Outcome<i64> {
    match value.number() {
        Some(Number::Int(number)) => Ok(number),
        _ => unsupported(format!("arithmetic in a test on a {}", value.kind())),
    }
}

/// Runs a test.
pub fn run_test<'a>(test: Test, value: &Value<'a>, args: &[Value<'a>]) -> Outcome<bool> {
    let about_kind = matches!(
        test,
        Test::Defined | Test::Undefined | Test::None | Test::True | Test::False | Test::Boolean
    );
    match (value, test) {
        (Value::Safe(_), Test::String) => {}
        (Value::Safe(_) | Value::Table(_), _) if about_kind => {}
        _ => value.known()?,
    }
    let argument = || match args.first() {
        Some(value) => Ok(value),
        None => unsupported("a test without its argument"),
    };
    let ordered = |sign: &str, wanted: &[Ordering]| -> Outcome<bool> {
        Ok(value
            .order(argument()?, sign)?
            .is_some_and(|order| wanted.contains(&order)))
    };
    Ok(match test {
        Test::Defined => !value.is_undefined(),
        Test::Undefined => value.is_undefined(),
        Test::None => matches!(value, Value::None),
        Test::True => matches!(value, Value::Bool(true)),
        Test::False => matches!(value, Value::Bool(false)),
        Test::Boolean => matches!(value, Value::Bool(_)),
        Test::Integer => matches!(value, Value::Int(_) | Value::Big(_)),
        Test::Float => matches!(value, Value::Float(_)),
        Test::Number => matches!(
            value,
            Value::Int(_) | Value::Big(_) | Value::Float(_) | Value::Bool(_)
        ),
        Test::String => matches!(value, Value::Str(_) | Value::Safe(_)),
        Test::Mapping => matches!(value, Value::Dict(_)),
        Test::Callable => match value {
            Value::Macro(_) | Value::Func(_) | Value::Method(_) => true,
            // An undefined value has a __call__, which raises.
            other => other.is_undefined(),
        },
        Test::Iterable => !matches!(
            value,
            Value::Namespace(_)
                | Value::Macro(_)
                | Value::Func(_)
                | Value::Method(_)
                | Value::None
                | Value::Bool(_)
                | Value::Int(_)
                | Value::Big(_)
                | Value::Float(_)
        ),
        Test::Sequence => match value {
            Value::Str(_)
            | Value::List(_)
            | Value::Tuple(_)
            | Value::Dict(_)
            | Value::Range(..)
            | Value::Undefined(_)
            | Value::Missing => true,
            Value::Loop(_) => return unsupported("whether a loop object is a sequence"),
            _ => false,
        },
        Test::In => argument()?.contains(value)?,
        Test::Eq => value.equals(argument()?)?,
        Test::Ne => !value.equals(argument()?)?,
        Test::Lt => ordered("<", &[Ordering::Less])?,
        Test::Le => ordered("<=", &[Ordering::Less, Ordering::Equal])?,
        Test::Gt => ordered(">", &[Ordering::Greater])?,
        Test::Ge => ordered(">=", &[Ordering::Greater, Ordering::Equal])?,
        Test::Even | Test::Odd => {
            let rest = match value {
                Value::Float(number) => number.rem_euclid(2.0),
                value => Number::Int(whole(value)?.rem_euclid(2)).float(),
            };
            // By value, because a negative number leaves a negative zero.
            rest.partial_cmp(&f64::from(u8::from(test == Test::Odd))) == Some(Ordering::Equal)
        }
        Test::DivisibleBy => {
            let by = whole(argument()?)?;
            if by == 0 {
                return raised("integer modulo by zero");
            }
            whole(value)?.checked_rem(by).unwrap_or(0) == 0
        }
    })
}

/// A list of values from borrowed data or owned, for code that needs it at random.
pub fn sequence<'a>(value: &Value<'a>) -> Outcome<(Seq<'a>, Option<Box<Fault>>)> {
    match value {
        Value::List(items) => Ok((items.clone(), None)),
        Value::Tuple(items) => Ok((Seq::Own(std::rc::Rc::clone(items)), None)),
        other => {
            let mut items = Vec::new();
            for item in other.iterate()? {
                match item {
                    Ok(item) => items.push(item),
                    Err(fault) => return Ok((Seq::Own(items.into()), Some(fault))),
                }
            }
            Ok((Seq::Own(items.into()), None))
        }
    }
}
