//! Which variables from around it the body of a loop may read.

use super::environment::Filter;
use super::program::{Args, Expr, For, Load, Loads, Slot, Stmt, Target};

#[derive(Default)]
struct Found {
    read: Vec<Slot>,
    /// Those that have their values from the body itself.
    own: Vec<Slot>,
    /// Whether there is something that may read more than it names.
    open: bool,
}

/// The variables, or None if the body may read others by calls or asks which pass it is.
pub fn free_slots(inner: &For) -> Option<Vec<Slot>> {
    let mut found = Found::default();
    found.target(&inner.target);
    found.loads(&inner.loads);
    found.body(&inner.body);
    if found.open || inner.loop_slot.is_some() {
        return None;
    }
    let own = found.own;
    let mut free: Vec<Slot> = Vec::new();
    for slot in found.read {
        if !own.contains(&slot) && !free.contains(&slot) {
            free.push(slot);
        }
    }
    Some(free)
}

impl Found {
    fn loads(&mut self, loads: &Loads) {
        for (slot, load) in loads {
            self.own.push(*slot);
            if let Load::Alias(outer) = load {
                self.read.push(*outer);
            }
        }
    }

    fn target(&mut self, target: &Target) {
        match target {
            Target::Slot(slot) => self.own.push(*slot),
            Target::Tuple(targets) => targets.iter().for_each(|each| self.target(each)),
            Target::Namespace(slot, _) => self.read.push(*slot),
        }
    }

    /// A target of `set`, whose slot is one that the scope loads.
    fn assigned(&mut self, target: &Target) {
        match target {
            Target::Slot(_) => {}
            Target::Tuple(targets) => targets.iter().for_each(|each| self.assigned(each)),
            Target::Namespace(slot, _) => self.read.push(*slot),
        }
    }

    fn body(&mut self, body: &[Stmt]) {
        for statement in body {
            self.statement(statement);
        }
    }

    fn filtered(&mut self, loads: &Loads, body: &[Stmt], filters: &[(&'static Filter, Args)]) {
        self.loads(loads);
        self.body(body);
        for (_, args) in filters {
            self.args(args);
        }
    }

    fn statement(&mut self, statement: &Stmt) {
        match statement {
            Stmt::Text(_) | Stmt::Break | Stmt::Continue => {}
            Stmt::Print(expr) => self.expr(expr),
            Stmt::If(arms, otherwise) => {
                for (test, body) in arms {
                    self.expr(test);
                    self.body(body);
                }
                self.body(otherwise);
            }
            Stmt::For(inner) => {
                self.expr(&inner.iter);
                self.own.extend(inner.loop_slot);
                self.target(&inner.target);
                self.loads(&inner.loads);
                self.body(&inner.body);
                if let Some((target, loads, condition)) = &inner.filter {
                    self.target(target);
                    self.loads(loads);
                    self.expr(condition);
                }
                if let Some((loads, body)) = &inner.or_else {
                    self.loads(loads);
                    self.body(body);
                }
            }
            Stmt::Set(target, expr) => {
                self.expr(expr);
                self.assigned(target);
            }
            Stmt::SetBlock(target, loads, body, filters) => {
                self.filtered(loads, body, filters);
                self.assigned(target);
            }
            Stmt::FilterBlock(loads, body, filters) => self.filtered(loads, body, filters),
            Stmt::Macro(..) => self.open = true,
            Stmt::Scope(loads, body) => {
                self.loads(loads);
                self.body(body);
            }
            Stmt::With(pairs, loads, body) => {
                for (slot, expr) in pairs {
                    self.own.push(*slot);
                    self.expr(expr);
                }
                self.loads(loads);
                self.body(body);
            }
        }
    }

    fn args(&mut self, args: &Args) {
        self.exprs(&args.positional);
        for (_, expr) in &args.named {
            self.expr(expr);
        }
    }

    fn exprs(&mut self, exprs: &[Expr]) {
        for expr in exprs {
            self.expr(expr);
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Const(_) => {}
            Expr::Name(slot, _) => self.read.push(*slot),
            Expr::List(items) | Expr::Tuple(items) | Expr::Concat(items) => {
                self.exprs(items);
            }
            Expr::Dict(pairs) => {
                for (key, value) in pairs {
                    self.expr(key);
                    self.expr(value);
                }
            }
            Expr::Attr(inner, _)
            | Expr::Not(inner)
            | Expr::Neg(inner)
            | Expr::Pos(inner)
            | Expr::Unknown(inner, _) => self.expr(inner),
            Expr::Item(one, two)
            | Expr::And(one, two)
            | Expr::Or(one, two)
            | Expr::Bin(_, one, two) => {
                self.expr(one);
                self.expr(two);
            }
            Expr::Slice(inner, bounds) => {
                self.expr(inner);
                bounds.iter().flatten().for_each(|bound| self.expr(bound));
            }
            Expr::Call(callee, args) => {
                // A method of a value; everything else may be a macro.
                self.open |= !matches!(**callee, Expr::Attr(..));
                self.expr(callee);
                self.args(args);
            }
            Expr::Filter(_, inner, args) => {
                self.expr(inner);
                self.args(args);
            }
            Expr::Test(_, inner, args) => {
                self.expr(inner);
                self.exprs(args);
            }
            Expr::Cond(test, one, two) => {
                self.expr(test);
                self.expr(one);
                if let Some(two) = two {
                    self.expr(two);
                }
            }
            Expr::Compare(first, rest) => {
                self.expr(first);
                for (_, operand) in rest {
                    self.expr(operand);
                }
            }
        }
    }
}
