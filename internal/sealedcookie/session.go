package sealedcookie

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"
)

// version is the first byte of an encoded Session.
const version = 1

// Session is what is sealed. Its times have the precision of a millisecond.
type Session struct {
	User                string // the username of the tokens
	Access, ID, Refresh string // ID and Refresh may be empty

	SignedIn  time.Time // when the sign-in began
	Refreshed time.Time // when these tokens came
	Expires   time.Time // when the access token does
}

// encode returns the session as bytes.
func (s *Session) encode() []byte {
	b := make([]byte, 0, len(s.User)+len(s.Access)+len(s.ID)+len(s.Refresh)+64)
	b = append(b, version)
	for _, t := range []time.Time{s.SignedIn, s.Refreshed, s.Expires} {
		b = binary.AppendVarint(b, t.UnixMilli())
	}
	for _, text := range []string{s.User, s.Access, s.ID, s.Refresh} {
		b = appendText(b, text)
	}
	return b
}

// decode returns the session of bytes that encode has returned. Another version is none.
func decode(b []byte) (*Session, bool) {
	if len(b) == 0 || b[0] != version {
		return nil, false
	}
	r := reader{rest: b[1:]}
	s := new(Session)
	for _, t := range []*time.Time{&s.SignedIn, &s.Refreshed, &s.Expires} {
		*t = time.UnixMilli(r.varint())
	}
	for _, text := range []*string{&s.User, &s.Access, &s.ID, &s.Refresh} {
		*text = r.text()
	}
	return s, !r.failed && len(r.rest) == 0
}

// appendText appends a text. Of a token, which is base64url with dots (RFC 7515 §3.1), it
// appends the decoded parts. They are a quarter shorter, and a cookie encodes them again.
func appendText(b []byte, text string) []byte {
	parts := strings.Split(text, ".")
	decoded := make([][]byte, len(parts))
	for i, part := range parts {
		var err error
		decoded[i], err = base64.RawURLEncoding.DecodeString(part)
		if err != nil || base64.RawURLEncoding.EncodeToString(decoded[i]) != part { // another spelling
			b = binary.AppendUvarint(b, 0)
			return appendBytes(b, []byte(text))
		}
	}
	b = binary.AppendUvarint(b, uint64(len(parts)))
	for _, part := range decoded {
		b = appendBytes(b, part)
	}
	return b
}

func appendBytes(b, part []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(part))), part...)
}

// reader reads what encode has written.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.rest)
	r.skip(n)
	return v
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	r.skip(n)
	return v
}

func (r *reader) skip(n int) {
	if n <= 0 {
		r.failed, r.rest = true, nil
		return
	}
	r.rest = r.rest[n:]
}

func (r *reader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.failed, r.rest = true, nil
		return nil
	}
	part := r.rest[:n]
	r.rest = r.rest[n:]
	return part
}

func (r *reader) text() string {
	parts := r.uvarint()
	if parts == 0 {
		return string(r.bytes())
	}
	var b strings.Builder
	for i := uint64(0); i < parts && !r.failed; i++ {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(base64.RawURLEncoding.EncodeToString(r.bytes()))
	}
	return b.String()
}
