//! Rows: the plain values that core decides on and the store keeps.
//!
//! A row type is declared once, here in core, with [`row!`]. Its field names are the column names,
//! its field types say how a column is kept. The store adds table and key; the chain adds canonical
//! bytes. No SQL here, and no knowledge of where a row lives.

use std::fmt;

/// How a column is kept. The store maps it to a column type of its dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A signed 64-bit integer (BIGINT).
    Int,
    /// A byte string (BLOB, BYTEA).
    Bytes,
    /// UTF-8 text (TEXT).
    Text,
}

/// One column value, borrowed from its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value<'a> {
    /// A signed 64-bit integer.
    Int(i64),
    /// A byte string.
    Bytes(&'a [u8]),
    /// UTF-8 text.
    Text(&'a str),
}

impl Value<'_> {
    /// Appends the canonical bytes: a tag, then eight bytes big-endian, or length and bytes.
    pub fn canonical(&self, out: &mut Vec<u8>) {
        let (tag, bytes) = match self {
            Value::Int(value) => {
                out.push(1);
                out.extend_from_slice(&value.to_be_bytes());
                return;
            }
            Value::Bytes(bytes) => (2, *bytes),
            Value::Text(text) => (3, text.as_bytes()),
        };
        let length = u32::try_from(bytes.len()).expect("a column is shorter than 4 GiB");
        out.push(tag);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(bytes);
    }
}

/// A stored value that no code of ours can have written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corrupt {
    /// The column that holds it.
    pub column: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for Corrupt {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "column {} {}", self.column, self.problem)
    }
}

impl std::error::Error for Corrupt {}

/// Where a row is read from: column values by index, as the store's driver gives them.
pub trait Source {
    /// The integer in column `index`.
    fn int(&self, index: usize) -> Result<i64, String>;
    /// The bytes in column `index`.
    fn bytes(&self, index: usize) -> Result<&[u8], String>;
    /// The text in column `index`.
    fn text(&self, index: usize) -> Result<&str, String>;
}

/// A type that fills one column.
pub trait Field: Sized {
    /// How the column is kept.
    const KIND: Kind;
    /// The value as kept.
    fn value(&self) -> Value<'_>;
    /// The value as read; the text says what is wrong with it.
    fn read<S: Source>(source: &S, index: usize) -> Result<Self, String>;
}

impl Field for i64 {
    const KIND: Kind = Kind::Int;
    fn value(&self) -> Value<'_> {
        Value::Int(*self)
    }
    fn read<S: Source>(source: &S, index: usize) -> Result<Self, String> {
        source.int(index)
    }
}

impl Field for String {
    const KIND: Kind = Kind::Text;
    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
    fn read<S: Source>(source: &S, index: usize) -> Result<Self, String> {
        source.text(index).map(str::to_owned)
    }
}

impl Field for Vec<u8> {
    const KIND: Kind = Kind::Bytes;
    fn value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
    fn read<S: Source>(source: &S, index: usize) -> Result<Self, String> {
        source.bytes(index).map(<[u8]>::to_vec)
    }
}

impl<const N: usize> Field for [u8; N] {
    const KIND: Kind = Kind::Bytes;
    fn value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
    fn read<S: Source>(source: &S, index: usize) -> Result<Self, String> {
        let bytes = source.bytes(index)?;
        bytes.try_into().map_err(|_| format!("must be {N} bytes, is {}", bytes.len()))
    }
}

/// A row type: named, typed columns.
pub trait Row: Sized {
    /// The table's name: the struct's name in singular snake case.
    const TABLE: &'static str;
    /// Column names, in order.
    const COLUMNS: &'static [&'static str];
    /// Column kinds, in the same order.
    const KINDS: &'static [Kind];
    /// Appends the column values, in the same order.
    fn values<'a>(&'a self, out: &mut Vec<Value<'a>>);
    /// Reads a row whose columns are in the same order.
    fn read<S: Source>(source: &S) -> Result<Self, Corrupt>;

    /// Appends the row's canonical bytes, the ones the chain is made of: table name, then values.
    fn canonical(&self, out: &mut Vec<u8>) {
        let mut values = Vec::with_capacity(Self::COLUMNS.len());
        self.values(&mut values);
        Value::Text(Self::TABLE).canonical(out);
        for value in values {
            value.canonical(out);
        }
    }
}

/// Declares a row type: `row! { /// docs pub struct Name in "table" { /// docs pub field: Type, }
/// }`.
#[macro_export]
macro_rules! row {
    ($(#[$meta:meta])* pub struct $name:ident in $table:literal {
        $($(#[$field_meta:meta])* pub $field:ident: $type:ty,)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $type,)+
        }

        impl $crate::row::Row for $name {
            const TABLE: &'static str = $table;
            const COLUMNS: &'static [&'static str] = &[$(stringify!($field)),+];
            const KINDS: &'static [$crate::row::Kind] =
                &[$(<$type as $crate::row::Field>::KIND),+];

            fn values<'a>(&'a self, out: &mut Vec<$crate::row::Value<'a>>) {
                $(out.push($crate::row::Field::value(&self.$field));)+
            }

            fn read<S: $crate::row::Source>(source: &S) -> Result<Self, $crate::row::Corrupt> {
                let mut index = 0..;
                Ok(Self {
                    $($field: {
                        let at = index.next().expect("a range without end");
                        <$type as $crate::row::Field>::read(source, at).map_err(|problem| {
                            $crate::row::Corrupt { column: stringify!($field), problem }
                        })?
                    },)+
                })
            }
        }
    };
}

/// Declares a closed list kept as an integer: `coded! { /// docs pub enum Name { /// docs A = 1, }
/// }`.
#[macro_export]
macro_rules! coded {
    ($(#[$meta:meta])* pub enum $name:ident {
        $($(#[$variant_meta:meta])* $variant:ident = $code:literal => $text:literal,)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)+
        }

        impl $name {
            /// Every value, in order of its code.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The code that is stored.
            pub const fn code(self) -> i64 {
                match self { $($name::$variant => $code,)+ }
            }

            /// The name used outside: in JSON, on the command line, in documents.
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)+ }
            }

            /// The value of this code, if there is one.
            pub const fn from_code(code: i64) -> Option<Self> {
                match code { $($code => Some($name::$variant),)+ _ => None }
            }

            /// The value of this name, if there is one.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.name() == name)
            }
        }

        impl $crate::row::Field for $name {
            const KIND: $crate::row::Kind = $crate::row::Kind::Int;
            fn value(&self) -> $crate::row::Value<'_> {
                $crate::row::Value::Int(self.code())
            }
            fn read<S: $crate::row::Source>(source: &S, index: usize) -> Result<Self, String> {
                let code = source.int(index)?;
                Self::from_code(code).ok_or_else(|| format!("has the unknown code {code}"))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str(self.name())
            }
        }
    };
}
