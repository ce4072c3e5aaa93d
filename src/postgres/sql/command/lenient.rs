//! What sqlparser takes of other products' spellings of PostgreSQL's
//! statements: PostgreSQL's grammar is asked about these.

use sqlparser::ast::{
    FromTable, Insert, JoinConstraint, JoinOperator, SelectItem, SetExpr, Statement, TableFactor,
    TableWithJoins,
};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::{Parsing, at_end, parse_name, peek_words, take_word};

/// True if a statement may be spelt as no PostgreSQL takes it.
pub(in crate::postgres::sql) fn is_lenient(statement: &Statement) -> bool {
    match statement {
        Statement::Insert(insert) => lenient_insert(insert),
        Statement::Delete(delete) => {
            let from = matches!(delete.from, FromTable::WithoutKeyword(_));
            from || !delete.tables.is_empty()
                || !delete.order_by.is_empty()
                || delete.limit.is_some()
        }
        Statement::Update(update) => !update.order_by.is_empty() || update.limit.is_some(),
        Statement::Query(query) => lenient_query(&query.body),
        _ => false,
    }
}

/// A join must have a condition, and a name is no text.
fn lenient_query(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => {
            let text = |item: &SelectItem| {
                matches!(item, SelectItem::ExprWithAlias { alias, .. }
                    if alias.quote_style == Some('\''))
            };
            select.from.iter().any(lenient_joins) || select.projection.iter().any(text)
        }
        SetExpr::Query(query) => lenient_query(&query.body),
        SetExpr::SetOperation { left, right, .. } => lenient_query(left) || lenient_query(right),
        _ => false,
    }
}

fn lenient_joins(table: &TableWithJoins) -> bool {
    let within = |factor: &TableFactor| match factor {
        TableFactor::Derived { subquery, .. } => lenient_query(&subquery.body),
        TableFactor::NestedJoin {
            table_with_joins, ..
        } => lenient_joins(table_with_joins),
        _ => false,
    };
    within(&table.relation)
        || table.joins.iter().any(|join| {
            use JoinOperator as J;
            let on = match &join.join_operator {
                J::Join(on) | J::Inner(on) | J::FullOuter(on) => Some(on),
                J::Left(on) | J::LeftOuter(on) | J::Right(on) | J::RightOuter(on) => Some(on),
                _ => None,
            };
            on == Some(&JoinConstraint::None) || within(&join.relation)
        })
}

fn lenient_insert(insert: &Insert) -> bool {
    let alias = insert.table_alias.as_ref();
    !insert.into
        || insert.has_table_keyword
        || insert.or.is_some()
        || alias.is_some_and(|alias| !alias.explicit)
}

/// SHOW of one setting, or of what has a name of several words: sqlparser
/// takes any words.
pub(super) fn parse_show(parser: &mut Parser<'_>) -> Parsing<Option<Statement>> {
    if !take_word(parser, "show") {
        return Ok(None);
    }
    let several: &[&[&str]] = &[
        &["time", "zone"],
        &["transaction", "isolation", "level"],
        &["session", "authorization"],
    ];
    let named = several.iter().find(|words| peek_words(parser, 0, words));
    let mut variable = Vec::new();
    if let Some(words) = named {
        for _ in *words {
            variable.push(parse_name(parser)?);
        }
    } else {
        variable.push(parse_name(parser)?);
        while parser.consume_token(&Token::Period) {
            variable.push(parse_name(parser)?);
        }
    }
    match at_end(parser) {
        true => Ok(Some(Statement::ShowVariable { variable })),
        false => parser.expected_ref("end of statement", parser.peek_token_ref()),
    }
}
