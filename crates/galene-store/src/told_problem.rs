//! What is wrong with a file, told once.

use std::error::Error;

/// The problem that somebody was told of last. A file that is looked at again and again has it each time.
#[derive(Debug, Default)]
pub struct ToldProblem(Option<String>);

impl ToldProblem {
    /// Takes note of a problem, and returns whether it is to be told: it is not the one that was told last.
    pub fn is_news(&mut self, problem: &dyn Error) -> bool {
        let text = problem.to_string();
        let is_news = self.0.as_ref() != Some(&text);
        self.0 = Some(text);
        is_news
    }

    /// Takes note that nothing is wrong any more.
    pub fn clear(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::*;

    #[test]
    fn a_problem_is_news_once_until_there_is_another_or_none() {
        let mut told = ToldProblem::default();
        let [one, other] = [ErrorKind::PermissionDenied, ErrorKind::NotFound].map(Error::from);
        assert!(told.is_news(&one) && !told.is_news(&one));
        assert!(told.is_news(&other) && told.is_news(&one));
        told.clear();
        assert!(told.is_news(&one));
    }
}
