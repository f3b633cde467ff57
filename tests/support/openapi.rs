//! HeyGen's API description as a judge of requests and answers. Knows neither client nor sandbox.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use jsonschema::Validator;
use serde_json::{Value, json};

pub struct Api(Value);

impl Api {
    pub fn load() -> Self {
        let text = include_str!("../fixtures/heygen-openapi.yaml");
        Self(serde_yaml::from_str(text).unwrap())
    }

    /// A validator of one schema of the document, its references resolved against the whole.
    pub fn validator(&self, schema: &Value) -> Validator {
        let mut root = json!({"components": self.0["components"], "allOf": [schema]});
        root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
        jsonschema::validator_for(&root).unwrap()
    }

    /// The operation a request means, and the path as the document writes it.
    pub fn operation(&self, method: &str, path: &str) -> Option<(&str, &Value)> {
        let paths = self.0["paths"].as_object().unwrap();
        let mut fitting: Vec<_> = paths.iter().filter(|(p, _)| fits(p, path)).collect();
        // A path without parameters is meant before one with.
        fitting.sort_by_key(|(p, _)| p.matches('{').count());
        let operation = |item: &'_ Value| item.get(method.to_lowercase()).is_some();
        let (template, item) = fitting.into_iter().find(|(_, item)| operation(item))?;
        Some((template, &item[method.to_lowercase()]))
    }

    /// The `operationId` of every operation.
    pub fn operation_ids(&self) -> Vec<String> {
        let paths = self.0["paths"].as_object().unwrap().values();
        let operations = paths.flat_map(|item| item.as_object().unwrap().values());
        operations
            .filter_map(|o| o["operationId"].as_str().map(str::to_owned))
            .collect()
    }

    pub fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(at) => self.0.pointer(at.trim_start_matches('#')).unwrap(),
            None => value,
        }
    }

    /// What the document declares for that status, if it does.
    pub fn answer_schema(&self, method: &str, path: &str, status: u16) -> Option<&Value> {
        let (_, operation) = self.operation(method, path)?;
        let answers = operation["responses"].as_object().unwrap();
        let answer = self.resolve(answers.get(&status.to_string())?);
        Some(&answer["content"]["application/json"]["schema"])
    }

    /// What is wrong with an answer. A status that is not declared for its operation has to be an
    /// error of the usual shape.
    pub fn validate_response(
        &self,
        method: &str,
        path: &str,
        status: u16,
        body: &Value,
    ) -> Vec<String> {
        let error = &self.0["components"]["schemas"]["Error"];
        match self.answer_schema(method, path, status) {
            Some(schema) => errors(&self.validator(schema), body),
            None if status >= 400 => errors(&self.validator(error), body),
            None => vec![format!("{method} {path} must not answer {status}")],
        }
    }

    /// What is wrong with a JSON request body.
    pub fn validate_request(&self, method: &str, path: &str, body: &Value) -> Vec<String> {
        match self.body_schema(method, path) {
            Some(schema) => errors(&self.validator(schema), body),
            None => vec![format!("{method} {path} takes no JSON")],
        }
    }

    pub fn body_schema(&self, method: &str, path: &str) -> Option<&Value> {
        let (_, operation) = self.operation(method, path)?;
        let content = &operation["requestBody"]["content"]["application/json"];
        content.get("schema")
    }

    pub fn request_schema(&self) -> Value {
        self.0["components"]["schemas"]["CreateVideoAgentRequest"].clone()
    }
}

fn fits(template: &str, path: &str) -> bool {
    let (a, b): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    a.len() == b.len()
        && a.iter()
            .zip(&b)
            .all(|(t, p)| t == p || (t.starts_with('{') && !p.is_empty()))
}

fn errors(validator: &Validator, value: &Value) -> Vec<String> {
    let errors = validator.iter_errors(value);
    errors.map(|e| e.to_string()).collect()
}

pub fn assert_valid(validator: &Validator, value: &Value, what: &str) {
    let errors = errors(validator, value);
    assert!(errors.is_empty(), "{what}: {errors:?}\n{value:#}");
}
