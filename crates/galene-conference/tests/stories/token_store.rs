//! Tokens in memory.

use std::sync::{Mutex, MutexGuard};

use galene_auth::{StatefulToken, TokenStore, TokenStoreError};
use galene_protocol::{GroupName, Secret};
use serde_json::Value;

#[derive(Debug, Default)]
pub(crate) struct Tokens(Mutex<Vec<StatefulToken>>);

impl Tokens {
    /// Puts a token into the store.
    pub(crate) fn put(&self, token: Value) {
        self.all().push(serde_json::from_value(token).unwrap());
    }

    pub(crate) fn count(&self) -> usize {
        self.all().len()
    }

    fn all(&self) -> MutexGuard<'_, Vec<StatefulToken>> {
        self.0.lock().unwrap()
    }
}

impl TokenStore for Tokens {
    fn get(&self, name: &Secret) -> Result<Option<StatefulToken>, TokenStoreError> {
        Ok(self.all().iter().find(|token| token.token == *name).cloned())
    }

    fn list(&self, group: &GroupName) -> Result<Vec<StatefulToken>, TokenStoreError> {
        Ok(self.all().iter().filter(|token| token.group == group.as_str()).cloned().collect())
    }

    fn add(&self, token: StatefulToken) -> Result<(), TokenStoreError> {
        self.all().push(token);
        Ok(())
    }

    fn edit(
        &self,
        name: &Secret,
        change: &mut dyn FnMut(&mut StatefulToken) -> Result<(), TokenStoreError>,
    ) -> Result<StatefulToken, TokenStoreError> {
        let mut all = self.all();
        let token = all.iter_mut().find(|token| token.token == *name);
        let token = token.ok_or(TokenStoreError::NotFound)?;
        change(token)?;
        Ok(token.clone())
    }
}
