//! The text of an expression of a definition, to the byte as PostgreSQL's
//! ruleutils write it: every conversion stands in it, operators stand in
//! parentheses. The pretty form leaves out the parentheses that it can.

use super::expr::{Comparison, Expr, Sublink, Truth};
use super::functions::{Builtin, quote_ident};
use crate::postgres::storage::sequence::SequenceId;
use crate::postgres::storage::table::Column;
use crate::postgres::types::{Type, Value, write_text};

/// What stands for what an expression refers to.
pub(in crate::postgres) trait Names {
    fn column(&self, slot: usize, column: usize) -> String;

    /// No key of an index asks for the next number.
    fn sequence(&self, _id: SequenceId) -> String {
        String::new()
    }

    /// No definition of a table has a subquery.
    fn subquery(&self, _id: usize) -> &str {
        ""
    }
}

/// The columns of a table alone.
impl Names for &[Column] {
    fn column(&self, _slot: usize, column: usize) -> String {
        let column = self.get(column);
        column.map_or(String::new(), |column| quote_ident(&column.name))
    }
}

/// Writes expressions.
pub(in crate::postgres) struct Deparser<'a> {
    names: &'a dyn Names,
    pretty: bool,
    out: String,
    /// How far the parts of a CASE are from the margin.
    indent: usize,
}

/// What an expression stands in: whether it needs parentheses there.
#[derive(Clone, Copy)]
enum Around {
    /// An operator of one character, if it is one, and whether it is its
    /// first operand.
    Operator(Option<char>, bool),
    And,
    Or,
    Not,
    /// A cast, IS, a call with words between its arguments.
    Bound,
}

/// How far the parts of a CASE stand from it.
const INDENT: usize = 4;

impl<'a> Deparser<'a> {
    pub(in crate::postgres) fn new(names: &'a dyn Names, pretty: bool) -> Deparser<'a> {
        Deparser {
            names,
            pretty,
            out: String::new(),
            indent: 0,
        }
    }

    /// Begins new lines this far from the margin.
    pub(in crate::postgres) fn indented(mut self, indent: usize) -> Deparser<'a> {
        self.indent = indent;
        self
    }

    /// The text of an expression as it was written.
    pub(in crate::postgres) fn show(self, written: &Expr) -> String {
        self.text(written, false)
    }

    /// The same; `implicit` has a conversion shown that nobody wrote.
    pub(in crate::postgres) fn text(mut self, written: &Expr, implicit: bool) -> String {
        self.expr(written, implicit);
        self.out
    }

    /// A key of an index: what does not look like a call stands in
    /// parentheses. Its collation is no part of it.
    pub(in crate::postgres) fn key(self, written: &Expr) -> String {
        let written = match written {
            Expr::Collate(operand, _) => operand,
            other => other,
        };
        let bare = match written {
            Expr::Column { .. } => true,
            Expr::Written(inner) => matches!(**inner, Expr::Call(..)),
            other => looks_like_call(other),
        };
        let shown = self.show(written);
        match bare {
            true => shown,
            false => format!("({shown})"),
        }
    }

    /// An expression; a conversion that nobody wrote is shown where it says
    /// which function or operator is meant.
    fn expr(&mut self, expr: &Expr, implicit: bool) {
        match expr {
            Expr::Const(value) => self.constant(value, type_of(value), true),
            Expr::Param(index) => self.out += &format!("${}", index + 1),
            Expr::Column { slot, column } => self.out += &self.names.column(*slot, *column),
            Expr::And(list) => self.connected(list, " AND ", Around::And),
            Expr::Or(list) => self.connected(list, " OR ", Around::Or),
            Expr::Not(operand) => self.enclosed(|d| {
                d.out += "NOT ";
                d.part(operand, false, Around::Not);
            }),
            Expr::Is {
                operand,
                truth,
                negated,
            } => {
                let word = match truth {
                    Truth::Null => "NULL",
                    Truth::True => "TRUE",
                    Truth::False => "FALSE",
                };
                self.is(operand, word, *negated);
            }
            Expr::Compare(comparison, left, right) => self.operator(left, comparison.sign(), right),
            Expr::Arithmetic(operator, _, left, right) => {
                self.operator(left, operator.sign(), right);
            }
            Expr::Like {
                operand,
                pattern,
                ignore_case,
                negated,
            } => {
                let sign = match (negated, ignore_case) {
                    (false, false) => "~~",
                    (false, true) => "~~*",
                    (true, false) => "!~~",
                    (true, true) => "!~~*",
                };
                self.operator(operand, sign, pattern);
            }
            Expr::Negate(_, operand) => self.enclosed(|d| {
                d.out += "- ";
                d.part(operand, true, Around::Operator(None, true));
            }),
            Expr::Distinct {
                left,
                right,
                negated: false,
            } => self.enclosed(|d| {
                d.part(left, true, Around::Bound);
                d.out += " IS DISTINCT FROM ";
                d.part(right, true, Around::Bound);
            }),
            Expr::Distinct { left, right, .. } => {
                let (left, right) = (left.clone(), right.clone());
                let same = Expr::Distinct {
                    left,
                    right,
                    negated: false,
                };
                self.expr(&Expr::Not(Box::new(same)), implicit);
            }
            construct => self.construct(construct, implicit),
        }
    }

    /// What is more than an operator.
    fn construct(&mut self, expr: &Expr, implicit: bool) {
        match expr {
            Expr::In {
                operand,
                list,
                negated,
            } => self.quantified(
                operand,
                if *negated { "<> ALL" } else { "= ANY" },
                &Expr::Array(list.clone()),
            ),
            Expr::Quantified {
                comparison,
                operand,
                array,
                all,
            } => {
                let which = if *all { "ALL" } else { "ANY" };
                self.quantified(operand, &format!("{} {which}", comparison.sign()), array);
            }
            Expr::Case { arms, otherwise } => self.case(arms, otherwise, false),
            Expr::Coalesce(list) => self.call("COALESCE", list),
            Expr::Extreme(Comparison::Greater, list) => self.call("GREATEST", list),
            Expr::Extreme(_, list) => self.call("LEAST", list),
            Expr::NullIf(left, right) => {
                self.call("NULLIF", [&**left, &**right]);
            }
            Expr::Array(list) => {
                self.out += "ARRAY[";
                self.list(list);
                self.out.push(']');
            }
            Expr::Call(builtin, arguments) => self.function(builtin, arguments),
            Expr::System(function, arguments) => self.call(&function.name(), arguments),
            Expr::NextValue(id) => {
                let name = quote(&self.names.sequence(*id));
                self.out += &format!("nextval({name}::regclass)");
            }
            Expr::Written(inner) => self.written(inner, implicit),
            Expr::Cast { operand, to, .. } => match literal(expr) {
                Some((value, ty)) => self.constant(value, ty, true),
                None => match &**operand {
                    Expr::Array(list) if list.is_empty() => {
                        self.out += &format!("ARRAY[]::{}", to.with_modifier(-1));
                    }
                    _ if implicit => self.cast(operand, *to, -1),
                    _ => self.part(operand, false, Around::Bound),
                },
            },
            Expr::Limit {
                operand,
                ty,
                modifier,
                explicit,
            } => {
                let operand = match &**operand {
                    Expr::Written(inner) if is_cast(inner) => inner,
                    other => other,
                };
                match *explicit || implicit {
                    true => self.cast(operand, *ty, *modifier),
                    false => self.part(operand, false, Around::Bound),
                }
            }
            Expr::Subquery(plan, link) => self.subquery(plan.id, link),
            Expr::Collate(operand, collation) => self.enclosed(|d| {
                d.part(operand, implicit, Around::Bound);
                d.out += &format!(" COLLATE {collation}");
            }),
            // No definition has one.
            _ => {}
        }
    }

    fn subquery(&mut self, id: usize, link: &Sublink) {
        let before = self.out.len();
        match link {
            Sublink::Scalar => {}
            Sublink::Array => self.out += "ARRAY",
            Sublink::Exists => self.out += "(EXISTS ",
            Sublink::Quantified {
                comparison,
                operands,
                all,
            } => {
                self.out.push('(');
                match operands.as_slice() {
                    [operand] => self.expr(operand, true),
                    operands => {
                        self.out.push('(');
                        self.list(operands);
                        self.out.push(')');
                    }
                }
                self.out += &match (comparison, all) {
                    (Comparison::Equal, false) => " IN ".to_owned(),
                    (other, false) => format!(" {} ANY ", other.sign()),
                    (other, true) => format!(" {} ALL ", other.sign()),
                };
            }
        }
        let closes = self.out[before..].starts_with('(');
        self.out += &format!("({})", self.names.subquery(id));
        self.out += if closes { ")" } else { "" };
    }

    /// What has a text of its own.
    fn written(&mut self, inner: &Expr, implicit: bool) {
        match inner {
            Expr::Cast { operand, to, .. } => self.cast(operand, *to, -1),
            Expr::Case { arms, otherwise } => self.case(arms, otherwise, true),
            Expr::Is {
                operand, negated, ..
            } => self.is(operand, "UNKNOWN", *negated),
            Expr::Call(builtin, arguments) => match (builtin.name, arguments.as_slice()) {
                ("extract", [Expr::Const(field), from]) => {
                    self.worded(&format!("EXTRACT({field} FROM "), &[from], "");
                }
                ("position", [text, part]) => {
                    self.out += "POSITION((";
                    self.expr(part, false);
                    self.out += ") IN (";
                    self.expr(text, false);
                    self.out += "))";
                }
                ("timezone", [zone, at]) => {
                    self.out.push('(');
                    self.part(at, false, Around::Bound);
                    self.out += " AT TIME ZONE ";
                    self.part(zone, false, Around::Bound);
                    self.out.push(')');
                }
                ("substring", [text, from]) => {
                    self.worded("SUBSTRING(", &[text, from], " FROM ");
                }
                ("substring", [text, from, length]) => {
                    self.worded("SUBSTRING(", &[text, from], " FROM ");
                    self.out.pop();
                    self.worded(" FOR ", &[length], "");
                }
                ("current_schema", []) => self.out += "CURRENT_SCHEMA",
                ("btrim" | "ltrim" | "rtrim", [text, which @ ..]) => {
                    self.out += match builtin.name {
                        "ltrim" => "TRIM(LEADING",
                        "rtrim" => "TRIM(TRAILING",
                        _ => "TRIM(BOTH",
                    };
                    for characters in which {
                        self.out.push(' ');
                        self.expr(characters, false);
                    }
                    self.worded(" FROM ", &[text], "");
                }
                _ => self.function(builtin, arguments),
            },
            other => self.expr(other, implicit),
        }
    }

    /// Arguments with words before and between them, and a parenthesis after.
    fn worded(&mut self, before: &str, arguments: &[&Expr], between: &str) {
        self.out += before;
        for (index, argument) in arguments.iter().enumerate() {
            if index > 0 {
                self.out += between;
            }
            self.expr(argument, false);
        }
        self.out.push(')');
    }

    fn function(&mut self, builtin: &Builtin, arguments: &[Expr]) {
        match (builtin.name, arguments) {
            ("[]", [array, index]) => {
                let bare = matches!(array, Expr::Column { .. });
                self.out += if bare { "" } else { "(" };
                self.expr(array, false);
                self.out += if bare { "[" } else { ")[" };
                self.expr(index, false);
                self.out.push(']');
            }
            (sign, [left, right]) if builtin.is_operator() => self.operator(left, sign, right),
            (name, []) if is_value(name) => self.out += &name.to_ascii_uppercase(),
            (name, list) => self.call(&quote_ident(name), list),
        }
    }

    fn call<'e>(&mut self, name: &str, arguments: impl IntoIterator<Item = &'e Expr>) {
        self.out += name;
        self.out.push('(');
        self.list(arguments);
        self.out.push(')');
    }

    fn list<'e>(&mut self, list: impl IntoIterator<Item = &'e Expr>) {
        for (index, item) in list.into_iter().enumerate() {
            if index > 0 {
                self.out += ", ";
            }
            self.expr(item, true);
        }
    }

    fn connected(&mut self, list: &[Expr], word: &str, around: Around) {
        self.enclosed(|d| {
            for (index, part) in list.iter().enumerate() {
                if index > 0 {
                    d.out += word;
                }
                d.part(part, false, around);
            }
        });
    }

    fn operator(&mut self, left: &Expr, sign: &str, right: &Expr) {
        let short = short(sign);
        self.enclosed(|d| {
            d.part(left, true, Around::Operator(short, true));
            d.out += &format!(" {sign} ");
            d.part(right, true, Around::Operator(short, false));
        });
    }

    fn quantified(&mut self, operand: &Expr, sign: &str, array: &Expr) {
        self.enclosed(|d| {
            d.part(operand, true, Around::Bound);
            d.out += &format!(" {sign} (");
            d.part(array, true, Around::Bound);
            d.out.push(')');
        });
    }

    fn is(&mut self, operand: &Expr, word: &str, negated: bool) {
        self.enclosed(|d| {
            d.part(operand, word == "NULL", Around::Bound);
            d.out += if negated { " IS NOT " } else { " IS " };
            d.out += word;
        });
    }

    fn case(&mut self, arms: &[(Expr, Expr)], otherwise: &Expr, simple: bool) {
        self.keyword("CASE");
        self.indent += INDENT;
        if let (true, Some((Expr::Compare(_, subject, _), _))) = (simple, arms.first()) {
            self.out.push(' ');
            match (&**subject, literal(subject)) {
                (Expr::Cast { operand, .. }, None) => self.expr(operand, true),
                (subject, _) => self.expr(subject, true),
            }
        }
        for (condition, result) in arms {
            self.keyword("WHEN ");
            match condition {
                Expr::Compare(_, _, value) if simple => self.expr(value, false),
                condition => self.expr(condition, false),
            }
            self.out += " THEN ";
            self.expr(result, true);
        }
        self.keyword("ELSE ");
        self.expr(otherwise, true);
        self.indent -= INDENT;
        self.keyword("END");
    }

    /// A word of a CASE, on a line of its own.
    fn keyword(&mut self, word: &str) {
        let end = self.out.trim_end_matches(' ').len();
        self.out.truncate(end);
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n(' ', self.indent));
        self.out += word;
    }

    fn cast(&mut self, operand: &Expr, ty: Type, modifier: i32) {
        let constant = match (operand, literal(operand)) {
            (Expr::Const(value), _) => Some((value, type_of(value))),
            (_, found) => found,
        };
        match constant {
            Some((value, own)) if own == ty => self.constant(value, own, false),
            _ if self.pretty => self.part(operand, false, Around::Bound),
            _ => {
                self.out.push('(');
                self.expr(operand, false);
                self.out.push(')');
            }
        }
        self.out += &format!("::{}", ty.with_modifier(modifier));
    }

    /// A constant, with its type where its text would not tell.
    fn constant(&mut self, value: &Value, ty: Type, labelled: bool) {
        let mut text = Vec::new();
        write_text(value, &mut text);
        let text = String::from_utf8_lossy(&text);
        let digit = text.starts_with(|c: char| c.is_ascii_digit());
        let plain = match ty {
            Type::Int4 => digit,
            Type::Numeric => digit && text.contains(['.', 'e', 'E']),
            _ => false,
        };
        match (value, ty) {
            (Value::Null, _) => self.out += "NULL",
            (Value::Bool(value), _) => self.out += if *value { "true" } else { "false" },
            _ if plain => self.out += &text,
            _ => self.out += &quote(&text),
        }
        let told = plain || (ty == Type::Bool && !value.is_null()) || ty == Type::Unknown;
        if labelled && !told {
            self.out += &format!("::{}", ty.with_modifier(-1));
        }
    }

    /// Something in parentheses, which the pretty form leaves to what is
    /// around it.
    fn enclosed(&mut self, write: impl FnOnce(&mut Self)) {
        if self.pretty {
            return write(self);
        }
        self.out.push('(');
        write(self);
        self.out.push(')');
    }

    /// A part of an expression: in the pretty form in parentheses where it
    /// needs them.
    fn part(&mut self, expr: &Expr, implicit: bool, around: Around) {
        let enclosed = self.pretty && !is_simple(expr, around);
        self.out += if enclosed { "(" } else { "" };
        self.expr(expr, implicit);
        self.out += if enclosed { ")" } else { "" };
    }
}

/// True if an expression needs no parentheses there.
fn is_simple(expr: &Expr, around: Around) -> bool {
    let connected = matches!(around, Around::And | Around::Or | Around::Not);
    match expr {
        Expr::Written(inner) => is_simple(inner, around),
        Expr::Cast { operand, from, to } => {
            literal(expr).is_some() || is_function(*from, *to) || is_simple(operand, Around::Bound)
        }
        Expr::And(_) | Expr::Not(_) | Expr::Distinct { negated: true, .. } => {
            matches!(around, Around::And | Around::Or)
        }
        Expr::Or(_) => matches!(around, Around::Or),
        Expr::Quantified { .. } | Expr::In { .. } | Expr::Collate(..) => false,
        Expr::Is { .. } | Expr::Distinct { .. } | Expr::Subquery(..) => connected,
        _ => match (operator_of(expr), around) {
            (None, _) => true,
            (Some(own), Around::Operator(other, first)) => {
                binds_closer(own, other).unwrap_or(first)
            }
            _ => connected,
        },
    }
}

/// Whether one operator binds closer than another around it; None if both
/// bind alike.
fn binds_closer(own: Option<char>, around: Option<char>) -> Option<bool> {
    let rank = |sign: Option<char>| match sign {
        Some('+' | '-') => Some(1),
        Some('*' | '/' | '%') => Some(2),
        _ => None,
    };
    match (rank(own), rank(around)) {
        (Some(own), Some(around)) if own == around => None,
        (Some(own), Some(around)) => Some(own > around),
        _ => Some(false),
    }
}

/// The sign of an operator, if it is one of one character between two
/// operands; None if it is no operator.
fn operator_of(expr: &Expr) -> Option<Option<char>> {
    match expr {
        Expr::Compare(comparison, ..) => Some(short(comparison.sign())),
        Expr::Arithmetic(operator, ..) => Some(short(operator.sign())),
        Expr::Like { .. } | Expr::Negate(..) => Some(None),
        Expr::Call(builtin, _) if builtin.is_operator() => Some(short(builtin.name)),
        _ => None,
    }
}

fn short(sign: &str) -> Option<char> {
    sign.chars().next().filter(|_| sign.len() == 1)
}

/// True for a conversion that is a function of PostgreSQL: others take a value
/// for one of another type, or go by its text.
fn is_function(from: Type, to: Type) -> bool {
    match (from, to) {
        (Type::Bpchar | Type::Name | Type::Bool, to) if to.is_string() => true,
        (Type::Array(_), _) | (_, Type::Array(_)) | (Type::Json, Type::Jsonb) => false,
        (Type::Jsonb, Type::Json) => false,
        (Type::Int4, to) if to.is_catalog_number() => false,
        (from, to) if from.is_catalog_number() && !to.is_string() => to == Type::Int8,
        (from, to) => !from.is_string() && !to.is_string(),
    }
}

/// The value of a constant that says its type.
fn literal(expr: &Expr) -> Option<(&Value, Type)> {
    match expr {
        Expr::Cast {
            operand,
            from: Type::Unknown,
            to,
        } => match &**operand {
            Expr::Const(value) => Some((value, *to)),
            _ => None,
        },
        _ => None,
    }
}

fn is_cast(expr: &Expr) -> bool {
    matches!(expr, Expr::Cast { .. } | Expr::Limit { .. })
}

fn looks_like_call(expr: &Expr) -> bool {
    match expr {
        Expr::Call(builtin, _) => !builtin.is_operator() && builtin.name != "[]",
        Expr::Coalesce(_) | Expr::Extreme(..) | Expr::NullIf(..) | Expr::System(..) => true,
        _ => false,
    }
}

/// The type of a constant that somebody wrote as such.
fn type_of(value: &Value) -> Type {
    match value {
        Value::Int(value) if i32::try_from(*value).is_ok() => Type::Int4,
        Value::Int(_) => Type::Int8,
        Value::Numeric(_) => Type::Numeric,
        Value::Bool(_) => Type::Bool,
        _ => Type::Unknown,
    }
}

/// Functions that are called without parentheses.
fn is_value(name: &str) -> bool {
    let names = [
        "current_timestamp",
        "current_date",
        "localtimestamp",
        "localtime",
        "current_user",
        "session_user",
        "user",
        "current_catalog",
    ];
    names.contains(&name)
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
