//! Rows of a table as text, made at once for many conversations.

use std::fmt::{Display, Write};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};

/// Writes one row for each turn of some conversations: its `head`, the number of the turn from 1,
/// for each column a label and the cell, and an `end`.
///
/// A cell is an integer, None, which is written as `nothing`, or a text, which is written as it
/// is. The columns of a conversation are equally long.
#[pyfunction]
#[pyo3(signature = (conversations, labels, *, nothing, end))]
pub fn rows<'py>(
    py: Python<'py>,
    conversations: &Bound<'py, PyAny>,
    labels: &Bound<'py, PyAny>,
    nothing: &str,
    end: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    let labels: Vec<String> = labels.extract()?;
    let mut out = String::new();
    for conversation in conversations.try_iter()? {
        let (head, columns): (Bound<'py, PyString>, Vec<Bound<'py, PyList>>) =
            conversation?.extract()?;
        let head = head.to_str()?;
        let turns = columns.first().map_or(0, PyListMethods::len);
        let fits = |column: &Bound<'py, PyList>| column.len() == turns;
        if columns.len() != labels.len() || !columns.iter().all(fits) {
            return Err(PyValueError::new_err("columns that do not fit together"));
        }
        for turn in 0..turns {
            out.push_str(head);
            number(&mut out, turn + 1);
            for (label, column) in labels.iter().zip(&columns) {
                out.push_str(label);
                cell(&mut out, &column.get_item(turn)?, nothing)?;
            }
            out.push_str(end);
        }
    }
    Ok(PyBytes::new(py, out.as_bytes()))
}

fn cell(out: &mut String, cell: &Bound<'_, PyAny>, nothing: &str) -> PyResult<()> {
    if cell.is_none() {
        out.push_str(nothing);
    } else if let Ok(text) = cell.cast::<PyString>() {
        out.push_str(text.to_str()?);
    } else {
        number(out, cell.extract::<i64>()?);
    }
    Ok(())
}

fn number(out: &mut String, number: impl Display) {
    // Writing into a text does not fail.
    let _ = write!(out, "{number}");
}
