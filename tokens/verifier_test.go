package tokens_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/tokens"
)

var reasons = []tokens.Reason{
	tokens.Malformed, tokens.BadAlgorithm, tokens.UnknownKey, tokens.BadSignature, tokens.BadIssuer,
	tokens.BadClient, tokens.BadUse, tokens.BadAudience, tokens.NotYetValid, tokens.Expired,
}

// TestForgeriesAreRefused verifies every forgery as an access and as an ID token, fresh
// and expired. All four have the same reason, and none is returned for a refresh.
func TestForgeriesAreRefused(t *testing.T) {
	v := newGoldenVerifier(t)
	seen := make(map[string]bool)
	for _, f := range forgeries() {
		if seen[f.name] {
			t.Errorf("two forgeries are named %q", f.name)
		}
		seen[f.name] = true
		for _, use := range []tokens.Use{tokens.Access, tokens.ID} {
			for age, exp := range map[string]time.Time{"fresh": goldenNow.Add(time.Hour), "expired": goldenNow.Add(-time.Hour)} {
				if !longtest.Enabled() && (use == tokens.ID) != (age == "expired") {
					continue
				}
				d := newDraft(use, exp)
				f.forge(d)
				raw := d.token()
				token, err := v.Verify(context.Background(), raw, use)
				checkRefusal(t, f.name+", "+age+" "+string(use), raw, token, err, f.reason)
			}
		}
	}
	if len(seen) < 80 {
		t.Errorf("%d forgeries, want 80 at least", len(seen))
	}
	t.Logf("%d forgeries", len(seen))
}

// checkRefusal checks that a token is refused for one reason, in all ways in which a
// caller may ask.
func checkRefusal(t *testing.T, name, raw string, token *tokens.Token, err error, want tokens.Reason) {
	t.Helper()
	var refusal *tokens.VerifyError
	if token != nil || !errors.As(err, &refusal) {
		t.Errorf("%s: %v, %v, want %s", name, token, err, want)
		return
	}
	if refusal.Reason != want {
		t.Errorf("%s: %v, want %s", name, err, want)
	}
	for _, r := range reasons {
		if errors.Is(err, r) != (r == refusal.Reason) {
			t.Errorf("%s: errors.Is(%v, %s) is %t", name, err, r, errors.Is(err, r))
		}
	}
	if errors.Is(err, tokens.ErrUnavailable) {
		t.Errorf("%s: a refusal is ErrUnavailable", name)
	}
	if (refusal.Token != nil) != (want == tokens.Expired) {
		t.Errorf("%s: the error's token is %v", name, refusal.Token)
	}
	if text := err.Error(); len(text) > 500 || strings.ContainsAny(text, "\r\n") || len(raw) > 100 && strings.Contains(text, raw[20:60]) {
		t.Errorf("%s: the error's text is %q", name, text)
	}
}

// TestGenuineTokensAreAccepted checks unusual tokens that the pool's key has signed.
func TestGenuineTokensAreAccepted(t *testing.T) {
	v := newGoldenVerifier(t)
	for _, tt := range []struct {
		name string
		edit func(*draft)
	}{
		{"as it is", func(*draft) {}},
		{"typ JWT", header("typ", `"typ":"JWT"`)},
		{"zip, which JWS does not know", header("zip", `"zip":"DEF"`)},
		{"jwk of another key, not looked at", header("jwk", `"jwk":`+rogueKey().jwk)},
		{"jku, not looked at", header("jku", `"jku":"https://evil.example/jwks.json"`)},
		{"Alg, which is not alg", header("Alg", `"Alg":"none"`)},
		{"CRIT, which is not crit", header("CRIT", `"CRIT":["x"]`)},
		{"alg in escapes", header("alg", `"\u0061lg":"RS\u003256"`)},
		{"white space", func(d *draft) {
			d.text[0] = " \t\r\n{ " + strings.Join(d.header, " ,\n") + " } "
			d.text[1] = "\n{\t" + strings.Join(d.claims, "\r\n,") + "}\n"
		}},
		{"claims that nest 16 deep", claim("x", `"x":`+nest(15))},
		{"a thousand claims", claim("x", many(1000))},
		{"names in other case, which are other names", claim("Sub", `"Sub":"mallory"`, `"Username":"mallory"`, `"Cognito:Groups":["admins"]`, `"EXP":1`, `"Aud":1`)},
		{"nbf within the leeway", claim("nbf", `"nbf":1790000060`)},
		{"nbf that has passed", claim("nbf", `"nbf":1789990000.5`)},
		{"iat in the future", claim("iat", `"iat":1890000000`)},
		{"exp with a fraction", claim("exp", `"exp":1790000000.5`)},
		{"exp with an exponent", claim("exp", `"exp":1.790003600e9`)},
		{"what names the client in the other use, as it likes", func(d *draft) {
			if d.use == tokens.ID {
				set(&d.claims, "client_id", `"client_id":"2otherclient34567890123456"`)
			} else {
				set(&d.claims, "aud", `"aud":["https://api.example.com"]`) // of a resource server
			}
		}},
		{"the updated issuer", claim("iss", `"iss":"https://issuer-cognito-idp.us-east-1.amazonaws.com/us-east-1_GoldenA01"`)},
		{"no groups at all", claim("cognito:groups", `"cognito:groups":[]`)},
		{"half a surrogate pair in a claim", claim("x", `"x":"\ud800"`)},
	} {
		for _, use := range []tokens.Use{tokens.Access, tokens.ID} {
			d := newDraft(use, goldenNow.Add(time.Hour))
			tt.edit(d)
			raw := d.token()
			token, err := v.Verify(context.Background(), raw, use)
			if err != nil {
				t.Errorf("%s, %s: %v", tt.name, use, err)
				continue
			}
			if token.Subject() != "e85a5a43-12c1-49d2-a969-727bff0dd8f6" || token.Use() != use || token.ClientID() != goldenUserPool.ClientID ||
				len(token.Groups()) > 0 || token.Username() != "" || token.Raw() != raw {
				t.Errorf("%s, %s: the token is %#v of %q in %q", tt.name, use, token, token.Username(), token.Groups())
			}
		}
	}
}

func TestLeewayIsForNotBeforeOnly(t *testing.T) {
	for leeway, want := range map[time.Duration]time.Duration{0: time.Minute, -1: 0, time.Hour: time.Hour} {
		v, err := tokens.NewVerifier(goldenUserPool, &tokens.Options{
			Leeway: leeway,
			Now:    func() time.Time { return goldenNow },
			Keys:   tokens.StaticKeySet{accessKey().kid: &accessKey().PublicKey},
		})
		if err != nil {
			t.Fatal(err)
		}
		verify := func(name string, at time.Time) error {
			d := newDraft(tokens.Access, goldenNow.Add(24*time.Hour))
			set(&d.claims, name, fmt.Sprintf(`"%s":%d`, name, at.Unix()))
			_, err := v.Verify(context.Background(), d.token(), tokens.Access)
			return err
		}
		if err := verify("nbf", goldenNow.Add(want)); err != nil {
			t.Errorf("leeway %v: nbf in %v: %v", leeway, want, err)
		}
		if err := verify("nbf", goldenNow.Add(want+time.Second)); !errors.Is(err, tokens.NotYetValid) {
			t.Errorf("leeway %v: nbf in %v and a second: %v", leeway, want, err)
		}
		if err := verify("exp", goldenNow); !errors.Is(err, tokens.Expired) {
			t.Errorf("leeway %v: exp now: %v", leeway, err)
		}
		if err := verify("exp", goldenNow.Add(time.Second)); err != nil {
			t.Errorf("leeway %v: exp in a second: %v", leeway, err)
		}
	}
}
