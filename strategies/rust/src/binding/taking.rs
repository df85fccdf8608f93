//! Python's values, taken over as the core's data.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString};

use super::errors::RefusedError;
use crate::data::{Data, Dict, Text, prepare_message};

/// Data nested deeper than this is left to Python.
const DEPTH: usize = 128;
const DEEP: Odd = "deeply nested data";

/// Why a value is not taken over.
type Odd = &'static str;

pub type Taken = Result<Data, Odd>;

/// What is taken over, and what is odd there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A message or a tool as the dataset has it. A messages profile of Python asks it by its
    /// methods, so only Python's own types are taken over, and only what JSON can carry.
    Written,
    /// A message or a tool as the template gets it. transformers makes plain texts and numbers of
    /// those that are of a derived type. Of objects and lists it does so as their own methods say.
    Served,
    /// A variable of the template. What is odd in it matters only to turns that read it.
    Variable,
}

impl Role {
    /// Takes over a value inside of another one.
    fn part(self, value: &Bound<'_, PyAny>, depth: usize) -> Taken {
        match self.value(value, depth) {
            Err(reason) if self == Self::Variable => Ok(Data::Opaque(reason.into())),
            other => other,
        }
    }

    fn value(self, value: &Bound<'_, PyAny>, depth: usize) -> Taken {
        if let Ok(text) = value.cast_exact::<PyString>() {
            return self::text(text);
        }
        if let Ok(pairs) = value.cast_exact::<PyDict>() {
            return self.dict(pairs, depth).map(Data::Dict);
        }
        if let Ok(items) = value.cast_exact::<PyList>() {
            let depth = depth.checked_sub(1).ok_or(DEEP)?;
            let items = items.iter().map(|item| self.part(&item, depth));
            return items.collect::<Result<_, _>>().map(Data::List);
        }
        if value.is_none() {
            return Ok(Data::None);
        }
        if let Ok(flag) = value.cast_exact::<PyBool>() {
            return Ok(Data::Bool(flag.is_true()));
        }
        if let Ok(number) = value.cast_exact::<PyInt>() {
            return integer(number);
        }
        if let Ok(number) = value.cast_exact::<PyFloat>() {
            let number = number.value();
            if self == Self::Written && !number.is_finite() {
                return Err("a float that is no JSON");
            }
            return Ok(Data::Float(number));
        }
        if self != Self::Written {
            if let Ok(text) = value.cast::<PyString>() {
                return self::text(text);
            }
            if let Ok(number) = value.cast::<PyFloat>() {
                return Ok(Data::Float(number.value()));
            }
        }
        Err("data that is not plain JSON")
    }

    fn dict(self, pairs: &Bound<'_, PyDict>, depth: usize) -> Result<Dict, Odd> {
        let depth = depth.checked_sub(1).ok_or(DEEP)?;
        let mut out = Dict::with_capacity(pairs.len());
        for (key, value) in pairs {
            let key = key.cast_exact::<PyString>().map(|key| key.to_str());
            let Ok(Ok(key)) = key else {
                return Err("a key that is no text");
            };
            out.push(Text::new(key), self.part(&value, depth)?);
        }
        Ok(out)
    }

    fn top(self, value: &Bound<'_, PyAny>) -> Result<Dict, Odd> {
        match value.cast_exact::<PyDict>() {
            Ok(pairs) => self.dict(pairs, DEPTH),
            Err(_) => Err("an object of a derived type"),
        }
    }
}

fn text(text: &Bound<'_, PyString>) -> Taken {
    match text.to_str() {
        Ok(text) => Ok(Data::Str(Text::new(text))),
        Err(_) => Err("text with surrogates"),
    }
}

fn integer(number: &Bound<'_, PyInt>) -> Taken {
    if let Ok(number) = number.extract::<i64>() {
        return Ok(Data::Int(number));
    }
    match number.str() {
        Ok(digits) => Ok(Data::Big(digits.to_string().into())),
        Err(_) => Err("a huge integer"),
    }
}

/// Takes over template variables.
pub fn variables(pairs: &Bound<'_, PyDict>) -> Result<Dict, Odd> {
    Role::Variable.dict(pairs, DEPTH)
}

/// Takes over a message or a tool as the dataset has it.
pub fn written(value: &Bound<'_, PyAny>) -> Result<Dict, Odd> {
    Role::Written.top(value)
}

/// Takes over a message as the template gets it.
pub fn message(value: &Bound<'_, PyAny>) -> Taken {
    Role::Served.top(value).map(prepare_message).map(Data::Dict)
}

/// Takes over a tool as the template gets it.
pub fn tool(value: &Bound<'_, PyAny>) -> Taken {
    Role::Served.top(value).map(Data::Dict)
}

/// Takes over all of some messages or tools, each in one way.
pub fn each(
    values: &Bound<'_, PyAny>,
    take: impl Fn(&Bound<'_, PyAny>) -> Taken,
) -> PyResult<Vec<Data>> {
    let taken = values
        .try_iter()?
        .map(|value| take(&value?).map_err(RefusedError::new_err));
    taken.collect()
}
