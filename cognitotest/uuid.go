package cognitotest

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
)

func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	return formatUUID(b)
}

// namedUUID returns the UUID of a name: the same one in every run.
func namedUUID(name string) string {
	sum := sha256.Sum256([]byte("cognitotest " + name))
	return formatUUID([16]byte(sum[:16]))
}

// formatUUID writes b as a UUID of version 4 (RFC 9562 §5.4).
func formatUUID(b [16]byte) string {
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
