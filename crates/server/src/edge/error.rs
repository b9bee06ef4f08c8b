//! What the edge refuses before anything is decided, and what it says when nothing can be said.
//!
//! The rules' own refusals are in `yaoki_core::refusal`, numbered below 400; these go on from 401.
//! None of them is an outcome: a request that meets one is `unknown`, was not recorded, and is
//! asked again with the same request id, or reversed.

use yaoki_store::Unknown;

macro_rules! edge_errors {
    ($($(#[$meta:meta])* $variant:ident = $number:literal, $name:literal, $status:literal,
        $sentence:literal, $cure:literal;)+) => {
        /// Every error of the edge, in order of precedence.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EdgeError {
            $($(#[$meta])* $variant,)+
        }

        impl EdgeError {
            /// Every error, in order of precedence.
            pub const ALL: &'static [EdgeError] = &[$(EdgeError::$variant),+];

            /// The stable number.
            pub const fn number(self) -> i64 {
                match self { $(EdgeError::$variant => $number,)+ }
            }

            /// The stable name used in problem documents.
            pub const fn name(self) -> &'static str {
                match self { $(EdgeError::$variant => $name,)+ }
            }

            /// The HTTP status (RFC 9110) that carries it.
            pub const fn status(self) -> u16 {
                match self { $(EdgeError::$variant => $status,)+ }
            }

            /// What must hold, or what happened.
            pub const fn sentence(self) -> &'static str {
                match self { $(EdgeError::$variant => $sentence,)+ }
            }

            /// What the caller does next.
            pub const fn cure(self) -> &'static str {
                match self { $(EdgeError::$variant => $cure,)+ }
            }
        }
    };
}

edge_errors! {
    /// More than 8 KiB of headers.
    HeadersTooLarge = 401, "headers_too_large", 431,
        "The headers must be at most 8 KiB together.",
        "Send only the headers that the documentation names.";
    /// No such path.
    NotFound = 402, "not_found", 404,
        "There is nothing at this path.",
        "Compare the path with /openapi.json, and the port with the listener that serves it.";
    /// Another method.
    MethodNotAllowed = 403, "method_not_allowed", 405,
        "The path does not take this method.",
        "Use the method that /openapi.json names; the header Allow lists it.";
    /// No usable `Host`.
    HostMustBeGiven = 404, "host_must_be_given", 400,
        "The request must have one Host header.",
        "Send Host with the name and port that you connected to.";
    /// No or an unreadable signature.
    SignatureMustBeGiven = 405, "signature_must_be_given", 401,
        "The request must be signed by a terminal.",
        "Sign the request with the terminal's key.";
    /// Signed too long ago, or ahead.
    SignatureMustBeTimely = 406, "signature_must_be_timely", 401,
        "The request must have been signed within the last 60 seconds.",
        "Set the register's clock, then sign the same request again.";
    /// Another key, or changed on the way.
    SignatureMustMatch = 407, "signature_must_match", 401,
        "The signature must be that of this request under this terminal's key.",
        "Check the key and the eight signed lines, then send the same request again.";
    /// No token of a device, or not ours.
    TokenMustBeOurs = 408, "token_must_be_ours", 401,
        "The request must carry the token of an enrolled device.",
        "Enrol the device, and send Authorization: DPoP with its token.";
    /// The proof of the device does not hold.
    ProofMustHold = 409, "proof_must_hold", 401,
        "The request must carry a proof that the device sent it.",
        "Sign a new proof over this request with the device's key.";
    /// No nonce, or an old one.
    NonceMustBeFresh = 410, "nonce_must_be_fresh", 401,
        "The proof must have the server's newest nonce.",
        "Take the nonce of the header DPoP-Nonce of this answer, and send again.";
    /// More than the route takes.
    BodyTooLarge = 411, "body_too_large", 413,
        "The body must be no longer than its route takes.",
        "Send a shorter body.";
    /// More than 10 s.
    BodyTooSlow = 412, "body_too_slow", 408,
        "The body must arrive within 10 seconds.",
        "Send the whole body at once.";
    /// The body broke off or is framed wrongly.
    BodyMustBeWhole = 413, "body_must_be_whole", 400,
        "The body must arrive as its headers announced it.",
        "Send Content-Length and as many bytes.";
    /// Another type of content.
    ContentTypeMustBeJson = 414, "content_type_must_be_json", 415,
        "The body must be announced as JSON.",
        "Send Content-Type: application/json.";
    /// No JSON object.
    RequestMustBeJson = 415, "request_must_be_json", 400,
        "The body must be one JSON object.",
        "Send a JSON object in UTF-8.";
    /// Missing, unknown, repeated fields, or of another type.
    RequestMustHaveItsFields = 416, "request_must_have_its_fields", 400,
        "The body must have exactly the fields that are documented, each once and of its type.",
        "Compare the body with /openapi.json.";
    /// A field of the right type with a wrong value.
    FieldMustBeValid = 417, "field_must_be_valid", 400,
        "A field must have a value that can be meant.",
        "Mend the field.";
    /// The query.
    QueryMustBeValid = 418, "query_must_be_valid", 400,
        "The query must have only the parameters that are documented.",
        "Compare the query with /openapi.json.";
    /// Not one of the store's.
    PaymentNotFound = 419, "payment_not_found", 404,
        "There is no such payment of this store or member.",
        "Check the payment id; only the store that was paid and the member who paid can see it.";
    /// Too many at once by one caller.
    TooManyInFlight = 420, "too_many_in_flight", 429,
        "The caller has too many requests under way.",
        "Wait for their answers, then ask again with the same request id.";
    /// Too many forged codes by this terminal.
    CodesArePaced = 421, "codes_are_paced", 429,
        "This terminal's code payments are answered one every two seconds.",
        "Nothing was charged. Wait, then ask again with the same request id.";
    /// The queue or the line of readers is full.
    Busy = 422, "busy", 503,
        "The server has more requests than it can take at the moment.",
        "The request was not taken. Ask again with the same request id.";
    /// No room on the storage.
    NoRoom = 423, "no_room", 503,
        "The storage must have room before new requests are taken.",
        "The request was not taken. Ask again later with the same request id, or reverse it.";
    /// The server is going down.
    Stopping = 424, "stopping", 503,
        "The server is stopping.",
        "The request was not run. Ask again with the same request id.";
    /// Others got in the way.
    Interrupted = 425, "interrupted", 503,
        "Other requests kept getting in the way.",
        "Ask again with the same request id.";
    /// The storage failed while it was written.
    StorageFailed = 426, "storage_failed", 503,
        "The storage failed; whether the request was recorded is not known.",
        "Ask again with the same request id, or reverse it.";
    /// The request made a rule fail.
    RequestIsPoisoned = 427, "request_is_poisoned", 503,
        "The request cannot be decided because of a fault of ours.",
        "Reverse it under a new request id; this id is refused for ten minutes.";
    /// A fault of ours.
    FaultOfOurs = 428, "fault_of_ours", 500,
        "The server could not answer because of a fault of ours.",
        "Ask again with the same request id, or reverse it.";
    /// Time is over.
    DeadlinePassed = 429, "deadline_passed", 504,
        "No outcome was known before the deadline.",
        "Ask again with the same request id; if that stays unknown, reverse it.";
    /// Restored, and not opened yet.
    BookIsClosed = 430, "book_is_closed", 503,
        "The book was restored from a backup and is closed until two people open it.",
        "The request was not run. Ask again later with the same request id.";
    /// Signed for another server, or sent through somebody else's name.
    HostMustBeOurs = 431, "host_must_be_ours", 421,
        "The request must name this server in Host.",
        "Connect under the name that this server was set up with, and sign that name.";
    /// A body in chunks, of which nobody knows how long it gets.
    LengthMustBeGiven = 432, "length_must_be_given", 411,
        "The request must say how long its body is before it sends it.",
        "Send Content-Length instead of Transfer-Encoding.";
    /// The node's clock is off the database's, or behind what is booked.
    ClockIsOff = 433, "clock_is_off", 503,
        "The server's clock must be right before it decides requests.",
        "The request was not run. Ask again with the same request id, best at another node.";
    /// Too many recorded requests of one terminal that moved nothing.
    TooManyWithoutEffect = 434, "too_many_without_effect", 429,
        "Too many requests of this terminal were declined, or reversed what never arrived.",
        "Nothing was charged. Wait, then ask again with the same request id; a query is answered.";
    /// No EMV text, or a part of one.
    PayloadMustBeWhole = 435, "payload_must_be_whole", 400,
        "The payload must be the whole text of a merchant-presented QR code.",
        "Scan the shop's code again, or type the store's number.";
    /// Another scheme's.
    SignMustBeOurs = 436, "sign_must_be_ours", 400,
        "The scanned code must be one of ours.",
        "Pay with an app of the scheme that made it, or ask the shop for our code.";
    /// Faked, changed, or another book's.
    SignMustHold = 437, "sign_must_hold", 400,
        "The scanned code must be as this book's shop made it.",
        "Pay nothing on it: it was changed, or is of somebody else. Tell the shop.";
    /// Pixels that are not those of the path.
    FrameMustFit = 438, "frame_must_fit", 400,
        "A frame must have the width and height of its path and one byte a pixel.",
        "Send at most 1280 by 960 grey pixels, row by row, and at most 1 MiB.";
    /// Another type of content.
    ContentTypeMustBeOctets = 439, "content_type_must_be_octets", 415,
        "A frame must be announced as bytes.",
        "Send Content-Type: application/octet-stream.";
    /// No token of a console session, or of one that is over.
    SessionMustBeOpen = 440, "session_must_be_open", 401,
        "The request must carry the token of a console session that is open.",
        "Sign in again with your passkey, or, where there are no operators, with a new link: yaoki \
         admin console-link --actor NAME.";
    /// A link to the console that was used, is too old, or never was.
    ConsoleLinkMustBeOpen = 441, "console_link_must_be_open", 403,
        "The link to the console must be one that was not used and is younger than ten minutes.",
        "Obtain a new link: yaoki admin console-link --actor NAME; operators use their passkeys.";
    /// The operator has not named the relying party.
    PasskeysMustBeSetUp = 442, "passkeys_must_be_set_up", 503,
        "Passkeys are not set up here.",
        "Sign up or in another way; the operator sets `passkey-name` and the pages' hosts.";
    /// The ceremony, the answer or the passkey does not hold.
    PasskeyMustHold = 443, "passkey_must_hold", 403,
        "The passkey did not prove what was asked.",
        "Begin again, and use a passkey of this wallet.";
    /// Too weak, or leaked.
    PasswordMustBeStrong = 444, "password_must_be_strong", 400,
        "This password cannot be used.",
        "Take one of 8 to 128 characters that is none of your address and that nobody else uses.";
    /// On a known device.
    PasswordMustMatch = 445, "password_must_match", 403,
        "Password or code is wrong.",
        "Type them again, or use your passkey.";
    /// It leaked since it was set.
    PasswordMustBeChanged = 446, "password_must_be_changed", 403,
        "This password has leaked somewhere since you set it, so it proves nothing any more.",
        "Use your passkey, and set another password.";
    /// The one answer to a password on a device that is not known, right or wrong.
    ContinueOnYourDevice = 447, "continue_on_your_device", 403,
        "Go on on your device, or with a passkey.",
        "Add this device on the one that you use already, use a passkey, or recover your wallet.";
    /// More than ten in a quarter of an hour.
    TooManyTries = 448, "too_many_tries", 429,
        "There were too many wrong tries on this device.",
        "Wait as long as Retry-After says, or use your passkey.";
    /// Not ours, over, or changed.
    MessageLinkMustHold = 449, "message_link_must_hold", 403,
        "This link is too old, or is none of ours.",
        "Open the link of a newer message, or use the button on your device.";
    /// Others than were shown.
    DigitsMustMatch = 450, "digits_must_match", 403,
        "These are not the digits that were shown.",
        "Type the two digits of the page.";
    /// Older terms, or ones that are not there.
    TermsMustBePresent = 451, "terms_must_be_present", 409,
        "The terms have changed.",
        "Load the page again, and read the present ones.";
    /// The provider, or what came back from it, does not hold.
    ExternalIdMustHold = 452, "external_id_must_hold", 403,
        "The external id did not prove who you are.",
        "Begin again in the same browser.";
    /// The provider is away.
    ProviderMustAnswer = 453, "provider_must_answer", 503,
        "The provider of external ids does not answer.",
        "Try again later, or use a passkey.";
    /// The digits that a clerk typed.
    PinMustMatch = 454, "pin_must_match", 403,
        "The PIN is not this clerk's.",
        "Type it again; after five wrong ones wait 15 minutes, or have an operator reset it.";
    /// The other side is silent.
    AcquirerUnreachable = 455, "acquirer_unreachable", 503,
        "The card service does not answer at the moment.",
        "Try again in a moment. What was asked before is looked up by itself.";
}

impl From<Unknown> for EdgeError {
    fn from(unknown: Unknown) -> Self {
        match unknown {
            Unknown::QueueFull => Self::Busy,
            Unknown::DeadlinePassed => Self::DeadlinePassed,
            Unknown::Poisoned => Self::RequestIsPoisoned,
            Unknown::TooManyTries => Self::Interrupted,
            Unknown::StorageFailed => Self::StorageFailed,
            Unknown::Stopping => Self::Stopping,
            Unknown::NoRoom => Self::NoRoom,
            Unknown::Closed => Self::BookIsClosed,
            Unknown::ClockIsOff => Self::ClockIsOff,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use yaoki_core::refusal::Refusal;

    #[test]
    fn numbers_ascend_from_401_and_names_are_shared_with_no_refusal() {
        let numbers: Vec<i64> = EdgeError::ALL.iter().map(|error| error.number()).collect();
        assert_eq!(numbers.first(), Some(&401));
        assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]));
        let names: BTreeSet<_> = (EdgeError::ALL.iter().map(|error| error.name()))
            .chain(Refusal::ALL.iter().map(|refusal| refusal.name()))
            .collect();
        assert_eq!(names.len(), EdgeError::ALL.len() + Refusal::ALL.len());
    }

    #[test]
    fn every_error_says_what_must_hold_and_what_to_do_and_none_is_an_outcome() {
        for error in EdgeError::ALL {
            assert!(error.sentence().ends_with('.') && error.cure().ends_with('.'), "{error:?}");
            assert!((400..600).contains(&error.status()), "{error:?}");
        }
    }

    #[test]
    fn every_reason_of_the_store_is_said() {
        for unknown in Unknown::ALL {
            assert!(EdgeError::from(unknown).status() >= 500, "{unknown:?}");
        }
    }
}
