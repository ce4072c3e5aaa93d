//! ALTER COLUMN ... TYPE: the rows are converted, and what is computed from
//! the column, or refers to it, follows its type.

use std::sync::Arc;

use sqlparser::ast::{DataType, Expr as Ast, Ident, SelectItem};

use super::alter::column_of;
use super::index::{check_index, key_text};
use super::view::parsed_query;
use super::{Work, analyser};
use crate::postgres::engine::Engine;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::LockMode;
use crate::postgres::sql::{Context, Deparser, SequenceOption, column_type, eval, fold};
use crate::postgres::storage::Xid;
use crate::postgres::storage::depend::{Object, dependencies};
use crate::postgres::storage::table::{Column, ForeignKey, Formula, IndexDef, TableDef, TableId};
use crate::postgres::types::{Reading, Row, Type};

impl Work<'_> {
    /// A column's foreign keys, and those that refer to it, are made anew with
    /// its type.
    pub(super) async fn lock_to_retype(&mut self, id: TableId, name: &Ident) -> Result<()> {
        let keys: Vec<(TableId, ForeignKey)> = {
            let engine = self.shared.lock();
            let def = &engine.table(id)?.def;
            let index = column_of(def, name)?;
            let own = def.foreign_keys.iter().map(|key| (id, key.clone()));
            let top = self.transaction.xid;
            let others = engine.catalog.references(id, &engine.clog, top);
            let others = others.into_iter().filter(|(child, _)| *child != id);
            let uses = |(child, key): &(TableId, ForeignKey)| {
                let own = *child == id && key.columns.contains(&index);
                own || (key.parent == id && key.parent_columns.contains(&index))
            };
            own.chain(others).filter(uses).collect()
        };
        let children = keys.iter().map(|(child, _)| *child);
        let tables = children.chain(keys.iter().map(|(_, key)| key.parent));
        let locks: Vec<_> = tables.map(|id| (id, LockMode::AccessExclusive)).collect();
        self.lock_missing(&locks).await?;
        let shared = self.shared;
        for (child, key) in &keys {
            self.lock_to_refer(&mut shared.lock(), *child, key, true);
        }
        Ok(())
    }

    /// The sequence of an identity column has its type.
    pub(super) fn retype_identity(
        &mut self,
        id: TableId,
        name: &Ident,
        data_type: &DataType,
    ) -> Result<()> {
        let sequence = {
            let engine = self.shared.lock();
            let def = &engine.table(id)?.def;
            let column = &def.columns[column_of(def, name)?];
            let sequence = column.sequence.filter(|_| column.identity);
            sequence.and_then(|id| engine.catalog.sequence(id).cloned())
        };
        let Some(sequence) = sequence else {
            return Ok(());
        };
        if !column_type(data_type)?.0.is_integer() {
            return Err(Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                "identity column type must be smallint, integer, or bigint",
            ));
        }
        self.apply_to_sequence(&sequence, &[SequenceOption::As(data_type.clone())])
    }

    /// A column that a view reads keeps its type.
    fn refuse_read(
        &self,
        engine: &Engine,
        id: TableId,
        def: &TableDef,
        index: usize,
    ) -> Result<()> {
        let (top, column) = (self.transaction.xid, Object::Column(id.0, index + 1));
        let all = dependencies(&engine.catalog, &engine.clog, top);
        let mut reading = all.iter().filter(|found| found.on == column);
        let view = reading.find_map(|found| match found.object {
            Object::Rule(view) => engine.catalog.view_by_id(view),
            _ => None,
        });
        let Some(view) = view else {
            return Ok(());
        };
        let (view, column) = (&view.name, &def.columns[index].name);
        Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            "cannot alter type of a column used by a view or rule",
        )
        .detail(format!(
            "rule _RETURN on view {view} depends on column \"{column}\""
        )))
    }

    pub(super) fn retype_column(
        &mut self,
        id: TableId,
        name: &Ident,
        data_type: &DataType,
        using: Option<&Ast>,
    ) -> Result<()> {
        let mut engine = self.shared.lock();
        let before = engine.table(id)?.def.clone();
        let index = column_of(&before, name)?;
        let (ty, modifier) = column_type(data_type)?;
        refuse_retyping(&before, index, using.is_some())?;
        self.refuse_read(&engine, id, &before, index)?;
        let mut def = (*before).clone();
        let own = Ast::Identifier(name.clone());
        let from = def.columns[index].ty;
        def.columns[index].ty = ty;
        def.columns[index].modifier = modifier;
        let top = self.transaction.xid;
        let convert = analyser(&engine, top, &self.reading())
            .for_table(&before)
            .conversion(using.unwrap_or(&own), &def.columns[index]);
        let convert = convert.map_err(|error| {
            if error.code() != SqlState::DATATYPE_MISMATCH {
                return error;
            }
            let name = fold(name);
            let message = format!("column \"{name}\" cannot be cast automatically to type {ty}");
            let error = Error::new(SqlState::DATATYPE_MISMATCH, message);
            match before.columns[index].computed() {
                None => error.hint(format!("You might need to specify \"USING {name}::{ty}\".")),
                Some(_) => error,
            }
        })?;
        if let Some(default) = def.columns[index].default.take() {
            let column = &mut def.columns[index];
            let default = analyser(&engine, top, &self.reading())
                .converted_default(&default, from, column)?;
            column.default = Some(default);
        }
        let computed = is_computed_from(&def, index);
        // All integers are stored, and compared, alike.
        if computed && !(from.is_integer() && ty.is_integer()) {
            return Err(Error::unsupported(
                "a new type for a column that a check or an index expression uses",
            ));
        }
        if computed {
            analyse_again(&engine, top, &self.reading(), &mut def, index)?;
        }
        made_anew(&mut def.indexes, index);
        let converted = |row: &Row| {
            let mut new = row.to_vec();
            let rows = std::slice::from_ref(row);
            new[index] = eval(&convert, rows, &Context::IMMUTABLE)?;
            Ok(new.into())
        };
        let (old, new) = (&before.columns[index], &def.columns[index]);
        match using.is_none() && fits_as_stored(old, new) {
            true => self.rewrite(&mut engine, id, def, converted)?,
            false => self.renew(&mut engine, id, def, converted)?,
        }
        let table = engine.table(id)?;
        for index in &table.def.indexes {
            check_index(table, &engine.clog, top, index)?;
        }
        Ok(())
    }
}

/// True if a check, an expression of an index or its predicate reads a column.
fn is_computed_from(def: &TableDef, column: usize) -> bool {
    let checks = def.checks.iter().map(|check| &check.condition);
    let keys = def.indexes.iter().flat_map(|index| &index.keys);
    let keys = keys.filter(|key| key.column().is_none());
    let predicates = def.indexes.iter().flat_map(|index| &index.predicate);
    let mut formulas = checks.chain(keys.map(|key| &key.expr)).chain(predicates);
    formulas.any(|formula| formula.columns().contains(&column))
}

/// What checks and indexes compute from a column that has another type now is
/// taken from its text again: the types in it follow.
fn analyse_again(
    engine: &Engine,
    top: Xid,
    reading: &Reading,
    def: &mut TableDef,
    column: usize,
) -> Result<()> {
    let table = Arc::new(def.clone());
    let anew = || analyser(engine, top, reading).for_table(&table);
    let columns = &table.columns[..];
    let uses = |formula: &Formula| formula.columns().contains(&column);
    let text = |formula: &Formula| {
        let shown = Deparser::new(&columns, true).show(&formula.written);
        parsed_expr(&shown).ok_or_else(|| Error::unsupported(format!("a new type in {shown}")))
    };
    for check in def.checks.iter_mut().filter(|c| uses(&c.condition)) {
        check.condition = anew().check(&text(&check.condition)?, &table)?;
    }
    for index in &mut def.indexes {
        for key in &mut index.keys {
            if key.column().is_none() && uses(&key.expr) {
                (key.expr, key.ty) = anew().index_key(&text(&key.expr)?)?;
                key.text = key_text(&table.columns, &key.expr);
            }
        }
        if let Some(predicate) = index.predicate.as_mut().filter(|p| uses(p)) {
            *predicate = anew().predicate(&text(predicate)?)?;
        }
    }
    Ok(())
}

/// The expression of a text.
fn parsed_expr(text: &str) -> Option<Ast> {
    let query = parsed_query(&format!("SELECT {text}"))?;
    match query.body.as_select()?.projection.first()? {
        SelectItem::UnnamedExpr(expr) => Some(expr.clone()),
        _ => None,
    }
}

/// Indexes that read a column of another type are made anew, those of
/// constraints first: in PostgreSQL they come after all others from then on.
fn made_anew(indexes: &mut [IndexDef], column: usize) {
    indexes.sort_by_key(|index| {
        let anew = index.reads(column);
        (anew, anew && !index.is_constraint())
    });
}

/// True for a new type whose values are stored as the old ones: PostgreSQL
/// leaves the rows as they are.
fn fits_as_stored(old: &Column, new: &Column) -> bool {
    use Type::{Numeric, Text, Timestamp, Timestamptz, Varchar};
    let alike = old.ty == new.ty
        || matches!(
            (old.ty, new.ty),
            (Text | Varchar, Text | Varchar) | (Timestamp, Timestamptz) | (Timestamptz, Timestamp)
        );
    let scale = |modifier: i32| modifier & 0xffff;
    let wider = new.modifier >= old.modifier && old.modifier >= 0;
    let roomy = match new.ty {
        Varchar | Timestamp | Timestamptz => wider,
        Numeric => wider && scale(new.modifier) == scale(old.modifier),
        _ => new.modifier == old.modifier,
    };
    alike && (new.modifier < 0 || roomy)
}

/// What is computed keeps its expression, and that the types in it.
fn refuse_retyping(def: &TableDef, index: usize, using: bool) -> Result<()> {
    let column = &def.columns[index];
    let name = &column.name;
    if using && column.computed().is_some() {
        return Err(Error::new(
            SqlState("42611"),
            "cannot specify USING when altering type of generated column",
        )
        .detail(format!("Column \"{name}\" is a generated column.")));
    }
    let Some((computed, _)) = def.computed_from(|column| column == index).next() else {
        return Ok(());
    };
    let computed = &def.columns[computed].name;
    Err(Error::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        "cannot alter type of a column used by a generated column",
    )
    .detail(format!(
        "Column \"{name}\" is used by generated column \"{computed}\"."
    )))
}
