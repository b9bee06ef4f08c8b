//! Values on PostgreSQL's wire, in its binary format: single ones, and one column of many rows as
//! an array. An integer fits columns of 2, 4 and 8 bytes, so that a table may keep small numbers
//! small.

use std::error::Error;

use postgres::types::private::BytesMut;
use postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use yaoki_core::row::{Source, Value};

type Fallible<T> = Result<T, Box<dyn Error + Sync + Send>>;

/// An argument as it goes over the wire: a statement may be sent after its rows are gone. One that
/// does not fit its column fails when it is sent.
#[derive(Debug)]
pub(super) struct Encoded(Result<BytesMut, String>);

impl Encoded {
    /// `value` for a column of `kind`.
    pub(super) fn of(value: &impl ToSql, kind: &Type) -> Self {
        let mut bytes = BytesMut::new();
        let encoded = value.to_sql_checked(kind, &mut bytes);
        Self(encoded.map(|_| bytes).map_err(|error| error.to_string()))
    }
}

impl ToSql for Encoded {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Fallible<IsNull> {
        out.extend_from_slice(self.0.as_ref().map_err(String::as_str)?);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A single value.
#[derive(Debug)]
pub(super) struct Single<'a>(pub(super) Value<'a>);

impl ToSql for Single<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Fallible<IsNull> {
        put(self.0, kind, out)?;
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        [Type::INT2, Type::INT4, Type::INT8, Type::BYTEA, Type::TEXT].contains(kind)
    }

    to_sql_checked!();
}

fn put(value: Value<'_>, kind: &Type, out: &mut BytesMut) -> Fallible<()> {
    match (value, kind) {
        (Value::Int(value), &Type::INT8) => out.extend_from_slice(&value.to_be_bytes()),
        (Value::Int(value), &Type::INT4) => {
            out.extend_from_slice(&i32::try_from(value)?.to_be_bytes());
        }
        (Value::Int(value), &Type::INT2) => {
            out.extend_from_slice(&i16::try_from(value)?.to_be_bytes());
        }
        (Value::Bytes(bytes), &Type::BYTEA) => out.extend_from_slice(bytes),
        (Value::Text(text), &Type::TEXT) => out.extend_from_slice(text.as_bytes()),
        (value, kind) => return Err(format!("{value:?} is no {kind}").into()),
    }
    Ok(())
}

/// One column of many rows, as an array. `values` holds the rows one after the other.
#[derive(Debug)]
pub(super) struct Column<'a> {
    pub(super) values: &'a [Value<'a>],
    pub(super) index: usize,
    pub(super) width: usize,
}

impl ToSql for Column<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Fallible<IsNull> {
        let element = match *kind {
            Type::INT8_ARRAY => Type::INT8,
            Type::BYTEA_ARRAY => Type::BYTEA,
            Type::TEXT_ARRAY => Type::TEXT,
            _ => return Err(format!("{kind} is no array of ours").into()),
        };
        let rows = i32::try_from(self.values.len() / self.width)?;
        out.reserve(20 + 12 * self.values.len() / self.width);
        // Dimensions, whether there are nulls, the type of an element, length, lower bound.
        for number in [1, 0] {
            out.extend_from_slice(&i32::to_be_bytes(number));
        }
        out.extend_from_slice(&element.oid().to_be_bytes());
        for number in [rows, 1] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        for value in self.values.iter().skip(self.index).step_by(self.width) {
            let length = match value {
                Value::Int(_) => 8,
                Value::Bytes(bytes) => i32::try_from(bytes.len())?,
                Value::Text(text) => i32::try_from(text.len())?,
            };
            out.extend_from_slice(&length.to_be_bytes());
            put(*value, &element, out)?;
        }
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        [Type::INT8_ARRAY, Type::BYTEA_ARRAY, Type::TEXT_ARRAY].contains(kind)
    }

    to_sql_checked!();
}

/// An integer of any width.
struct Wide(i64);

impl<'a> FromSql<'a> for Wide {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Fallible<Self> {
        Ok(Self(match raw.len() {
            2 => i16::from_be_bytes(raw.try_into()?).into(),
            4 => i32::from_be_bytes(raw.try_into()?).into(),
            _ => i64::from_be_bytes(raw.try_into()?),
        }))
    }

    fn accepts(kind: &Type) -> bool {
        [Type::INT2, Type::INT4, Type::INT8].contains(kind)
    }
}

/// A row as PostgreSQL gives it.
pub(super) struct PostgresSource<'a>(pub(super) &'a postgres::Row);

impl Source for PostgresSource<'_> {
    fn int(&self, index: usize) -> Result<i64, String> {
        self.0.try_get::<_, Wide>(index).map(|value| value.0).map_err(problem)
    }

    fn bytes(&self, index: usize) -> Result<&[u8], String> {
        self.0.try_get(index).map_err(problem)
    }

    fn text(&self, index: usize) -> Result<&str, String> {
        self.0.try_get(index).map_err(problem)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands where an error is mapped")]
fn problem(error: postgres::Error) -> String {
    let cause = error.source().map(ToString::to_string);
    format!("cannot be read: {}", cause.unwrap_or_else(|| error.to_string()))
}
