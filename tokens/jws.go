package tokens

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// maxToken bounds a token before anything reads it. Cognito's tokens have one to
// three kilobytes, and browsers store no cookie over four.
const maxToken = 16 << 10

// compactJWS is a JWS in compact serialisation (RFC 7515 §7.1), taken apart and not
// verified.
type compactJWS struct {
	signed  string // the text that the signature covers: header "." payload
	payload string // decoded

	alg       string
	kid       string
	extension string // that the header demands: "crit" (§4.1.11) or "b64" (RFC 7797)
}

// parseJWS takes a token apart. It checks the size and the number of dots first, so
// that junk costs no memory. It decodes the parts into buf if that is long enough, and
// returns the signature in it. The caller checks alg and extension.
func parseJWS(raw string, buf []byte) (c compactJWS, signature []byte, err error) {
	if len(raw) > maxToken {
		return c, nil, fmt.Errorf("%d bytes long", len(raw))
	}
	if strings.Count(raw, ".") != 2 {
		return c, nil, errNotThreeParts
	}
	header, rest, _ := strings.Cut(raw, ".")
	payload, end, _ := strings.Cut(rest, ".")
	c.signed = raw[:len(header)+1+len(payload)]
	if buf, err = appendPart(buf[:0], header); err != nil {
		return c, nil, fmt.Errorf("header: %w", err)
	}
	endOfHeader := len(buf)
	if buf, err = appendPart(buf, payload); err != nil {
		return c, nil, fmt.Errorf("payload: %w", err)
	}
	text := string(buf)
	if signature, err = appendPart(buf[:0], end); err != nil {
		return c, nil, fmt.Errorf("signature: %w", err)
	}
	c.payload = text[endOfHeader:]
	if err := c.readHeader(text[:endOfHeader]); err != nil {
		return c, nil, fmt.Errorf("header: %w", err)
	}
	return c, signature, nil
}

func (c *compactJWS) readHeader(header string) error {
	var buf [8]jsonMember
	members, err := appendJSONMembers(buf[:0], header)
	if err != nil {
		return err
	}
	for _, m := range members {
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
			return fmt.Errorf("%q is not a string", m.name)
		}
	}
	return nil
}

var (
	errNotThreeParts = errors.New("not three parts")
	base64url        = base64.RawURLEncoding.Strict()
)

// appendPart appends base64url, decoded as RFC 7515 §2 defines it: without padding, line
// breaks (which encoding/base64 skips) or stray bits. Every token has exactly one
// spelling then.
func appendPart(b []byte, s string) ([]byte, error) {
	if s == "" {
		return nil, errors.New("empty")
	}
	if strings.IndexByte(s, '\r') >= 0 || strings.IndexByte(s, '\n') >= 0 {
		return nil, errors.New("line break in base64url")
	}
	b, err := base64url.AppendDecode(b, []byte(s))
	if err != nil {
		return nil, errors.New("not base64url")
	}
	return b, nil
}
