//! Tokens that the server keeps.

use data_encoding::BASE64URL_NOPAD;
use galene_protocol::Secret;
/// A token that the server keeps: its form, which groups it is for, and when it is valid.
pub use galene_protocol::Token as StatefulToken;

/// How many random bytes a token's name is made of; Galène's own number.
pub const TOKEN_NAME_BYTES: usize = 8;

/// Makes a token's name, which is also its secret, of bytes that nobody can guess.
pub fn token_name(random: [u8; TOKEN_NAME_BYTES]) -> Secret {
    BASE64URL_NOPAD.encode(&random).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_eleven_characters_that_urls_can_carry() {
        assert_eq!(token_name([0xff; 8]).expose(), "__________8");
        assert_eq!(token_name([0; 8]).expose(), "AAAAAAAAAAA");
    }
}
