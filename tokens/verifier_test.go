package tokens_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"math"
	"math/big"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/tokens"
)

var reasons = []tokens.Reason{
	tokens.Malformed, tokens.BadAlgorithm, tokens.UnknownKey, tokens.BadSignature, tokens.BadIssuer,
	tokens.BadClient, tokens.BadUse, tokens.NotYetValid, tokens.Expired,
}

// TestForgeriesAreRefused tries every forgery as an access and as an ID token,
// fresh and expired. The verdict is the same: only a token with no fault but its
// age is Expired, and only that one is handed out for a refresh (T2–T4, T6).
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
	t.Logf("%d forgeries, four tokens each", len(seen))
}

// checkRefusal checks that a token is refused for one reason, and says so in
// every way that a caller may ask for.
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

// TestGenuineTokensAreAccepted is the other side: what may be odd about a token
// that the pool's key did sign.
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
			if token.Subject() != "e85a5a43-12c1-49d2-a969-727bff0dd8f6" || token.Use() != use || token.ClientID() != goldenPool.ClientID ||
				len(token.Groups()) > 0 || token.Username() != "" || token.Raw() != raw {
				t.Errorf("%s, %s: the token is %#v of %q in %q", tt.name, use, token, token.Username(), token.Groups())
			}
		}
	}
}

// TestLongTokensCostNothing checks T1: what is too long, or has not two dots, is
// refused before any parser sees it.
func TestLongTokensCostNothing(t *testing.T) {
	v := newGoldenVerifier(t)
	for name, raw := range map[string]string{
		"a megabyte of dots":        strings.Repeat(".", 1<<20),
		"16 KiB of dots":            strings.Repeat(".", 16<<10),
		"a megabyte and two dots":   strings.Repeat("A", 1<<20) + ".A.A",
		"a megabyte in the payload": "A." + strings.Repeat("A", 1<<20) + ".A",
		"16 KiB and one dot":        strings.Repeat("A", 16<<10-2) + ".A",
	} {
		verify := func() {
			if _, err := v.Verify(context.Background(), raw, tokens.Access); !errors.Is(err, tokens.Malformed) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if allocs := testing.AllocsPerRun(100, verify); allocs > 10 {
			t.Errorf("%s costs %v allocations", name, allocs)
		}
	}
}

// TestRefusalsAllocateLittle checks that the worst that fits into 16 KiB costs
// memory in proportion.
func TestRefusalsAllocateLittle(t *testing.T) {
	v := newGoldenVerifier(t)
	header := encode([]byte(`{"alg":"RS256","kid":"a"}`))
	fill := func(head, unit, tail string) string {
		room := (16<<10 - len(header) - len("..AAAA")) * 3 / 4
		payload := head
		for i := 0; ; i++ {
			more := strings.ReplaceAll(unit, "?", strconv.FormatInt(int64(i), 36))
			if len(payload)+len(more)+len(",")+len(tail) > room {
				return header + "." + encode([]byte(payload+tail)) + ".AAAA"
			}
			if i > 0 {
				payload += ","
			}
			payload += more
		}
	}
	for name, raw := range map[string]string{
		"members":         fill(`{"sub":"a",`, `"?":0`, `}`),
		"escaped names":   fill(`{"sub":"a",`, `"\u0041?":0`, `}`),
		"groups":          fill(`{"sub":"a","cognito:groups":[`, `""`, `]}`),
		"escaped groups":  fill(`{"sub":"a","cognito:groups":[`, `"\n"`, `]}`),
		"escapes":         fill(`{"sub":"a","username":"`, `\u0041`, `"}`),
		"digits":          fill(`{"sub":"a","exp":1.0`, `1`, `}`),
		"header's length": strings.Repeat("A", 16<<10-8) + ".AAAA.AA",
	} {
		if bytes := allocatedBy(func() {
			if _, err := v.Verify(context.Background(), raw, tokens.Access); reasonOf(err) == nil {
				t.Errorf("%s: accepted", name)
			}
		}); bytes > refusalBound(raw) {
			t.Errorf("%s: %d bytes of token cost %d bytes of memory", name, len(raw), bytes)
		}
	}
}

// refusalBound is what refusing a token may allocate: its text twice, and a few
// words for each of the members that it can hold.
func refusalBound(raw string) uint64 { return 4<<10 + 16*uint64(min(len(raw), 16<<10)) }

// allocatedBy measures what f allocates: the least of a few times, because other
// goroutines allocate too.
func allocatedBy(f func()) uint64 {
	least := uint64(math.MaxUint64)
	for range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	return least
}

// TestKeySetIsAskedForTheIssuerThatTheTokenNames checks that a key counts only for the issuer that
// publishes it.
func TestKeySetIsAskedForTheIssuerThatTheTokenNames(t *testing.T) {
	const updated = "https://issuer-cognito-idp.us-east-1.amazonaws.com/us-east-1_GoldenA01"
	var asked []string
	v, err := tokens.NewVerifier(goldenPool, &tokens.Options{
		Now: func() time.Time { return goldenNow },
		Keys: keySetFunc(func(issuer, kid string) (crypto.PublicKey, error) {
			asked = append(asked, issuer+" "+kid)
			if issuer == updated {
				return nil, tokens.UnknownKey
			}
			return &accessKey().PublicKey, nil
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	d := newDraft(tokens.Access, goldenNow.Add(time.Hour))
	if _, err := v.Verify(context.Background(), d.token(), tokens.Access); err != nil {
		t.Error(err)
	}
	set(&d.claims, "iss", `"iss":"`+updated+`"`)
	if _, err := v.Verify(context.Background(), d.token(), tokens.Access); !errors.Is(err, tokens.UnknownKey) {
		t.Error(err)
	}
	set(&d.claims, "iss", `"iss":"https://evil.example/us-east-1_GoldenA01"`)
	if _, err := v.Verify(context.Background(), d.token(), tokens.Access); !errors.Is(err, tokens.BadIssuer) {
		t.Error(err)
	}
	want := []string{goldenPool.IssuerURL() + " " + accessKey().kid, updated + " " + accessKey().kid}
	if !slices.Equal(asked, want) {
		t.Errorf("asked for %q, want %q", asked, want)
	}
}

type keySetFunc func(issuer, kid string) (crypto.PublicKey, error)

func (f keySetFunc) Key(_ context.Context, issuer, kid string) (crypto.PublicKey, error) {
	return f(issuer, kid)
}

// TestTokenThatNamesNoKey checks that no key set is asked for the key of no name.
func TestTokenThatNamesNoKey(t *testing.T) {
	v, err := tokens.NewVerifier(goldenPool, &tokens.Options{
		Now:  func() time.Time { return goldenNow },
		Keys: tokens.StaticKeySet{"": &accessKey().PublicKey},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, kid := range []string{``, `"kid":""`} {
		d := newDraft(tokens.Access, goldenNow.Add(time.Hour))
		set(&d.header, "kid")
		if kid != "" {
			d.header = append(d.header, kid)
		}
		if _, err := v.Verify(context.Background(), d.token(), tokens.Access); !errors.Is(err, tokens.UnknownKey) {
			t.Errorf("with %q: %v", kid, err)
		}
	}
}

// TestKeySetsOfTheUsersOwn checks what a KeySet may answer.
func TestKeySetsOfTheUsersOwn(t *testing.T) {
	broken := errors.New("vault is sealed")
	for _, tt := range []struct {
		name string
		key  crypto.PublicKey
		err  error
		want error
	}{
		{"the key", &accessKey().PublicKey, nil, nil},
		{"no such key", nil, fmt.Errorf("vault: %w", tokens.UnknownKey), tokens.UnknownKey},
		{"a failure", nil, broken, tokens.ErrUnavailable},
		{"nothing", nil, nil, tokens.UnknownKey},
		{"a nil key", (*rsa.PublicKey)(nil), nil, tokens.UnknownKey},
		{"a key without a modulus", &rsa.PublicKey{E: 65537}, nil, tokens.UnknownKey},
		{"a key of 1024 bits", &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1023), E: 65537}, nil, tokens.UnknownKey},
		{"an even modulus", &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2047), E: 65537}, nil, tokens.BadSignature},
		{"a key that is a value", accessKey().PublicKey, nil, tokens.UnknownKey},
		{"the private key", accessKey().PrivateKey, nil, tokens.UnknownKey},
		{"a secret", []byte("secret"), nil, tokens.UnknownKey},
		{"an elliptic key", &must(ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{7}, 32))).PublicKey, nil, tokens.UnknownKey},
	} {
		v, err := tokens.NewVerifier(goldenPool, &tokens.Options{
			Now:  func() time.Time { return goldenNow },
			Keys: keySetFunc(func(string, string) (crypto.PublicKey, error) { return tt.key, tt.err }),
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = v.Verify(context.Background(), newDraft(tokens.Access, goldenNow.Add(time.Hour)).token(), tokens.Access)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		if tt.err == broken && (!errors.Is(err, broken) || reasonOf(err) != err) {
			t.Errorf("%s: %v hides what happened, or looks like a verdict", tt.name, err)
		}
	}
}

// TestTrustInAKeySetOfTheUsersOwnEnds checks that such a key is asked for again
// after five minutes, and not believed longer because a clock was set back.
func TestTrustInAKeySetOfTheUsersOwnEnds(t *testing.T) {
	now := goldenNow
	v, err := tokens.NewVerifier(goldenPool, &tokens.Options{
		Now:  func() time.Time { return now },
		Keys: tokens.StaticKeySet{accessKey().kid: &accessKey().PublicKey},
	})
	if err != nil {
		t.Fatal(err)
	}
	token, err := v.Verify(context.Background(), newDraft(tokens.Access, goldenNow.Add(time.Hour)).token(), tokens.Access)
	if err != nil {
		t.Fatal(err)
	}
	for after, want := range map[time.Duration]bool{0: true, 5*time.Minute - 1: true, 5 * time.Minute: false, -time.Hour: false} {
		now = goldenNow.Add(after)
		if v.Trusted(token) != want {
			t.Errorf("after %v the token is trusted: %t", after, !want)
		}
	}
	if v.Trusted(nil) || v.Trusted(new(tokens.Token)) {
		t.Error("a token that nobody verified is trusted")
	}
}

func TestLeewayIsForNotBeforeAlone(t *testing.T) {
	for leeway, want := range map[time.Duration]time.Duration{0: time.Minute, -1: 0, time.Hour: time.Hour} {
		v, err := tokens.NewVerifier(goldenPool, &tokens.Options{
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

// TestTokensCarryTheirClaims compares a Token with what was signed.
func TestTokensCarryTheirClaims(t *testing.T) {
	v := newGoldenVerifier(t)
	for _, use := range []tokens.Use{tokens.Access, tokens.ID} {
		d := newDraft(use, goldenNow.Add(time.Hour))
		d.claims = append(d.claims, `"cognito:groups":["admins","\u00fcbersetzer"]`, `"iat":1789999000`, `"auth_time":1789990000.25`,
			`"origin_jti":"origin"`, `"scope":"openid  profile"`, `"username":"ada"`, `"cognito:username":"Ada"`, `"custom:tier":"gold"`)
		token, err := v.Verify(context.Background(), d.token(), use)
		if err != nil {
			t.Fatal(err)
		}
		username := map[tokens.Use]string{tokens.Access: "ada", tokens.ID: "Ada"}[use]
		if token.Issuer() != goldenPool.IssuerURL() || token.Username() != username || token.OriginID() != "origin" ||
			!token.IssuedAt().Equal(time.Unix(1789999000, 0)) || !token.AuthTime().Equal(time.Unix(1789990000, 25e7)) ||
			!token.ExpiresAt().Equal(goldenNow.Add(time.Hour)) {
			t.Errorf("%s: %v of %q, %q, %q, %v, %v", use, token, token.Issuer(), token.Username(), token.OriginID(), token.IssuedAt(), token.AuthTime())
		}
		if got := token.Scopes(); !slices.Equal(got, []string{"openid", "profile"}) {
			t.Errorf("%s: scopes %q", use, got)
		}
		groups := token.Groups()
		if !slices.Equal(groups, []string{"admins", "übersetzer"}) {
			t.Errorf("%s: groups %q", use, groups)
		}
		groups[0] = "root"
		if token.Groups()[0] != "admins" {
			t.Errorf("%s: a caller can change the groups of a token that requests share", use)
		}
		var claims struct {
			Tier string `json:"custom:tier"`
		}
		if err := token.Claims(&claims); err != nil || claims.Tier != "gold" {
			t.Errorf("%s: claims %v, %v", use, claims, err)
		}
	}
	if err := new(tokens.Token).Claims(new(any)); err == nil {
		t.Error("a token that nobody verified has claims")
	}
}

func TestFaultyPoolsAreRefused(t *testing.T) {
	if _, err := tokens.NewVerifier(tokens.UserPool{}, nil); err == nil {
		t.Error("NewVerifier takes a pool without an id")
	}
	if _, err := tokens.NewRemoteKeySet(tokens.UserPool{}, nil); err == nil {
		t.Error("NewRemoteKeySet takes a pool without an id")
	}
	if _, err := tokens.NewClient(tokens.UserPool{}, nil); err == nil {
		t.Error("NewClient takes a pool without an id")
	}
}
