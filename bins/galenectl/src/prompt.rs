//! Asks for passwords.

use std::io::{self, BufRead, IsTerminal, Write};

use galene_protocol::Secret;

/// Asks for a password and reads it without showing it. If standard input is no terminal, its first line
/// is the password.
///
/// The question goes to standard error, so that it does not get into what is printed.
pub(crate) fn password(question: &str) -> io::Result<Secret> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        let mut line = String::new();
        stdin.lock().read_line(&mut line)?;
        let password = line.trim_end_matches(['\r', '\n']);
        if password.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "there was none"));
        }
        return Ok(password.into());
    }
    let mut stderr = io::stderr();
    write!(stderr, "{question}: ")?;
    stderr.flush()?;
    let password = hidden::read(stdin.lock());
    writeln!(stderr)?;
    password
}

/// Takes typed bytes till the end of the line, and does what control characters mean.
fn edit(typed: impl BufRead) -> io::Result<Secret> {
    let mut line: Vec<u8> = Vec::new();
    for byte in typed.bytes() {
        match byte? {
            b'\r' | b'\n' | 0x04 => break,
            0x03 => return Err(io::ErrorKind::Interrupted.into()),
            // A character may have several bytes.
            0x08 | 0x7f => while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
            0x15 => line.clear(),
            byte => line.push(byte),
        }
    }
    let line = String::from_utf8(line).map_err(|_| io::ErrorKind::InvalidData)?;
    if line.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "there was none"));
    }
    Ok(line.into())
}

#[cfg(unix)]
mod hidden {
    use std::io::{self, StdinLock};

    use galene_protocol::Secret;
    use rustix::stdio::stdin;
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

    /// Reads a line that is not shown. Control-C comes as a character, so that the terminal is never
    /// left without echo.
    pub(super) fn read(lock: StdinLock<'_>) -> io::Result<Secret> {
        let before = tcgetattr(stdin())?;
        let mut silent = before.clone();
        silent.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        tcsetattr(stdin(), OptionalActions::Flush, &silent)?;
        let line = super::edit(lock);
        tcsetattr(stdin(), OptionalActions::Flush, &before)?;
        line
    }
}

#[cfg(not(unix))]
mod hidden {
    use std::io::{self, StdinLock};

    use galene_protocol::Secret;

    /// Reads a line, which is shown: we know no way to hide it here.
    pub(super) fn read(lock: StdinLock<'_>) -> io::Result<Secret> {
        super::edit(lock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_can_be_mended_while_it_is_typed() {
        let typed = |text: &str| edit(text.as_bytes()).map(|line| line.expose().to_owned());
        assert_eq!(typed("secret\nmore").expect("a line"), "secret");
        assert_eq!(typed("xé\x7f\x7fseé\x08cret\r").expect("a line"), "secret");
        assert_eq!(typed("wrong\x15right\x04").expect("a line"), "right");
        assert_eq!(typed("\x7fa\n").expect("a line"), "a");
        assert!(typed("secr\x03et\n").is_err());
        assert!(typed("\n").is_err() && typed("").is_err());
    }
}
