//! Which check failed. For the log of whoever runs the server: a member hears one sentence for all
//! of them, so that nobody learns by trying which check to get past next.
//!
//! No text here holds a code, a token, a secret or a subject.

use thiserror::Error;

/// Why nobody was identified.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OpenidError {
    /// The attempt cannot be opened.
    #[error("the attempt must be one that this server has sealed")]
    Attempt,
    /// Another browser began it.
    #[error("the attempt must have been begun with the key of the browser that finishes it")]
    Browser,
    /// It has ended.
    #[error("the attempt must be finished within 10 minutes")]
    Over,
    /// It was begun with another provider.
    #[error("the attempt must have been begun with this provider")]
    Provider,
    /// The answer is not to this attempt.
    #[error("the parameter state must be the attempt's")]
    State,
    /// Another provider answers (RFC 9207).
    #[error("the parameter iss must name the provider that was asked")]
    Answering,
    /// Our own address is none.
    #[error("the address that the browser is sent back to must be a URL")]
    Redirect,
    /// Too many at once.
    #[error("too many ask this provider at once")]
    Busy,
    /// It failed a moment ago, and is left alone.
    #[error("the provider failed a moment ago and is left alone")]
    Resting,
    /// It cannot be reached.
    #[error("the provider must answer: {0}")]
    Away(String),
    /// What it says of itself is not usable.
    #[error("the provider's configuration must be usable: {0}")]
    Configuration(String),
    /// What it answers cannot be understood.
    #[error("the provider's answer must be understood: {0}")]
    Answer(String),
    /// It does not take the code.
    #[error("the provider must take the code: {0}")]
    Code(String),
    /// It gave an access token of another kind.
    #[error("the access token must be a bearer token")]
    TokenKind,
    /// A check of the ID token.
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl OpenidError {
    /// Whether the provider, not the browser, is why: to be tried again later.
    pub const fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Busy | Self::Resting | Self::Away(_) | Self::Configuration(_) | Self::Answer(_)
        )
    }
}

/// The check of an ID token that failed (OpenID Connect Core 1.0, 3.1.3.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// There is none.
    #[error("there must be an ID token")]
    Missing,
    /// Its parts are not what they must be.
    #[error("the ID token must be a signed JWT")]
    Form,
    /// It is a JWT of another type.
    #[error("the ID token's typ must be JWT, without cty and crit")]
    Type,
    /// An algorithm that is not on the list; none and HMAC never are.
    #[error("the ID token's alg must be one of the settings")]
    Algorithm,
    /// A key that the provider has not published for this algorithm.
    #[error("the ID token's kid must name a key of the provider")]
    Key,
    /// The signature is not the key's.
    #[error("the ID token's signature must be the key's")]
    Signature,
    /// Another issuer.
    #[error("the ID token's iss must be the provider's, to the letter")]
    Issuer,
    /// For another client.
    #[error("the ID token's aud must hold our client id")]
    Audience,
    /// For several clients and not foremost for us, or given to another.
    #[error("the ID token's azp must be our client id, and be there when aud is several")]
    AuthorizedParty,
    /// Its time is over.
    #[error("the ID token's exp must be to come")]
    Expired,
    /// Its time has not begun.
    #[error("the ID token's nbf must have come")]
    NotBegun,
    /// Made in the future.
    #[error("the ID token's iat must not be ahead by more than 60 seconds")]
    IssuedAhead,
    /// Made too long ago.
    #[error("the ID token's iat must be less than 10 minutes ago")]
    IssuedLongAgo,
    /// For another attempt, or for none.
    #[error("the ID token's nonce must be the attempt's")]
    Nonce,
    /// For another access token.
    #[error("the ID token's at_hash must be the access token's")]
    AccessToken,
    /// No subject that we keep.
    #[error("the ID token's sub must have 1 to 255 characters of ASCII")]
    Subject,
}
