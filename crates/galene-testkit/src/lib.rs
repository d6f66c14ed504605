//! A virtual network, a browser stand-in and an egress checker for tests of conferences.
