//! Numbers: how they compare, and how Python writes them.

use std::cmp::Ordering;

pub fn range_len(start: i64, stop: i64, step: i64) -> usize {
    let span = if step > 0 {
        stop.saturating_sub(start)
    } else {
        start.saturating_sub(stop)
    };
    if span <= 0 {
        return 0;
    }
    let step = step.unsigned_abs();
    usize::try_from(span.unsigned_abs().div_ceil(step)).unwrap_or(usize::MAX)
}

#[derive(Debug, Clone, Copy)]
pub enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    /// Order by value; None if one of them is NaN.
    pub fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => Some(left.cmp(&right)),
            (Self::Float(left), Self::Float(right)) => left.partial_cmp(&right),
            (Self::Int(left), Self::Float(right)) => compare_mixed(left, right),
            (Self::Float(left), Self::Int(right)) => {
                compare_mixed(right, left).map(Ordering::reverse)
            }
        }
    }

    pub fn float(self) -> f64 {
        match self {
            #[allow(clippy::cast_precision_loss)] // Python rounds the same way
            Self::Int(value) => value as f64,
            Self::Float(value) => value,
        }
    }
}

/// Compares by value: to convert the integer to a float would round it.
fn compare_mixed(left: i64, right: f64) -> Option<Ordering> {
    if right.is_nan() {
        return None;
    }
    let floor = right.floor();
    if floor >= 9_223_372_036_854_775_808.0 {
        return Some(Ordering::Less);
    }
    if floor < -9_223_372_036_854_775_808.0 {
        return Some(Ordering::Greater);
    }
    #[allow(clippy::cast_possible_truncation)] // the range was just checked
    let whole = floor as i64;
    Some(left.cmp(&whole).then(if right > floor {
        Ordering::Less
    } else {
        Ordering::Equal
    }))
}

pub fn push_int(value: i64, out: &mut String) {
    use std::fmt::Write;
    // Writing to a String cannot fail.
    let _ = write!(out, "{value}");
}

/// Python's `repr` of a float: shortest digits, an exponent outside 1e-4 … 1e16.
pub fn push_float(value: f64, out: &mut String) {
    use std::fmt::Write;
    if value.is_nan() {
        out.push_str("nan");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "inf" } else { "-inf" });
    } else {
        let (digits, exponent) = shortest(value);
        let (sign, digits) = match digits.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", &*digits),
        };
        let whole = usize::try_from(exponent + 1);
        out.push_str(sign);
        match whole {
            _ if value != 0.0 && !(-4..16).contains(&exponent) => {
                let (first, rest) = digits.split_at(1);
                out.push_str(first);
                if !rest.is_empty() {
                    let _ = write!(out, ".{rest}");
                }
                let sign = if exponent < 0 { '-' } else { '+' };
                let _ = write!(out, "e{sign}{:02}", exponent.abs());
            }
            Ok(whole) if whole >= digits.len() => {
                let _ = write!(out, "{digits:0<whole$}.0");
            }
            Ok(whole) if whole > 0 => {
                let (before, after) = digits.split_at(whole);
                let _ = write!(out, "{before}.{after}");
            }
            _ => {
                let width = digits.len() + exponent.unsigned_abs() as usize - 1;
                let _ = write!(out, "0.{digits:0>width$}");
            }
        }
    }
}

/// The fewest digits that are read as `value` again, with their sign, and the exponent of the
/// first. Of two such texts that are equally near, Python writes the even one and Rust the other.
fn shortest(value: f64) -> (String, i32) {
    let mut text = format!("{value:e}");
    let digits = text.bytes().take_while(|byte| *byte != b'e');
    let places = digits.skip_while(|byte| *byte != b'.').skip(1).count();
    let rounded = format!("{value:.places$e}");
    if rounded.parse() == Ok(value) {
        text = rounded;
    }
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (digits.replace('.', ""), exponent.parse().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::{push_float, range_len};

    fn float(value: f64) -> String {
        let mut out = String::new();
        push_float(value, &mut out);
        out
    }

    #[test]
    fn floats_print_as_in_python() {
        let cases = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (1e-4, "0.0001"),
            (1.25e-5, "1.25e-05"),
            (123_456.789, "123456.789"),
            (5e-324, "5e-324"),
            (681_229_966_788_178.0 + 0.25, "681229966788178.2"),
            (-681_229_966_788_178.0 - 0.75, "-681229966788178.8"),
            (2f64.powi(-25), "2.9802322387695312e-08"),
            (-0.001_5, "-0.0015"),
            (0.000_123, "0.000123"),
            (9_007_199_254_740_993.0, "9007199254740992.0"),
            (f64::INFINITY, "inf"),
        ];
        for (value, expected) in cases {
            assert_eq!(float(value), expected);
        }
    }

    #[test]
    fn range_lengths() {
        assert_eq!(range_len(0, 5, 2), 3);
        assert_eq!(range_len(5, 0, -1), 5);
        assert_eq!(range_len(5, 0, 1), 0);
    }
}
