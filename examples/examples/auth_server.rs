//! An authorisation server: who may join is decided elsewhere.
//!
//! A group with an `authServer` lets its page ask that server first. The page sends the name and the
//! password there, and gets a signed token (a JSON Web Token, RFC 7519) with which it joins; the group's
//! file has the key that the token is checked with. So the passwords of a school or a firm stay where
//! they are.
//!
//! ```text
//! cargo run --example auth_server -- 127.0.0.1:8080
//! ```
//!
//! prints what has to stand in the group's file. The key is made anew at each start, and the users stand
//! in this file: your server keeps the one and looks up the other.

#![expect(clippy::print_stdout, reason = "it says what has to stand in the group's file")]
#![expect(clippy::disallowed_methods, reason = "a token says when it ends")]

use std::error::Error;
use std::net::TcpListener;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use galene_examples::{Exchange, Signer};
use serde::Deserialize;
use serde_json::json;

/// Name, password, and what the user may do.
const USERS: [(&str, &str, &[&str]); 2] = [
    ("jane", "swordfish", &["op", "present", "message", "token"]),
    ("joe", "tuna", &["present", "message"]),
];

/// How long a token is good for: it is used at once.
const VALIDITY_SECONDS: u64 = 30;

/// What the page sends.
#[derive(Debug, Deserialize)]
struct Login {
    /// The URL of the group's page.
    location: String,
    username: String,
    password: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(address)?;
    let signer = Signer::new()?;
    let url = format!("http://{}/", listener.local_addr()?);
    println!("{}", json!({ "authServer": url, "authKeys": [signer.jwk()] }));
    for stream in listener.incoming() {
        if let Ok(exchange) = Exchange::read(stream?) {
            answer(exchange, &signer, now()?);
        }
    }
    Ok(())
}

/// Answers as a group's page expects it: a token, 204 for "ask the group itself", or anything else for no.
fn answer(exchange: Exchange, signer: &Signer, now: u64) {
    // The page comes from another origin, and sends JSON, so the browser asks first. No cookies are
    // involved: whoever knows the password may ask from anywhere.
    const ANY_ORIGIN: &str = "Access-Control-Allow-Origin: *";
    let preflight =
        ["Access-Control-Allow-Methods: POST", "Access-Control-Allow-Headers: Content-Type"];
    if exchange.method == "OPTIONS" {
        return exchange.reply("204 No Content", &[ANY_ORIGIN, preflight[0], preflight[1]], "");
    }
    let Ok(login) = serde_json::from_slice::<Login>(&exchange.body) else {
        return exchange.reply("400 Bad Request", &[ANY_ORIGIN], "a login is expected");
    };
    let Some((_, password, permissions)) = USERS.iter().find(|user| user.0 == login.username)
    else {
        // Somebody whom the group itself may know.
        return exchange.reply("204 No Content", &[ANY_ORIGIN], "");
    };
    if verify_slices_are_equal(password.as_bytes(), login.password.as_bytes()).is_err() {
        return exchange.reply("401 Unauthorized", &[ANY_ORIGIN], "wrong password");
    }
    let claims = json!({
        "sub": login.username,
        "aud": login.location,
        "permissions": permissions,
        "iat": now,
        "exp": now + VALIDITY_SECONDS,
    });
    let token = signer.sign(&claims);
    exchange.reply("200 OK", &[ANY_ORIGIN, "Content-Type: application/jwt"], &token);
}

fn now() -> Result<u64, Box<dyn Error>> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::thread;

    use data_encoding::BASE64URL_NOPAD;
    use serde_json::Value;

    use super::*;

    const NOW: u64 = 1_000;

    fn ask(body: &str) -> (String, String) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let mut stream =
            TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
        let server = thread::spawn(move || {
            let (stream, _) = listener.accept().expect("somebody connects");
            answer(Exchange::read(stream).expect("a request"), &Signer::with_key([7; 32]), NOW);
        });
        let length = body.len();
        write!(stream, "POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}").expect("open");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).expect("UTF-8");
        server.join().expect("no panic");
        let (head, body) = reply.split_once("\r\n\r\n").expect("HTTP");
        (head.to_owned(), body.to_owned())
    }

    fn log_in(username: &str, password: &str) -> (String, String) {
        let location = "https://example.org/group/x/";
        ask(&json!({ "location": location, "username": username, "password": password })
            .to_string())
    }

    #[test]
    fn the_right_password_gives_a_token_for_the_group_that_was_asked_from() {
        let (head, token) = log_in("joe", "tuna");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(head.contains("application/jwt") && head.contains("Allow-Origin: *"), "{head}");
        let claims = token.split('.').nth(1).expect("three parts");
        let claims = BASE64URL_NOPAD.decode(claims.as_bytes()).expect("base64url");
        let claims: Value = serde_json::from_slice(&claims).expect("JSON");
        let expected = json!({ "sub": "joe", "aud": "https://example.org/group/x/",
            "permissions": ["present", "message"], "iat": NOW, "exp": NOW + VALIDITY_SECONDS });
        assert_eq!(claims, expected);
    }

    #[test]
    fn others_are_refused_or_left_to_the_group() {
        assert!(log_in("joe", "salmon").0.starts_with("HTTP/1.1 401"));
        assert!(log_in("stranger", "").0.starts_with("HTTP/1.1 204"));
        assert!(ask("nonsense").0.starts_with("HTTP/1.1 400"));
    }
}
