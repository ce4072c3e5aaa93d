//! CREATE SEQUENCE and ALTER SEQUENCE.

use std::sync::Arc;

use sqlparser::ast::{DataType, Ident, ObjectName, ObjectNamePart, SequenceOptions};

use super::name::Kind;
use super::{Work, no_column, undefined_table};
use crate::postgres::engine::Engine;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::LockMode;
use crate::postgres::sql::{
    AlterSequence, SequenceOf, SequenceOption, column_type, fold, object_name,
};
use crate::postgres::storage::Xid;
use crate::postgres::storage::catalog::Presence;
use crate::postgres::storage::sequence::{SequenceDef, SequenceId};
use crate::postgres::storage::table::{Generated, TableId};
use crate::postgres::transaction::Definition;
use crate::postgres::types::Type;

impl Work<'_> {
    pub(super) async fn create_sequence(
        &mut self,
        name: &ObjectName,
        if_not_exists: bool,
        data_type: Option<&DataType>,
        options: &[SequenceOptions],
        owned_by: Option<&ObjectName>,
    ) -> Result<()> {
        let name = object_name(name)?;
        if self.taken(&name, if_not_exists)? {
            return Ok(());
        }
        let mut options: Vec<SequenceOption> = options.iter().map(SequenceOption::of).collect();
        options.extend(data_type.cloned().map(SequenceOption::As));
        if let Some(owner) = owned_by {
            let none = owner.to_string().eq_ignore_ascii_case("none");
            options.push(SequenceOption::OwnedBy((!none).then(|| owner.clone())));
        }
        self.lock_owner(&options).await?;
        let mut engine = self.claim(&[(name.clone(), Kind::Plain)]).await?;
        let mut def = SequenceDef::new(SequenceId(engine.catalog.new_id()), &name, Type::Int8);
        apply_options(&mut def, &options, true)?;
        def.owner = self.new_owner(&engine, &options)?.flatten();
        let xid = self.transaction.xid(&mut engine);
        self.add_sequence(&mut engine, xid, def);
        Ok(())
    }

    pub(super) fn add_sequence(&mut self, engine: &mut Engine, xid: Xid, def: SequenceDef) {
        let def = Arc::new(def);
        let id = def.id;
        self.shared.sequences.lock().create(def.clone());
        engine.catalog.add_sequence(def, Presence::since(xid));
        self.transaction
            .defined(engine, Definition::SequenceCreated(id));
        self.lock_new(engine, TableId(id.0));
    }

    /// Changes a sequence. Others that would change it or use it wait.
    pub(super) async fn alter_sequence(&mut self, alter: &AlterSequence) -> Result<()> {
        match self.altered(alter).await {
            Err(error) if alter.if_exists && error.code() == SqlState::UNDEFINED_TABLE => {
                let message = format!("{}, skipping", error.fields().message);
                self.notice(SqlState::SUCCESSFUL_COMPLETION, message);
                Ok(())
            }
            found => {
                let def = found?;
                self.apply_to_sequence(&def, &alter.options)
            }
        }
    }

    /// The sequence that is meant, which is locked.
    async fn altered(&mut self, alter: &AlterSequence) -> Result<Arc<SequenceDef>> {
        let name = match &alter.of {
            SequenceOf::Name(name) => object_name(name)?,
            SequenceOf::Column(table, column) => self.identity(table, column, alter).await?,
        };
        let def = self
            .lock_sequence(&name, LockMode::ShareRowExclusive)
            .await?;
        self.lock_owner(&alter.options).await?;
        let (shared, id) = (self.shared, TableId(def.id.0));
        self.lock_beside(&mut shared.lock(), id, &[LockMode::RowExclusive]);
        Ok(def)
    }

    /// Locks the table that is to own a sequence.
    async fn lock_owner(&mut self, options: &[SequenceOption]) -> Result<()> {
        let owner = {
            let engine = self.shared.lock();
            self.new_owner(&engine, options)?.flatten()
        };
        let owner = owner.map(|(table, _)| (table, LockMode::AccessShare));
        self.lock_missing(owner.as_slice()).await?;
        Ok(())
    }

    pub(super) fn apply_to_sequence(
        &mut self,
        before: &SequenceDef,
        options: &[SequenceOption],
    ) -> Result<()> {
        let shared = self.shared;
        let mut engine = shared.lock();
        let mut def = before.clone();
        let last = shared.sequences.lock().last_value(def.id);
        let restart = apply_options(&mut def, options, false)?;
        check_bounds("RESTART", restart.or(last).unwrap_or(def.start), &def)?;
        if let Some(owner) = self.new_owner(&engine, options)? {
            if let Some((table, _)) = &before.owner
                && engine.table(*table)?.def.identity_of(def.id).is_some()
            {
                return Err(Error::new(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    "cannot change ownership of identity sequence",
                ));
            }
            def.owner = owner;
        }
        self.replace_sequence(&mut engine, def, restart);
        Ok(())
    }

    /// Gives a sequence another definition, until a rollback.
    pub(super) fn replace_sequence(
        &mut self,
        engine: &mut Engine,
        def: SequenceDef,
        restart: Option<i64>,
    ) {
        self.transaction.xid(engine);
        let def = Arc::new(def);
        engine.catalog.replace_sequence(def.clone());
        if let Some(state) = self.shared.sequences.lock().alter(def, restart) {
            let altered = Definition::SequenceAltered(state);
            self.transaction.defined(engine, altered);
        }
    }

    /// Finds a sequence, locks it, and makes sure that it is still the one.
    pub(super) async fn lock_sequence(
        &mut self,
        name: &str,
        mode: LockMode,
    ) -> Result<Arc<SequenceDef>> {
        loop {
            let id = self.find_sequence(name)?.id;
            self.lock(TableId(id.0), mode, name).await?;
            let def = self.find_sequence(name)?;
            if def.id == id {
                return Ok(def);
            }
        }
    }

    /// Locks the sequences that begin again with a table.
    pub(super) async fn lock_owned_sequences(&mut self, table: TableId) -> Result<()> {
        let shared = self.shared;
        let owned = shared.lock().catalog.owned_sequences(table);
        for def in owned {
            let id = TableId(def.id.0);
            self.lock(id, LockMode::AccessExclusive, &def.name).await?;
            self.lock_beside(&mut shared.lock(), id, &[LockMode::RowExclusive]);
        }
        Ok(())
    }

    /// The sequence of a name; an error for another relation.
    fn find_sequence(&self, name: &str) -> Result<Arc<SequenceDef>> {
        let (engine, top) = (self.shared.lock(), self.transaction.xid);
        let (catalog, clog) = (&engine.catalog, &engine.clog);
        match catalog.find_sequence(name, clog, top) {
            Some(def) => Ok(def.clone()),
            None if catalog.has_relation(name, clog, top) => Err(Error::new(
                SqlState("42809"),
                format!("\"{name}\" is not a sequence"),
            )),
            None => Err(undefined_table(name)),
        }
    }

    /// The name of an identity column's sequence; the column may be made to take values.
    async fn identity(
        &mut self,
        table: &ObjectName,
        column: &Ident,
        alter: &AlterSequence,
    ) -> Result<String> {
        let name = object_name(table)?;
        let id = self
            .existing_table(&name, LockMode::AccessExclusive)
            .await?;
        let column = fold(column);
        let def = self.shared.lock().table(id)?.def.clone();
        let index = def
            .column(&column)
            .ok_or_else(|| no_column(&def, &column))?;
        let found = def.columns[index].sequence;
        let Some(sequence) = found.filter(|_| def.columns[index].identity) else {
            return Err(Error::new(
                SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("column \"{column}\" of relation \"{name}\" is not an identity column"),
            ));
        };
        for option in &alter.options {
            if let SequenceOption::Generated(always) = option {
                self.redefine(id, |def| {
                    let generated = always.then_some(Generated::Identity);
                    def.columns[index].generated = generated;
                    Ok(())
                })?;
            }
        }
        let engine = self.shared.lock();
        let def = engine.catalog.sequence(sequence);
        Ok(def.map_or_else(String::new, |def| def.name.to_string()))
    }

    /// What OWNED BY says: None if it is not there.
    fn new_owner(&self, engine: &Engine, options: &[SequenceOption]) -> Result<Option<Owner>> {
        let named = options.iter().rev().find_map(|option| match option {
            SequenceOption::OwnedBy(owner) => Some(owner),
            _ => None,
        });
        let Some(Some(owner)) = named else {
            return Ok(named.map(|_| None));
        };
        let parts: Vec<&Ident> = owner
            .0
            .iter()
            .filter_map(ObjectNamePart::as_ident)
            .collect();
        let Some((column, table)) = parts.split_last().filter(|(_, table)| !table.is_empty())
        else {
            return Err(
                Error::new(SqlState::SYNTAX_ERROR, "invalid OWNED BY option")
                    .hint("Specify OWNED BY table.column or OWNED BY NONE."),
            );
        };
        let table: Vec<Ident> = table.iter().map(|part| (*part).clone()).collect();
        let name = object_name(&ObjectName::from(table))?;
        let found = engine
            .catalog
            .find(&name, &engine.clog, self.transaction.xid);
        let def = &found.ok_or_else(|| undefined_table(&name))?.def;
        let column = fold(column);
        let index = def.column(&column).ok_or_else(|| no_column(def, &column))?;
        Ok(Some(Some((def.id, def.columns[index].name.clone()))))
    }
}

/// The column that a sequence goes with.
type Owner = Option<(TableId, Arc<str>)>;

fn invalid(message: impl Into<String>) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message.into())
}

fn number(written: &str) -> Result<i64> {
    written.trim_start_matches('+').parse().map_err(|_| {
        Error::new(
            SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
            format!("value \"{written}\" is out of range for type bigint"),
        )
    })
}

/// What the options of one statement say, each once.
#[derive(Default)]
struct Wanted {
    ty: Option<Type>,
    increment: Option<i64>,
    min: Option<Option<i64>>,
    max: Option<Option<i64>>,
    start: Option<i64>,
    restart: Option<Option<i64>>,
    cache: Option<i64>,
    cycle: Option<bool>,
    owner: Option<()>,
    generated: Option<()>,
}

impl Wanted {
    fn of(options: &[SequenceOption]) -> Result<Wanted> {
        let mut wanted = Wanted::default();
        let bound = |written: &Option<String>| written.as_deref().map(number).transpose();
        for option in options {
            let said_before = match option {
                SequenceOption::As(ty) => wanted.ty.replace(column_type(ty)?.0).is_some(),
                SequenceOption::Increment(value) => {
                    wanted.increment.replace(number(value)?).is_some()
                }
                SequenceOption::MinValue(value) => wanted.min.replace(bound(value)?).is_some(),
                SequenceOption::MaxValue(value) => wanted.max.replace(bound(value)?).is_some(),
                SequenceOption::Start(value) => wanted.start.replace(number(value)?).is_some(),
                SequenceOption::Restart(value) => wanted.restart.replace(bound(value)?).is_some(),
                SequenceOption::Cache(value) => wanted.cache.replace(number(value)?).is_some(),
                SequenceOption::Cycle(cycle) => wanted.cycle.replace(*cycle).is_some(),
                SequenceOption::OwnedBy(_) => wanted.owner.replace(()).is_some(),
                SequenceOption::Generated(_) => wanted.generated.replace(()).is_some(),
            };
            if said_before {
                let message = "conflicting or redundant options";
                return Err(Error::new(SqlState::SYNTAX_ERROR, message));
            }
        }
        Ok(wanted)
    }
}

/// Makes a definition what the options say, and returns the number to begin
/// again with. What a new one is not told of it takes from its type.
pub(super) fn apply_options(
    def: &mut SequenceDef,
    options: &[SequenceOption],
    new: bool,
) -> Result<Option<i64>> {
    let wanted = Wanted::of(options)?;
    let was = SequenceDef::bounds(def.ty);
    if let Some(ty) = wanted.ty {
        if !ty.is_integer() {
            return Err(invalid(
                "sequence type must be smallint, integer, or bigint",
            ));
        }
        def.ty = ty;
    }
    if wanted.increment == Some(0) {
        return Err(invalid("INCREMENT must not be zero"));
    }
    def.increment = wanted.increment.unwrap_or(def.increment);
    def.cycle = wanted.cycle.unwrap_or(def.cycle);
    apply_bounds(def, &wanted, was, new)?;
    let up = def.increment > 0;
    let first = if up { def.min } else { def.max };
    let kept = if new { first } else { def.start };
    def.start = wanted.start.unwrap_or(kept);
    check_bounds("START", def.start, def)?;
    if let Some(cache @ ..=0) = wanted.cache {
        return Err(invalid(format!(
            "CACHE ({cache}) must be greater than zero"
        )));
    }
    Ok(wanted.restart.map(|value| value.unwrap_or(def.start)))
}

/// Bounds that `was` the type's change with it.
fn apply_bounds(def: &mut SequenceDef, wanted: &Wanted, was: (i64, i64), new: bool) -> Result<()> {
    let retyped = wanted.ty.is_some() && !new;
    let resets_min = retyped && def.min == was.0;
    let resets_max = retyped && def.max == was.1;
    let (least, largest) = SequenceDef::bounds(def.ty);
    let up = def.increment > 0;
    match wanted.max {
        Some(Some(max)) => def.max = max,
        None if !new && !resets_max => {}
        _ => def.max = if up || resets_max { largest } else { -1 },
    }
    match wanted.min {
        Some(Some(min)) => def.min = min,
        None if !new && !resets_min => {}
        _ => def.min = if !up || resets_min { least } else { 1 },
    }
    for (word, bound) in [("MAXVALUE", def.max), ("MINVALUE", def.min)] {
        if !(least..=largest).contains(&bound) {
            let ty = def.ty;
            let message = format!("{word} ({bound}) is out of range for sequence data type {ty}");
            return Err(invalid(message));
        }
    }
    if def.min >= def.max {
        return Err(invalid(format!(
            "MINVALUE ({}) must be less than MAXVALUE ({})",
            def.min, def.max
        )));
    }
    Ok(())
}

fn check_bounds(word: &str, value: i64, def: &SequenceDef) -> Result<()> {
    if value < def.min {
        let min = def.min;
        let message = format!("{word} value ({value}) cannot be less than MINVALUE ({min})");
        return Err(invalid(message));
    }
    if value > def.max {
        let max = def.max;
        let message = format!("{word} value ({value}) cannot be greater than MAXVALUE ({max})");
        return Err(invalid(message));
    }
    Ok(())
}
