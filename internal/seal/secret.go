package seal

import (
	"bytes"
	"fmt"
)

// CheckSecret returns an error if a secret is too short, or is one byte repeated. A random
// secret is never the latter, but a placeholder and a buffer that nobody has filled are.
func CheckSecret(secret []byte) error {
	switch {
	case len(secret) < MinSecret:
		return fmt.Errorf("has %d of at least %d random bytes (openssl rand -base64 %[2]d makes them)", len(secret), MinSecret)
	case bytes.Count(secret, secret[:1]) == len(secret):
		return fmt.Errorf("is one byte, %d times, and needs at least %d random bytes", len(secret), MinSecret)
	}
	return nil
}
