package refresh

import (
	"encoding/binary"
	"time"
)

// noteKind says what a Note is about.
type noteKind byte

const (
	noteSignIn noteKind = 's' // key is of a sign-in
	noteText   noteKind = 't' // key is of a token's text
	noteUser   noteKind = 'u' // key is of a user; the sign-ins that began until at are over
)

// Note says that something was signed out. Replicas tell each other in a log.
type Note struct {
	kind    noteKind
	key     hash
	subject shortHash // of a sign-in
	at      time.Time // whole seconds, once another process has read it
}

// scope is a part of a hash that tells the notes of one app client, or those about users
// of one user pool, from others in the same log.
type scope [4]byte

// lengthOf returns how many bytes a note has in the log, or -1 for no kind.
func lengthOf(kind noteKind) int {
	const length = 1 + len(scope{}) + len(hash{}) + 8
	switch kind {
	case noteText, noteUser:
		return length
	case noteSignIn:
		return length + len(shortHash{})
	}
	return -1
}

func scopeOf(parts ...string) (found scope) {
	name := hashOfParts(parts...)
	copy(found[:], name[:])
	return found
}

// noteScopes are the scopes of the notes that are about an app client's sign-ins and users.
type noteScopes struct{ userPool, client scope }

func newNoteScopes(userPoolID, clientID string) noteScopes {
	return noteScopes{scopeOf(userPoolID), scopeOf(userPoolID, clientID)}
}

func (s *noteScopes) of(kind noteKind) scope {
	if kind == noteUser {
		return s.userPool
	}
	return s.client
}

// encode returns a note as the log has it: the kind, the scope, the key, the Unix time in
// eight bytes, and for a sign-in the subject.
func (s *noteScopes) encode(n Note) []byte {
	scope := s.of(n.kind)
	text := append([]byte{byte(n.kind)}, scope[:]...)
	text = append(text, n.key[:]...)
	text = binary.BigEndian.AppendUint64(text, uint64(n.unixUp()))
	if n.kind == noteSignIn {
		text = append(text, n.subject[:]...)
	}
	return text
}

// unixUp returns the time of a note in seconds, rounded up.
func (n *Note) unixUp() int64 {
	if n.at.Nanosecond() > 0 {
		return n.at.Unix() + 1
	}
	return n.at.Unix()
}

// decode returns the note of a text in the log. ok is false if it is about another app
// client, or not a note at all.
func (s *noteScopes) decode(text []byte) (n Note, ok bool) {
	if len(text) == 0 || len(text) != lengthOf(noteKind(text[0])) {
		return Note{}, false
	}
	n.kind, text = noteKind(text[0]), text[1:]
	if scope(text[:len(scope{})]) != s.of(n.kind) {
		return Note{}, false
	}
	text = text[len(scope{}):]
	text = text[copy(n.key[:], text):]
	n.at = time.Unix(int64(binary.BigEndian.Uint64(text)), 0)
	copy(n.subject[:], text[8:])
	return n, true
}
