//! The forms of bodies, as JSON schemas (draft 2020-12).

use serde_json::{Value, json};

/// Returns all schemas, by the names that operations use.
pub(crate) fn all() -> Value {
    json!({
        "Text": { "type": "string", "description": "What is wrong, for a person." },
        "Description": {
            "type": "object",
            "description": "An OpenAPI document.",
            "required": ["openapi", "info", "paths"],
        },
        "Names": { "type": "array", "items": { "type": "string" } },
        "Permissions": {
            "description": "The name of a role, or permissions.",
            "anyOf": [
                { "type": "string" },
                { "type": "array", "items": { "type": "string" } },
            ],
        },
        "User": user(),
        "PlainPassword": { "type": "string", "maxLength": 72 },
        "Password": password(),
        "KeySet": key_set(),
        "Token": token(),
        "Group": group(),
        "Stats": stats(),
        "Clients": clients(),
        "Recordings": recordings(),
    })
}

fn user() -> Value {
    json!({
        "type": "object",
        "properties": {
            "permissions": { "$ref": "#/components/schemas/Permissions" },
            "password": false,
        },
    })
}

fn password() -> Value {
    json!({
        "description": "The password itself, or how it is stored.",
        "anyOf": [
            { "type": "string" },
            {
                "type": "object",
                "properties": {
                    "type": { "enum": ["plain", "pbkdf2", "bcrypt", "wildcard"] },
                    "hash": { "const": "sha-256" },
                    "key": { "type": "string" },
                    "salt": { "type": "string" },
                    "iterations": { "type": "integer", "minimum": 1 },
                },
            },
        ],
    })
}

fn key_set() -> Value {
    json!({
        "type": "object",
        "description": "A JSON Web Key set (RFC 7517 §5).",
        "required": ["keys"],
        "properties": {
            "keys": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["kty", "alg"],
                    "properties": {
                        "kty": { "type": "string" },
                        "alg": { "type": "string" },
                        "kid": { "type": "string" },
                    },
                },
            },
        },
    })
}

fn token() -> Value {
    let time = json!({ "type": "string", "format": "date-time" });
    json!({
        "type": "object",
        "properties": {
            "token": { "const": "", "description": "The name is in the path." },
            "group": { "const": "", "description": "The group is in the path." },
            "includeSubgroups": { "type": "boolean" },
            "username": { "type": "string" },
            "permissions": {
                "type": ["array", "null"],
                "items": { "type": "string" },
                "description": "Permissions, not the name of a role.",
            },
            "expires": time,
            "not-before": time,
            "issuedAt": time,
            "issuedBy": { "type": "string" },
        },
    })
}

fn group() -> Value {
    let text = json!({ "type": "string" });
    let flag = json!({ "type": "boolean" });
    let time = json!({ "type": "string", "format": "date-time" });
    json!({
        "type": "object",
        "properties": {
            "displayName": text,
            "description": text,
            "contact": text,
            "comment": text,
            "public": flag,
            "redirect": text,
            "max-clients": { "type": "integer" },
            "max-cameras": { "type": "integer" },
            "max-history-age": { "type": "integer", "description": "In seconds." },
            "expires": time,
            "not-before": time,
            "allow-recording": flag,
            "unrestricted-tokens": flag,
            "auto-subgroups": flag,
            "autolock": flag,
            "autokick": flag,
            "authServer": text,
            "authPortal": text,
            "codecs": { "type": "array", "items": text },
            "users": false,
            "wildcard-user": false,
            "authKeys": false,
        },
    })
}

fn stats() -> Value {
    let [rate, count, part, milliseconds, layer] = [
        json!({ "type": "integer", "description": "in bits per second" }),
        json!({ "type": "integer" }),
        json!({ "type": "number", "minimum": 0, "maximum": 1 }),
        json!({ "type": "number", "description": "in milliseconds" }),
        json!({ "type": "integer", "description": "of a down stream, counted from 0, the lowest" }),
    ];
    let track = json!({
        "type": "object",
        "required": ["bitrate", "loss", "codec", "keyframeRequests"],
        "properties": {
            "bitrate": rate,
            "maxBitrate": rate,
            "loss": part,
            "jitter": milliseconds,
            "rtt": milliseconds,
            "sid": layer,
            "maxSid": layer,
            "tid": layer,
            "maxTid": layer,
            "codec": { "type": "string" },
            "rid": { "type": "string" },
            "active": { "type": "boolean" },
            "paused": { "type": "boolean" },
            "limit": { "enum": ["bandwidth", "publisher"] },
            "packets": count,
            "lost": count,
            "keyframes": count,
            "keyframeRequests": count,
            "retransmissions": count,
            "nacked": count,
            "freezes": count,
        },
    });
    let streams = json!({
        "type": "array",
        "items": {
            "type": "object",
            "required": ["id"],
            "properties": {
                "id": { "type": "string" },
                "maxBitrate": { "type": "integer" },
                "connected": { "type": "boolean" },
                "tracks": { "type": "array", "items": track },
            },
        },
    });
    json!({
        "type": "array",
        "items": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": { "type": "string" },
                "clients": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["id"],
                        "properties": {
                            "id": { "type": "string" },
                            "up": streams,
                            "down": streams,
                        },
                    },
                },
            },
        },
    })
}

fn clients() -> Value {
    let names = json!({ "type": "array", "items": { "type": "string" } });
    json!({
        "type": "array",
        "items": {
            "type": "object",
            "required": ["id", "username", "permissions", "up", "down"],
            "properties": {
                "id": { "type": "string" },
                "username": { "type": "string" },
                "permissions": names,
                "address": { "type": "string", "description": "Where it connected from." },
                "up": names,
                "down": names,
            },
        },
    })
}

fn recordings() -> Value {
    json!({
        "type": "array",
        "items": {
            "type": "object",
            "required": ["name", "size", "etag"],
            "properties": {
                "name": { "type": "string" },
                "size": { "type": "integer", "minimum": 0, "description": "In bytes." },
                "modified": {
                    "type": "string", "format": "date-time",
                    "description": "When it was last written to.",
                },
                "etag": { "type": "string", "description": "For `If-Match`, quotes included." },
            },
        },
    })
}
