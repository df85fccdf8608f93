//! Python's operators on values.

use std::cmp::Ordering;

use super::limits::{check_bytes, check_items};
use super::number::Number;
use super::text::Text;
use super::value::{Map, Value, ViewKind, python_type};
use crate::fault::{Outcome, raised, unsupported};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinOp {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Mod,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CmpOp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    NotIn,
}

impl Value<'_> {
    /// Python's `left == right`.
    pub fn equals(&self, other: &Self) -> Outcome<bool> {
        Ok(match (self, other) {
            (Self::Str(left) | Self::Safe(left), Self::Str(right) | Self::Safe(right)) => {
                left == right
            }
            (Self::Opaque(_) | Self::Safe(_) | Self::Table(_), _) => {
                return self.known().map(|()| false);
            }
            (_, Self::Opaque(_) | Self::Safe(_) | Self::Table(_)) => {
                return other.known().map(|()| false);
            }
            (Self::Undefined(_) | Self::Missing, Self::Undefined(_) | Self::Missing)
            | (Self::None, Self::None) => true,
            (Self::Big(left), Self::Big(right)) => left == right,
            (Self::Big(_), Self::Float(_)) | (Self::Float(_), Self::Big(_)) => {
                return unsupported("comparing a very large integer with a float");
            }
            (Self::List(left), Self::List(right)) => {
                left.len() == right.len() && all_equal(left.iter().zip(right.iter()))?
            }
            (Self::Tuple(left), Self::Tuple(right)) => {
                left.len() == right.len()
                    && all_equal(left.iter().cloned().zip(right.iter().cloned()))?
            }
            (Self::Dict(left), Self::Dict(right)) => {
                left.len() == right.len() && same_pairs(left, right)?
            }
            (left, right) => match (left.number(), right.number()) {
                (Some(left), Some(right)) => match left.compare(right) {
                    Some(order) => order == Ordering::Equal,
                    // Inside of lists Python asks first whether both are the same object.
                    None => return unsupported("comparing NaN"),
                },
                _ => match (left, right) {
                    (Self::Namespace(one), Self::Namespace(two))
                    | (Self::Macro(one), Self::Macro(two))
                    | (Self::Func(one), Self::Func(two)) => one == two,
                    (Self::View(..), Self::View(..))
                    | (Self::Gen(_), Self::Gen(_))
                    | (Self::Range(..), Self::Range(..))
                    | (Self::Method(_), Self::Method(_))
                    | (Self::Loop(_), Self::Loop(_)) => {
                        return unsupported(format!("comparing two {}s", left.kind()));
                    }
                    _ => false,
                },
            },
        })
    }

    /// Python's ordering, which raises between most types.
    pub fn order(&self, other: &Self, sign: &str) -> Outcome<Option<Ordering>> {
        self.known()?;
        other.known()?;
        match (self, other) {
            (Self::Str(left), Self::Str(right)) => Ok(Some(left.as_str().cmp(right.as_str()))),
            (Self::Undefined(undef), _) | (_, Self::Undefined(undef)) => raised(undef.message()),
            (left, right) => match (left.number(), right.number()) {
                (Some(left), Some(right)) => Ok(left.compare(right)),
                _ => match (left, right) {
                    (Self::List(_), Self::List(_))
                    | (Self::Tuple(_), Self::Tuple(_))
                    | (Self::View(..), Self::View(..))
                    | (Self::Big(_), _)
                    | (_, Self::Big(_)) => unsupported(format!("ordering {}s", left.kind())),
                    _ => raised(format!(
                        "'{sign}' not supported between instances of '{}' and '{}'",
                        python_type(left),
                        python_type(right)
                    )),
                },
            },
        }
    }

    /// Python's `item in self`.
    pub fn contains(&self, item: &Self) -> Outcome<bool> {
        self.known()?;
        item.known()?;
        match self {
            Self::Str(text) => match item {
                Self::Str(part) => Ok(has_part(text.as_str(), part.as_str())),
                other => raised(format!(
                    "'in <string>' requires string as left operand, not {}",
                    python_type(other)
                )),
            },
            Self::Dict(map) | Self::View(ViewKind::Keys, map) => match item {
                Self::Str(key) => Ok(map.get(key.as_str()).is_some()),
                Self::List(_) | Self::Dict(_) => {
                    raised(format!("unhashable type: '{}'", item.kind()))
                }
                Self::Tuple(_) => unsupported("a tuple as a key"),
                Self::View(..) => unsupported("a view as a key"),
                _ => Ok(false),
            },
            Self::View(ViewKind::Items, _) => unsupported("`in` on dict items"),
            Self::Undefined(_) | Self::Missing => Ok(false),
            Self::List(_) | Self::Tuple(_) | Self::View(ViewKind::Values, _) | Self::Range(..) => {
                for candidate in self.iterate()? {
                    if candidate?.equals(item)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Gen(_) => unsupported("`in` on a generator"),
            other => raised(format!(
                "argument of type '{}' is not iterable",
                python_type(other)
            )),
        }
    }
}

/// Whether a text has a part. Most texts do not even have its first byte.
fn has_part(text: &str, part: &str) -> bool {
    let Some(first) = part.as_bytes().first() else {
        return true;
    };
    memchr::memchr(*first, text.as_bytes()).is_some() && text.contains(part)
}

fn all_equal<'a>(pairs: impl Iterator<Item = (Value<'a>, Value<'a>)>) -> Outcome<bool> {
    for (left, right) in pairs {
        if !left.equals(&right)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn same_pairs<'a>(left: &Map<'a>, right: &Map<'a>) -> Outcome<bool> {
    for (key, value) in left.pairs() {
        match right.get(key.as_str()) {
            Some(twin) if value.equals(&twin)? => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// Python's comparison operators.
pub fn compare<'a>(op: CmpOp, left: &Value<'a>, right: &Value<'a>) -> Outcome<bool> {
    let ordered = |sign: &str, wanted: &[Ordering]| -> Outcome<bool> {
        Ok(left
            .order(right, sign)?
            .is_some_and(|order| wanted.contains(&order)))
    };
    match op {
        CmpOp::Eq => left.equals(right),
        CmpOp::Ne => Ok(!left.equals(right)?),
        CmpOp::Lt => ordered("<", &[Ordering::Less]),
        CmpOp::Le => ordered("<=", &[Ordering::Less, Ordering::Equal]),
        CmpOp::Gt => ordered(">", &[Ordering::Greater]),
        CmpOp::Ge => ordered(">=", &[Ordering::Greater, Ordering::Equal]),
        CmpOp::In => right.contains(left),
        CmpOp::NotIn => Ok(!right.contains(left)?),
    }
}

fn bad_unary<'a>(sign: &str, value: &Value<'a>) -> Outcome<Value<'a>> {
    match value {
        Value::Undefined(undef) => raised(undef.message()),
        Value::Big(_) => unsupported(format!("unary {sign} of this value")),
        Value::Opaque(_) | Value::Safe(_) | Value::Table(_) => {
            value.known().map(|()| Value::Missing)
        }
        other => raised(format!(
            "bad operand type for unary {sign}: '{}'",
            python_type(other)
        )),
    }
}

pub fn positive<'a>(value: &Value<'a>) -> Outcome<Value<'a>> {
    match value.number() {
        Some(Number::Int(number)) => Ok(Value::Int(number)),
        Some(Number::Float(number)) => Ok(Value::Float(number)),
        None => bad_unary("+", value),
    }
}

pub fn negative<'a>(value: &Value<'a>) -> Outcome<Value<'a>> {
    match value.number() {
        Some(Number::Int(number)) => match number.checked_neg() {
            Some(number) => Ok(Value::Int(number)),
            None => unsupported("an integer beyond 64 bits"),
        },
        Some(Number::Float(number)) => Ok(Value::Float(-number)),
        None => bad_unary("-", value),
    }
}

/// Python's `left op right`.
pub fn binary<'a>(op: BinOp, left: &Value<'a>, right: &Value<'a>) -> Outcome<Value<'a>> {
    match (op, left, right) {
        (BinOp::Add, Value::Str(one), Value::Str(two)) => {
            check_bytes(one.as_str().len() + two.as_str().len())?;
            Ok(Value::text([one.as_str(), two.as_str()].concat()))
        }
        (BinOp::Add, Value::Safe(_), _) | (BinOp::Add, _, Value::Safe(_)) => {
            add_marked(left, right)
        }
        (_, Value::Opaque(_) | Value::Safe(_) | Value::Table(_), _) => {
            left.known().map(|()| Value::Missing)
        }
        (_, _, Value::Opaque(_) | Value::Safe(_) | Value::Table(_)) => {
            right.known().map(|()| Value::Missing)
        }
        (BinOp::Mod, Value::Str(_), _) => unsupported("formatting with %"),
        (_, Value::Undefined(undef), _) | (_, _, Value::Undefined(undef)) => {
            raised(undef.message())
        }
        (BinOp::Add, Value::List(one), Value::List(two)) => {
            check_items(one.len() + two.len())?;
            Ok(Value::list(one.iter().chain(two.iter()).collect()))
        }
        (BinOp::Add, Value::Tuple(one), Value::Tuple(two)) => {
            check_items(one.len() + two.len())?;
            let items: Vec<_> = one.iter().chain(two.iter()).cloned().collect();
            Ok(Value::Tuple(items.into()))
        }
        (BinOp::Mul, Value::Str(_), Value::Bool(_))
        | (BinOp::Mul, Value::Bool(_), Value::Str(_)) => unsupported("repeating by a boolean"),
        (BinOp::Mul, Value::Str(text), Value::Int(times))
        | (BinOp::Mul, Value::Int(times), Value::Str(text)) => {
            let times = usize::try_from(*times).unwrap_or(0);
            check_bytes(text.as_str().len().saturating_mul(times))?;
            Ok(Value::text(text.as_str().repeat(times)))
        }
        (_, Value::Big(_), _) | (_, _, Value::Big(_)) => unsupported("arithmetic beyond 64 bits"),
        (BinOp::Mul, Value::List(_) | Value::Tuple(_), _)
        | (BinOp::Mul, _, Value::List(_) | Value::Tuple(_)) => unsupported("repeating a list"),
        (BinOp::Sub, Value::View(..), _) | (BinOp::Sub, _, Value::View(..)) => {
            unsupported("a difference of views")
        }
        _ => match (left.number(), right.number()) {
            (Some(Number::Int(one)), Some(Number::Int(two))) => integers(op, one, two),
            (Some(one), Some(two)) => floats(op, one.float(), two.float()),
            _ => raised(format!(
                "unsupported operand type(s) for {}: '{}' and '{}'",
                sign_of(op),
                python_type(left),
                python_type(right)
            )),
        },
    }
}

/// Adds two texts of which one is marked safe; the other one is escaped.
fn add_marked<'a>(left: &Value<'a>, right: &Value<'a>) -> Outcome<Value<'a>> {
    let mut out = String::new();
    for value in [left, right] {
        match value {
            Value::Safe(text) => out.push_str(text.as_str()),
            Value::Str(text) => escape(text.as_str(), &mut out),
            Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
                return raised(format!(
                    "unsupported operand type(s) for +: 'Markup' and '{}'",
                    python_type(value)
                ));
            }
            Value::Opaque(reason) => return unsupported(*reason),
            _ => return unsupported("an operation on a text marked safe"),
        }
        check_bytes(out.len())?;
    }
    Ok(Value::Safe(Text::own(out)))
}

fn sign_of(op: BinOp) -> &'static str {
    match op {
        BinOp::Add => "+",
        BinOp::Sub => "-",
        BinOp::Mul => "*",
        BinOp::Div => "/",
        BinOp::FloorDiv => "//",
        BinOp::Mod => "%",
    }
}

fn integers<'a>(op: BinOp, one: i64, two: i64) -> Outcome<Value<'a>> {
    let divides = matches!(op, BinOp::Div | BinOp::FloorDiv | BinOp::Mod);
    if divides && two == 0 {
        return raised("division by zero");
    }
    let result = match op {
        BinOp::Add => one.checked_add(two),
        BinOp::Sub => one.checked_sub(two),
        BinOp::Mul => one.checked_mul(two),
        BinOp::FloorDiv => one.checked_div(two).map(|quotient| {
            if one % two != 0 && (one < 0) != (two < 0) {
                quotient - 1
            } else {
                quotient
            }
        }),
        BinOp::Mod => one.checked_rem(two).map(|rest| {
            if rest != 0 && (rest < 0) != (two < 0) {
                rest + two
            } else {
                rest
            }
        }),
        BinOp::Div => {
            if one.unsigned_abs() > 1 << 53 || two.unsigned_abs() > 1 << 53 {
                return unsupported("dividing very large integers");
            }
            let (one, two) = (Number::Int(one).float(), Number::Int(two).float());
            return Ok(Value::Float(one / two));
        }
    };
    match result {
        Some(number) => Ok(Value::Int(number)),
        None => unsupported("an integer beyond 64 bits"),
    }
}

fn floats<'a>(op: BinOp, one: f64, two: f64) -> Outcome<Value<'a>> {
    Ok(Value::Float(match op {
        BinOp::Add => one + two,
        BinOp::Sub => one - two,
        BinOp::Mul => one * two,
        BinOp::Div if two == 0.0 => return raised("float division by zero"),
        BinOp::Div => one / two,
        BinOp::FloorDiv | BinOp::Mod => return unsupported("floor division of floats"),
    }))
}

/// Escapes text for HTML as `markupsafe` does.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::Value;

    #[test]
    fn booleans_are_integers() {
        assert!(Value::Bool(true).equals(&Value::Int(1)).unwrap());
        assert!(Value::Int(1).equals(&Value::Float(1.0)).unwrap());
        assert!(!Value::None.equals(&Value::Bool(false)).unwrap());
    }

    #[test]
    fn large_integers_are_not_rounded_when_compared() {
        let order = Value::Int(i64::MAX)
            .order(&Value::Float(9_223_372_036_854_775_808.0), "<")
            .unwrap();
        assert_eq!(order, Some(Ordering::Less));
    }

    #[test]
    fn ordering_across_types_raises() {
        assert!(Value::Int(1).order(&Value::None, "<").is_err());
    }
}
