//! The words of Galène's signalling protocol, as parsed types.
