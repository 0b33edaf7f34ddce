package middleware

// SessionConfig is for the test that every field is copied.
var SessionConfig = sessionConfig
