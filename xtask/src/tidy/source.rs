//! Rust source with code, comments and strings told apart.

/// One file. The three texts have the lines and columns of the original.
#[derive(Debug)]
pub(super) struct Source {
    /// Code: comments, and what strings and character literals hold, are blanks.
    pub(super) code: Vec<char>,
    /// Comments: all else is blanks.
    pub(super) comments: String,
    /// Each string literal with its line, from 1, and its text as written, without quotes.
    pub(super) strings: Vec<(usize, String)>,
}

impl Source {
    /// Reads a file. Source that doesn't compile is read as well as can be.
    pub(super) fn new(text: &str) -> Self {
        let mut reader = Reader {
            text: text.chars().collect(),
            at: 0,
            line: 1,
            code: Vec::with_capacity(text.len()),
            comments: String::with_capacity(text.len()),
            strings: Vec::new(),
        };
        while reader.at < reader.text.len() {
            reader.step();
        }
        Self { code: reader.code, comments: reader.comments, strings: reader.strings }
    }

    /// The line, from 1, of a place in the code.
    pub(super) fn line(&self, at: usize) -> usize {
        self.code[..at].iter().filter(|c| **c == '\n').count() + 1
    }

    /// Where `wanted` stands in the code, beginning at a word's border.
    pub(super) fn find(&self, wanted: &str) -> Vec<usize> {
        let wanted: Vec<char> = wanted.chars().collect();
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let starts = 0..self.code.len().saturating_sub(wanted.len() - 1);
        let begins_word = |at: usize| at == 0 || !is_word(self.code[at - 1]) || !is_word(wanted[0]);
        starts.filter(|at| self.code[*at..].starts_with(&wanted) && begins_word(*at)).collect()
    }

    /// The first place from `at` on that isn't blank.
    pub(super) fn skip_blanks(&self, at: usize) -> usize {
        let blanks = self.code[at..].iter().take_while(|c| c.is_whitespace()).count();
        at + blanks
    }

    /// The word that begins at a place; empty where none does.
    pub(super) fn word(&self, at: usize) -> String {
        let rest = self.code[at.min(self.code.len())..].iter();
        rest.take_while(|c| c.is_alphanumeric() || **c == '_').collect()
    }

    /// The place of the bracket that closes the one opened at `open`; the end where none does.
    pub(super) fn closing(&self, open: usize) -> usize {
        let mut depth = 0_usize;
        for (offset, c) in self.code[open..].iter().enumerate() {
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                _ => continue,
            }
            if depth == 0 {
                return open + offset;
            }
        }
        self.code.len() - 1
    }
}

struct Reader {
    text: Vec<char>,
    at: usize,
    line: usize,
    code: Vec<char>,
    comments: String,
    strings: Vec<(usize, String)>,
}

/// Where a character goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

impl Reader {
    fn step(&mut self) {
        let starts = |wanted: &str| {
            let mut rest = self.text[self.at..].iter();
            wanted.chars().all(|c| rest.next() == Some(&c))
        };
        if starts("//") {
            let rest = &self.text[self.at..];
            let length = rest.iter().position(|c| *c == '\n').unwrap_or(rest.len());
            self.take(length, Kind::Comment);
        } else if starts("/*") {
            self.block_comment();
        } else if let Some(hashes) = self.raw_string() {
            self.take_raw_string(hashes);
        } else if starts("\"") {
            self.take(1, Kind::Code);
            self.string();
        } else if starts("'") {
            self.character();
        } else {
            self.take(1, Kind::Code);
        }
    }

    fn take(&mut self, count: usize, kind: Kind) {
        for _ in 0..count {
            let Some(c) = self.text.get(self.at).copied() else { return };
            let blank = if c == '\n' { '\n' } else { ' ' };
            self.code.push(if kind == Kind::Code { c } else { blank });
            self.comments.push(if kind == Kind::Comment { c } else { blank });
            self.line += usize::from(c == '\n');
            self.at += 1;
        }
    }

    fn peek(&self, offset: usize) -> Option<char> {
        self.text.get(self.at + offset).copied()
    }

    /// Block comments nest.
    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => depth += 1,
                (Some('*'), Some('/')) => depth -= 1,
                (None, _) => return,
                _ => {
                    self.take(1, Kind::Comment);
                    continue;
                }
            }
            self.take(2, Kind::Comment);
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        let line = self.line;
        let mut held = String::new();
        while let Some(c) = self.peek(0) {
            if c == '"' {
                break;
            }
            held.push(c);
            if c == '\\' {
                held.extend(self.peek(1));
                self.take(1, Kind::Literal);
            }
            self.take(1, Kind::Literal);
        }
        self.take(1, Kind::Code);
        self.strings.push((line, held));
    }

    /// The number of hashes, where a raw string begins here: `r"`, `br#"`…
    fn raw_string(&self) -> Option<usize> {
        let before = self.at.checked_sub(1).map(|at| self.text[at]);
        if before.is_some_and(|c| c.is_alphanumeric() && !matches!(c, 'b' | 'c') || c == '_') {
            return None;
        }
        let rest = self.text[self.at..].iter().skip(1);
        let hashes = rest.take_while(|c| **c == '#').count();
        (self.peek(0) == Some('r') && self.peek(1 + hashes) == Some('"')).then_some(hashes)
    }

    fn take_raw_string(&mut self, hashes: usize) {
        self.take(2 + hashes, Kind::Code);
        let line = self.line;
        let start = self.at;
        let ends = |reader: &Self| {
            reader.peek(0) == Some('"')
                && (1..=hashes).all(|offset| reader.peek(offset) == Some('#'))
        };
        while self.at < self.text.len() && !ends(self) {
            self.take(1, Kind::Literal);
        }
        self.strings.push((line, self.text[start..self.at].iter().collect()));
        self.take(1 + hashes, Kind::Code);
    }

    /// A character literal is blanked; a lifetime is code.
    fn character(&mut self) {
        let length = match (self.peek(1), self.peek(2)) {
            (Some('\\'), _) => {
                let rest = self.text[self.at + 3..].iter();
                Some(2 + rest.take_while(|c| **c != '\'' && **c != '\n').count())
            }
            (Some(_), Some('\'')) => Some(1),
            _ => None,
        };
        self.take(1, Kind::Code);
        if let Some(length) = length {
            self.take(length, Kind::Literal);
            self.take(1, Kind::Code);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        Source::new(text).code.iter().collect()
    }

    #[test]
    fn literals_and_comments_are_blank_in_code() {
        let cases = [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            ("f(\"{\")", "f(\" \")"),
            (r#"f("\"{", 1)"#, r#"f("   ", 1)"#),
            ("f('{', '\\'', 'a')", "f(' ', '  ', ' ')"),
            ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
            ("r#\"{\"\"#;{", "r#\"  \"#;{"),
            ("br\"\\\"; x", "br\" \"; x"),
            ("for\"{\"", "for\" \""),
            ("'\\u{7b}'", "'      '"),
        ];
        for (text, expected) in cases {
            assert_eq!(code(text), expected, "{text}");
        }
    }

    #[test]
    fn strings_keep_their_text_and_line() {
        let source = Source::new("a\n\"one\\n\"; r#\"two\n\"three\"\"#\n\"four\"");
        let expected = [(2, "one\\n"), (2, "two\n\"three\""), (4, "four")];
        assert_eq!(source.strings, expected.map(|(line, text)| (line, text.to_owned())));
    }

    #[test]
    fn brackets_in_strings_close_nothing() {
        let source = Source::new("{ \"}\" ( '}' ) } x");
        assert_eq!(source.closing(0), 14);
    }
}
