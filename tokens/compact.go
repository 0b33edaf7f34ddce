package tokens

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// maxToken bounds a token before anything reads it. Cognito's are one to three
// kilobytes, and a browser stores no cookie past four.
const maxToken = 16 << 10

// compact is a JWS in compact serialisation (RFC 7515 §7.1), taken apart and
// not verified.
type compact struct {
	signed    string // what the signature covers: header "." payload
	payload   string // decoded
	signature []byte // decoded

	alg string
	kid string

	extension string // that the header demands: "crit" (§4.1.11) or "b64" (RFC 7797)
}

// parseCompact takes a token apart. The size and the number of dots are checked
// first, so that junk costs no memory. alg and extension are for the caller to judge.
func parseCompact(raw string) (c compact, err error) {
	if len(raw) > maxToken {
		return c, fmt.Errorf("%d bytes long", len(raw))
	}
	if strings.Count(raw, ".") != 2 {
		return c, errNotThree
	}
	header, rest, _ := strings.Cut(raw, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	c.signed = raw[:len(header)+1+len(payload)]
	text, err := decodePart(header)
	if err != nil {
		return c, fmt.Errorf("header: %w", err)
	}
	header = string(text)
	if text, err = decodePart(payload); err != nil {
		return c, fmt.Errorf("payload: %w", err)
	}
	c.payload = string(text)
	if c.signature, err = decodePart(signature); err != nil {
		return c, fmt.Errorf("signature: %w", err)
	}
	var buf [8]member
	ms, err := members(buf[:0], header)
	if err != nil {
		return c, fmt.Errorf("header: %w", err)
	}
	for _, m := range ms {
		ok := true
		switch m.name {
		case "alg":
			c.alg, ok = unquote(m.value)
		case "kid":
			c.kid, ok = unquote(m.value)
		case "crit", "b64":
			c.extension = m.name
		}
		if !ok {
			return c, fmt.Errorf("header: %q is not a string", m.name)
		}
	}
	return c, nil
}

var (
	errNotThree = errors.New("not three parts")
	base64url   = base64.RawURLEncoding.Strict()
)

// decodePart decodes base64url as RFC 7515 §2 has it: no padding, no line
// breaks (which encoding/base64 skips) and no stray bits, so that every token
// has exactly one spelling.
func decodePart(s string) ([]byte, error) {
	if s == "" {
		return nil, errors.New("empty")
	}
	if strings.IndexByte(s, '\r') >= 0 || strings.IndexByte(s, '\n') >= 0 {
		return nil, errors.New("line break in base64url")
	}
	b, err := base64url.DecodeString(s)
	if err != nil {
		return nil, errors.New("not base64url")
	}
	return b, nil
}

// claims are the members of a payload that this package reads. They are parts
// of its text, and keep all of it in memory; a Token gets copies.
type claims struct {
	issuer, subject, use    string
	clientID                string // "client_id"
	audience                string // "aud", when it is a string
	username, idUsername    string // "username", "cognito:username"
	scope, originID         string
	nonce                   string
	groups                  string // the array's text
	expires, notBefore      time.Time
	issuedAt, authenticated time.Time
}

// parseClaims reads a payload. A known member of the wrong type is an error, and
// so is a missing subject: whoever reads the token would have to guess. A missing
// expiry is one that has passed.
func parseClaims(payload string) (*claims, error) {
	var buf [24]member
	ms, err := members(buf[:0], payload)
	if err != nil {
		return nil, err
	}
	c := new(claims)
	for _, m := range ms {
		if !c.set(m) {
			return nil, fmt.Errorf("claim %q has the wrong type", m.name)
		}
	}
	if c.subject == "" {
		return nil, errors.New(`no "sub"`)
	}
	return c, nil
}

func (c *claims) set(m member) (ok bool) {
	switch m.name {
	case "iss":
		c.issuer, ok = unquote(m.value)
	case "sub":
		c.subject, ok = unquote(m.value)
	case "token_use":
		c.use, ok = unquote(m.value)
	case "client_id":
		c.clientID, ok = unquote(m.value)
	case "aud":
		// RFC 7519 allows an array; Cognito issues none, and an array that
		// holds our client among others is not issued to us alone.
		if ok = m.value[0] == '['; !ok {
			c.audience, ok = unquote(m.value)
		}
	case "username":
		c.username, ok = unquote(m.value)
	case "cognito:username":
		c.idUsername, ok = unquote(m.value)
	case "scope":
		c.scope, ok = unquote(m.value)
	case "origin_jti":
		c.originID, ok = unquote(m.value)
	case "nonce":
		c.nonce, ok = unquote(m.value)
	case "cognito:groups":
		c.groups, ok = m.value, eachString(m.value, nil)
	case "exp":
		c.expires, ok = numericDate(m.value)
	case "nbf":
		c.notBefore, ok = numericDate(m.value)
	case "iat":
		c.issuedAt, ok = numericDate(m.value)
	case "auth_time":
		c.authenticated, ok = numericDate(m.value)
	default:
		ok = true
	}
	return ok
}

// client is the app client that the token was issued to. Which claim names it
// depends on what the token says it is, and not on what was asked for: so an ID
// token in the place of an access token is told apart from another client's.
func (c *claims) client() string {
	if c.use == string(ID) {
		return c.audience
	}
	return c.clientID
}

// token makes the token that the claims describe, whose use has been judged.
func (c *claims) token(raw string, use Use, key *publicKey) *Token {
	t := &Token{
		use:        use,
		issuer:     c.issuer,
		clientID:   c.client(),
		audience:   c.audience,
		subject:    c.subject,
		username:   c.username,
		issuedAt:   c.issuedAt,
		expiresAt:  c.expires,
		authTime:   c.authenticated,
		originID:   c.originID,
		nonce:      c.nonce,
		scopes:     c.scope,
		raw:        raw,
		signingKey: key,
	}
	if use == ID {
		t.username = c.idUsername
	}
	if c.groups != "" {
		t.groups = make([]string, 0, strings.Count(c.groups, ",")+1)
		eachString(c.groups, func(group string) { t.groups = append(t.groups, group) })
	}
	detach(t.groups, &t.issuer, &t.clientID, &t.audience, &t.subject, &t.username, &t.originID, &t.nonce, &t.scopes)
	return t
}

// detach copies strings out of the text that they are parts of, all into one piece
// of memory.
func detach(list []string, more ...*string) {
	size := 0
	for _, s := range list {
		size += len(s)
	}
	for _, s := range more {
		size += len(*s)
	}
	var b strings.Builder
	b.Grow(size)
	for _, s := range list {
		b.WriteString(s)
	}
	for _, s := range more {
		b.WriteString(*s)
	}
	text := b.String()
	for i, s := range list {
		list[i], text = text[:len(s)], text[len(s):]
	}
	for _, s := range more {
		*s, text = text[:len(*s)], text[len(*s):]
	}
}

// numericDate decodes seconds since the epoch (RFC 7519 §2), which may have a
// fraction. Dates past the year 9999 are refused: they would overflow.
func numericDate(value string) (time.Time, bool) {
	f, err := strconv.ParseFloat(value, 64)
	const year10000 = 253402300800
	if err != nil || f < 0 || f >= year10000 {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(f)
	return time.Unix(int64(whole), int64(fraction*1e9)), true
}
