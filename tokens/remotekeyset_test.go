package tokens_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

// drill is a pool and a verifier of its tokens, at the time of a synctest bubble,
// which also sees to it that no goroutine is left behind.
type drill struct {
	*testing.T
	srv     *cognitotest.Server
	v       *tokens.Verifier
	shift   atomic.Int64 // by how much the verifier's clock is wrong
	mu      sync.Mutex
	fetches []time.Time // when a fetch of a key set ended

	genuine func() string // one token, for forgers
}

func keyDrill(t *testing.T, run func(d *drill)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &drill{T: t, srv: cognitotest.New(cognitotest.User{Username: "ada"})}
		d.srv.SetLifetime(240 * time.Hour) // drills are about keys, not about expiry
		d.v = d.verifier(d.srv.UserPool())
		d.genuine = sync.OnceValue(d.issue)
		run(d)
	})
}

func (d *drill) verifier(pool tokens.UserPool) *tokens.Verifier {
	d.Helper()
	v, err := tokens.NewVerifier(pool, &tokens.Options{
		HTTPClient: d.srv.Client(),
		Now:        func() time.Time { return time.Now().Add(time.Duration(d.shift.Load())) },
		Hooks: tokens.Hooks{KeysFetched: func(context.Context, string, int, error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.fetches = append(d.fetches, time.Now())
		}},
	})
	if err != nil {
		d.Fatal(err)
	}
	return v
}

func (d *drill) issue() string { return d.srv.Issue("ada").Access }

// verify verifies raw, and fails the test unless that took no time at all.
func (d *drill) verify(raw string) (*tokens.Token, error) {
	d.Helper()
	start := time.Now()
	token, err := d.v.Verify(context.Background(), raw, tokens.Access)
	if elapsed := time.Since(start); elapsed > 0 {
		d.Errorf("the verdict took %v", elapsed)
	}
	return token, err
}

func (d *drill) accept(raw string) *tokens.Token {
	d.Helper()
	token, err := d.verify(raw)
	if err != nil {
		d.Errorf("refused: %v", err)
	}
	return token
}

func (d *drill) refuse(raw string, want error) {
	d.Helper()
	if _, err := d.verify(raw); !errors.Is(err, want) {
		d.Errorf("got %v, want %v", err, want)
	}
}

// unknown checks that raw is refused for its key, and whether that is known to be
// retired.
func (d *drill) unknown(raw string, retired bool) {
	d.Helper()
	_, err := d.verify(raw)
	refusal := (*tokens.VerifyError)(nil)
	if !errors.As(err, &refusal) || refusal.Reason != tokens.UnknownKey || refusal.Retired != retired || (refusal.Token != nil) != retired {
		d.Errorf("got %v, want an unknown key, retired: %t", err, retired)
	}
}

func (d *drill) calls(want int) {
	d.Helper()
	synctest.Wait()
	if got := d.srv.Calls("JWKS"); got != want {
		d.Errorf("%d fetches of the key set, want %d", got, want)
	}
}

// fail makes fetches of the key set fail; nil ends it.
func (d *drill) fail(f *cognitotest.Fault) {
	if f == nil {
		d.srv.SetFault(nil)
		return
	}
	d.srv.SetFault(func(op string) cognitotest.Fault {
		if op != "JWKS" {
			return cognitotest.Fault{}
		}
		return *f
	})
}

var (
	down    = &cognitotest.Fault{Status: 503, Body: "<html>Service Unavailable</html>"}
	hanging = &cognitotest.Fault{Delay: 100 * time.Hour}
)

// forged returns a token with a kid that no key set has.
func (d *drill) forged(i int) string {
	_, rest, _ := strings.Cut(d.genuine(), ".")
	return encode(fmt.Appendf(nil, `{"alg":"RS256","kid":"forged-%d"}`, i)) + "." + rest
}

func TestKeySetIsFetchedWhenATokenNamesIt(t *testing.T) {
	keyDrill(t, func(d *drill) {
		d.calls(0)
		raw := d.issue()
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { d.accept(raw) })
		}
		wg.Wait()
		d.accept(d.srv.Issue("ada").Access)
		d.calls(1)
	})
}

func TestKeySetIsFetchedAgainInTheBackground(t *testing.T) {
	keyDrill(t, func(d *drill) {
		raw := d.issue()
		token := d.accept(raw)
		time.Sleep(time.Hour)
		d.accept(raw)
		d.calls(1)
		time.Sleep(time.Second)
		d.fail(&cognitotest.Fault{Delay: 4 * time.Second})
		for range 3 {
			d.accept(raw) // and waits for nothing
		}
		time.Sleep(4 * time.Second)
		d.calls(2)
		d.accept(raw)
		d.calls(2)
		// Whoever serves from a cache asks for no key, but asks whether the
		// key is trusted.
		time.Sleep(2 * time.Hour)
		if !d.v.Trusted(token) {
			d.Error("an old key set is not trusted")
		}
		d.calls(3)
		time.Sleep(4 * time.Second)
	})
}

func TestKeySetThatIsDownAtTheStart(t *testing.T) {
	keyDrill(t, func(d *drill) {
		d.fail(down)
		raw := d.issue()
		d.refuse(raw, tokens.ErrUnavailable)
		for range 100 {
			d.refuse(raw, tokens.ErrUnavailable)
		}
		d.calls(1)
		// Ask all the time: fetches come after one second, two, four … thirty,
		// each up to a quarter earlier.
		for range 4000 {
			time.Sleep(50 * time.Millisecond)
			d.refuse(raw, tokens.ErrUnavailable)
			synctest.Wait()
		}
		want := []time.Duration{1, 2, 4, 8, 16, 30, 30, 30, 30}
		jittered := false
		for i, backoff := range want {
			backoff *= time.Second
			gap := d.fetches[i+1].Sub(d.fetches[i])
			if gap < backoff*3/4 || gap > backoff+50*time.Millisecond {
				d.Errorf("the fetch after failure %d came after %v, want %v", i+1, gap, backoff)
			}
			jittered = jittered || gap < backoff*99/100
		}
		if !jittered {
			d.Errorf("no jitter in %v", d.fetches)
		}
		d.fail(nil)
		time.Sleep(30 * time.Second)
		d.accept(raw)
		// The next failure is a first one again.
		d.fail(down)
		time.Sleep(time.Hour + time.Second)
		d.accept(raw)
		synctest.Wait()
		before := d.srv.Calls("JWKS")
		time.Sleep(time.Second)
		d.accept(raw)
		d.calls(before + 1)
	})
}

func TestKeySetThatGoesDownServesForADay(t *testing.T) {
	keyDrill(t, func(d *drill) {
		raw := d.issue()
		token := d.accept(raw)
		d.fail(down)
		for range 24*60 - 1 {
			time.Sleep(time.Minute)
			d.accept(raw)
			if !d.v.Trusted(token) {
				d.Fatal("a cached token is not trusted while stale keys serve")
			}
		}
		time.Sleep(time.Minute)
		d.refuse(raw, tokens.ErrUnavailable)
		if d.v.Trusted(token) {
			d.Error("keys are trusted after a day without a fetch")
		}
		d.fail(nil)
		time.Sleep(30 * time.Second)
		d.accept(raw)
		if !d.v.Trusted(token) {
			d.Error("the token's key is still in the set, and not trusted")
		}
	})
}

func TestUnknownKeyWhileTheKeySetIsDownCannotBeJudged(t *testing.T) {
	keyDrill(t, func(d *drill) {
		old := d.issue()
		d.accept(old)
		time.Sleep(time.Minute)
		d.fail(down)
		d.srv.AddKeys()
		d.refuse(d.issue(), tokens.ErrUnavailable)
		d.accept(old)
		d.refuse(d.issue(), tokens.ErrUnavailable)
		d.calls(2)
		d.fail(nil)
		time.Sleep(10 * time.Second)
		d.accept(d.issue())
	})
}

func TestRotationWithOverlap(t *testing.T) {
	keyDrill(t, func(d *drill) {
		old := d.issue()
		token := d.accept(old)
		time.Sleep(time.Minute)
		d.srv.AddKeys()
		d.accept(d.issue()) // learned at once
		d.calls(2)
		if d.accept(old); !d.v.Trusted(token) {
			d.Error("the old key is still published, and not trusted")
		}
		d.srv.DropOldKeys()
		d.accept(old) // nobody has heard of it yet
		time.Sleep(time.Hour + time.Second)
		d.accept(old)
		synctest.Wait() // the background fetch hears of it
		d.unknown(old, true)
		if d.v.Trusted(token) {
			d.Error("a key that has left the set is trusted")
		}
	})
}

func TestRotationWithoutOverlap(t *testing.T) {
	keyDrill(t, func(d *drill) {
		old := d.issue()
		expired := d.srv.Issue("ada", cognitotest.Expired).Access
		tampered := old[:len(old)-8] + "AAAAAAAA"
		foreign := d.srv.Issue("ada", func(t *cognitotest.Draft) { t.Claims["client_id"] = "another" }).Access
		token := d.accept(old)
		time.Sleep(time.Minute)
		d.srv.RotateKeys()
		d.accept(d.issue())
		if d.v.Trusted(token) {
			d.Error("a key that has left the set is trusted")
		}
		for range 2 { // the second within the ten seconds
			d.unknown(old, true)
			d.unknown(expired, true)
			d.unknown(tampered, false)
			d.unknown(foreign, false)
			time.Sleep(time.Second)
		}
		// What was retired is forgotten after a day, also between two fetches.
		time.Sleep(24*time.Hour - 3*time.Second)
		d.unknown(old, true)
		synctest.Wait()
		fetched := d.srv.Calls("JWKS")
		time.Sleep(time.Second)
		d.unknown(old, false)
		d.calls(fetched)
	})
}

func TestKeysThatComeBackAreTrustedAgain(t *testing.T) {
	sets := map[string]string{"one": accessKey().jwk, "other": idKey().jwk, "forged": strings.Replace(rogueKey().jwk, rogueKey().kid, accessKey().kid, 1)}
	now, serving := goldenNow, "one"
	v, err := tokens.NewVerifier(goldenPool, &tokens.Options{
		Now:        func() time.Time { return now },
		HTTPClient: &http.Client{Transport: roundTripper(func(*http.Request) string { return `{"keys":[` + sets[serving] + `]}` })},
	})
	if err != nil {
		t.Fatal(err)
	}
	verify := func(d *draft) (*tokens.Token, error) {
		now = now.Add(10 * time.Second)
		return v.Verify(context.Background(), d.token(), d.use)
	}
	access, id := newDraft(tokens.Access, goldenNow.Add(time.Hour)), newDraft(tokens.ID, goldenNow.Add(time.Hour))
	first, err := verify(access)
	if err != nil {
		t.Fatal(err)
	}
	serving = "other"
	if _, err := verify(id); err != nil || v.Trusted(first) {
		t.Errorf("after the key was taken away: %v, trusted: %t", err, v.Trusted(first))
	}
	serving = "one"
	second, err := verify(access)
	if err != nil || !v.Trusted(second) || v.Trusted(first) {
		t.Errorf("after the key came back: %v, trusted: %t, before: %t", err, v.Trusted(second), v.Trusted(first))
	}
	// Another key under the same kid is another key.
	serving = "forged"
	if _, err := verify(id); !errors.Is(err, tokens.UnknownKey) || v.Trusted(second) {
		t.Errorf("after the kid was given to another key: %v, trusted: %t", err, v.Trusted(second))
	}
	if _, err := verify(access); !errors.Is(err, tokens.BadSignature) {
		t.Errorf("signed by the kid's former key: %v", err)
	}
}

// roundTripper answers every request with that text.
type roundTripper func(*http.Request) string

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Status: "200 OK", Body: io.NopCloser(strings.NewReader(f(r))), Request: r}, nil
}

// TestFloodOfUnknownKeys checks T7: 10 000 kids make one fetch in ten seconds, and
// a rotation that happens meanwhile is learned within these ten.
func TestFloodOfUnknownKeys(t *testing.T) {
	keyDrill(t, func(d *drill) {
		d.accept(d.issue())
		var flood, user sync.WaitGroup
		for g := range 10 {
			flood.Go(func() {
				for i := range 1000 {
					d.unknown(d.forged(g*1000+i), false)
					time.Sleep(25 * time.Millisecond)
				}
			})
		}
		user.Go(func() {
			time.Sleep(13 * time.Second)
			d.srv.RotateKeys()
			rotated, raw := time.Now(), d.issue()
			for {
				if _, err := d.v.Verify(context.Background(), raw, tokens.Access); err == nil {
					break
				} else if !errors.Is(err, tokens.UnknownKey) {
					d.Errorf("the genuine token: %v", err)
				}
				time.Sleep(100 * time.Millisecond)
			}
			if after := time.Since(rotated); after > 10*time.Second {
				d.Errorf("the rotation was learned after %v", after)
			}
		})
		flood.Wait()
		user.Wait()
		d.calls(3) // at 0, 10 and 20 seconds
	})
}

// TestFloodBeforeTheFirstFetch checks that the first fetch is no exception.
func TestFloodBeforeTheFirstFetch(t *testing.T) {
	keyDrill(t, func(d *drill) {
		d.fail(&cognitotest.Fault{Delay: time.Second})
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() {
				if _, err := d.v.Verify(context.Background(), d.forged(i), tokens.Access); !errors.Is(err, tokens.UnknownKey) {
					d.Error(err)
				}
			})
		}
		wg.Wait()
		d.calls(1)
		d.unknown(d.forged(0), false)
		d.calls(1)
	})
}

// TestKeySetsThatAreNone gives every answer that is no key set: at the start it
// cannot be told what a token is, and later the keys that are known go on serving.
func TestKeySetsThatAreNone(t *testing.T) {
	for name, fault := range map[string]cognitotest.Fault{
		"no keys":           {Status: 200, Body: `{"keys":[]}`},
		"keys with a 500":   {Status: 500, Body: `{"keys":[` + accessKey().jwk + `]}`},
		"keys with a 203":   {Status: 203, Body: `{"keys":[` + accessKey().jwk + `]}`},
		"no usable keys":    {Status: 200, Body: `{"keys":[{"kty":"EC","kid":"a"}]}`},
		"empty":             {Status: 200, Body: " "},
		"HTML":              {Status: 200, Body: "<!DOCTYPE html><title>Sign in to this network</title>"},
		"half of it":        {Status: 200, Body: `{"keys":[` + accessKey().jwk},
		"too large":         {Status: 200, Body: `{"keys":[` + accessKey().jwk + `],"x":"` + strings.Repeat("x", 256<<10) + `"}`},
		"403":               {Status: 403},
		"404":               {Status: 404, Body: "not found"},
		"429":               {Status: 429},
		"500":               {Status: 500},
		"204":               {Status: 204, Body: "-"},
		"a redirect":        {Status: 302, Body: "-"},
		"a lost connection": {Drop: true},
	} {
		t.Run(name, func(t *testing.T) {
			keyDrill(t, func(d *drill) {
				d.fail(&fault)
				raw := d.issue()
				d.refuse(raw, tokens.ErrUnavailable)
				d.fail(nil)
				time.Sleep(time.Second)
				token := d.accept(raw)
				d.fail(&fault)
				time.Sleep(2 * time.Hour)
				d.accept(raw)
				d.calls(3)
				if d.accept(raw); !d.v.Trusted(token) {
					d.Error("an answer without keys has taken the known ones away")
				}
			})
		})
	}
}

func TestKeySetThatHangs(t *testing.T) {
	keyDrill(t, func(d *drill) {
		d.fail(hanging)
		raw, start := d.issue(), time.Now()
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				if _, err := d.v.Verify(context.Background(), raw, tokens.Access); !errors.Is(err, tokens.ErrUnavailable) {
					d.Error(err)
				}
				if held := time.Since(start); held != 5*time.Second {
					d.Errorf("a request was held for %v", held)
				}
			})
		}
		wg.Wait()
		d.calls(1)
		d.refuse(raw, tokens.ErrUnavailable) // at once
	})
}

func TestCancelledRequestDoesNotCancelTheFetch(t *testing.T) {
	keyDrill(t, func(d *drill) {
		d.fail(&cognitotest.Fault{Delay: 2 * time.Second})
		raw, start := d.issue(), time.Now()
		var wg sync.WaitGroup
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_, err := d.v.Verify(ctx, raw, tokens.Access)
			if !errors.Is(err, tokens.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
				d.Errorf("the one that was cancelled got %v after %v", err, time.Since(start))
			}
		})
		wg.Go(func() {
			time.Sleep(time.Second / 2)
			if _, err := d.v.Verify(context.Background(), raw, tokens.Access); err != nil {
				d.Errorf("the one that waits got %v", err)
			}
		})
		wg.Wait()
		d.calls(1)
		d.accept(raw)
		// With its key known, a token needs nobody's patience.
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := d.v.Verify(ctx, raw, tokens.Access); err != nil {
			d.Error(err)
		}
	})
}

// TestClockThatJumps moves the verifier's clock, as time synchronisation or a
// suspended machine does.
func TestClockThatJumps(t *testing.T) {
	for name, jump := range map[string]time.Duration{
		"an hour ahead": time.Hour + time.Second, "a day ahead": 25 * time.Hour, "a year ahead": 365 * 24 * time.Hour,
		"a second back": -time.Second, "a day back": -24 * time.Hour, "ten years back": -10 * 365 * 24 * time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			keyDrill(t, func(d *drill) {
				raw := d.srv.Issue("ada", func(t *cognitotest.Draft) { t.Claims["exp"] = int64(250e9) }).Access
				token := d.accept(raw)
				d.shift.Add(int64(jump))
				d.accept(raw)
				d.calls(2) // the age of the keys is not known, or is old
				if !d.v.Trusted(token) {
					d.Error("the key is not trusted after the jump")
				}
				d.accept(raw)
				d.calls(2)
				time.Sleep(time.Hour + time.Second)
				d.accept(raw)
				d.calls(3)
				time.Sleep(time.Hour)
				d.srv.RotateKeys()
				d.accept(d.srv.Issue("ada", func(t *cognitotest.Draft) { t.Claims["exp"] = int64(250e9) }).Access)
			})
		})
		t.Run(name+" while the key set is down", func(t *testing.T) {
			keyDrill(t, func(d *drill) {
				d.fail(down)
				raw := d.srv.Issue("ada", func(t *cognitotest.Draft) { t.Claims["exp"] = int64(250e9) }).Access
				for range 200 {
					d.refuse(raw, tokens.ErrUnavailable)
					time.Sleep(time.Second)
				}
				d.shift.Add(int64(jump))
				d.fail(nil)
				time.Sleep(30 * time.Second)
				d.accept(raw)
			})
		})
	}
}

// TestClockThatWasAheadWhenTheKeySetWentDown checks that a failure which seems to
// come from the future delays nothing.
func TestClockThatWasAheadWhenTheKeySetWentDown(t *testing.T) {
	keyDrill(t, func(d *drill) {
		d.accept(d.issue())
		time.Sleep(30 * time.Minute)
		d.shift.Store(int64(2 * time.Hour))
		d.fail(down)
		d.refuse(d.forged(1), tokens.ErrUnavailable)
		d.shift.Store(0)
		d.fail(nil)
		d.srv.RotateKeys()
		d.accept(d.issue())
	})
}

// TestFetchThatHasJustLanded has somebody look for a new key and not find it, and
// another fetch it before the first can ask for a fetch: that one must not be told
// that a fetch was just now.
func TestFetchThatHasJustLanded(t *testing.T) {
	srv := cognitotest.New(cognitotest.User{Username: "ada"})
	now := time.Now()
	var meanwhile func()
	v, err := tokens.NewVerifier(srv.UserPool(), &tokens.Options{HTTPClient: srv.Client(), Now: func() time.Time {
		if f := meanwhile; f != nil {
			meanwhile = nil
			f()
		}
		return now
	}})
	if err != nil {
		t.Fatal(err)
	}
	verify := func() {
		t.Helper()
		if _, err := v.Verify(context.Background(), srv.Issue("ada").Access, tokens.Access); err != nil {
			t.Error(err)
		}
	}
	verify()
	now = now.Add(10 * time.Second)
	srv.RotateKeys()
	meanwhile = verify
	verify()
	if n := srv.Calls("JWKS"); n != 2 {
		t.Errorf("%d fetches", n)
	}
}

// TestIssuersHaveKeySetsOfTheirOwn checks that one issuer's trouble is not the
// other's, and that one's key does not verify a token that names the other.
func TestIssuersHaveKeySetsOfTheirOwn(t *testing.T) {
	original := goldenPool.IssuerURL()
	updated := strings.Replace(original, "cognito-idp", "issuer-cognito-idp", 1)
	replica := "https://cognito-idp.eu-west-1.amazonaws.com/us-east-1_GoldenA01"
	pool := goldenPool
	pool.Issuers = []string{replica}
	fetched := make(map[string]int)
	v, err := tokens.NewVerifier(pool, &tokens.Options{
		Now: func() time.Time { return goldenNow },
		HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) string {
			fetched[r.URL.String()]++
			switch r.URL.String() {
			case original + "/.well-known/jwks.json":
				return `{"keys":[` + accessKey().jwk + `]}`
			case replica + "/.well-known/jwks.json":
				return `{"keys":[` + idKey().jwk + `]}`
			}
			return `{"message":"Forbidden"}`
		})},
	})
	if err != nil {
		t.Fatal(err)
	}
	token := func(issuer string, key goldenKey) string {
		d := newDraft(tokens.Access, goldenNow.Add(time.Hour))
		set(&d.claims, "iss", fmt.Sprintf(`"iss":%q`, issuer))
		set(&d.header, "kid", fmt.Sprintf(`"kid":%q`, key.kid))
		d.sign = rs256(key)
		return d.token()
	}
	for _, tt := range []struct {
		issuer string
		key    goldenKey
		want   error
	}{
		{original, accessKey(), nil},
		{original, idKey(), tokens.UnknownKey},
		{updated, accessKey(), tokens.ErrUnavailable},
		{original, accessKey(), nil},
		{replica, idKey(), nil},
		{replica, accessKey(), tokens.UnknownKey},
		{"https://evil.example/us-east-1_GoldenA01", rogueKey(), tokens.BadIssuer},
	} {
		if _, err := v.Verify(context.Background(), token(tt.issuer, tt.key), tokens.Access); !errors.Is(err, tt.want) {
			t.Errorf("%s with %s: %v, want %v", tt.issuer, tt.key.kid, err, tt.want)
		}
	}
	if len(fetched) != 3 || fetched[updated+"/.well-known/jwks.json"] != 1 {
		t.Errorf("fetched: %v", fetched)
	}
}

// TestKeySetOfAnotherPool checks that a set knows no key of an issuer that is not
// its pool's, whatever it is asked.
func TestKeySetOfAnotherPool(t *testing.T) {
	srv := cognitotest.New()
	keys, err := tokens.NewRemoteKeySet(srv.UserPool(), &tokens.Options{HTTPClient: srv.Client()})
	if err != nil {
		t.Fatal(err)
	}
	v, err := tokens.NewVerifier(goldenPool, &tokens.Options{Keys: keys, Now: func() time.Time { return goldenNow }})
	if err != nil {
		t.Fatal(err)
	}
	raw := newDraft(tokens.Access, goldenNow.Add(time.Hour)).token()
	if _, err := v.Verify(context.Background(), raw, tokens.Access); !errors.Is(err, tokens.UnknownKey) {
		t.Error(err)
	}
	if key, err := keys.Key(context.Background(), goldenPool.IssuerURL(), "a"); key != nil || !errors.Is(err, tokens.UnknownKey) {
		t.Error(key, err)
	}
	if key, err := keys.Key(context.Background(), srv.UserPool().IssuerURL(), "a"); key != nil || !errors.Is(err, tokens.UnknownKey) {
		t.Error(key, err)
	}
	if srv.Calls("JWKS") != 1 {
		t.Errorf("%d fetches", srv.Calls("JWKS"))
	}
}

// TestRotationUnderLoad has many goroutines verify while keys are rotated, and asks
// only that the race detector and the verdicts agree.
func TestRotationUnderLoad(t *testing.T) {
	srv := cognitotest.New(cognitotest.User{Username: "ada"})
	var now atomic.Int64
	now.Store(time.Now().Unix())
	clock := func() time.Time { return time.Unix(now.Load(), 0) }
	srv.SetNow(clock)
	v, err := tokens.NewVerifier(srv.UserPool(), &tokens.Options{HTTPClient: srv.Client(), Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 25 {
				token, err := v.Verify(context.Background(), srv.Issue("ada").Access, tokens.Access)
				if err == nil {
					v.Trusted(token)
				} else if !errors.Is(err, tokens.UnknownKey) {
					t.Error(err)
				}
			}
		})
	}
	for range 10 {
		now.Add(600)
		srv.RotateKeys()
		if _, err := v.Verify(context.Background(), srv.Issue("ada").Access, tokens.Access); err != nil && !errors.Is(err, tokens.UnknownKey) {
			t.Error(err)
		}
	}
	wg.Wait()
}
