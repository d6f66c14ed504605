//! From credentials and a policy to a grant.
