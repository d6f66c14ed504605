//! The description of the administrative interface (OpenAPI 3.1), made from the table of operations.

use std::sync::OnceLock;

use serde_json::{Map, Value, json};

use super::PREFIX;
use super::operation::{Access, Content, OPERATIONS, Operation, TEXT, Verb};
use super::resource::Kind;
use super::schemas;

/// Returns the description as it is served.
pub(crate) fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| format!("{:#}\n", document()))
}

fn document() -> Value {
    let mut paths = Map::new();
    for operation in OPERATIONS {
        let path =
            paths.entry(operation.kind.template()).or_insert_with(|| path_item(operation.kind));
        let verb = match operation.verb {
            Verb::Get => "get",
            Verb::Put => "put",
            Verb::Post => "post",
            Verb::Delete => "delete",
        };
        path[verb] = describe(operation, verb);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Administration of groups, users and tokens",
            "version": "0",
            "description": DESCRIPTION,
        },
        "servers": [{ "url": PREFIX }],
        "security": [{ "basic": [] }, { "bearer": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "basic": { "type": "http", "scheme": "basic" },
                "bearer": { "type": "http", "scheme": "bearer" },
            },
            "schemas": schemas::all(),
        },
    })
}

const DESCRIPTION: &str = "Galène's administrative interface. `HEAD` is answered as `GET` without \
    the body, `OPTIONS` without credentials, and a method that a path does not have by 405 with \
    `Allow`. Administrators are the users of `config.json` with the permission `admin`; bearers of a \
    token of the whole server with that permission; and, below a group, whoever has that permission \
    in the group. Conditions compare the tags of whole files, so any change of a group's file changes \
    the tags of all its users. What is below `.clients/` and `.recordings/` is not part of \
    Galène's interface.";

/// What the operations on a path have in common.
fn path_item(kind: Kind) -> Value {
    let parts = kind.template().split('{').skip(1).filter_map(|part| part.split('}').next());
    let parameters: Vec<Value> = parts
        .map(|name| {
            let description = match name {
                "group" => "The name of a group, in which slashes stay slashes.",
                "user" => "The name of a user, without segments that begin with a dot.",
                "token" => "The name of a token, which is also its secret.",
                "file" => "The name of a file, which does not begin with a dot.",
                _ => "The id that a client chose for itself.",
            };
            json!({
                "name": name, "in": "path", "required": true, "description": description,
                "schema": { "type": "string", "minLength": 1 },
            })
        })
        .collect();
    if parameters.is_empty() { json!({}) } else { json!({ "parameters": parameters }) }
}

fn describe(operation: &Operation, verb: &str) -> Value {
    let mut described = json!({
        "operationId": format!("{verb}{:?}", operation.kind),
        "summary": operation.summary,
    });
    if operation.access == Access::Anybody {
        described["security"] = json!([]);
    }
    let mut parameters = Vec::new();
    if operation.conditional {
        for name in ["If-Match", "If-None-Match"] {
            parameters
                .push(json!({ "name": name, "in": "header", "schema": { "type": "string" } }));
        }
    }
    if operation.kind == Kind::Client {
        parameters.push(json!({
            "name": "message", "in": "query", "schema": { "type": "string" },
            "description": "What the member is told.",
        }));
    }
    if !parameters.is_empty() {
        described["parameters"] = json!(parameters);
    }
    if let Some(content) = operation.takes {
        described["requestBody"] = json!({ "required": true, "content": of_type(content) });
    }
    let mut responses = Map::new();
    for status in operation.statuses() {
        responses.insert(status.to_string(), response(operation, status));
    }
    described["responses"] = Value::Object(responses);
    described
}

fn response(operation: &Operation, status: u16) -> Value {
    let mut response = json!({ "description": meaning(status) });
    let has_body = !matches!(status, 201 | 204 | 304);
    let content = match operation.gives {
        Some(gives) if status == 200 => gives,
        _ => Content { media_type: TEXT, schema: "Text" },
    };
    if has_body {
        response["content"] = of_type(content);
    }
    let mut headers = Map::new();
    let mut header = |name: &str, required: bool| {
        let schema = json!({ "type": "string" });
        headers.insert(name.to_owned(), json!({ "required": required, "schema": schema }));
    };
    match status {
        200 if operation.conditional => {
            // The list of tokens has no tag while there is no file of tokens.
            header("ETag", !matches!(operation.kind, Kind::Tokens | Kind::GlobalTokens));
        }
        201 => header("ETag", true),
        // Of what was removed there is no version.
        204 if operation.verb == Verb::Put => header("ETag", true),
        401 => header("WWW-Authenticate", true),
        415 => header("Accept", true),
        429 | 503 => header("Retry-After", true),
        _ => {}
    }
    if status == 201 && operation.verb == Verb::Post {
        header("Location", true);
    }
    if !headers.is_empty() {
        response["headers"] = Value::Object(headers);
    }
    response
}

fn of_type(content: Content) -> Value {
    let schema = json!({ "$ref": format!("#/components/schemas/{}", content.schema) });
    json!({ content.media_type: { "schema": schema } })
}

fn meaning(status: u16) -> &'static str {
    match status {
        200 => "Here it is.",
        201 => "It was made.",
        204 => "It was done.",
        304 => "It is still what the client has.",
        400 => "The body is not what it should be, as the text says.",
        401 => "These are no credentials of an administrator.",
        403 => "The configuration does not let groups be changed (`writableGroups`).",
        404 => "There is no such thing.",
        408 => "The body took too long.",
        409 => "It collides with something else, as the text says.",
        412 => "It is not the version that the condition names.",
        413 => "The body is longer than a mebibyte.",
        415 => "The body has another type than `Accept` names.",
        429 => "There were too many wrong credentials of late.",
        503 => "The server is busy or about to stop.",
        _ => "Something went wrong, of which the server's log says more.",
    }
}
