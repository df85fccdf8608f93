//! How values become text: Python's `str` and `repr`.

use super::limits::check_bytes;
use super::number::{push_float, push_int};
use super::text::{Text, repr_text};
use super::value::Value;
use crate::fault::{Outcome, unsupported};

impl<'a> Value<'a> {
    /// Python's `str(value)`, which is also what printing does.
    pub fn print(&self, out: &mut String) -> Outcome<()> {
        match self {
            Self::Missing | Self::Undefined(_) => Ok(()),
            Self::Str(text) | Self::Safe(text) => {
                out.push_str(text.as_str());
                Ok(())
            }
            other => other.repr(out),
        }
    }

    pub fn to_text(&self) -> Outcome<Text<'a>> {
        if let Self::Str(text) = self {
            return Ok(text.clone());
        }
        let mut out = String::new();
        self.print(&mut out)?;
        Ok(Text::own(out))
    }

    /// Python's `repr(value)`.
    pub fn repr(&self, out: &mut String) -> Outcome<()> {
        match self {
            Self::Missing | Self::Undefined(_) => out.push_str("Undefined"),
            Self::None => out.push_str("None"),
            Self::Bool(true) => out.push_str("True"),
            Self::Bool(false) => out.push_str("False"),
            Self::Int(value) => push_int(*value, out),
            Self::Big(digits) => out.push_str(digits),
            Self::Float(value) => push_float(*value, out),
            Self::Str(text) => repr_text(text.as_str(), out)?,
            Self::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    item.repr(out)?;
                    check_bytes(out.len())?;
                }
                out.push(']');
            }
            Self::Tuple(items) => {
                out.push('(');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    item.repr(out)?;
                    check_bytes(out.len())?;
                }
                if items.len() == 1 {
                    out.push(',');
                }
                out.push(')');
            }
            Self::Dict(map) => {
                out.push('{');
                for (index, (key, value)) in map.pairs().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    repr_text(key.as_str(), out)?;
                    out.push_str(": ");
                    value.repr(out)?;
                    check_bytes(out.len())?;
                }
                out.push('}');
            }
            other => {
                other.known()?;
                return unsupported(format!("printing a {}", other.kind()));
            }
        }
        Ok(())
    }
}
