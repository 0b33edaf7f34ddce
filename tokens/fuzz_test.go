package tokens_test

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/cognitogate/cognitogate/tokens"
)

// FuzzVerify looks for a token that is accepted, or handed out as merely expired,
// though no key of the pool has signed it, or though its claims say otherwise; for
// a panic; and for a refusal that costs more memory than it may. how says what text
// is: a token, the header or the payload of one that is signed as another text, or
// a payload that is signed.
func FuzzVerify(f *testing.F) {
	const asAccess, asID, asHeader, asPayload, asSigned = 0, 1, 2, 3, 4
	good := newDraft(tokens.Access, goldenNow.Add(time.Hour))
	header, payload := "{"+strings.Join(good.header, ",")+"}", "{"+strings.Join(good.claims, ",")+"}"
	for _, fg := range forgeries() {
		d := newDraft(tokens.Access, goldenNow.Add(time.Hour))
		fg.forge(d)
		if raw := d.token(); len(raw) < 5000 {
			f.Add(raw, uint8(asAccess))
		}
		f.Add("{"+strings.Join(d.claims, ",")+"}", uint8(asSigned))
	}
	f.Add(good.token(), uint8(asAccess))
	f.Add(newDraft(tokens.Access, goldenNow.Add(-time.Hour)).token(), uint8(asAccess))
	f.Add(newDraft(tokens.ID, goldenNow.Add(time.Hour)).token(), uint8(asID))
	f.Add(header, uint8(asHeader))
	f.Add(payload, uint8(asPayload))
	parts := strings.Split(good.token(), ".")
	v := newGoldenVerifier(f)
	f.Fuzz(func(t *testing.T, text string, how uint8) {
		raw, use := text, tokens.Access
		switch how % 5 {
		case asID:
			use = tokens.ID
		case asHeader:
			raw = encode([]byte(text)) + "." + parts[1] + "." + parts[2]
		case asPayload:
			raw = parts[0] + "." + encode([]byte(text)) + "." + parts[2]
		case asSigned:
			d := newDraft(tokens.Access, goldenNow)
			d.text[1] = text
			raw = d.token()
		}
		var token *tokens.Token
		var err error
		before := allocated()
		token, err = v.Verify(context.Background(), raw, use)
		cost := allocated() - before
		if err == nil {
			checkSigned(t, raw, token, true)
			return
		}
		refusal := (*tokens.VerifyError)(nil)
		if token != nil || !errors.As(err, &refusal) || (refusal.Token != nil) != (refusal.Reason == tokens.Expired) {
			t.Fatalf("%v, %v", token, err)
		}
		if refusal.Token != nil {
			checkSigned(t, raw, refusal.Token, false)
			return
		}
		// The metric is cheap and coarse; what it suspects is measured.
		bound := refusalBound(raw) + 8<<10 // for the check of a signature
		if cost > bound {
			if cost = allocatedBy(func() { v.Verify(context.Background(), raw, use) }); cost > bound {
				t.Errorf("%d bytes of token cost %d bytes of memory, want %d", len(raw), cost, bound)
			}
		}
		if text := err.Error(); len(text) > 1000 || strings.ContainsAny(text, "\r\n") {
			t.Errorf("the error's text is %q", text)
		}
	})
}

// allocated is what has been allocated so far, nearly. Unlike runtime.ReadMemStats
// it stops nobody.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// checkSigned checks the signature and the claims of a token without any of the
// code under test.
func checkSigned(t *testing.T, raw string, token *tokens.Token, fresh bool) {
	t.Helper()
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		t.Fatalf("accepted: %q", raw)
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if err != nil {
		t.Fatalf("accepted: %q: %v", raw, err)
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if rsa.VerifyPKCS1v15(&accessKey().PublicKey, crypto.SHA256, digest[:], signature) != nil &&
		rsa.VerifyPKCS1v15(&idKey().PublicKey, crypto.SHA256, digest[:], signature) != nil {
		t.Fatalf("accepted, and not signed: %q as %v", raw, token)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	members, ok := membersByStdlib(string(payload))
	if !ok {
		t.Fatalf("accepted: %q", payload)
	}
	text := func(name string) (s string) {
		json.Unmarshal([]byte(members[name]), &s)
		return s
	}
	client := map[tokens.Use]string{tokens.Access: "client_id", tokens.ID: "aud"}[token.Use()]
	if token.Subject() == "" || text("sub") != token.Subject() || text("token_use") != string(token.Use()) || text(client) != goldenPool.ClientID ||
		!slices.Contains(goldenPool.IssuerURLs(), text("iss")) || token.Issuer() != text("iss") || token.ClientID() != goldenPool.ClientID {
		t.Errorf("accepted as %v: %s", token, payload)
	}
	var exp float64
	json.Unmarshal([]byte(members["exp"]), &exp)
	if now := float64(goldenNow.Unix()); exp > now != fresh {
		t.Errorf("accepted as %v, fresh %t: %s", token, fresh, payload)
	}
	var groups []string
	json.Unmarshal([]byte(members["cognito:groups"]), &groups)
	if !slices.Equal(groups, token.Groups()) {
		t.Errorf("the groups of %s are %q", payload, token.Groups())
	}
}

// FuzzMembers compares the scanner with encoding/json: it accepts exactly the JSON
// objects in valid UTF-8 of 16 levels whose members have different names, and finds
// the same names and values.
func FuzzMembers(f *testing.F) {
	for _, fg := range forgeries() {
		d := newDraft(tokens.Access, goldenNow)
		fg.forge(d)
		d.token()
		for _, text := range append(d.text[:], "{"+strings.Join(d.header, ",")+"}", "{"+strings.Join(d.claims, ",")+"}") {
			if len(text) < 2000 {
				f.Add(text)
			}
		}
	}
	for _, text := range []string{
		`{"a":"\ud83d\ude00","\ud83d":"\ude00\ud83d","\ud83dx":"\ud83d\u0041"}`, `{"\ud83d\ud83d\ude00":1}`, `{"\/\b\f\n\r\t\"\\":"\u2028"}`,
		`{"a":[1,-0,0.5e+7,1E-2,true,false,null,{},[],""],"b":{"b":{"b":1,"b":2}}}`, `{"a":-}`, `{"a":00}`, `{"a":1e}`, `{"":""}`, `{"a":"` + "\x7f" + `"}`,
		`{"a":` + nest(15) + `}`, `{"a":` + nest(16) + `}`, `{"a":` + strings.Repeat(`{"a":`, 16) + `1` + strings.Repeat(`}`, 17), `{` + many(40) + `}`, `{` + many(40) + `,"m7":0}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := tokens.Members(text)
		want, ok := membersByStdlib(text)
		if (err == nil) != ok {
			t.Fatalf("%q: %v, and encoding/json accepts: %t", text, err, ok)
		}
		if !ok {
			return
		}
		if len(got) != len(want) {
			t.Fatalf("%q has members %q, want %q", text, got, want)
		}
		for name, value := range want {
			if got[name] != value {
				t.Errorf("%q: member %q is %q, want %q", text, name, got[name], value)
			}
			checkString(t, value)
		}
	})
}

// checkString compares how strings, and arrays of strings, are decoded.
func checkString(t *testing.T, value string) {
	t.Helper()
	var want string
	isString := value != "null" && json.Unmarshal([]byte(value), &want) == nil
	if got, ok := tokens.Unquote(value); ok != isString || got != want {
		t.Errorf("%s is %q, %t, want %q, %t", value, got, ok, want, isString)
	}
	var list []*string
	isList := value != "null" && json.Unmarshal([]byte(value), &list) == nil
	for _, item := range list {
		isList = isList && item != nil
	}
	got, ok := tokens.Strings(value)
	if ok != isList || ok && len(got) != len(list) {
		t.Fatalf("%s is %q, %t, want %t", value, got, ok, isList)
	}
	for i := range got {
		if got[i] != *list[i] {
			t.Errorf("%s has %q, want %q", value, got[i], *list[i])
		}
	}
}

// membersByStdlib is what the scanner should be, slowly.
func membersByStdlib(text string) (map[string]string, bool) {
	if !utf8.ValidString(text) || !json.Valid([]byte(text)) {
		return nil, false
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	first, _ := decoder.Token()
	if first != json.Delim('{') {
		return nil, false
	}
	all := make(map[string]string)
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, false
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, false
		}
		if _, twice := all[name.(string)]; twice {
			return nil, false
		}
		all[name.(string)] = string(value)
	}
	depth, deepest := 0, 0
	decoder = json.NewDecoder(strings.NewReader(text))
	for {
		token, err := decoder.Token()
		if err != nil {
			return all, deepest <= 16
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
			deepest = max(deepest, depth)
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
}
