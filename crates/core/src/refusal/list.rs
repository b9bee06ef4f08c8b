//! What one line of the list becomes.

macro_rules! refusals {
    ($($(#[$meta:meta])* $variant:ident = $number:literal, $name:literal, $status:literal,
        $finality:ident, $sentence:literal, $cure:literal;)+) => {
        /// Every refusal; 1xx and 2xx are in order of precedence.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Refusal {
            $($(#[$meta])* $variant,)+
        }

        impl Refusal {
            /// Every refusal, by number.
            pub const ALL: &'static [Refusal] = &[$(Refusal::$variant),+];

            /// The stable number; also what an operation row stores.
            pub const fn number(self) -> i64 {
                match self { $(Refusal::$variant => $number,)+ }
            }

            /// The stable name used in problem documents.
            pub const fn name(self) -> &'static str {
                match self { $(Refusal::$variant => $name,)+ }
            }

            /// The HTTP status (RFC 9110) that carries it.
            pub const fn status(self) -> u16 {
                match self { $(Refusal::$variant => $status,)+ }
            }

            /// Whether it ends the request.
            pub const fn finality(self) -> Finality {
                match self { $(Refusal::$variant => Finality::$finality,)+ }
            }

            /// What must hold, or what happened.
            pub const fn sentence(self) -> &'static str {
                match self { $(Refusal::$variant => $sentence,)+ }
            }

            /// What the caller does next.
            pub const fn cure(self) -> &'static str {
                match self { $(Refusal::$variant => $cure,)+ }
            }

            /// The refusal of this number, if there is one.
            pub const fn from_number(number: i64) -> Option<Self> {
                match number { $($number => Some(Refusal::$variant),)+ _ => None }
            }
        }
    };
}
