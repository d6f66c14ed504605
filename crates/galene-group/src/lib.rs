//! Groups, members, permissions, chat history and streams.
