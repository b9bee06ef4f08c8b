//! The texts of the pages, in Japanese and English: Fluent files, shared by server and scripts.
//!
//! Shape: `texts/NAME.LANGUAGE.ftl` → messages by key. A message is text with variables and nothing
//! more (no selectors, terms or attributes), so that the server fills the shell with it and a
//! script does the rest with the same words: what `{ $amount }` is in the file is `{amount}` there.
//! Numbers and dates are written by the browser, as the language writes them.
//!
//! A page has the messages of its own file and those of `common`. Tests compare keys and variables
//! of both languages, and keys with their uses in templates and scripts.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};
use fluent_syntax::parser::parse;

/// A language of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    /// 日本語.
    Japanese,
    /// English.
    English,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::Japanese, Self::English];

    /// As in `lang` (BCP 47).
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Japanese => "ja",
            Self::English => "en",
        }
    }

    /// The language of a tag or of one inside it, such as `ja-JP`.
    pub fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split('-').next().unwrap_or_default();
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// The language that `Accept-Language` (RFC 9110, 12.5.4) likes best; English where it likes
    /// none of ours.
    pub fn accepted(header: &str) -> Self {
        let weighed = header.split(',').filter_map(|range| {
            let (tag, weight) = range.split_once(";q=").unwrap_or((range, "1"));
            Some((Self::of_tag(tag)?, thousandths(weight)))
        });
        // Of two that are liked alike the one that is named first.
        let best = weighed
            .filter(|(_, weight)| *weight > 0)
            .reduce(|best, other| if other.1 > best.1 { other } else { best });
        best.map_or(Self::English, |(language, _)| language)
    }
}

/// A weight of `Accept-Language`, 0 to 1,000; 0 where it is none.
fn thousandths(weight: &str) -> u32 {
    let (whole, fraction) = weight.trim().split_once('.').unwrap_or((weight.trim(), ""));
    let fraction: String = format!("{fraction}000").chars().take(3).collect();
    match (whole, fraction.parse()) {
        ("1", _) => 1_000,
        ("0", Ok(fraction)) => fraction,
        _ => 0,
    }
}

/// A page with texts of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PageName {
    /// The member's.
    Wallet,
    /// The clerk's.
    Register,
    /// The operator's.
    Console,
    /// What a link in a message opens.
    Link,
}

impl PageName {
    /// Every page.
    pub const ALL: [Self; 4] = [Self::Wallet, Self::Register, Self::Console, Self::Link];

    /// As in paths and files.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Wallet => "wallet",
            Self::Register => "register",
            Self::Console => "console",
            Self::Link => "link",
        }
    }
}

/// The Fluent source of what a page says, and of what every page says.
const fn sources(page: PageName, language: Language) -> [&'static str; 2] {
    use Language::{English, Japanese};
    match (page, language) {
        (PageName::Wallet, Japanese) => {
            [include_str!("../../texts/common.ja.ftl"), include_str!("../../texts/wallet.ja.ftl")]
        }
        (PageName::Wallet, English) => {
            [include_str!("../../texts/common.en.ftl"), include_str!("../../texts/wallet.en.ftl")]
        }
        (PageName::Register, Japanese) => {
            [include_str!("../../texts/common.ja.ftl"), include_str!("../../texts/register.ja.ftl")]
        }
        (PageName::Register, English) => {
            [include_str!("../../texts/common.en.ftl"), include_str!("../../texts/register.en.ftl")]
        }
        (PageName::Console, Japanese) => {
            [include_str!("../../texts/common.ja.ftl"), include_str!("../../texts/console.ja.ftl")]
        }
        (PageName::Console, English) => {
            [include_str!("../../texts/common.en.ftl"), include_str!("../../texts/console.en.ftl")]
        }
        (PageName::Link, Japanese) => {
            [include_str!("../../texts/common.ja.ftl"), include_str!("../../texts/link.ja.ftl")]
        }
        (PageName::Link, English) => {
            [include_str!("../../texts/common.en.ftl"), include_str!("../../texts/link.en.ftl")]
        }
    }
}

/// The Fluent source of messages.
const fn messages_source(language: Language) -> &'static str {
    match language {
        Language::Japanese => include_str!("../../texts/messages.ja.ftl"),
        Language::English => include_str!("../../texts/messages.en.ftl"),
    }
}

/// The Fluent source of terms and notices.
const fn terms_source(language: Language) -> &'static str {
    match language {
        Language::Japanese => include_str!("../../texts/terms.ja.ftl"),
        Language::English => include_str!("../../texts/terms.en.ftl"),
    }
}

/// What a page says in one language: by key, with `{name}` where a value stands.
#[derive(Debug)]
pub struct Texts(BTreeMap<String, String>);

impl Texts {
    /// The texts of a page, read once a process.
    ///
    /// # Panics
    /// When a text file is not what it must be: a test reads them all.
    pub fn of(page: PageName, language: Language) -> &'static Self {
        static ALL: LazyLock<BTreeMap<(PageName, Language), Texts>> = LazyLock::new(|| {
            let pairs = PageName::ALL.into_iter().flat_map(|page| {
                Language::ALL.map(|language| ((page, language), Texts::read(page, language)))
            });
            pairs.collect()
        });
        &ALL[&(page, language)]
    }

    /// The texts of messages, and of the page that shows them; read once a process.
    ///
    /// # Panics
    /// As [`Texts::of`].
    pub fn of_messages(language: Language) -> &'static Self {
        static ALL: LazyLock<BTreeMap<Language, Texts>> = LazyLock::new(|| {
            let read = |language| (language, Texts::read_all(&[messages_source(language)]));
            Language::ALL.map(read).into()
        });
        &ALL[&language]
    }

    /// The terms and notices; read once a process.
    ///
    /// # Panics
    /// As [`Texts::of`].
    pub fn of_terms(language: Language) -> &'static Self {
        static ALL: LazyLock<BTreeMap<Language, Texts>> = LazyLock::new(|| {
            let read = |language| (language, Texts::read_all(&[terms_source(language)]));
            Language::ALL.map(read).into()
        });
        &ALL[&language]
    }

    fn read(page: PageName, language: Language) -> Self {
        Self::read_all(&sources(page, language))
    }

    fn read_all(sources: &[&'static str]) -> Self {
        let mut texts = BTreeMap::new();
        for (key, text) in sources.iter().flat_map(|source| messages(source)) {
            let twice = texts.insert(key.clone(), text).is_some();
            assert!(!twice, "`{key}` is said twice");
        }
        Self(texts)
    }

    /// Every key.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// What stands under `key`.
    ///
    /// # Panics
    /// When nothing does: a test renders every page in every language.
    pub fn say(&self, key: &str) -> &str {
        self.0.get(key).unwrap_or_else(|| panic!("there is no text `{key}`"))
    }

    /// All of it, as the page's script reads it.
    pub fn to_json(&self) -> String {
        serde_json::to_string(&self.0).expect("texts have a form in JSON")
    }
}

/// The messages of one Fluent file, in order.
fn messages(source: &'static str) -> Vec<(String, String)> {
    let resource = parse(source).unwrap_or_else(|(_, errors)| {
        panic!("the text file must be Fluent: {errors:?} in {source}");
    });
    let messages = resource.body.into_iter().filter_map(|entry| match entry {
        Entry::Message(message) => {
            let key = message.id.name.to_owned();
            assert!(message.attributes.is_empty(), "`{key}` must have no attributes");
            let text = plain(&message.value.unwrap_or_else(|| panic!("`{key}` says nothing")));
            Some((key, text))
        }
        Entry::Comment(_) | Entry::GroupComment(_) | Entry::ResourceComment(_) => None,
        Entry::Term(_) | Entry::Junk { .. } => panic!("only messages are known: {entry:?}"),
    });
    messages.collect()
}

/// A pattern as text, with `{name}` for each variable.
fn plain(pattern: &Pattern<&str>) -> String {
    let parts = pattern.elements.iter().map(|element| match element {
        PatternElement::TextElement { value } => (*value).to_owned(),
        PatternElement::Placeable {
            expression: Expression::Inline(InlineExpression::VariableReference { id }),
        } => format!("{{{}}}", id.name),
        PatternElement::Placeable { .. } => panic!("only variables are filled in: {element:?}"),
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::error::EdgeError;
    use std::collections::BTreeSet;
    use yaoki_core::refusal::Refusal;

    /// The variables of a text.
    fn variables(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect()
    }

    #[test]
    fn both_languages_say_the_same_things_with_the_same_values() {
        let of_pages = PageName::ALL
            .map(|page| (page.text(), Language::ALL.map(|language| Texts::of(page, language))));
        let others = [
            ("messages", Language::ALL.map(Texts::of_messages)),
            ("terms", Language::ALL.map(Texts::of_terms)),
        ];
        for (page, [japanese, english]) in of_pages.into_iter().chain(others) {
            let keys = |texts: &Texts| texts.0.keys().cloned().collect::<BTreeSet<_>>();
            assert_eq!(keys(japanese), keys(english), "{page:?}");
            for (key, text) in &japanese.0 {
                assert_eq!(variables(text), variables(english.say(key)), "{page:?}: {key}");
                assert!(!text.trim().is_empty() && !english.say(key).trim().is_empty(), "{key}");
            }
        }
    }

    #[test]
    fn a_language_is_known_by_its_tag_and_english_is_spoken_otherwise() {
        for (header, language) in [
            ("ja", Language::Japanese),
            ("ja-JP,ja;q=0.9,en-US;q=0.8,en;q=0.7", Language::Japanese),
            ("en-GB, ja;q=0.5", Language::English),
            ("fr, ja;q=0.2, en;q=0.1", Language::Japanese),
            ("ja;q=0, fr", Language::English),
            ("", Language::English),
            ("fr,*", Language::English),
            ("JA", Language::Japanese),
            ("ja;q=x", Language::English),
        ] {
            assert_eq!(Language::accepted(header), language, "{header}");
        }
    }

    #[test]
    fn a_variable_is_written_as_scripts_fill_it_in() {
        let read = messages("hello = Hello { $name }, { $count } times\n");
        assert_eq!(read, [("hello".to_owned(), "Hello {name}, {count} times".to_owned())]);
    }

    #[test]
    fn lists_have_a_word_for_every_kind_of_operation_that_they_can_show() {
        use yaoki_core::facts::OperationKind;
        // Registers and members are told of their own only.
        let of_nobody = |kind: &OperationKind| matches!(kind, OperationKind::Dispute);
        let of_no_register = |kind: &OperationKind| {
            of_nobody(kind) || matches!(kind, OperationKind::Credit | OperationKind::TakeBack)
        };
        let of_no_member =
            |kind: &OperationKind| of_nobody(kind) || *kind == OperationKind::Tombstone;
        let all = || OperationKind::ALL.iter();
        let lists: [(&str, &str, Vec<&str>); 3] = [
            (
                "console",
                include_str!("../../static/console-operations.js"),
                all().map(|kind| kind.name()).collect(),
            ),
            (
                "register",
                include_str!("../../static/register-payments.js"),
                all().filter(|kind| !of_no_register(kind)).map(|kind| kind.name()).collect(),
            ),
            (
                "wallet",
                include_str!("../../static/wallet-history.js"),
                all().filter(|kind| !of_no_member(kind)).map(|kind| kind.name()).collect(),
            ),
        ];
        for (page, script, names) in lists {
            for name in names {
                assert!(script.contains(&format!("\n  {name}: ")), "{page} has no word for {name}");
            }
        }
    }

    #[test]
    fn a_register_says_every_refusal_that_it_can_hear_and_no_other() {
        // 1xx and 2xx are what terminals hear of the rules, and what an order hears that cannot be
        // shown, and a clerk who signs in; of the edge's errors only some have words of their own.
        let of_orders = [
            Refusal::OrderIsOver,
            Refusal::ShopTakesNoPayments,
            Refusal::ClerkMustBeActive,
            Refusal::ClerkIsLocked,
            Refusal::ClerkMustSignIn,
            Refusal::SecondClerkMustSignIn,
            Refusal::ShiftMustBeOpen,
            Refusal::ShiftMustBeClosed,
        ];
        let heard: BTreeSet<&str> = Refusal::ALL
            .iter()
            .filter(|refusal| refusal.number() < 300 || of_orders.contains(refusal))
            .map(|refusal| refusal.name())
            .collect();
        let edge: BTreeSet<&str> = EdgeError::ALL.iter().map(|error| error.name()).collect();
        for language in Language::ALL {
            let texts = &Texts::of(PageName::Register, language).0;
            let said: BTreeSet<&str> =
                texts.keys().filter_map(|key| key.strip_prefix("register-refusal-")).collect();
            let silent: Vec<_> = heard.difference(&said).collect();
            assert!(silent.is_empty(), "{language:?} does not say {silent:?}");
            let unheard: Vec<_> = said
                .iter()
                .filter(|name| !heard.contains(*name) && !edge.contains(*name))
                .collect();
            assert!(unheard.is_empty(), "{language:?} says {unheard:?}, which nobody answers");
        }
    }

    #[test]
    fn a_wallet_says_every_refusal_that_a_member_can_mend_and_none_that_nobody_answers() {
        // The rest, such as another currency than the book's, only a broken page could meet.
        let mended = [
            Refusal::AmountMustBeInRange,
            Refusal::StoreMustExist,
            Refusal::MemberMustBeOpen,
            Refusal::LinkMustBeValid,
            Refusal::EnrolmentIsClosed,
            Refusal::DeviceMustBeActive,
            Refusal::CodeIssueIsClosed,
            Refusal::OrderIsSettled,
            Refusal::OrderIsOver,
            Refusal::BalanceDoesNotCover,
            Refusal::ShopTakesNoPayments,
        ];
        let key = |name: &str| format!("wallet-refusal-{}", name.replace('_', "-"));
        let rules = Refusal::ALL.iter().map(|refusal| key(refusal.name()));
        let edge = EdgeError::ALL.iter().map(|error| key(error.name()));
        let answered: BTreeSet<String> = rules.chain(edge).collect();
        for language in Language::ALL {
            let texts = &Texts::of(PageName::Wallet, language).0;
            for refusal in mended {
                let key = key(refusal.name());
                assert!(texts.contains_key(&key), "{language:?} has no text `{key}`");
            }
            for said in texts.keys().filter(|key| key.starts_with("wallet-refusal-")) {
                assert!(answered.contains(said), "{language:?} says `{said}`");
            }
        }
    }

    /// Every word in quotes of a script or template that could be a key.
    fn quoted(source: &str) -> BTreeSet<&str> {
        source
            .split(['"', '\'', '`'])
            .filter(|word| word.contains('-'))
            .filter(|word| word.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '-'))
            .collect()
    }

    #[test]
    fn every_text_is_used_and_every_key_that_is_used_has_a_text() {
        let shared = super::super::assets::scripts_of(None);
        for page in PageName::ALL {
            let texts = Texts::of(page, Language::English);
            let own = super::super::assets::scripts_of(Some(page));
            let used: BTreeSet<&str> =
                shared.iter().chain(&own).flat_map(|source| quoted(source)).collect();
            let prefixes = [format!("{}-", page.text()), "common-".to_owned()];
            let ours = |key: &str| prefixes.iter().any(|prefix| key.starts_with(prefix));
            for key in used.iter().filter(|key| ours(key)) {
                assert!(texts.0.contains_key(*key), "{page:?} has no text `{key}`");
            }
            for key in texts.0.keys() {
                assert!(ours(key), "`{key}` begins with the page's name or with `common-`");
                // Those of refusals are said by the name that the server gives.
                let is_own = key.starts_with(&prefixes[0]) && !key.contains("-refusal-");
                assert!(!is_own || used.contains(key.as_str()), "{page:?} never says `{key}`");
            }
        }
    }
}
