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

const (
	shortNote = 1 + len(scope{}) + len(hash{}) + 8
	longNote  = shortNote + len(shortHash{}) // of a sign-in
)

func scopeOf(parts ...string) (found scope) {
	name := hashOfParts(parts...)
	copy(found[:], name[:])
	return found
}

func (s *signOuts) scopeOf(kind noteKind) scope {
	if kind == noteUser {
		return s.userPoolScope
	}
	return s.clientScope
}

// encode returns a note as the log has it: the kind, the scope, the key, the Unix time in
// eight bytes, and for a sign-in the subject.
func (s *signOuts) encode(n Note) []byte {
	scope := s.scopeOf(n.kind)
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

// decode returns the note of a text in the log. ok is false if it is not about this
// app client, or not a note at all.
func (s *signOuts) decode(text []byte) (n Note, ok bool) {
	if len(text) < shortNote {
		return Note{}, false
	}
	n.kind = noteKind(text[0])
	length := shortNote
	switch n.kind {
	case noteSignIn:
		length = longNote
	case noteText, noteUser:
	default:
		return Note{}, false
	}
	if rest := text[1:]; len(text) != length || scope(rest[:len(scope{})]) != s.scopeOf(n.kind) {
		return Note{}, false
	}
	rest := text[1+len(scope{}):]
	copy(n.key[:], rest)
	rest = rest[len(n.key):]
	n.at = time.Unix(int64(binary.BigEndian.Uint64(rest)), 0)
	copy(n.subject[:], rest[8:])
	return n, true
}

// hear remembers the sign-out that a text in the log tells of.
func (s *signOuts) hear(text []byte) {
	if note, ok := s.decode(text); ok {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.add(note)
	}
}
