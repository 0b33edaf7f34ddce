package tokens_test

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/tokens"
)

// issuersTest is a Verifier of a user pool with three issuers, in a synctest bubble. The
// test says how their key sets answer.
type issuersTest struct {
	*testing.T
	verifier *tokens.Verifier
	answers  map[string]keyAnswer // by issuer
	fetched  map[string]int
}

// keyAnswer is how a key set answers: with a status, or not at all.
type keyAnswer struct {
	status int
	hangs  bool
	keys   string // for 200
}

var (
	originalIssuer = goldenUserPool.IssuerURL()
	updatedIssuer  = strings.Replace(originalIssuer, "://", "://issuer-", 1)
)

const replicaIssuer = "https://replica.example.com/us-east-1_GoldenA01"

func served() keyAnswer { return keyAnswer{status: 200, keys: `{"keys":[` + accessKey().jwk + `]}`} }

func status(code int) keyAnswer { return keyAnswer{status: code} }

func runIssuersTest(t *testing.T, run func(it *issuersTest)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		it := &issuersTest{T: t, answers: make(map[string]keyAnswer), fetched: make(map[string]int)}
		userPool := goldenUserPool
		userPool.Issuers = []string{replicaIssuer}
		v, err := tokens.NewVerifier(userPool, &tokens.Options{
			HTTPClient: &http.Client{Transport: it},
			Now:        time.Now,
		})
		if err != nil {
			t.Fatal(err)
		}
		it.verifier = v
		run(it)
	})
}

func (it *issuersTest) RoundTrip(r *http.Request) (*http.Response, error) {
	issuer := strings.TrimSuffix(r.URL.String(), "/.well-known/jwks.json")
	it.fetched[issuer]++
	answer := it.answers[issuer]
	if answer.hangs {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return &http.Response{StatusCode: answer.status, Status: fmt.Sprint(answer.status),
		Body: io.NopCloser(strings.NewReader(answer.keys)), Request: r}, nil
}

// genuine returns a token of the issuer that expires in an hour.
func genuine(issuer string) *draft {
	d := newDraft(tokens.Access, time.Now().Add(time.Hour))
	set(&d.claims, "iss", fmt.Sprintf(`"iss":%q`, issuer))
	return d
}

// junk returns a token of the issuer that nobody has signed.
func junk(issuer string) string {
	d := genuine(issuer)
	d.sign = func(string) []byte { return make([]byte, 256) }
	return d.token()
}

func (it *issuersTest) verify(raw string, want error) {
	it.Helper()
	start := time.Now()
	_, err := it.verifier.Verify(context.Background(), raw, tokens.Access)
	if !errors.Is(err, want) || want == nil && err != nil {
		it.Errorf("got %v, want %v", err, want)
	}
	if errors.Is(err, tokens.ErrUnavailable) && want != tokens.ErrUnavailable {
		it.Errorf("%v is an outage too", err)
	}
	limit := 5 * time.Second
	if want == tokens.UnknownKey {
		limit = 2 * time.Second // the request has other tokens to verify
	}
	if took := time.Since(start); took > limit {
		it.Errorf("it took %v", took)
	}
}

// TestUnusedIssuer verifies forged tokens that name an issuer without a key set. They are
// no outage, as long as this user pool's keys are there.
func TestUnusedIssuer(t *testing.T) {
	for name, test := range map[string]struct {
		answers       map[string]keyAnswer
		first         string // the issuer of a genuine token that is verified before, or ""
		junk          string // the issuer that the forged token names
		want          error
		fetchedAtOnce int // fetches of the original issuer's key set
	}{
		"no token before, 403":           {map[string]keyAnswer{originalIssuer: served(), updatedIssuer: status(403)}, "", updatedIssuer, tokens.UnknownKey, 1},
		"no token before, 404":           {map[string]keyAnswer{originalIssuer: served(), updatedIssuer: status(404)}, "", updatedIssuer, tokens.UnknownKey, 1},
		"after a token, 403":             {map[string]keyAnswer{originalIssuer: served(), updatedIssuer: status(403)}, originalIssuer, updatedIssuer, tokens.UnknownKey, 1},
		"after a token, down":            {map[string]keyAnswer{originalIssuer: served(), updatedIssuer: status(503)}, originalIssuer, updatedIssuer, tokens.UnknownKey, 1},
		"after a token, hanging":         {map[string]keyAnswer{originalIssuer: served(), updatedIssuer: {hangs: true}}, originalIssuer, updatedIssuer, tokens.UnknownKey, 1},
		"a replica":                      {map[string]keyAnswer{originalIssuer: served(), replicaIssuer: status(500)}, originalIssuer, replicaIssuer, tokens.UnknownKey, 1},
		"a replica, 403":                 {map[string]keyAnswer{originalIssuer: served(), replicaIssuer: status(403)}, "", replicaIssuer, tokens.UnknownKey, 1},
		"a switched pool, original gone": {map[string]keyAnswer{originalIssuer: status(404), updatedIssuer: served()}, updatedIssuer, originalIssuer, tokens.UnknownKey, 1},
		"a replica of a switched pool":   {map[string]keyAnswer{originalIssuer: status(404), updatedIssuer: served(), replicaIssuer: status(403)}, updatedIssuer, replicaIssuer, tokens.UnknownKey, 0},
		"a proxy answers 403 for all":    {map[string]keyAnswer{originalIssuer: status(403), updatedIssuer: status(403)}, "", updatedIssuer, tokens.ErrUnavailable, 1},
		"a proxy's 403 for the original": {map[string]keyAnswer{originalIssuer: status(403)}, "", originalIssuer, tokens.ErrUnavailable, 1},
		"no token before, all down":      {map[string]keyAnswer{originalIssuer: status(503), updatedIssuer: status(403)}, "", updatedIssuer, tokens.ErrUnavailable, 1},
		"no token before, updated down":  {map[string]keyAnswer{originalIssuer: served(), updatedIssuer: status(503)}, "", updatedIssuer, tokens.ErrUnavailable, 0},
		"a switched pool, original down": {map[string]keyAnswer{originalIssuer: status(503), updatedIssuer: served()}, updatedIssuer, originalIssuer, tokens.ErrUnavailable, 1},
	} {
		t.Run(name, func(t *testing.T) {
			runIssuersTest(t, func(it *issuersTest) {
				it.answers = test.answers
				if test.first != "" {
					it.verify(genuine(test.first).token(), nil)
				}
				for range 3 {
					it.verify(junk(test.junk), test.want)
				}
				if n := it.fetched[originalIssuer]; n != test.fetchedAtOnce {
					it.Errorf("%d fetches of the original issuer's key set, want %d", n, test.fetchedAtOnce)
				}
				time.Sleep(time.Minute) // fetches that hang end, and failures are forgotten
				for range 3 {
					it.verify(junk(test.junk), test.want)
				}
				if test.first != "" {
					it.verify(genuine(test.first).token(), nil)
				}
			})
		})
	}
}

// TestUsedIssuerMayFail has the key sets of issuers fail that have served keys. That is an
// outage if a token of the issuer was verified before.
func TestUsedIssuerMayFail(t *testing.T) {
	for _, code := range []int{403, 404, 500} {
		runIssuersTest(t, func(it *issuersTest) {
			it.answers = map[string]keyAnswer{originalIssuer: served(), updatedIssuer: served(), replicaIssuer: served()}
			for _, issuer := range []string{originalIssuer, updatedIssuer} {
				it.verify(genuine(issuer).token(), nil)
			}
			it.verify(junk(replicaIssuer), tokens.BadSignature) // it serves keys, and verifies nothing
			it.answers = map[string]keyAnswer{originalIssuer: status(code), updatedIssuer: status(code), replicaIssuer: status(code)}
			time.Sleep(25 * time.Hour)
			for _, issuer := range []string{originalIssuer, updatedIssuer} {
				it.verify(genuine(issuer).token(), tokens.ErrUnavailable)
			}
			it.verify(genuine(replicaIssuer).token(), tokens.UnknownKey)
		})
	}
}

// TestPoolSwitchesItsIssuer verifies tokens of a user pool that switches to its updated
// issuer, before and after the key set is published.
func TestPoolSwitchesItsIssuer(t *testing.T) {
	runIssuersTest(t, func(it *issuersTest) {
		it.answers = map[string]keyAnswer{originalIssuer: served(), updatedIssuer: status(403)}
		it.verify(genuine(originalIssuer).token(), nil)
		it.verify(genuine(updatedIssuer).token(), tokens.UnknownKey)
		it.answers[updatedIssuer] = served()
		time.Sleep(time.Minute)
		it.verify(genuine(updatedIssuer).token(), nil)
	})
}

// TestUnusedIssuerOfACustomKeySet has a KeySet of the program's own fail for all issuers
// but one.
func TestUnusedIssuerOfACustomKeySet(t *testing.T) {
	it := &issuersTest{T: t}
	failing := true
	v, err := tokens.NewVerifier(goldenUserPool, &tokens.Options{Keys: keySetFunc(func(issuer, _ string) (crypto.PublicKey, error) {
		if issuer == updatedIssuer || failing {
			return nil, errors.New("no such file")
		}
		return &accessKey().PublicKey, nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	it.verifier = v
	it.verify(junk(updatedIssuer), tokens.ErrUnavailable)
	it.verify(junk(originalIssuer), tokens.ErrUnavailable)
	failing = false
	it.verify(genuine(originalIssuer).token(), nil)
	it.verify(junk(updatedIssuer), tokens.UnknownKey)
}

// TestForeignIssuer verifies tokens of issuers that are not accepted. They may show that
// the user pool's id is wrong, until a token of this user pool has been verified.
func TestForeignIssuer(t *testing.T) {
	const other = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Other0001"
	foreign := func(edit func(*draft)) string {
		d := genuine(other)
		edit(d)
		return d.token()
	}
	use := func(use tokens.Use) func(*draft) {
		return func(d *draft) {
			set(&d.claims, "token_use", fmt.Sprintf(`"token_use":%q`, use))
			set(&d.claims, "aud", `"aud":"1goldenweb2345678901234567"`)
		}
	}
	long := other + strings.Repeat("x", 10_000)
	asForeign := map[string]struct {
		raw  string
		want string
	}{
		"our client":              {foreign(func(*draft) {}), other},
		"our client, an ID token": {foreign(use(tokens.ID)), other},
		"a long issuer":           {foreign(func(d *draft) { set(&d.claims, "iss", fmt.Sprintf(`"iss":%q`, long)) }), long[:120]},
		"another client":          {foreign(func(d *draft) { set(&d.claims, "client_id", `"client_id":"1other"`) }), ""},
		"no client":               {foreign(func(d *draft) { set(&d.claims, "client_id") }), ""},
		"no issuer":               {foreign(func(d *draft) { set(&d.claims, "iss") }), ""},
	}
	check := func(t *testing.T, v *tokens.Verifier, known bool) {
		t.Helper()
		for name, test := range asForeign {
			_, err := v.Verify(context.Background(), test.raw, tokens.Access)
			var refusal *tokens.VerifyError
			if !errors.As(err, &refusal) || refusal.Reason != tokens.BadIssuer {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if known {
				test.want = ""
			}
			if refusal.ForeignIssuer != test.want {
				t.Errorf("%s, after a token of the user pool %t: foreign issuer %q, want %q", name, known, refusal.ForeignIssuer, test.want)
			}
		}
	}
	otherClient := func(d *draft) { set(&d.claims, "client_id", `"client_id":"1other"`) }
	for name, test := range map[string]struct {
		edit  func(*draft)
		known bool
	}{
		"a valid token":             {func(*draft) {}, true},
		"an expired token":          {func(d *draft) { set(&d.claims, "exp", `"exp":1`) }, true},
		"a forged token":            {func(d *draft) { d.sign = rs256(rogueKey()) }, false},
		"a token of another client": {otherClient, false},
	} {
		t.Run(name, func(t *testing.T) {
			v := newGoldenVerifier(t)
			check(t, v, false)
			d := newDraft(tokens.Access, goldenNow.Add(time.Hour))
			test.edit(d)
			v.Verify(context.Background(), d.token(), tokens.Access)
			check(t, v, test.known)
		})
	}
}
