package refresh_test

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session/internal/refresh"
	"github.com/cognitogate/cognitogate/tokens"
)

var (
	errRefused = &tokens.APIError{Code: "NotAuthorizedException", Message: "Invalid Refresh Token"}
	errDown    = fmt.Errorf("down: %w", tokens.ErrUnavailable)
)

// tokenOf returns an expired access token of ada's, of a sign-in, that was issued so
// long before others. Without a sign-in it names none.
func (e *env) tokenOf(signIn string, before time.Duration) *tokens.Token {
	e.t.Helper()
	set := e.server.Issue("ada", func(d *cognitotest.Draft) {
		if d.Use == tokens.ID {
			d.Claims = nil
			return
		}
		d.Claims["origin_jti"] = signIn
		if signIn == "" {
			delete(d.Claims, "origin_jti")
		}
		d.Claims["iat"] = d.Claims["iat"].(int64) - int64(before/time.Second)
	})
	token, err := e.verifier.Verify(e.t.Context(), set.Access, tokens.Access)
	if err != nil {
		e.t.Fatal(err)
	}
	return token
}

// count sends requests, each with a new refresh token that Cognito answers with err. It
// returns how many calls they caused.
func (e *env) count(requests int, err error, shown ...*tokens.Token) int {
	e.t.Helper()
	before, exchange := len(e.exchanged), e.exchange
	defer func() { e.exchange = exchange }()
	e.exchange = func(string) (*tokens.Set, error) { return nil, err }
	for i := range requests {
		req := refresh.Request{RefreshToken: fmt.Sprint("junk", len(e.exchanged), "of", i)}
		if len(shown) > 0 {
			req.Genuine = shown[i%len(shown):][:1]
		}
		if _, got := e.refreshWith(req); got != err && !errors.Is(got, tokens.ErrUnavailable) {
			e.t.Errorf("request %d: %v", i, got)
		}
	}
	return len(e.exchanged) - before
}

func TestRefusalsAndFailures(t *testing.T) {
	e := newEnv(t)
	latest := e.tokenOf("one", 0)
	var older []*tokens.Token
	for i := range 10 {
		older = append(older, e.tokenOf("one", time.Duration(1+i)*time.Second))
	}
	unnamed, later := e.tokenOf("", 0), e.tokenOf("two", 0)
	e.count(1, errDown, latest)
	for _, step := range []struct {
		name     string
		after    time.Duration
		err      error
		requests int
		shown    []*tokens.Token
		want     int
	}{
		{"refused, with one token", 0, errRefused, 100, older[:1], 5 + 1}, // and one a second of the user
		{"refused, with older tokens of the sign-in", 0, errRefused, 100, older, 20 - 5 - 1},
		{"a second later", time.Second, errRefused, 100, older, 1},
		{"with the latest token of the sign-in", 0, errRefused, 100, []*tokens.Token{latest}, 5},
		{"with a token of another sign-in", 0, errRefused, 100, []*tokens.Token{later}, 5},
		{"with a token that names no sign-in", 0, errRefused, 100, []*tokens.Token{unnamed}, 5},
		{"half a minute later", 30 * time.Second, errRefused, 100, older, 1},
		{"a minute later", time.Minute, errRefused, 100, older[:1], 5 + 1},
		{"the clock is set back", -time.Hour, errRefused, 100, older[:1], 5 + 1},
		{"failing", 2 * time.Hour, errDown, 100, older[:1], 40},
		{"failing, with older tokens of the sign-in", 0, errDown, 100, older, 0},
		{"failing, with the latest token", 0, errDown, 100, []*tokens.Token{latest}, 40},
		{"failing, ten seconds later", 10 * time.Second, errDown, 100, older, 40},
		{"failing, the clock is set back a little", -20 * time.Second, errDown, 100, older, 40},
	} {
		e.advance(step.after)
		if n := e.count(step.requests, step.err, step.shown...); n != step.want {
			t.Errorf("%s: %d calls, want %d", step.name, n, step.want)
		}
	}
}

// TestAnyShownTokenWillDo uses up the limits of a token that is planted among ada's. Her
// requests show her own too, whichever comes first.
func TestAnyShownTokenWillDo(t *testing.T) {
	for name, err := range map[string]error{"refused": errRefused, "failing": errDown} {
		e := newEnv(t)
		own, planted := e.tokenOf("own", time.Minute), e.tokenOf("planted", 0)
		e.count(100, err, planted)
		for i, shown := range [][]*tokens.Token{{own, planted}, {planted, own}} {
			req := refresh.Request{RefreshToken: fmt.Sprint("hers", i), Evidence: refresh.Evidence{Genuine: shown}}
			if _, err := e.refreshWith(req); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	e := newEnv(t)
	own, planted := e.tokenOf("own", time.Minute), e.tokenOf("planted", 0)
	revoke := func(i int, shown ...*tokens.Token) error {
		return e.Revoke(t.Context(), t.Context(), fmt.Sprint("junk", i), &refresh.Evidence{Genuine: shown})
	}
	for i := range 30 {
		_ = revoke(i, planted)
	}
	if err := revoke(30, planted); !errors.Is(err, tokens.ErrUnavailable) {
		t.Fatalf("the limit is not reached: %v", err)
	}
	if err := revoke(31, planted, own); err != nil {
		t.Errorf("a sign-out: %v", err)
	}
}

// TestRefusalsOfAUserAreLimited shows old tokens of many sign-ins. The latest tokens of
// another sign-in are not limited by that.
func TestRefusalsOfAUserAreLimited(t *testing.T) {
	e := newEnv(t)
	var latest, older []*tokens.Token
	for i := range 60 {
		signIn := fmt.Sprint("sign-in ", i)
		latest = append(latest, e.tokenOf(signIn, 0))
		older = append(older, e.tokenOf(signIn, time.Minute))
	}
	if n := e.count(600, errRefused, latest...); n != 200+1 { // and one a second
		t.Errorf("%d calls with the latest tokens, want 201", n)
	}
	e.advance(time.Minute)
	if n := e.count(600, errRefused, older...); n != 200+1 { // and one a second
		t.Errorf("%d calls, want 201", n)
	}
	if n := e.count(100, errRefused, e.tokenOf("her own", 0)); n != 5 {
		t.Errorf("%d calls with the latest token of a sign-in", n)
	}
	e.advance(time.Minute)
	for i := range 600 {
		_ = e.Revoke(t.Context(), t.Context(), fmt.Sprint("junk", i), &refresh.Evidence{Genuine: older[i%len(older):][:1]})
	}
	if n := len(e.revoked); n != 200+1 {
		t.Errorf("%d revocations, want 201", n)
	}
}

// TestLatestTokensOfASignInAreLimited shows many tokens of one sign-in, each the latest.
func TestLatestTokensOfASignInAreLimited(t *testing.T) {
	for name, step := range map[string]time.Duration{"of one second": 0, "one later than the other": time.Second} {
		e := newEnv(t)
		n := 0
		for i := range 30 {
			n += e.count(10, errRefused, e.tokenOf("one", -step*time.Duration(i)))
		}
		if n > 20+20+1 { // the latest ones, the older ones and one a second of the user
			t.Errorf("%s: %d calls", name, n)
		}
	}
}

// TestDemotedUsersShareOneRate has many users reach their limits.
func TestDemotedUsersShareOneRate(t *testing.T) {
	e := newEnv(t)
	var shown []*tokens.Token
	for i := range 15 {
		user := fmt.Sprint("user", i)
		e.server.SetUser(cognitotest.User{Username: user})
		shown = append(shown, e.accessToken(user))
	}
	e.count(5*len(shown), errRefused, shown...)
	if n := e.count(100, errRefused, shown...); n != 10 {
		t.Errorf("%d calls at once", n)
	}
	e.advance(time.Second)
	if n := e.count(100, errRefused, shown...); n != 10 {
		t.Errorf("%d calls a second later", n)
	}
}

// TestSuccessfulRefreshesAreLimited refreshes sign-ins of one user as often as possible.
// Beyond the limit, Cognito is not asked, and the newest valid result is served.
func TestSuccessfulRefreshesAreLimited(t *testing.T) {
	e := newEnv(t)
	issued := make(map[string]string) // refresh token to sign-in
	e.exchange = func(refreshToken string) (*tokens.Set, error) {
		if refreshToken == "bobs" {
			return e.issue("bob", "bobs'"), nil
		}
		signIn := issued[refreshToken]
		set := &tokens.Set{Access: e.tokenOf(signIn, 0).Raw(), Refresh: refreshToken + "'"}
		issued[set.Refresh] = signIn
		return set, nil
	}
	bobs := refresh.Request{RefreshToken: "bobs", Evidence: refresh.Evidence{Genuine: []*tokens.Token{e.accessToken("bob")}}}
	if _, err := e.refreshWith(bobs); err != nil {
		t.Fatal(err)
	}
	for signIn := range 11 {
		token := fmt.Sprint("sign-in", signIn, "-")
		issued[token] = token
		var last *refresh.Tokens
		before := len(e.exchanged)
		for i := range 30 {
			got, err := e.refreshWith(refresh.Request{RefreshToken: token, Evidence: refresh.Evidence{Genuine: []*tokens.Token{e.adas}}})
			if signIn < 10 && err != nil || signIn == 10 && !errors.Is(err, refresh.ErrTooMany) {
				t.Fatalf("sign-in %d, request %d: %v", signIn, i, err)
			}
			if err == nil {
				if i >= 20 && got != last {
					t.Fatalf("sign-in %d, request %d: another result", signIn, i)
				}
				last, token = got, got.Refresh
			}
		}
		want := 20
		if signIn == 10 { // beyond 200 of the user
			want = 0
		}
		if n := len(e.exchanged) - before; n != want {
			t.Errorf("sign-in %d: %d calls, want %d", signIn, n, want)
		}
	}
	if _, results, _ := e.Size(); results != 128+1 {
		t.Errorf("%d results, want 128 of one user and one of the other", results)
	}
	before := len(e.exchanged)
	if _, err := e.refreshWith(bobs); err != nil || len(e.exchanged) != before {
		t.Errorf("bob's result: %v, %d calls", err, len(e.exchanged)-before)
	}
	e.advance(time.Minute)
	if _, err := e.refreshWith(refresh.Request{RefreshToken: "sign-in10-", Evidence: refresh.Evidence{Genuine: []*tokens.Token{e.adas}}}); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}

// TestResultOfAnotherTokenIsNotServed asks with another refresh token beside the same
// access token. What the first has brought is served to its owner only.
func TestResultOfAnotherTokenIsNotServed(t *testing.T) {
	e := newEnv(t)
	e.exchange = func(refreshToken string) (*tokens.Set, error) {
		return &tokens.Set{Access: e.tokenOf(e.adas.OriginID(), 0).Raw(), Refresh: refreshToken + "'"}, nil
	}
	token := "a"
	for range 25 {
		token = e.mustRefresh(token).Refresh
	}
	if got, err := e.refresh("other"); !errors.Is(err, refresh.ErrTooMany) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := e.refresh(token); err != nil || got.Refresh != token {
		t.Errorf("the owner: %v, %v", got, err)
	}
	e.EndRefreshTokens([]string{token})
	if got, err := e.refresh(token); !errors.Is(err, refresh.ErrEnded) {
		t.Errorf("after a sign-out: %v, %v", got, err)
	}
}

// TestExpiredResultIsNotServed has tokens expire at once. Beyond the limit nothing is
// served then.
func TestExpiredResultIsNotServed(t *testing.T) {
	e := newEnv(t)
	e.server.SetLifetime(10 * time.Second)
	defer e.server.SetLifetime(time.Hour)
	e.exchange = func(refreshToken string) (*tokens.Set, error) {
		return &tokens.Set{Access: e.tokenOf("one", 0).Raw(), Refresh: refreshToken}, nil
	}
	for range 20 {
		if _, err := e.refreshWith(refresh.Request{RefreshToken: "a", Force: true}); err != nil {
			t.Fatal(err)
		}
	}
	e.advance(9 * time.Second)
	if _, err := e.refresh("a"); err != nil {
		t.Errorf("a second before the expiry: %v", err)
	}
	e.advance(time.Second)
	if _, err := e.refresh("a"); !errors.Is(err, refresh.ErrTooMany) {
		t.Errorf("at the expiry: %v", err)
	}
}

// TestRotationChainIsShort refreshes a sign-in as often as the limits allow. Following its
// rotations takes few steps, and the oldest remembered token leads to the newest tokens.
func TestRotationChainIsShort(t *testing.T) {
	e := newEnv(t)
	e.exchange = func(refreshToken string) (*tokens.Set, error) {
		return &tokens.Set{Access: e.tokenOf("one", 0).Raw(), Refresh: fmt.Sprint(len(e.exchanged))}, nil
	}
	token, all := "0", []string{"0"}
	most := 0
	for range longtest.Scale(400, 4090) {
		got, err := e.refresh(token)
		if err != nil {
			t.Fatal(err)
		}
		if got.Refresh != token {
			token = got.Refresh
			all = append(all, token)
		}
		_, results, _ := e.Size()
		most = max(most, results)
		e.advance(time.Second / 2)
	}
	if most > 64 {
		t.Errorf("%d results of one sign-in", most)
	}
	if len(all) < most {
		t.Fatal("the limits allow too few refreshes for this test")
	}
	before := len(e.exchanged)
	if got, err := e.refresh(all[len(all)-30]); err != nil || got.Refresh != token || len(e.exchanged) != before {
		t.Errorf("an old refresh token leads to %v, %v", got, err)
	}
	t.Logf("%d results at most", most)
}

func TestRepairsOfSignIn(t *testing.T) {
	e := newEnv(t)
	one, same, other := e.tokenOf("one", 0), e.tokenOf("one", time.Second), e.tokenOf("two", 0)
	if !e.AllowRepair(one) || e.AllowRepair(same) || !e.AllowRepair(other) {
		t.Error("a sign-in has one repair a minute")
	}
	// Without a name, the time of the sign-in tells it from others.
	unnamed := e.tokenOf("", 0)
	e.advance(time.Second)
	if !e.AllowRepair(unnamed) || e.AllowRepair(unnamed) || !e.AllowRepair(e.tokenOf("", 0)) {
		t.Error("a sign-in without a name has one repair a minute")
	}
	e.advance(time.Minute)
	if !e.AllowRepair(same) {
		t.Error("no repair a minute later")
	}
}

// TestRevocationsWithoutToken have the limits of all calls without a genuine token.
func TestRevocationsWithoutToken(t *testing.T) {
	e := newEnv(t)
	client := netip.MustParseAddr("203.0.113.7")
	for i := range 10 {
		err := e.Revoke(t.Context(), t.Context(), fmt.Sprint("junk", i), &refresh.Evidence{Client: client})
		if i < 2 && err != nil || i >= 2 && !errors.Is(err, refresh.ErrTooMany) {
			t.Errorf("revocation %d: %v", i, err)
		}
	}
}
