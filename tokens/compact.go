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
	payload   string
	signature []byte

	alg string
	kid string
	ext bool // the header demands an extension: "crit" (§4.1.11) or "b64" (RFC 7797)
}

// parseCompact takes a token apart. The size and the number of dots are checked
// first, so that junk costs no memory. ext and alg are for the caller to judge.
func parseCompact(raw string) (compact, error) {
	var c compact
	if len(raw) > maxToken {
		return c, fmt.Errorf("%d bytes long", len(raw))
	}
	if strings.Count(raw, ".") != 2 {
		return c, errors.New("not three parts")
	}
	last := strings.LastIndexByte(raw, '.')
	c.signed = raw[:last]
	header, payload, _ := strings.Cut(c.signed, ".")
	c.payload = payload

	text, err := decodePart(header)
	if err != nil {
		return c, fmt.Errorf("header: %w", err)
	}
	var buf [8]member
	ms, err := members(buf[:0], text)
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
			c.ext = true
		}
		if !ok {
			return c, fmt.Errorf("header: %q is not a string", m.name)
		}
	}
	if c.signature, err = decodePart(raw[last+1:]); err != nil {
		return c, fmt.Errorf("signature: %w", err)
	}
	return c, nil
}

// decodePart decodes base64url as RFC 7515 §2 has it: no padding, no line
// breaks (which encoding/base64 skips) and no stray bits, so that every token
// has exactly one spelling.
func decodePart(s string) ([]byte, error) {
	if s == "" {
		return nil, errors.New("empty")
	}
	if strings.ContainsAny(s, "\r\n") {
		return nil, errors.New("line break in base64url")
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, errors.New("not base64url")
	}
	return b, nil
}

// claims are the members of a payload that this package reads.
type claims struct {
	issuer, subject, use    string
	clientID                string // "client_id"
	audience                string // "aud", when it is a string
	username, idUsername    string // "username", "cognito:username"
	scope, originID         string
	groups                  []string
	expires, notBefore      time.Time
	issuedAt, authenticated time.Time
}

// parseClaims decodes a payload. A known member of the wrong type is an error,
// and so is a missing subject: whoever reads the token would have to guess.
func parseClaims(payload string) (*claims, error) {
	text, err := decodePart(payload)
	if err != nil {
		return nil, err
	}
	var buf [24]member
	ms, err := members(buf[:0], text)
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
	case "cognito:groups":
		c.groups, ok = stringArray(m.value)
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

// numericDate decodes seconds since the epoch (RFC 7519 §2), which may have a
// fraction. Dates past the year 9999 are refused: they would overflow.
func numericDate(value []byte) (time.Time, bool) {
	f, err := strconv.ParseFloat(string(value), 64)
	const year10000 = 253402300800
	if err != nil || f < 0 || f >= year10000 {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(f)
	return time.Unix(int64(whole), int64(fraction*1e9)), true
}

// stringArray decodes an array of strings.
func stringArray(value []byte) ([]string, bool) {
	s := scanner{text: value}
	if !s.take('[') {
		return nil, false
	}
	var list []string
	for s.space(); !s.take(']'); s.space() {
		if len(list) > 0 {
			s.take(',')
			s.space()
		}
		quoted, ok := s.string()
		if !ok {
			return nil, false
		}
		item, ok := unquote(quoted)
		if !ok {
			return nil, false
		}
		list = append(list, item)
	}
	return list, true
}
