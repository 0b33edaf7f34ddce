package refresh

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/cognitogate/cognitogate/internal/recent"
	"github.com/cognitogate/cognitogate/tokens"
)

const (
	signInTTL = 24 * time.Hour

	maxSignInResults = 20  // successful refreshes of a sign-in, within successWindow
	maxUserResults   = 200 // successful refreshes of a user

	maxAccounts = 4096 // entries of half a memory
	maxSignIns  = 8192 // the same, of the memory of sign-ins
	maxWorked   = 16384
	// workedShare is how many refresh tokens of a sign-in are known to have worked: an
	// exchanged one and the one that rotation brought, twice.
	workedShare = 4
)

// quota is how many calls for one token, sign-in or user may end badly.
type quota struct {
	refusals, revocations int // within refusalTTL
	failures              int // within failureWindow
}

var (
	tokenQuota  = quota{refusals: 5, revocations: 20, failures: 40}
	signInQuota = quota{refusals: 20, revocations: 20, failures: 40}  // also of its refresh tokens that have worked
	latestQuota = quota{refusals: 20, revocations: 80, failures: 160} // of the latest tokens of a sign-in, one after the other
	userQuota   = quota{refusals: 200, revocations: 200, failures: 400}
)

// accounts count the calls to Cognito for access tokens, sign-ins and users.
//
// A client can show tokens that it does not own: old, found or planted ones. So refusals
// and failures count against the access token that was shown, and against its sign-in
// and user. The latest token of a sign-in has limits of its own, so that older ones do not
// use them up. A request may show several tokens of one user, planted ones among them: one
// whose limits are not reached will do.
//
// A refresh token that was seen here alone beside a valid access token, as one has it
// after a sign-in, has limits of its own too. One that has worked here belongs to whoever
// shows it, and other tokens cannot use up its calls. Its successes count against the
// sign-in that Cognito's answer names.
type accounts struct {
	accessTokens recent.Map[hash, *uses]
	signIns      recent.Map[hash, *signInLimits]
	users        recent.Map[hash, *userLimits]
	worked       map[hash]*recent.Item[hash, workedToken]
	workedOrder  recent.Queue[hash, workedToken] // by sign-in
}

// workedToken is a refresh token that has worked here.
type workedToken struct {
	token  hash
	origin origin
	at     time.Time
}

func newAccounts() accounts {
	return accounts{
		accessTokens: recent.Map[hash, *uses]{Keep: refusalTTL, Max: maxAccounts},
		signIns:      recent.Map[hash, *signInLimits]{Keep: signInTTL, Max: maxSignIns},
		users:        recent.Map[hash, *userLimits]{Keep: successWindow, Max: maxAccounts},
		worked:       make(map[hash]*recent.Item[hash, workedToken]),
		workedOrder:  recent.Queue[hash, workedToken]{Max: maxWorked, Share: workedShare},
	}
}

// Evidence is what a request shows beside a refresh token. It decides which limits a call
// to Cognito counts against.
type Evidence struct {
	// Genuine are tokens of the session's user that Cognito has certainly issued, valid or
	// expired ones: the session's access token first, if there is one.
	Genuine []*tokens.Token
	// Beside is a genuine access token that this process has seen alone beside the refresh
	// token while it was valid. It is nil if there is none.
	Beside *tokens.Token
	// Client is the address that the request comes from. The zero Addr is unknown.
	Client netip.Addr
}

// subject returns the session's user, if it is known.
func (e *Evidence) subject() string {
	if len(e.Genuine) == 0 {
		return ""
	}
	return e.Genuine[0].Subject()
}

// grant is what a call has taken from the limits.
type grant struct {
	origin origin
	uses   []limitedUses // they count how the call ends
	worked *workedToken  // nil if the refresh token has not worked here

	signIn *signInLimits // nil if no token of the sign-in is known
	user   *userLimits

	once bool      // the call is not repeated
	rate []*bucket // a call that succeeds is given back to them
}

// limitedUses are uses with their limits.
type limitedUses struct {
	*uses
	max quota
}

// grant returns a grant for the first of the shown tokens that is within its limits, else
// for the first one. It has taken nothing.
func (a *accounts) grant(refreshToken string, shown *Evidence, now time.Time, within func(*grant) bool) *grant {
	if shown.Beside != nil {
		if g := a.grantBeside(refreshToken, shown.Beside, now); within(g) {
			return g
		}
	}
	if len(shown.Genuine) == 0 {
		return a.grantFor(refreshToken, nil, now)
	}
	var first *grant
	for _, token := range shown.Genuine {
		g := a.grantFor(refreshToken, token, now)
		if within(g) {
			return g
		}
		if first == nil {
			first = g
		}
	}
	return first
}

// grantFor returns a grant for a shown token, or for none.
func (a *accounts) grantFor(refreshToken string, shown *tokens.Token, now time.Time) *grant {
	g := &grant{origin: unknownOrigin(refreshToken), worked: a.workedToken(refreshToken, now)}
	switch {
	case g.worked != nil:
		g.origin = g.worked.origin
	case shown != nil:
		g.origin = originOf(shown)
	default:
		return g
	}
	g.signIn, g.user = record(&a.signIns, g.origin.signIn, now), record(&a.users, g.origin.user, now)
	if g.worked != nil {
		g.uses = []limitedUses{{&g.signIn.worked, signInQuota}}
		return g
	}
	if ofToken := record(&a.accessTokens, hashOf(shown.Raw()), now); g.signIn.noteIssued(shown) {
		g.uses = []limitedUses{{ofToken, tokenQuota}, {&g.signIn.latestShown, latestQuota}, {&g.user.latestShown, userQuota}}
	} else {
		g.uses = []limitedUses{{ofToken, tokenQuota}, {&g.signIn.shown, signInQuota}, {&g.user.shown, userQuota}}
	}
	return g
}

// grantBeside returns a grant for a refresh token that belongs to a genuine token.
func (a *accounts) grantBeside(refreshToken string, genuine *tokens.Token, now time.Time) *grant {
	if known := a.workedToken(refreshToken, now); known != nil {
		return a.grantFor(refreshToken, genuine, now)
	}
	g := &grant{origin: originOf(genuine)}
	g.signIn, g.user = record(&a.signIns, g.origin.signIn, now), record(&a.users, g.origin.user, now)
	g.uses = []limitedUses{{record(&a.accessTokens, hashOfBoth("beside", refreshToken), now), tokenQuota}}
	return g
}

// take takes a call from the rates.
func (g *grant) take() {
	for _, b := range g.rate {
		b.take()
	}
}

// record returns the value under key, or puts a new one there.
func record[V any](m *recent.Map[hash, *V], key hash, now time.Time) *V {
	value, ok := m.Get(key, now)
	if !ok {
		value = new(V)
	}
	m.Put(key, value, now)
	return value
}

// mayCall returns the reason why there may be no call, not even one at a low rate.
func (g *grant) mayCall(now time.Time) error {
	if g.signIn != nil && (g.signIn.reach(maxSignInResults, now) || g.user.reach(maxUserResults, now)) {
		return errTooOften
	}
	for _, u := range g.uses {
		if u.failures.count(now, failureWindow) >= u.max.failures {
			return fmt.Errorf("%w: too many calls have failed", ErrTooMany)
		}
	}
	return nil
}

// mayBeRefused reports whether the limits on refusals allow another one. Refresh tokens
// that have worked here are limited by themselves alone.
func (g *grant) mayBeRefused(now time.Time) bool {
	for _, u := range g.uses {
		if u.refusals.count(now, refusalTTL)+u.running >= u.max.refusals {
			return false
		}
	}
	return len(g.uses) > 0
}

// mayEnd reports whether the limits on revocations allow another one, or another tombstone.
func (g *grant) mayEnd(counted func(*uses) *counter, now time.Time) bool {
	for _, u := range g.uses {
		if counted(u.uses).count(now, refusalTTL) >= u.max.revocations {
			return false
		}
	}
	return len(g.uses) > 0
}

// noteWorked notes that a call has brought tokens: for its origin, the exchanged refresh
// token and the new one have worked here.
func (a *accounts) noteWorked(call *refreshCall, now time.Time) {
	for _, token := range []string{call.refreshToken, call.newestToken()} {
		key := hashOf(token)
		if known := a.worked[key]; known != nil {
			a.workedOrder.Remove(known)
		}
		added, displaced := a.workedOrder.Add(call.origin.signIn, workedToken{key, call.origin, now})
		if displaced != nil {
			delete(a.worked, displaced.Value.token)
		}
		a.worked[key] = added
	}
	if call.tokens != nil {
		record(&a.signIns, call.origin.signIn, now).noteIssued(call.tokens.Access)
	}
}

// workedToken returns a refresh token that has worked here within a day, or nil.
func (a *accounts) workedToken(refreshToken string, now time.Time) *workedToken {
	known := a.worked[hashOf(refreshToken)]
	if known == nil || now.Sub(known.Value.at).Abs() >= signInTTL {
		return nil
	}
	return &known.Value
}
