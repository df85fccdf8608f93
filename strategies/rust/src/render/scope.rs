//! Scopes: which names are a scope's own, and which come from around it.
//!
//! Names are resolved as Jinja2's compiler resolves them: a scope is analysed as a whole before
//! its code, a name that it stores becomes its own, and a name found nowhere is looked up among
//! the template's variables.

use rustc_hash::{FxHashMap, FxHashSet};

use super::program::{Load, Loads, Slot};
use super::tree::{Node, Refusal, field, kind, list_field, refuse, text_field};

/// What is known of the names of one scope.
#[derive(Debug, Clone, Default)]
struct Symbols {
    refs: FxHashMap<String, Slot>,
    loads: Vec<(Slot, Load)>,
    stores: FxHashSet<String>,
}

impl Symbols {
    fn set_load(&mut self, slot: Slot, load: Load) {
        match self.loads.iter_mut().find(|(known, _)| *known == slot) {
            Some(entry) => entry.1 = load,
            None => self.loads.push((slot, load)),
        }
    }
}

/// A scope being compiled, with its place among the others.
#[derive(Debug, Default)]
struct Scope {
    symbols: Symbols,
    /// One slot for each name, also across the copies that branches analyse.
    slots: FxHashMap<String, Slot>,
}

/// The scopes that are open, innermost last, and the slots handed out so far.
#[derive(Debug, Default)]
pub struct Scopes {
    open: Vec<Scope>,
    root_slots: usize,
    macro_slots: usize,
    in_macro: bool,
    names: Vec<Box<str>>,
}

impl Scopes {
    /// Opens a macro, whose slots are its own. Returns false inside of another macro.
    pub fn enter_macro(&mut self) -> bool {
        if self.in_macro {
            return false;
        }
        self.in_macro = true;
        self.macro_slots = 0;
        self.enter();
        true
    }

    /// Closes a macro; returns what its slots hold at first, and how many it has.
    pub fn leave_macro(&mut self) -> (Loads, usize) {
        self.in_macro = false;
        (self.leave(), self.macro_slots)
    }

    /// The number of the template's own slots, and the variables that it takes from outside.
    pub fn finish(self) -> (usize, Vec<Box<str>>) {
        (self.root_slots, self.names)
    }

    fn top(&mut self) -> &mut Scope {
        self.open.last_mut().expect("a scope is open")
    }

    /// Opens a scope inside the one at hand.
    pub fn enter(&mut self) {
        self.open.push(Scope::default());
    }

    /// Closes the scope at hand; returns what its slots hold when it is entered.
    pub fn leave(&mut self) -> Loads {
        self.open
            .pop()
            .map(|scope| scope.symbols.loads)
            .unwrap_or_default()
    }

    /// The slot of a name, seen from the scope at hand.
    pub fn find(&self, name: &str) -> Option<Slot> {
        self.open
            .iter()
            .rev()
            .find_map(|scope| scope.symbols.refs.get(name).copied())
    }

    /// The slot of a name, seen from around the scope at hand.
    fn find_outside(&self, name: &str) -> Option<Slot> {
        let outer = self.open.len() - 1;
        self.open[..outer]
            .iter()
            .rev()
            .find_map(|scope| scope.symbols.refs.get(name).copied())
    }

    fn slot(&mut self, name: &str) -> Slot {
        if let Some(slot) = self.top().slots.get(name) {
            return *slot;
        }
        let root = !self.in_macro;
        let counter = if root {
            &mut self.root_slots
        } else {
            &mut self.macro_slots
        };
        let slot = Slot {
            root,
            index: *counter,
            passing: false,
        };
        *counter += 1;
        self.top().slots.insert(name.to_owned(), slot);
        slot
    }

    fn define(&mut self, name: &str, load: Option<Load>) -> Slot {
        let slot = self.slot(name);
        let symbols = &mut self.top().symbols;
        symbols.refs.insert(name.to_owned(), slot);
        if let Some(load) = load {
            symbols.set_load(slot, load);
        }
        slot
    }

    fn name_index(&mut self, name: &str) -> usize {
        if let Some(index) = self.names.iter().position(|known| &**known == name) {
            index
        } else {
            self.names.push(name.into());
            self.names.len() - 1
        }
    }

    fn note_load(&mut self, name: &str) {
        if self.find(name).is_none() {
            let index = self.name_index(name);
            self.define(name, Some(Load::Context(index)));
        }
    }

    fn note_store(&mut self, name: &str) {
        self.top().symbols.stores.insert(name.to_owned());
        if self.top().symbols.refs.contains_key(name) {
            return;
        }
        let load = self.find_outside(name).map_or(Load::Missing, Load::Alias);
        self.define(name, Some(load));
    }

    /// Gives a name a slot whose value comes from the construct itself.
    pub fn declare(&mut self, name: &str) -> Slot {
        self.top().symbols.stores.insert(name.to_owned());
        let slot = self.define(name, None);
        self.top().symbols.loads.retain(|(known, _)| *known != slot);
        slot
    }

    /// Gives a name that is different in each pass of a loop its slot.
    pub fn declare_passing(&mut self, name: &str) -> Slot {
        let slot = self.slot(name);
        let passing = Slot {
            passing: true,
            ..slot
        };
        self.top().slots.insert(name.to_owned(), passing);
        self.declare(name)
    }

    /// Finds the names that a scope with these nodes stores, and those that it reads from around it.
    pub fn analyse(&mut self, nodes: &[Node]) -> Refusal<()> {
        nodes.iter().try_for_each(|node| self.analyse_node(node))
    }

    /// Declares the names of a loop's target.
    pub fn analyse_params(&mut self, target: &Node) -> Refusal<()> {
        match kind(target) {
            "Name" => {
                self.declare_passing(text_field(target, "name")?);
                Ok(())
            }
            "Tuple" => list_field(target, "items")?
                .iter()
                .try_for_each(|item| self.analyse_params(item)),
            other => refuse(format!("{other} as a loop target")),
        }
    }

    pub fn analyse_node(&mut self, node: &Node) -> Refusal<()> {
        match node {
            Node::Array(items) => return self.analyse(items),
            Node::Object(_) => {}
            _ => return Ok(()),
        }
        match kind(node) {
            "Name" => {
                let name = text_field(node, "name")?;
                match text_field(node, "ctx")? {
                    "load" => self.note_load(name),
                    "store" => self.note_store(name),
                    _ => {
                        self.declare(name);
                    }
                }
                Ok(())
            }
            "NSRef" => {
                self.note_load(text_field(node, "name")?);
                Ok(())
            }
            "If" => self.analyse_if(node),
            "Macro" => {
                self.note_store(text_field(node, "name")?);
                Ok(())
            }
            "Assign" => {
                self.analyse_node(field(node, "node")?)?;
                self.analyse_node(field(node, "target")?)
            }
            "For" => self.analyse_node(field(node, "iter")?),
            "CallBlock" => self.analyse_node(field(node, "call")?),
            "FilterBlock" => self.analyse_node(field(node, "filter")?),
            "With" => self.analyse(list_field(node, "values")?),
            "AssignBlock" => self.analyse_node(field(node, "target")?),
            "Scope" | "Block" | "OverlayScope" => Ok(()),
            _ => match node {
                Node::Object(fields) => fields
                    .values()
                    .try_for_each(|child| self.analyse_node(child)),
                _ => Ok(()),
            },
        }
    }

    /// Branches are analysed on copies; what only some of them store may also come from outside.
    fn analyse_if(&mut self, node: &Node) -> Refusal<()> {
        self.analyse_node(field(node, "test")?)?;
        let original = self.top().symbols.clone();
        let mut branches = Vec::new();
        for part in ["body", "elif_", "else_"] {
            self.top().symbols = original.clone();
            self.analyse(list_field(node, part)?)?;
            branches.push(std::mem::take(&mut self.top().symbols));
        }
        let mut stored: Vec<String> = branches
            .iter()
            .flat_map(|branch| branch.stores.iter().cloned())
            .filter(|name| !original.stores.contains(name))
            .collect();
        stored.sort_unstable();
        stored.dedup();
        let mut merged = original;
        for branch in branches {
            merged.refs.extend(branch.refs);
            for (slot, load) in branch.loads {
                merged.set_load(slot, load);
            }
            merged.stores.extend(branch.stores);
        }
        self.top().symbols = merged;
        for name in stored {
            let Some(slot) = self.find(&name) else {
                return refuse(format!("cannot resolve the variable {name}"));
            };
            let load = match self.find_outside(&name) {
                Some(outer) => Load::Alias(outer),
                None => Load::Context(self.name_index(&name)),
            };
            self.top().symbols.set_load(slot, load);
        }
        Ok(())
    }

    /// Whether a slot holds one of the template's own variables.
    pub fn is_context(&self, slot: Slot) -> bool {
        self.open.iter().any(|scope| {
            scope
                .symbols
                .loads
                .iter()
                .any(|(known, load)| *known == slot && matches!(load, Load::Context(_)))
        })
    }
}
