//! What every OpenAPI document says of errors: those that each call of a kind may answer, which nobody has to
//! remember at the call.

use std::collections::BTreeMap;

use posthouse_types::limits::IDEMPOTENCY_KEY_CHARS_MAX;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Response, ResponseBuilder};

/// Says whose document it is.
pub(crate) fn entitle(document: &mut OpenApi, title: &str, description: &str) {
    title.clone_into(&mut document.info.title);
    document.info.description = Some(description.to_owned());
    env!("CARGO_PKG_VERSION").clone_into(&mut document.info.version);
}

/// A dialect's errors as its document shows them.
pub(crate) struct ErrorDocs {
    /// The schema of an error's body, among the document's components.
    pub(crate) schema: &'static str,
    /// The media type of an error's body.
    pub(crate) media: &'static str,
    /// Statuses and what they mean, in a few words.
    pub(crate) titles: BTreeMap<u16, String>,
    /// Answered by calls that ask for a key.
    pub(crate) keyed: &'static [u16],
    /// Answered by calls that take a body.
    pub(crate) body: &'static [u16],
    /// Answered by calls with something in their path.
    pub(crate) path: &'static [u16],
    /// Answered by calls with parameters elsewhere.
    pub(crate) query: &'static [u16],
}

/// Answered by every call.
const ALWAYS: [u16; 3] = [408, 500, 503];

impl ErrorDocs {
    /// Joins the titles of the kinds that share a status.
    pub(crate) fn titles(rows: impl IntoIterator<Item = (u16, &'static str)>) -> BTreeMap<u16, String> {
        let mut titles = BTreeMap::<u16, String>::new();
        for (status, text) in rows {
            let title = titles.entry(status).or_default();
            if !title.is_empty() {
                title.push_str(", or ");
            }
            title.push_str(text);
        }
        titles
    }

    /// Adds the errors to the document's components, and to each operation those that calls of its kind may answer.
    pub(crate) fn complete(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        for (status, title) in &self.titles {
            let body = Content::new(Some(Ref::from_schema_name(self.schema)));
            let response = ResponseBuilder::new().description(title).content(self.media, body);
            components.responses.insert(self.component(*status), RefOr::T(response.build()));
        }
        for item in document.paths.paths.values_mut() {
            let operations =
                [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete];
            for operation in operations.into_iter().flatten() {
                operation.parameters.iter_mut().flatten().for_each(complete_parameter);
                for status in self.statuses_of(operation) {
                    let response: RefOr<Response> = Ref::from_response_name(self.component(status)).into();
                    operation.responses.responses.entry(status.to_string()).or_insert(response);
                }
            }
        }
    }

    fn statuses_of(&self, operation: &Operation) -> Vec<u16> {
        let parameters = operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(parameter.parameter_in.clone()),
            RefOr::Ref(_) => None,
        });
        let (in_path, elsewhere): (Vec<_>, Vec<_>) =
            parameters.partition(|place| *place == ParameterIn::Path);
        // The document asks for a key; an operation that says something of its own about security asks for none.
        let sets = [
            (true, &ALWAYS[..]),
            (operation.security.is_none(), self.keyed),
            (operation.request_body.is_some(), self.body),
            (!in_path.is_empty(), self.path),
            (!elsewhere.is_empty(), self.query),
        ];
        sets.into_iter().filter(|(holds, _)| *holds).flat_map(|(_, statuses)| statuses).copied().collect()
    }

    fn component(&self, status: u16) -> String {
        format!("{}{status}", self.schema)
    }
}

/// What is optional in a header or query is absent, never null; and what holds for one header holds wherever it is
/// taken.
fn complete_parameter(parameter: &mut RefOr<Parameter>) {
    let RefOr::T(Parameter { name, schema: Some(RefOr::T(Schema::Object(object))), .. }) = parameter else {
        return;
    };
    if let SchemaType::Array(types) = &object.schema_type
        && let Some(only) = types.iter().find(|one| **one != Type::Null)
    {
        object.schema_type = SchemaType::Type(only.clone());
    }
    if name == "Idempotency-Key" {
        object.min_length = Some(1);
        object.max_length = Some(IDEMPOTENCY_KEY_CHARS_MAX);
        object.pattern = Some("^[!-~]+$".to_owned());
    }
}
