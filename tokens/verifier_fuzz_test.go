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

	"github.com/cognitogate/cognitogate/tokens"
)

// FuzzVerify looks for a token that is accepted or returned as expired, although no key
// of the pool has signed it or its claims say otherwise. It also looks for a panic, and
// for a refusal that costs too much memory. how tells the use of text: a token, the
// header or payload of a token with the signature of another text, or a payload that is
// signed.
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
		// The metric is cheap and coarse. If it is too high, allocatedBy measures again.
		bound := refusalBound(raw) + 8<<10 // for checking a signature
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

// allocated returns roughly how many bytes have been allocated so far. Unlike
// runtime.ReadMemStats it does not stop the program.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// checkSigned checks the signature and the claims of a token without the code under
// test.
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
	if token.Subject() == "" || text("sub") != token.Subject() || text("token_use") != string(token.Use()) || text(client) != goldenUserPool.ClientID ||
		!slices.Contains(goldenUserPool.IssuerURLs(), text("iss")) || token.Issuer() != text("iss") || token.ClientID() != goldenUserPool.ClientID {
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
