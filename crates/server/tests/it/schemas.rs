//! Answers against the OpenAPI document: status, media type, headers and every field, by the part
//! of JSON Schema that the document uses. A keyword that is not known here fails, and so does a
//! field that the document does not know.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use uuid::Uuid;
use yaoki_server::api::openapi::openapi_json;
use yaoki_server::api::time;
use yaoki_server::client::Answer;

/// Headers that callers act on.
const HEADERS: [&str; 2] = ["retry-after", "www-authenticate"];
/// What says nothing about which values are good.
const WORDS: [&str; 6] = ["description", "example", "title", "deprecated", "readOnly", "default"];

/// The document that the server shows.
pub(crate) struct Document(Value);

impl Document {
    pub(crate) fn new() -> Self {
        Self(serde_json::from_str(&openapi_json()).expect("the document is JSON"))
    }

    /// What of an answer the document does not say; nothing where it fits.
    pub(crate) fn problems(&self, method: &str, path: &str, answer: &Answer) -> Vec<String> {
        let responses = &self.0["paths"][path][method]["responses"];
        let status = answer.status.to_string();
        let declared = responses.get(&status).or_else(|| responses.get("default"));
        let Some(declared) = declared else { return vec![format!("status {status}")] };
        let mut problems: Vec<String> = headers_of(answer)
            .into_iter()
            .filter(|name| !declares(&declared["headers"], name))
            .map(|name| format!("header {name}"))
            .collect();
        let media_type = answer.content_type.split(';').next().unwrap_or_default();
        match declared["content"].get(media_type) {
            None => problems.push(format!("media type {media_type}")),
            Some(content) => {
                if let Some(schema) = content.get("schema").filter(|_| is_json(media_type)) {
                    self.check(schema, &answer.json(), "$", &mut problems);
                }
            }
        }
        problems
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, problems: &mut Vec<String>) {
        let Some(keywords) = schema.as_object() else { return };
        for (keyword, rule) in keywords {
            let good = match keyword.as_str() {
                "$ref" => {
                    self.check(self.named(rule), value, at, problems);
                    true
                }
                "oneOf" => self.fitting(rule, value, at) == 1,
                "anyOf" => self.fitting(rule, value, at) > 0,
                "allOf" => {
                    self.check_whole(rule, value, at, problems);
                    true
                }
                "type" => is_of_type(rule, value),
                "enum" => rule.as_array().expect("a list").contains(value),
                "format" => is_of_format(rule, value),
                "minimum" => value.as_i64() >= rule.as_i64(),
                "maximum" => value.as_i64() <= rule.as_i64(),
                "required" => {
                    let mut names = rule.as_array().expect("a list").iter();
                    names.all(|name| value.get(name.as_str().expect("a name")).is_some())
                }
                "properties" => {
                    self.check_fields(rule, keywords, value, (at, problems));
                    true
                }
                "items" => {
                    for (place, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(rule, item, &format!("{at}[{place}]"), problems);
                    }
                    true
                }
                "additionalProperties" | "propertyNames" => true,
                word if WORDS.contains(&word) => true,
                other => panic!("the schema keyword {other} is not known to these tests"),
            };
            if !good {
                problems.push(format!("{at} is {value}, against {keyword} {rule}"));
            }
        }
    }

    /// A whole made of parts: a field that one part does not know may be another's.
    fn check_whole(&self, parts: &Value, value: &Value, at: &str, problems: &mut Vec<String>) {
        let parts = parts.as_array().expect("a list");
        let mut known = BTreeSet::new();
        for part in parts {
            self.fields_of(part, &mut known);
        }
        let mut found = Vec::new();
        for part in parts {
            self.check(part, value, at, &mut found);
        }
        let of_another = |problem: &String| {
            known.iter().any(|name| *problem == format!("{at}.{name} is in no schema"))
        };
        problems.extend(found.into_iter().filter(|problem| !of_another(problem)));
    }

    /// The fields that a schema names.
    fn fields_of(&self, schema: &Value, known: &mut BTreeSet<String>) {
        if let Some(reference) = schema.get("$ref") {
            self.fields_of(self.named(reference), known);
        }
        for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.fields_of(part, known);
        }
        let fields = schema.get("properties").and_then(Value::as_object);
        known.extend(fields.into_iter().flat_map(|fields| fields.keys().cloned()));
    }

    fn check_fields(
        &self,
        properties: &Value,
        keywords: &Map<String, Value>,
        value: &Value,
        (at, problems): (&str, &mut Vec<String>),
    ) {
        let open = keywords.contains_key("additionalProperties");
        for (name, field) in value.as_object().into_iter().flatten() {
            match properties.get(name) {
                Some(schema) => self.check(schema, field, &format!("{at}.{name}"), problems),
                None if open => {}
                None => problems.push(format!("{at}.{name} is in no schema")),
            }
        }
    }

    fn fitting(&self, schemas: &Value, value: &Value, at: &str) -> usize {
        let schemas = schemas.as_array().expect("a list").iter();
        let fits = schemas.filter(|schema| {
            let mut problems = Vec::new();
            self.check(schema, value, at, &mut problems);
            problems.is_empty()
        });
        fits.count()
    }

    fn named(&self, reference: &Value) -> &Value {
        let pointer = reference.as_str().and_then(|text| text.strip_prefix('#'));
        let found = self.0.pointer(pointer.expect("a reference into the document"));
        found.unwrap_or_else(|| panic!("the document has no {reference}"))
    }
}

/// Those of an answer's headers that the document has to declare.
fn headers_of(answer: &Answer) -> Vec<&'static str> {
    let mut names: Vec<&str> =
        HEADERS.into_iter().filter(|name| answer.header(name).is_some()).collect();
    names.extend(answer.replayed.then_some("idempotent-replayed"));
    names.extend(answer.nonce.is_some().then_some("dpop-nonce"));
    names
}

fn declares(headers: &Value, name: &str) -> bool {
    headers.as_object().is_some_and(|all| all.keys().any(|known| known.eq_ignore_ascii_case(name)))
}

fn is_json(media_type: &str) -> bool {
    media_type == "application/json" || media_type.ends_with("+json")
}

fn is_of_type(rule: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other} is no type"),
    };
    match rule {
        Value::Array(names) => names.iter().any(|name| is(name.as_str().expect("a type"))),
        name => is(name.as_str().expect("a type")),
    }
}

fn is_of_format(rule: &Value, value: &Value) -> bool {
    let Some(text) = value.as_str() else { return true };
    match rule.as_str().expect("a format") {
        "uuid" => Uuid::parse_str(text).is_ok(),
        "date-time" => time::parse(text).is_some(),
        "date" => time::parse(&format!("{text}T00:00:00Z")).is_some(),
        "uri-reference" => !text.is_empty() && !text.contains(' '),
        _ => true,
    }
}

#[test]
fn what_is_not_in_the_document_is_told() {
    let document = Document::new();
    let answer = |status, body: &str| Answer {
        status,
        content_type: "application/json".to_owned(),
        body: body.as_bytes().to_vec(),
        ..Answer::default()
    };
    let told = |body: &str| {
        document.problems("post", "/v1/acknowledgements", &answer(200, body)).join("; ")
    };
    assert_eq!(told(r#"{"acknowledged":1}"#), "");
    assert!(told("{}").contains("required"));
    assert!(told(r#"{"acknowledged":"1"}"#).contains("$.acknowledged"));
    assert!(told(r#"{"acknowledged":1,"colour":"red"}"#).contains("in no schema"));
    let mut replayed = answer(200, r#"{"acknowledged":1}"#);
    replayed.replayed = true;
    let problems = document.problems("post", "/v1/acknowledgements", &replayed);
    assert_eq!(problems, ["header idempotent-replayed"]);
}
