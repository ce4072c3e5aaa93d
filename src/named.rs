//! Enums whose variants are known by a kebab-case name, so that options and
//! scenario files can be read, printed, and answered with what is allowed.

use std::fmt;

/// A name that is none of those allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownName {
    /// What was to be named.
    pub what: &'static str,
    /// What was given.
    pub name: String,
    /// What is allowed.
    pub allowed: &'static [&'static str],
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            name,
            allowed,
        } = self;
        write!(f, "no {what} `{name}`; there are: {}", allowed.join(", "))
    }
}

impl std::error::Error for UnknownName {}

/// Makes an enum of named variants. With `=> dyn Trait`, each variant also
/// names the value that implements it, so that adding one takes one line.
macro_rules! named {
    (
        $(#[$meta:meta])*
        pub enum $Name:ident: $what:literal => dyn $Trait:ident {
            $( $(#[$doc:meta])+ $Variant:ident = $name:literal => $implementation:expr, )+
        }
    ) => {
        $crate::named::named! {
            $(#[$meta])*
            pub enum $Name: $what { $( $(#[$doc])+ $Variant = $name, )+ }
        }

        impl $Name {
            pub(super) fn implementation(self) -> &'static dyn $Trait {
                match self { $( Self::$Variant => &$implementation, )+ }
            }
        }
    };
    (
        $(#[$meta:meta])*
        pub enum $Name:ident: $what:literal {
            $( $(#[$doc:meta])+ $Variant:ident = $name:literal, )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $Name { $( $(#[$doc])+ $Variant, )+ }

        impl $Name {
            /// All there are, in the order in which they are documented.
            pub const ALL: &'static [Self] = &[$( Self::$Variant, )+];
            const NAMES: &'static [&'static str] = &[$( $name, )+];

            /// The kebab-case name.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$Variant => $name, )+ }
            }
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $Name {
            type Err = $crate::named::UnknownName;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|one| one.name() == name).ok_or_else(|| {
                    $crate::named::UnknownName {
                        what: $what,
                        name: name.to_owned(),
                        allowed: Self::NAMES,
                    }
                })
            }
        }

        impl serde::Serialize for $Name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> serde::Deserialize<'de> for $Name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = String::deserialize(deserializer)?;
                name.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use named;
