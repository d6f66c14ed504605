//! What members do to the tokens of their group. The tokens themselves are kept by the shell.

use galene_auth::{TokenAnswer, TokenOperation, TokenStoreError};
use galene_group::{Group, MemberId, Refusal, TokenRefused};
use galene_protocol::{ServerMessage, TokenRefusal, TokenTemplate, UserMessage};

use crate::{Conference, Now, Output, SessionId, Ticket};

/// Something that was asked about tokens.
#[derive(Debug)]
pub(crate) struct TokenQuestion {
    /// Who waits for the answer.
    session: SessionId,
    kind: ReplyKind,
}

/// How a question about tokens is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReplyKind {
    List,
    Token,
}

impl Conference {
    pub(crate) fn make_token(&mut self, session: SessionId, template: TokenTemplate, now: Now) {
        self.ask_about_tokens(session, ReplyKind::Token, |group, member| {
            group.make_token(member, template, now.wall).map(TokenOperation::Make)
        });
    }

    pub(crate) fn edit_token(&mut self, session: SessionId, template: TokenTemplate, now: Now) {
        self.ask_about_tokens(session, ReplyKind::Token, |group, member| {
            let edit = group.edit_token(member, template, now.wall)?;
            let (name, expires, not_before) = (edit.name, edit.expires, edit.not_before);
            let group = group.name().clone();
            Ok(TokenOperation::Edit { group, name, expires, not_before })
        });
    }

    pub(crate) fn list_tokens(&mut self, session: SessionId) {
        self.ask_about_tokens(session, ReplyKind::List, |group, member| {
            group.check_token_administrator(member)?;
            Ok(TokenOperation::List { group: group.name().clone() })
        });
    }

    /// Answers a wish for a token that is not described as it should be.
    pub(crate) fn refuse_template(&mut self, session: SessionId, is_new: bool, reason: String) {
        self.ask_about_tokens(session, ReplyKind::Token, |group, member| {
            if is_new {
                group.check_token_maker(member)?;
            } else {
                group.check_token_administrator(member)?;
            }
            Err(TokenRefused::Invalid(reason))
        });
    }

    pub(crate) fn tokens_answered(
        &mut self,
        ticket: Ticket,
        result: Result<TokenAnswer, TokenStoreError>,
    ) {
        let Some(question) = self.token_questions.remove(&ticket) else { return };
        let TokenQuestion { session, kind } = question;
        if let Err(TokenStoreError::Unavailable { reason }) = &result {
            tracing::warn!(reason, "tokens are not available");
        }
        let message = match result {
            Ok(TokenAnswer::List(tokens)) => UserMessage::TokenList(Ok(tokens)),
            Ok(TokenAnswer::Token(token)) => UserMessage::Token(Ok(token)),
            Err(error) => refusal(kind, false, error.to_string()),
        };
        self.tell(session, ServerMessage::UserMessage(message));
    }

    fn ask_about_tokens(
        &mut self,
        session: SessionId,
        kind: ReplyKind,
        ask: impl FnOnce(&Group, MemberId) -> Result<TokenOperation, TokenRefused>,
    ) {
        let Some(group) = self.group_of(session) else {
            return self.tell_error(session, Refusal::NotAMember.to_string());
        };
        match ask(group, session.into()) {
            Ok(operation) => {
                let ticket = self.new_ticket();
                self.token_questions.insert(ticket, TokenQuestion { session, kind });
                self.output(Output::Tokens { ticket, operation });
            }
            Err(error) => {
                let not_authorised =
                    matches!(error, TokenRefused::Refused(Refusal::NotAuthorised { .. }));
                let message = refusal(kind, not_authorised, error.to_string());
                self.tell(session, ServerMessage::UserMessage(message));
            }
        }
    }
}

fn refusal(kind: ReplyKind, not_authorised: bool, message: String) -> UserMessage {
    let refusal = TokenRefusal { not_authorised, message };
    match kind {
        ReplyKind::List => UserMessage::TokenList(Err(refusal)),
        ReplyKind::Token => UserMessage::Token(Err(refusal)),
    }
}
