import "galene-client";
