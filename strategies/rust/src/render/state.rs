//! What a render keeps beside the values of its variables.

use super::text::Text;
use super::value::{Pairs, Seq, Undef, Value};
use crate::fault::{Outcome, raised};

/// A loop that is running.
pub struct LoopState<'a> {
    pub items: Seq<'a>,
    pub index: usize,
}

/// Namespaces, which are changed through all their names at once, and dates.
pub struct State<'a> {
    /// The formats that the template passes to `strftime_now`, and what it gives for each.
    date_formats: &'a [Box<str>],
    dates: &'a [String],
    namespaces: Vec<Pairs<'a>>,
}

impl<'a> State<'a> {
    pub fn new(date_formats: &'a [Box<str>], dates: &'a [String]) -> Self {
        Self {
            date_formats,
            dates,
            namespaces: Vec::new(),
        }
    }

    /// Today's date in one of the template's formats.
    pub fn date(&self, format: &str) -> Option<&'a str> {
        let known = self
            .date_formats
            .iter()
            .position(|known| &**known == format);
        known
            .and_then(|index| self.dates.get(index))
            .map(String::as_str)
    }

    pub fn new_namespace(&mut self, attributes: Pairs<'a>) -> Outcome<Value<'a>> {
        for (name, _) in &attributes {
            check_name(name.as_str())?;
        }
        self.namespaces.push(attributes);
        Ok(Value::Namespace(self.namespaces.len() - 1))
    }

    /// An attribute of a namespace.
    pub fn get(&self, namespace: usize, name: &str) -> Value<'a> {
        self.namespaces[namespace]
            .iter()
            .find_map(|(known, value)| (known.as_str() == name).then(|| value.clone()))
            .unwrap_or_else(|| {
                Value::Undefined(Undef::Attribute("Namespace", Text::own(name.to_owned())))
            })
    }

    /// Sets an attribute of a namespace.
    pub fn set(&mut self, namespace: usize, name: &'a str, value: Value<'a>) -> Outcome<()> {
        check_name(name)?;
        let attributes = &mut self.namespaces[namespace];
        match attributes
            .iter_mut()
            .find(|(known, _)| known.as_str() == name)
        {
            Some(entry) => entry.1 = value,
            None => attributes.push((Text::Ref(name), value)),
        }
        Ok(())
    }
}

/// Namespaces of chat templates refuse names that start with an underscore.
fn check_name(name: &str) -> Outcome<()> {
    if name.starts_with('_') {
        return raised(format!(
            "Chat templates cannot store underscore-prefixed attributes on a namespace, but got '{name}'. Please rename the attribute."
        ));
    }
    Ok(())
}
