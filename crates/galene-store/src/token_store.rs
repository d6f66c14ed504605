//! The file of tokens as what logins and operators see of it.

use std::error::Error;

use galene_auth::{StatefulToken, TokenStore, TokenStoreError};
use galene_protocol::{GroupName, Secret};

use crate::{Precondition, ReadError, TokenFile, WriteError};

impl TokenStore for TokenFile {
    fn get(&self, name: &Secret) -> Result<Option<StatefulToken>, TokenStoreError> {
        match TokenFile::get(self, name.expose()) {
            Ok(token) => Ok(Some(token)),
            Err(ReadError::NotFound) => Ok(None),
            Err(error @ ReadError::File(_)) => Err(unavailable(&error)),
        }
    }

    fn list(&self, group: &GroupName) -> Result<Vec<StatefulToken>, TokenStoreError> {
        let listed = TokenFile::list(self, group.as_str());
        listed.map(|(tokens, _)| tokens).map_err(|error| unavailable(&error))
    }

    fn add(&self, token: StatefulToken) -> Result<(), TokenStoreError> {
        self.put(token, &Precondition::NONE)?;
        Ok(())
    }

    fn edit(
        &self,
        name: &Secret,
        change: &mut dyn FnMut(&mut StatefulToken) -> Result<(), TokenStoreError>,
    ) -> Result<StatefulToken, TokenStoreError> {
        TokenFile::edit(self, name.expose(), change)
    }
}

impl From<WriteError> for TokenStoreError {
    fn from(error: WriteError) -> TokenStoreError {
        match error {
            WriteError::Read(ReadError::NotFound) => TokenStoreError::NotFound,
            WriteError::TooManyTokens => TokenStoreError::Full,
            WriteError::Busy(_)
            | WriteError::Invalid(_)
            | WriteError::OtherGroup
            | WriteError::Precondition(_)
            | WriteError::Read(ReadError::File(_))
            | WriteError::Unwritable { .. } => unavailable(&error),
        }
    }
}

/// Says all that is known about an error in one line.
fn unavailable(error: &dyn Error) -> TokenStoreError {
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        reason = format!("{reason}: {cause}");
        source = cause.source();
    }
    TokenStoreError::Unavailable { reason }
}

#[cfg(test)]
mod tests {
    use galene_auth::{TokenAnswer, TokenOperation};
    use galene_protocol::Timestamp;

    use super::*;

    #[test]
    fn what_operators_do_to_tokens_is_in_the_file() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("var/tokens.jsonl");
        let file = TokenFile::new(path.clone());
        let group = GroupName::parse("lectures").expect("a valid name");
        let token = StatefulToken { group: group.to_string(), ..StatefulToken::default() };
        let made = TokenOperation::Make(token).run(&file, [1; 8]);
        let Ok(TokenAnswer::Token(made)) = made else { unreachable!("{made:?}") };
        assert_eq!(TokenStore::get(&file, &made.token), Ok(Some(made.clone())));
        assert_eq!(TokenStore::get(&file, &"unknown".into()), Ok(None));

        let expires = Timestamp::parse("2030-01-01T00:00:00Z").ok();
        let edit = |group: &str| TokenOperation::Edit {
            group: GroupName::parse(group).expect("a valid name"),
            name: made.token.clone(),
            expires,
            not_before: None,
        };
        assert_eq!(edit("other").run(&file, [2; 8]), Err(TokenStoreError::NotFound));
        assert!(edit("lectures").run(&file, [2; 8]).is_ok());
        let again = TokenFile::new(path.clone());
        let list = TokenOperation::List { group }.run(&again, [3; 8]);
        let expected = StatefulToken { expires, ..made };
        assert_eq!(list, Ok(TokenAnswer::List(vec![expected])));

        std::fs::write(&path, "{\"token\": 1}").expect("writable");
        let broken = TokenStore::get(&TokenFile::new(path), &"t".into());
        let Err(TokenStoreError::Unavailable { reason }) = broken else {
            unreachable!("{broken:?}")
        };
        assert!(reason.contains("tokens.jsonl"), "{reason}");
    }
}
