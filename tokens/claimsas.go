package tokens

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
)

// ClaimsAs decodes the claims of a token into a T, such as a struct of an application's
// custom claims:
//
//	type customClaims struct {
//		Tenant string   `json:"custom:tenant"`
//		Roles  []string `json:"roles"`
//	}
//	claims, err := tokens.ClaimsAs[customClaims](session.IDToken())
//
// Claims that the token has not are zero. Attributes of the user are in the ID token;
// claims that a trigger adds may be in either. The error is that of encoding/json, or says
// that the token is nil: a session may have no ID token.
//
// The token keeps what it has decoded for up to four types. The next call with the same T
// decodes nothing, and a T without slices, maps and pointers costs no memory. Every caller
// gets a copy, which it may change.
//
// A field of a struct T gets the claim of exactly its name. Token.Claims and encoding/json
// ignore case: there a user's own attribute "custom:Tenant" may replace "custom:tenant".
func ClaimsAs[T any](t *Token) (claims T, err error) {
	if t == nil {
		return claims, errors.New("tokens: claims of no token")
	}
	if known, shared := decodedAs[T](t.decoded); known != nil {
		if shared {
			return *known, nil
		}
		return deepCopy(reflect.ValueOf(known).Elem()).Interface().(T), nil
	}
	return decodeAs[T](t)
}

// decodeAs is ClaimsAs for a T of which nothing is kept. It keeps the value if it can.
func decodeAs[T any](t *Token) (claims T, err error) {
	members, err := t.members()
	if err != nil {
		return claims, err
	}
	if err := json.Unmarshal(withFieldsOf(reflect.TypeFor[T](), members), &claims); err != nil {
		return claims, fmt.Errorf("tokens: claims: %w", err)
	}
	switch kind := reflect.TypeFor[T](); {
	case isFlat(kind):
		t.decoded.keep(&claims, true)
	case isCopyable(kind, nil):
		first := deepCopy(reflect.ValueOf(&claims).Elem()).Interface().(T)
		t.decoded.keep(&first, false)
	}
	return claims, nil
}

// members returns the members of the payload. The token has been verified.
func (t *Token) members() ([]jsonMember, error) {
	_, rest, _ := strings.Cut(t.raw, ".")
	part, _, ok := strings.Cut(rest, ".")
	if !ok || t.decoded == nil {
		return nil, errors.New("tokens: claims of a token that was not verified")
	}
	payload, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return nil, fmt.Errorf("tokens: claims: %w", err)
	}
	return appendJSONMembers(nil, string(payload))
}

// withFieldsOf returns a JSON object of those members that are named like fields of a
// struct, or of all members for another type.
func withFieldsOf(t reflect.Type, members []jsonMember) []byte {
	var names []string
	if t.Kind() == reflect.Struct {
		for _, f := range reflect.VisibleFields(t) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" && !f.Anonymous {
				name = f.Name
			}
			names = append(names, name)
		}
	}
	object := []byte{'{'}
	for _, m := range members {
		if t.Kind() == reflect.Struct && !slices.Contains(names, m.name) {
			continue
		}
		if len(object) > 1 {
			object = append(object, ',')
		}
		name, _ := json.Marshal(m.name) // a string can be marshalled
		object = append(append(append(object, name...), ':'), m.value...)
	}
	return append(object, '}')
}

// maxDecoded is how many types the values of one token are kept for.
const maxDecoded = 4

// decodedClaims are the values that ClaimsAs has decoded of a token. Nothing changes one
// that is kept.
type decodedClaims struct {
	first atomic.Pointer[decodedValue]
}

type decodedValue struct {
	value  any  // a *T
	shared bool // callers may get it as it is
	next   *decodedValue
	count  int // with those behind next
}

// decodedAs returns the value that is kept for T, or nil.
func decodedAs[T any](d *decodedClaims) (known *T, shared bool) {
	if d == nil {
		return nil, false
	}
	for v := d.first.Load(); v != nil; v = v.next {
		if known, ok := v.value.(*T); ok {
			return known, v.shared
		}
	}
	return nil, false
}

// keep keeps a value, unless there are enough, or another goroutine keeps one just now.
func (d *decodedClaims) keep(value any, shared bool) {
	v := &decodedValue{value: value, shared: shared, next: d.first.Load(), count: 1}
	if v.next != nil {
		v.count += v.next.count
	}
	if v.count <= maxDecoded {
		d.first.CompareAndSwap(v.next, v)
	}
}
