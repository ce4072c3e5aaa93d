//! FROM: tables, subqueries, functions, and how they are joined.

use sqlparser::ast::{
    Expr as Ast, FunctionArg, FunctionArgExpr, Ident, JoinConstraint, JoinOperator, ObjectName,
    Query, TableAlias, TableFactor, TableWithJoins,
};

use super::call::is_result;
use super::join::outer_join;
use super::locks::Lockable;
use super::scope::{Relation, RelationColumn, Visible};
use super::{Analyser, Typed, fold, object_name};
use crate::postgres::catalog::system_table;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::LockMode;
use crate::postgres::sql::expr::{Comparison, Expr};
use crate::postgres::sql::functions::Kind;
use crate::postgres::sql::plan::{
    Access, JoinKind, Node, Query as PlanQuery, RowSource, Rows, Scan,
};
use crate::postgres::storage::catalog::ViewColumn;
use crate::postgres::storage::table::TableId;
use crate::postgres::types::{Type, Value};

/// What inner joins bring together, with the conditions on it: in which order
/// is open until all of them are known.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    pub(super) conditions: Vec<Expr>,
}

impl Tree {
    fn of(node: Node) -> Tree {
        Tree {
            nodes: vec![node],
            conditions: Vec::new(),
        }
    }

    fn add(&mut self, other: Tree) {
        self.nodes.extend(other.nodes);
        self.conditions.extend(other.conditions);
    }
}

/// A scan of every row, before an access path is chosen.
pub(super) fn scan(relation: &Relation) -> Option<Node> {
    Some(Node::Scan(Scan {
        slot: relation.slot,
        table: relation.table.clone()?,
        access: Access::Sequential,
        filter: Vec::new(),
        system: false,
    }))
}

impl Analyser<'_> {
    /// Adds the tables of FROM, with what their joins ask. Their columns come
    /// in sight when all of it is read.
    pub(super) fn from(&mut self, from: &[TableWithJoins], tree: &mut Tree) -> Result<()> {
        for item in from {
            let (added, visible) = self.joined(item)?;
            tree.add(added);
            self.scope().visible.extend(visible);
        }
        Ok(())
    }

    fn joined(&mut self, item: &TableWithJoins) -> Result<(Tree, Vec<Visible>)> {
        let first = self.scope().relations.len();
        let joins: Vec<_> = item
            .joins
            .iter()
            .map(|join| join_kind(&join.join_operator))
            .collect::<Result<_>>()?;
        let around = self.nullable;
        // True for what stands left of a join that may fill that with NULLs.
        let filled = |joins: &[(_, JoinKind, bool)]| {
            let mut joins = joins.iter();
            around || joins.any(|(_, kind, swapped)| *swapped || *kind == JoinKind::Full)
        };
        self.nullable = filled(&joins);
        let factor = self.factor(&item.relation);
        self.nullable = around;
        let (mut tree, mut visible) = factor?;
        self.expand_tree(&mut tree);
        for (at, join) in item.joins.iter().enumerate() {
            let (constraint, kind, swapped) = joins[at];
            // A LATERAL item sees what stands to its left.
            let outside = self.scope().visible.len();
            let before = visible.clone();
            self.scope().visible.extend(before);
            let own = kind != JoinKind::Inner && !swapped;
            self.nullable = own || filled(&joins[at + 1..]);
            let factor = self.factor(&join.relation);
            self.nullable = around;
            self.scope().visible.truncate(outside);
            let (mut right, right_visible) = factor?;
            self.expand_tree(&mut right);
            let (mut on, both) =
                self.constraint(constraint, kind, swapped, first, visible, right_visible)?;
            on.iter_mut().for_each(|condition| self.expand(condition));
            visible = both;
            if kind == JoinKind::Inner {
                tree.add(right);
                tree.conditions.extend(on);
                continue;
            }
            let (left, right) = if swapped {
                (right, tree)
            } else {
                (tree, right)
            };
            let outer = self.outer_slots();
            tree = Tree::of(outer_join(kind, left, right, on, outer));
        }
        Ok((tree, visible))
    }

    /// What a join asks, and the columns that are in sight after it.
    pub(super) fn constraint(
        &mut self,
        constraint: &JoinConstraint,
        kind: JoinKind,
        swapped: bool,
        first: usize,
        left: Vec<Visible>,
        right: Vec<Visible>,
    ) -> Result<(Vec<Expr>, Vec<Visible>)> {
        match constraint {
            JoinConstraint::None => Ok((Vec::new(), [left, right].concat())),
            JoinConstraint::On(on) => {
                let both = [left, right].concat();
                let scope = self.scope();
                let visible = std::mem::replace(&mut scope.visible, both.clone());
                let sight = std::mem::replace(&mut scope.first, first);
                let clause = std::mem::replace(&mut scope.clause, "JOIN conditions");
                let condition = self.condition(on, "JOIN/ON");
                let scope = self.scope();
                scope.visible = visible;
                scope.first = sight;
                scope.clause = clause;
                Ok((condition?.conjuncts(), both))
            }
            JoinConstraint::Using(names) => {
                let names: Vec<String> = names.iter().map(object_name).collect::<Result<_>>()?;
                self.merge(&names, kind, swapped, left, right)
            }
            JoinConstraint::Natural => {
                let shared = left
                    .iter()
                    .filter(|l| right.iter().any(|r| r.name == l.name));
                let names: Vec<String> = shared.map(|column| column.name.clone()).collect();
                self.merge(&names, kind, swapped, left, right)
            }
        }
    }

    /// USING: equal columns become one, which comes first.
    fn merge(
        &mut self,
        names: &[String],
        kind: JoinKind,
        swapped: bool,
        mut left: Vec<Visible>,
        mut right: Vec<Visible>,
    ) -> Result<(Vec<Expr>, Vec<Visible>)> {
        let mut conditions = Vec::new();
        let mut merged = Vec::new();
        for name in names {
            let l = take(&mut left, name, "left")?;
            let r = take(&mut right, name, "right")?;
            self.reads.extend(l.origin.iter().chain(&r.origin));
            let (le, re, ty) = self.meet(l.value.clone(), r.value.clone(), "=")?;
            let value = match kind {
                JoinKind::Full => Typed::new(Expr::Coalesce(vec![le.clone(), re.clone()]), ty),
                _ if swapped => r.value.clone(),
                _ => l.value.clone(),
            };
            conditions.push(Expr::Compare(Comparison::Equal, Box::new(le), Box::new(re)));
            merged.push(Visible {
                name: name.clone(),
                value,
                origin: if swapped { r.origin } else { l.origin },
            });
        }
        merged.extend(left);
        merged.extend(right);
        Ok((conditions, merged))
    }

    pub(super) fn factor(&mut self, factor: &TableFactor) -> Result<(Tree, Vec<Visible>)> {
        match factor {
            TableFactor::Table {
                name,
                alias,
                args: None,
                with_ordinality: false,
                sample: None,
                ..
            } => self.named_table(name, alias.as_ref()),
            TableFactor::Table {
                name,
                alias,
                args: Some(args),
                with_ordinality,
                ..
            } => self.table_function(name, &args.args, alias.as_ref(), *with_ordinality),
            TableFactor::Function {
                name,
                args,
                alias,
                with_ordinality,
                ..
            } => self.table_function(name, args, alias.as_ref(), *with_ordinality),
            TableFactor::UNNEST {
                alias,
                array_exprs,
                with_ordinality,
                ..
            } => {
                let name = ObjectName::from(vec![Ident::new("unnest")]);
                let args: Vec<FunctionArg> = array_exprs
                    .iter()
                    .map(|expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr.clone())))
                    .collect();
                self.table_function(&name, &args, alias.as_ref(), *with_ordinality)
            }
            TableFactor::Derived {
                lateral,
                subquery,
                alias,
                sample: None,
            } => self.derived(subquery, *lateral, alias.as_ref()),
            TableFactor::NestedJoin {
                table_with_joins,
                alias: None,
            } => self.joined(table_with_joins),
            other => Err(Error::unsupported(format!("{other} in FROM"))),
        }
    }

    fn named_table(
        &mut self,
        name: &ObjectName,
        alias: Option<&TableAlias>,
    ) -> Result<(Tree, Vec<Visible>)> {
        let text = object_name(name)?;
        if let Some(named) = self.cte(name, &text) {
            let (index, columns) = (named.index, named.columns.clone());
            let local = named.local;
            self.reads_local |= local;
            if let Some(cte) = self.ctes.get_mut(index) {
                cte.read = true;
            }
            return self.rows(
                Rows::Cte(index),
                columns,
                text,
                alias,
                "a WITH query",
                Lockable::default(),
            );
        }
        if let Some(id) = self.catalog.view_id(&text, self.clog, self.top)
            && let Some(view) = self.catalog.view_by_id(id)
        {
            let (query, columns) = (view.query.clone(), view.columns.clone());
            return self.view(TableId(id), &query, &columns, text, alias);
        }
        if let Some(system) = system_table(&text)
            && self.catalog.find(&text, self.clog, self.top).is_none()
        {
            for (oid, _) in system.with.iter().chain([&(system.oid, system.name)]) {
                self.lock(TableId(*oid), LockMode::AccessShare);
            }
            let columns = (1..).zip(system.columns);
            let columns = columns.map(|(number, (name, ty))| RelationColumn {
                name: (*name).to_owned(),
                ty: *ty,
                modifier: -1,
                origin: Some((TableId(system.oid), number)),
            });
            let text = text.rsplit('.').next().unwrap_or(&text).to_owned();
            return self.rows(
                Rows::Catalog(system),
                columns.collect(),
                text,
                alias,
                "a table",
                Lockable::default(),
            );
        }
        if let Some(def) = self.catalog.find_sequence(&text, self.clog, self.top) {
            let id = def.id;
            self.lock(TableId(id.0), LockMode::AccessShare);
            self.reads.insert((TableId(id.0), 0));
            let column = |name: &str, ty| RelationColumn {
                name: name.to_owned(),
                ty,
                modifier: -1,
                origin: None,
            };
            let columns = vec![
                column("last_value", Type::Int8),
                column("log_cnt", Type::Int8),
                column("is_called", Type::Bool),
            ];
            let rows = Rows::Sequence(id);
            let nothing = Lockable::default();
            return self.rows(rows, columns, text, alias, "a sequence", nothing);
        }
        let table = self.table(name, LockMode::AccessShare)?;
        self.reads.insert((table.id, 0));
        let slot = self.new_slot()?;
        let mut relation = Relation::of_table(text, slot, table);
        rename(&mut relation, alias)?;
        let node = scan(&relation);
        let visible = self.add_relation(relation)?;
        Ok((node.map(Tree::of).unwrap_or_default(), visible))
    }

    /// A view: its query, with nothing of this statement in sight.
    fn view(
        &mut self,
        id: TableId,
        query: &Query,
        made: &[ViewColumn],
        name: String,
        alias: Option<&TableAlias>,
    ) -> Result<(Tree, Vec<Visible>)> {
        let scopes = std::mem::take(&mut self.scopes);
        let named = std::mem::take(&mut self.named);
        if self.views.contains(&id) {
            return Err(Error::new(
                SqlState::INVALID_OBJECT_DEFINITION,
                format!("infinite recursion detected in rules for relation \"{name}\""),
            ));
        }
        let reads = std::mem::take(&mut self.reads);
        let shown = self.shown.take();
        self.lock(id, LockMode::AccessShare);
        self.views.push(id);
        let base = self.next_slot;
        let analysed = self.derived_query(query);
        self.views.pop();
        self.shown = shown;
        self.scopes = scopes;
        self.named = named;
        self.reads = reads;
        self.reads.insert((id, 0));
        let (query, mut columns) = analysed?;
        // Columns that its tables have got since are none of its own.
        let mut same = columns.iter().zip(made);
        let keeps = same.all(|(column, made)| column.name == made.name && column.ty == made.ty);
        if columns.len() < made.len() || !keeps {
            return Err(Error::unsupported("a view whose tables have changed"));
        }
        columns.truncate(made.len());
        for (number, column) in (1..).zip(&mut columns) {
            column.origin = Some((id, number));
        }
        self.subquery(query, base, columns, name, alias, "a view")
    }

    fn derived(
        &mut self,
        query: &Query,
        lateral: bool,
        alias: Option<&TableAlias>,
    ) -> Result<(Tree, Vec<Visible>)> {
        let Some(name) = alias.map(|alias| fold(&alias.name)) else {
            let what = match &*query.body {
                sqlparser::ast::SetExpr::Values(_) => "VALUES",
                _ => "subquery",
            };
            return Err(Error::new(
                SqlState::SYNTAX_ERROR,
                format!("{what} in FROM must have an alias"),
            )
            .hint(if what == "VALUES" {
                "For example, FROM (VALUES ...) [AS] foo."
            } else {
                "For example, FROM (SELECT ...) [AS] foo."
            }));
        };
        let base = self.next_slot;
        let analysed = if lateral {
            self.derived_query(query)
        } else {
            // Its neighbours are out of sight.
            let scope = self.scope();
            let relations = std::mem::take(&mut scope.relations);
            let visible = std::mem::take(&mut scope.visible);
            let analysed = self.derived_query(query);
            let scope = self.scope();
            scope.relations = relations;
            scope.visible = visible;
            analysed
        };
        let (query, columns) = analysed?;
        self.subquery(query, base, columns, name, alias, "a subquery")
    }

    fn derived_query(&mut self, query: &Query) -> Result<(PlanQuery, Vec<RelationColumn>)> {
        let (query, columns) = self.settled_query(query)?;
        let columns = columns.into_iter().map(|column| RelationColumn {
            name: column.name,
            ty: column.ty,
            modifier: column.modifier,
            origin: column.origin,
        });
        Ok((query, columns.collect()))
    }

    /// Adds a subquery under a name: as rows of its own, unless it can be
    /// pulled up. Its slots begin at `base`.
    fn subquery(
        &mut self,
        query: PlanQuery,
        base: usize,
        columns: Vec<RelationColumn>,
        name: String,
        alias: Option<&TableAlias>,
        kind: &'static str,
    ) -> Result<(Tree, Vec<Visible>)> {
        let pulled = match self.pull_up(query) {
            Ok(pulled) => pulled,
            Err(query) => {
                let locks = Lockable::of_subquery(&query);
                let rows = self.query_rows(query, base)?;
                return self.rows(rows, columns, name, alias, kind, locks);
            }
        };
        let slot = self.new_slot()?;
        let locks = pulled
            .tree
            .nodes
            .iter()
            .fold(Lockable::default(), |found, node| {
                found.and(Lockable::of_node(node))
            });
        let mut relation = Relation {
            name,
            slot,
            columns,
            table: None,
            catalog: None,
            system: false,
            kind,
            locks,
        };
        rename(&mut relation, alias)?;
        let visible = self.add_relation(relation)?;
        self.scope().pulled_up.push((slot, pulled.output));
        Ok((pulled.tree, visible))
    }

    /// A function in FROM. It sees what stands to its left.
    fn table_function(
        &mut self,
        name: &ObjectName,
        args: &[FunctionArg],
        alias: Option<&TableAlias>,
        with_ordinality: bool,
    ) -> Result<(Tree, Vec<Visible>)> {
        let name = object_name(name)?;
        let mut arguments = Vec::new();
        for argument in args {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(ast)) = argument else {
                return Err(Error::unsupported(format!("the argument {argument}")));
            };
            let argument = self.function_argument(ast)?;
            if !is_result(&argument) {
                arguments.push(argument);
            }
        }
        if name == "unnest" && arguments.len() > 1 {
            return self.unnest(arguments, alias);
        }
        let call = self.call(&name, arguments)?;
        let column = |name: &str, ty: Type| RelationColumn {
            name: name.to_owned(),
            ty,
            modifier: -1,
            origin: None,
        };
        let (rows, columns) = match &call.expr {
            Expr::Call(builtin, _) => match builtin.kind {
                Kind::Rows(columns) => {
                    let columns = columns.iter().map(|(name, ty)| column(name, *ty));
                    (Rows::Function(call.expr), columns.collect())
                }
                Kind::Set => (Rows::Function(call.expr), vec![column(&name, call.ty)]),
                _ => {
                    let columns = vec![column(&name, call.ty)];
                    let one = Expr::Array(vec![call.expr]);
                    (Rows::Function(one), columns)
                }
            },
            _ => (
                Rows::Function(Expr::Array(vec![call.expr])),
                vec![column(&name, call.ty)],
            ),
        };
        // The one column of a function takes the name of its alias.
        let mut columns: Vec<RelationColumn> = columns;
        if let [column] = columns.as_mut_slice() {
            if name.starts_with("jsonb_array_elements") || name.starts_with("json_array_elements") {
                column.name = "value".to_owned();
            } else if let Some(alias) = alias {
                column.name = fold(&alias.name);
            }
        }
        if with_ordinality {
            return self.numbered(rows, columns, name, alias);
        }
        self.rows(
            rows,
            columns,
            name,
            alias,
            "a function",
            Lockable::default(),
        )
    }

    /// WITH ORDINALITY: the values of a set beside their numbers.
    fn numbered(
        &mut self,
        rows: Rows,
        mut columns: Vec<RelationColumn>,
        name: String,
        alias: Option<&TableAlias>,
    ) -> Result<(Tree, Vec<Visible>)> {
        let (Rows::Function(call), [column]) = (rows, columns.as_slice()) else {
            return Err(Error::unsupported("WITH ORDINALITY of several columns"));
        };
        if call.is_volatile() {
            return Err(Error::unsupported("WITH ORDINALITY of a volatile function"));
        }
        let array = column.ty.array().unwrap_or(Type::Array(&Type::Text));
        let one = Typed::new(Expr::Const(Value::Int(1)), Type::Int4);
        let numbers = self.call(
            "generate_subscripts",
            vec![Typed::new(call.clone(), array), one],
        )?;
        columns.push(RelationColumn {
            name: "ordinality".to_owned(),
            ty: Type::Int8,
            modifier: -1,
            origin: None,
        });
        let rows = Rows::Zipped(vec![call, numbers.expr]);
        self.rows(
            rows,
            columns,
            name,
            alias,
            "a function",
            Lockable::default(),
        )
    }

    /// Arrays side by side.
    fn unnest(
        &mut self,
        arrays: Vec<Typed>,
        alias: Option<&TableAlias>,
    ) -> Result<(Tree, Vec<Visible>)> {
        let (mut calls, mut columns) = (Vec::new(), Vec::new());
        for array in arrays {
            let call = self.call("unnest", vec![array])?;
            columns.push(RelationColumn {
                name: "unnest".to_owned(),
                ty: call.ty,
                modifier: -1,
                origin: None,
            });
            calls.push(call.expr);
        }
        self.rows(
            Rows::Zipped(calls),
            columns,
            "unnest".to_owned(),
            alias,
            "a function",
            Lockable::default(),
        )
    }

    fn function_argument(&mut self, ast: &Ast) -> Result<Typed> {
        let clause = std::mem::replace(&mut self.scope().clause, "functions in FROM");
        let value = self.expr(ast);
        self.scope().clause = clause;
        value
    }

    /// Adds rows that are no table's, under a name.
    fn rows(
        &mut self,
        rows: Rows,
        columns: Vec<RelationColumn>,
        name: String,
        alias: Option<&TableAlias>,
        kind: &'static str,
        locks: Lockable,
    ) -> Result<(Tree, Vec<Visible>)> {
        let slot = self.new_slot()?;
        let width = columns.len();
        let catalog = match rows {
            Rows::Catalog(system) if !system.is_view() => Some(system.oid),
            _ => None,
        };
        let mut relation = Relation {
            name,
            slot,
            columns,
            table: None,
            catalog,
            system: false,
            kind,
            locks,
        };
        rename(&mut relation, alias)?;
        let visible = self.add_relation(relation)?;
        let node = Node::Rows(RowSource {
            slot,
            width,
            rows,
            filter: Vec::new(),
        });
        Ok((Tree::of(node), visible))
    }

    /// The slots of the queries around this one.
    pub(super) fn outer_slots(&self) -> u64 {
        let outer = self.scopes.iter().rev().skip(1);
        outer
            .flat_map(|scope| &scope.relations)
            .fold(0, |set, relation| set | 1 << relation.slot)
    }
}

/// Takes the one column of a name out of a side.
fn take(side: &mut Vec<Visible>, name: &str, which: &str) -> Result<Visible> {
    let mut found = side
        .iter()
        .enumerate()
        .filter(|(_, column)| column.name == name);
    match (found.next(), found.next()) {
        (Some((index, _)), None) => Ok(side.remove(index)),
        (None, _) => Err(Error::new(
            SqlState::UNDEFINED_COLUMN,
            format!("column \"{name}\" specified in USING clause does not exist in {which} table"),
        )),
        _ => Err(Error::new(
            SqlState::AMBIGUOUS_COLUMN,
            format!("common column name \"{name}\" appears more than once in {which} table"),
        )),
    }
}

/// Gives a relation its alias, and its columns theirs.
fn rename(relation: &mut Relation, alias: Option<&TableAlias>) -> Result<()> {
    let Some(alias) = alias else {
        return Ok(());
    };
    relation.name = fold(&alias.name);
    if alias.columns.len() > relation.columns.len() {
        return Err(Error::new(
            SqlState::INVALID_COLUMN_REFERENCE,
            format!(
                "table \"{}\" has {} columns available but {} columns specified",
                relation.name,
                relation.columns.len(),
                alias.columns.len()
            ),
        ));
    }
    for (column, given) in relation.columns.iter_mut().zip(&alias.columns) {
        column.name = fold(&given.name);
    }
    Ok(())
}

/// What a join asks, its kind, and whether its sides change places.
pub(super) fn join_kind(operator: &JoinOperator) -> Result<(&JoinConstraint, JoinKind, bool)> {
    Ok(match operator {
        JoinOperator::Join(on) | JoinOperator::Inner(on) | JoinOperator::CrossJoin(on) => {
            (on, JoinKind::Inner, false)
        }
        JoinOperator::Left(on) | JoinOperator::LeftOuter(on) => (on, JoinKind::Left, false),
        JoinOperator::Right(on) | JoinOperator::RightOuter(on) => (on, JoinKind::Left, true),
        JoinOperator::FullOuter(on) => (on, JoinKind::Full, false),
        other => return Err(Error::unsupported(format!("the join {other:?}"))),
    })
}
