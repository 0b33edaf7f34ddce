// Package sealedcookie keeps the tokens of a session in cookies that only the holder of a
// secret can read or make.
//
// A session has one text, which AES-256-GCM seals under the cookie's name. A text that is
// too long for one cookie is cut into chunks, in cookies whose names end in ".0", ".1" and
// so on. Every chunk begins with the same characters of a salt, so that chunks of two texts
// are told apart. The seal covers the whole text, so that no chunk can be replaced.
//
// Or the tokens are a sealed record in a store, and the cookie holds its handle.
package sealedcookie

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/seal"
)

const (
	kind = 's' // of the sealed value

	namePart = "cognitogate.session." // before the app client's id

	// digestLength is the length of the digest at the end of a name.
	digestLength = 8

	// tagLength is how many characters all chunks of a text begin with. They encode the
	// kind and five bytes of the salt.
	tagLength = 8

	// MaxChunks is how many chunks a text may have: enough for two tokens of 16 KiB, and a
	// refresh token.
	MaxChunks = 16

	// maxPair bounds the bytes of a cookie's name and value. It leaves room for the
	// attributes, which some browsers count (RFC 6265 §6.1).
	maxPair = 3800
)

// Cookie is one cookie.
type Cookie struct{ Name, Value string }

// Prefix returns what the names of an app client's cookies begin with. Browsers let no
// other host set a name with __Host-, which needs Secure, the Path "/" and no Domain. They
// let no page of plain HTTP set one with __Secure- (RFC 6265bis §4.1.3).
func Prefix(clientID string, a cookie.Attributes) string {
	name := namePart + clientID + "."
	switch {
	case a.Insecure:
		return name
	case a.Domain != "" || a.Path != "/" && a.Path != "":
		return "__Secure-" + name
	}
	return "__Host-" + name
}

// IsName reports whether a name is that of an app client's cookie, with any prefix. client
// is the app client's id with a dot.
func IsName(name, client string) bool {
	rest, ok := cutNamePart(name)
	return ok && strings.HasPrefix(rest, client)
}

// ClientOf returns the app client's id in a cookie's name with any prefix, or "".
func ClientOf(name string) string {
	rest, _ := cutNamePart(name)
	clientID, rest, _ := strings.Cut(rest, ".")
	if rest == "" {
		return ""
	}
	return clientID
}

// cutNamePart returns a name from the app client's id on.
func cutNamePart(name string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(strings.TrimPrefix(strings.TrimPrefix(name, "__Host-"), "__Secure-"), namePart)
	if !ok {
		return "", false
	}
	return rest, true
}

// Codec seals and opens the sessions of one app client.
type Codec struct {
	prefix string
	client string
	box    *seal.Box
}

// New returns a Codec for cookies whose names begin with prefix. The first secret seals,
// and all of them open. The app client is part of the keys, so that other app clients can
// have the same secret.
func New(prefix, userPoolID, clientID string, now func() time.Time, secrets ...[]byte) (*Codec, error) {
	client := userPoolID + " " + clientID
	box, err := seal.NewBox("session cookie "+client, now, secrets...)
	if err != nil {
		return nil, err
	}
	return &Codec{prefix, client, box}, nil
}

// Name returns the name of a sign-in's cookies. Sign-ins have different names, so that a
// late answer of one never overwrites the cookies of another.
func (c *Codec) Name(signIn string) string {
	digest := sha256.Sum256([]byte(c.client + " " + signIn))
	return c.prefix + base64.RawURLEncoding.EncodeToString(digest[:])[:digestLength]
}

// Parse takes the name of a cookie apart: into that of the sign-in's cookies, and the
// position of the chunk. A cookie that holds the whole text has position -1. Names are
// compared byte for byte, and never decoded.
func (c *Codec) Parse(cookieName string) (name string, position int, ok bool) {
	end := len(c.prefix) + digestLength
	if len(cookieName) < end || !strings.HasPrefix(cookieName, c.prefix) {
		return "", 0, false
	}
	name, rest := cookieName[:end], cookieName[end:]
	if rest == "" {
		return name, -1, true
	}
	if rest[0] != '.' || len(rest) < 2 || len(rest) > 3 || rest[1] == '0' && len(rest) > 2 {
		return "", 0, false
	}
	for _, digit := range []byte(rest[1:]) {
		if digit < '0' || digit > '9' {
			return "", 0, false
		}
		position = position*10 + int(digit-'0')
	}
	return name, position, position < MaxChunks
}

// Seal returns the cookies of a session, until expires. The same arguments bring the same
// cookies in all processes, so that a browser may take some of them from one and some from
// another.
func (c *Codec) Seal(name string, s *Session, expires time.Time) []Cookie {
	text := base64.RawURLEncoding.EncodeToString(c.box.SealSame(kind, name, s.encode(), expires))
	if size := maxPair - len(name) - len("="); len(text) <= size {
		return []Cookie{{name, text}}
	}
	var cookies []Cookie
	size := maxPair - len(name) - len(".10=") - tagLength
	tag, rest := text[:tagLength], text[tagLength:]
	for rest != "" {
		n := min(size, len(rest))
		cookies = append(cookies, Cookie{name + "." + strconv.Itoa(len(cookies)), tag + rest[:n]})
		rest = rest[n:]
	}
	return cookies
}

// Tag returns what the chunks of one text have in common, or "" if a value is too short.
func Tag(value string) string {
	if len(value) < tagLength {
		return ""
	}
	return value[:tagLength]
}

// Open returns the session in the values of the cookies of this name, in the order of
// their positions. It reports false if a secret of the Codec has not sealed exactly these
// for exactly this name, or if they have expired.
func (c *Codec) Open(name string, values []string) (*Session, bool) {
	if len(values) == 0 {
		return nil, false
	}
	text := values[0]
	if len(values) > 1 {
		var b strings.Builder
		b.WriteString(text)
		for _, value := range values[1:] {
			if Tag(value) == "" || Tag(value) != Tag(text) {
				return nil, false
			}
			b.WriteString(value[tagLength:])
		}
		text = b.String()
	}
	// Strict refuses other spellings of the same bytes, except for line breaks.
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") || len(sealed) == 0 || sealed[0] != kind {
		return nil, false
	}
	plain, _, err := c.box.Open(name, sealed)
	if err != nil {
		return nil, false
	}
	return decode(plain)
}
