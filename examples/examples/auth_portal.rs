//! An authorisation portal: a page elsewhere that says who may join.
//!
//! A group with an `authPortal` has its page send everybody there who brings no token. The portal finds out
//! who that is in whatever way it likes (here by a form, elsewhere by the single sign-on of a school or a
//! firm), and sends them back to the group's page with a signed token in `?token=`.
//!
//! ```text
//! cargo run --example auth_portal -- 127.0.0.1:8081 http://127.0.0.1:8080/group/lectures/
//! ```
//!
//! prints what has to stand in the group's file. A portal sends tokens to pages that it knows and to no
//! others, so the page is an argument and no part of the request.

#![expect(clippy::print_stdout, reason = "it says what has to stand in the group's file")]
#![expect(clippy::disallowed_methods, reason = "a token says when it ends")]

use std::error::Error;
use std::net::TcpListener;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use galene_examples::{Exchange, Signer};
use serde_json::json;

/// Name, password, and what the user may do.
const USERS: [(&str, &str, &[&str]); 2] = [
    ("jane", "swordfish", &["op", "present", "message", "token"]),
    ("joe", "tuna", &["present", "message"]),
];

/// How long a token is good for: people look at their camera and microphone before they join.
const VALIDITY_SECONDS: u64 = 300;

/// The page. Nothing that a visitor wrote stands in it.
const FORM: &str = "<!doctype html><meta charset=utf-8><title>Login</title>\
    <form method=post><p><label>Name <input name=username autocomplete=username></label>\
    <p><label>Password <input name=password type=password></label><p><button>Log in</button></form>";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(page)) = (arguments.next(), arguments.next()) else {
        return Err("expected an address to listen on, and the URL of the group's page".into());
    };
    let listener = TcpListener::bind(address)?;
    let signer = Signer::new()?;
    let url = format!("http://{}/", listener.local_addr()?);
    println!("{}", json!({ "authPortal": url, "authKeys": [signer.jwk()] }));
    for stream in listener.incoming() {
        if let Ok(exchange) = Exchange::read(stream?) {
            let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
            answer(exchange, &signer, &page, now);
        }
    }
    Ok(())
}

/// Shows the form, or sends whoever is known to the group's page with a token.
fn answer(exchange: Exchange, signer: &Signer, page: &str, now: u64) {
    // Addresses with tokens in them are nobody else's business: RFC 6750 §5.3.
    const PRIVATE: [&str; 2] = ["Cache-Control: no-store", "Referrer-Policy: no-referrer"];
    const HTML: &str = "Content-Type: text/html; charset=utf-8";
    match exchange.method.as_str() {
        "GET" => exchange.reply("200 OK", &[HTML, PRIVATE[0], PRIVATE[1]], FORM),
        "POST" => {
            let form = std::str::from_utf8(&exchange.body).unwrap_or_default();
            let (name, given) = (field(form, "username"), field(form, "password"));
            let user = USERS.iter().find(|(user, password, _)| {
                *user == name
                    && verify_slices_are_equal(password.as_bytes(), given.as_bytes()).is_ok()
            });
            let Some((name, _, permissions)) = user else {
                let headers = [HTML, PRIVATE[0], PRIVATE[1]];
                return exchange.reply("401 Unauthorized", &headers, FORM);
            };
            let claims = json!({
                "sub": name,
                "aud": page,
                "permissions": permissions,
                "iat": now,
                "exp": now + VALIDITY_SECONDS,
            });
            // The token's alphabet is that of URLs.
            let location = format!("Location: {page}?token={}", signer.sign(&claims));
            exchange.reply("303 See Other", &[&location, PRIVATE[0], PRIVATE[1]], "");
        }
        _ => exchange.reply("405 Method Not Allowed", &["Allow: GET, POST"], ""),
    }
}

/// Returns a field of a form (`application/x-www-form-urlencoded`), or nothing if there is none.
fn field(form: &str, name: &str) -> String {
    let value = form.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let mut bytes = Vec::new();
    let mut rest = value.unwrap_or_default().bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next(), rest.next()].map(|digit| digit.unwrap_or(b'?'));
                let digits = std::str::from_utf8(&digits).unwrap_or_default();
                u8::from_str_radix(digits, 16).unwrap_or(b'?')
            }
            other => other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::thread;

    use super::*;

    const PAGE: &str = "https://example.org/group/x/";

    fn ask(method: &str, body: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let mut stream =
            TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
        let server = thread::spawn(move || {
            let (stream, _) = listener.accept().expect("somebody connects");
            let exchange = Exchange::read(stream).expect("a request");
            answer(exchange, &Signer::with_key([7; 32]), PAGE, 1_000);
        });
        let length = body.len();
        write!(stream, "{method} / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}")
            .expect("open");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).expect("UTF-8");
        server.join().expect("no panic");
        reply
    }

    #[test]
    fn who_is_known_is_sent_back_with_a_token_and_others_are_asked_again() {
        assert!(ask("GET", "").contains("<form"));
        let sent_back = ask("POST", "username=joe&password=tuna");
        assert!(sent_back.starts_with("HTTP/1.1 303"), "{sent_back}");
        assert!(sent_back.contains(&format!("Location: {PAGE}?token=ey")), "{sent_back}");
        assert!(sent_back.contains("no-store") && sent_back.contains("no-referrer"));
        for wrong in ["username=joe&password=salmon", "username=ann&password=tuna", "", "username"]
        {
            let again = ask("POST", wrong);
            assert!(again.starts_with("HTTP/1.1 401") && again.contains("<form"), "{again}");
        }
        assert!(ask("PUT", "").starts_with("HTTP/1.1 405"));
    }

    #[test]
    fn fields_are_decoded_however_odd() {
        assert_eq!(field("a=1&b=x+y%C3%BC%26&c=", "b"), "x yü&");
        assert_eq!(field("ab=1", "a"), "");
        assert_eq!(field("a=%", "a"), "?");
        assert_eq!(field("a=%zz%41", "a"), "?A");
    }
}
