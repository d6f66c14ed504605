//! The I/O shell of the media plane: UDP sockets and worker threads around galene-sfu.
