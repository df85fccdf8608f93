//! What a render keeps beside the values of its variables.

use super::growing::{Interval, Tail, signed};
use super::text::Text;
use super::value::{Pairs, Seq, Undef, Value};
use crate::fault::{Outcome, raised};

/// A loop that is running.
pub struct LoopState<'a> {
    pub items: Seq<'a>,
    pub index: usize,
    /// The place of the item at hand, if the loop walks backwards from the growing end. Then the
    /// place stays the same in later turns, and the index does not.
    pub place: Option<(Tail<'a>, usize)>,
}

impl<'a> LoopState<'a> {
    /// A loop over items whose places count from the front.
    pub fn new(items: Seq<'a>) -> Self {
        Self {
            items,
            index: 0,
            place: None,
        }
    }

    /// The number of items before this one.
    pub fn index(&self) -> usize {
        if let Some((tail, _)) = &self.place {
            tail.list().note(Interval::only(signed(tail.list().end())));
        }
        self.index
    }

    /// The number of items after this one.
    pub fn left(&self) -> usize {
        match &self.place {
            Some((tail, at)) => at - tail.start(),
            None => self.items.len() - self.index - 1,
        }
    }

    pub fn is_first(&self) -> bool {
        match &self.place {
            Some((tail, at)) => tail.list().get(at + 1).is_none(),
            None => self.index == 0,
        }
    }

    pub fn is_last(&self) -> bool {
        match &self.place {
            Some((tail, at)) => *at == tail.start(),
            None => self.items.get(self.index + 1).is_none(),
        }
    }

    pub fn before(&self) -> Option<Value<'a>> {
        match &self.place {
            Some((tail, at)) => tail.at(at + 1).map(Value::from_item),
            None => self.items.get(self.index.checked_sub(1)?),
        }
    }

    pub fn after(&self) -> Option<Value<'a>> {
        match &self.place {
            Some((tail, at)) if *at == tail.start() => None,
            Some((tail, at)) => tail.at(at - 1).map(Value::from_item),
            None => self.items.get(self.index + 1),
        }
    }
}

/// An attribute of a namespace.
#[derive(Debug, Clone)]
pub struct Cell<'a> {
    pub name: Text<'a>,
    pub value: Value<'a>,
    /// The last passage of the template that has read it, and the last that has written it.
    pub read: u32,
    pub written: u32,
}

#[derive(Debug, Clone, Default)]
pub struct Namespace<'a> {
    pub cells: Vec<Cell<'a>>,
    /// The passage that has made it.
    pub made: u32,
}

/// Namespaces, which are changed through all their names at once, and dates.
pub struct State<'a> {
    /// The formats that the template passes to `strftime_now`, and what it gives for each.
    date_formats: &'a [Box<str>],
    dates: &'a [String],
    pub namespaces: Vec<Namespace<'a>>,
    /// The passage of the template that is running.
    pub passage: u32,
    /// Namespaces that this passage made in an earlier turn: their places are taken first, so
    /// that a namespace has the same place in every turn.
    pub places: Vec<usize>,
    /// The namespaces that this passage has made.
    pub made: Vec<usize>,
}

impl<'a> State<'a> {
    pub fn new(date_formats: &'a [Box<str>], dates: &'a [String]) -> Self {
        Self {
            date_formats,
            dates,
            namespaces: Vec::new(),
            passage: 0,
            places: Vec::new(),
            made: Vec::new(),
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
        let passage = self.passage;
        let cells = attributes.into_iter().map(|(name, value)| Cell {
            name,
            value,
            read: passage,
            written: passage,
        });
        let known = self.places.get(self.made.len()).copied();
        let place = known.unwrap_or(self.namespaces.len());
        if place == self.namespaces.len() {
            self.namespaces.push(Namespace::default());
        }
        let namespace = &mut self.namespaces[place];
        namespace.cells.clear();
        namespace.cells.extend(cells);
        namespace.made = passage;
        self.made.push(place);
        Ok(Value::Namespace(place))
    }

    /// An attribute of a namespace, if it is set.
    pub fn find(&self, namespace: usize, name: &str) -> Option<&Cell<'a>> {
        let cells = &self.namespaces.get(namespace)?.cells;
        cells.iter().find(|cell| cell.name.as_str() == name)
    }

    pub fn find_mut(&mut self, namespace: usize, name: &str) -> Option<&mut Cell<'a>> {
        let cells = &mut self.namespaces.get_mut(namespace)?.cells;
        cells.iter_mut().find(|cell| cell.name.as_str() == name)
    }

    /// Sets an attribute of a namespace. Returns whether this passage sets it for the first time.
    pub fn set(&mut self, namespace: usize, name: &Text<'a>, value: Value<'a>) -> Outcome<bool> {
        check_name(name.as_str())?;
        let passage = self.passage;
        if let Some(cell) = self.find_mut(namespace, name.as_str()) {
            cell.value = value;
            let first = cell.written != passage;
            cell.written = passage;
            return Ok(first);
        }
        self.namespaces[namespace].cells.push(Cell {
            name: name.clone(),
            value,
            read: 0,
            written: passage,
        });
        Ok(true)
    }
}

/// What reading an attribute gives that a namespace does not have.
pub fn no_attribute<'a>(name: &str) -> Value<'a> {
    Value::Undefined(Undef::Attribute("Namespace", Text::own(name.to_owned())))
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
