package tokens

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// claims are the members of a payload that this package reads. Its strings are parts
// of the payload's text, and keep all of it in memory. A Token gets copies.
type claims struct {
	issuer, subject, use    string
	clientID                string // "client_id"
	audience                string // "aud", if it is a string
	audiences               string // the array's text, if it is one
	username, idUsername    string // "username", "cognito:username"
	scope, originID         string
	nonce                   string
	groups                  string // the array's text
	expires, notBefore      time.Time
	issuedAt, authenticated time.Time
}

// read reads a payload. A known member of the wrong type is an error, and so is a missing
// subject: a reader of the token would have to guess. A token without an expiry has
// expired.
func (c *claims) read(payload string) error {
	var buf [24]jsonMember
	members, err := appendJSONMembers(buf[:0], payload)
	if err != nil {
		return err
	}
	for _, m := range members {
		if !c.set(m) {
			return fmt.Errorf("claim %q has the wrong type", m.name)
		}
	}
	if c.subject == "" {
		return errors.New(`no "sub"`)
	}
	return nil
}

func (c *claims) set(m jsonMember) (ok bool) {
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
		// RFC 7519 allows an array. Cognito issues none, and a token for our app
		// client among others was not issued to ours alone.
		if ok = m.value[0] == '['; ok {
			c.audiences = m.value
		} else {
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
		// A nonce that is no string is none: no authorization request has sent it.
		if ok = true; m.value[0] == '"' {
			c.nonce, _ = unquote(m.value)
		}
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

// client is the app client that the token was issued to. The claim that names it
// depends on the token's own token_use, whatever use is asked for. So an ID token in
// the place of an access token is told apart from a token of another client.
func (c *claims) client() string {
	if c.use == string(ID) {
		return c.audience
	}
	return c.clientID
}

// token makes the Token that these claims describe. Their use and app client have been
// checked. Tokens share the strings of the issuer and the app client.
func (c *claims) token(raw string, use Use, clientID string, key *publicKey) *Token {
	made := new(struct { // one allocation for all
		token   Token
		decoded decodedClaims
		groups  [4]string // nearly always they suffice
	})
	t := &made.token
	*t = Token{
		use:        use,
		issuer:     c.issuer,
		clientID:   clientID,
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
		decoded:    &made.decoded,
	}
	if use == ID {
		t.username = c.idUsername
	}
	if c.groups != "" {
		t.groups = made.groups[:0:len(made.groups)]
		if n := strings.Count(c.groups, ",") + 1; n > len(made.groups) {
			t.groups = make([]string, 0, n)
		}
		eachString(c.groups, func(group string) { t.groups = append(t.groups, group) })
	}
	if t.audience == clientID {
		t.audience = clientID
	} else {
		t.audience = strings.Clone(t.audience)
	}
	copyStrings(t.groups, &t.subject, &t.username, &t.originID, &t.nonce, &t.scopes)
	return t
}

// copyStrings replaces strings by copies, so that they no longer keep the text in
// memory that they are parts of. All copies share one allocation.
func copyStrings(list []string, more ...*string) {
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
// fraction. It refuses dates after the year 9999, which would overflow.
func numericDate(value string) (time.Time, bool) {
	f, err := strconv.ParseFloat(value, 64)
	const year10000 = 253402300800
	if err != nil || f < 0 || f >= year10000 {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(f)
	return time.Unix(int64(whole), int64(fraction*1e9)), true
}
