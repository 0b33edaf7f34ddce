package refresh

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/cognitogate/cognitogate/internal/recent"
	"github.com/cognitogate/cognitogate/tokens"
)

// Timeout bounds a whole refresh, verification included.
const Timeout = 5 * time.Second

const (
	refusalTTL     = time.Minute
	repairInterval = time.Minute
	failureWindow  = 10 * time.Second
	pauseTTL       = 10 * time.Second
	lostReplyTTL   = time.Minute // the longest grace of a rotated refresh token
	clientTTL      = time.Minute
	signInTTL      = 24 * time.Hour

	maxSignInResults = 20  // successful refreshes of a sign-in, within successWindow
	maxUserResults   = 200 // successful refreshes of a user

	maxNotes   = 4096 // entries of half a memory
	maxSignIns = 8192 // the same, of the memory of sign-ins
	maxWorked  = 16384
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
	signInQuota = quota{refusals: 20, revocations: 20, failures: 40} // also of its refresh tokens that have worked
	userQuota   = quota{refusals: 200, revocations: 200, failures: 400}
)

// limits decide which refresh tokens Cognito is asked about. Nobody can spend Cognito's
// quota through this process, and nobody can lock another user out. All memory is
// bounded.
//
// A client can show tokens that it does not own: old, found or planted ones. So refusals
// and failures count against the access token that was shown, and against its sign-in
// and user unless the token is the sign-in's latest. A request may show several tokens of
// one user, planted ones among them: one whose limits are not reached will do. A refresh token that has worked here belongs
// to whoever shows it, and other tokens cannot use up its calls. Its successes count
// against the sign-in that Cognito's answer names.
type limits struct {
	now func() time.Time

	mu           sync.Mutex
	refusals     recent.Map[hash, error] // by refresh token and device key
	accessTokens recent.Map[hash, *uses]
	signIns      recent.Map[hash, *signInLimits]
	users        recent.Map[hash, *userLimits]
	clients      recent.Map[netip.Prefix, *bucket]
	worked       map[hash]*recent.Item[hash, workedToken]
	workedOrder  recent.Queue[hash, workedToken] // by sign-in
	repairs      recent.Map[hash, struct{}]      // sign-ins that a broken ID token has refreshed
	paused       recent.Map[hash, struct{}]      // sessions that are not refreshed for a while
	lostReplies  recent.Map[hash, struct{}]      // refresh tokens that a lost reply may have replaced

	demoted, unverified bucket
}

// workedToken is a refresh token that has worked here.
type workedToken struct {
	token  hash
	origin origin
	at     time.Time
}

func newLimits(now func() time.Time) *limits {
	return &limits{
		now:          now,
		refusals:     recent.Map[hash, error]{Keep: refusalTTL, Max: maxNotes},
		accessTokens: recent.Map[hash, *uses]{Keep: refusalTTL, Max: maxNotes},
		signIns:      recent.Map[hash, *signInLimits]{Keep: signInTTL, Max: maxSignIns},
		users:        recent.Map[hash, *userLimits]{Keep: successWindow, Max: maxNotes},
		clients:      recent.Map[netip.Prefix, *bucket]{Keep: clientTTL, Max: maxNotes},
		worked:       make(map[hash]*recent.Item[hash, workedToken]),
		workedOrder:  recent.Queue[hash, workedToken]{Max: maxWorked, Share: workedShare},
		repairs:      recent.Map[hash, struct{}]{Keep: repairInterval, Max: maxNotes},
		paused:       recent.Map[hash, struct{}]{Keep: pauseTTL, Max: maxNotes},
		lostReplies:  recent.Map[hash, struct{}]{Keep: lostReplyTTL, Max: maxNotes},
	}
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
// for the first one. It has taken nothing. shown are genuine tokens of one user. l.mu is
// held.
func (l *limits) grant(refreshToken string, shown []*tokens.Token, now time.Time, within func(*grant) bool) *grant {
	if len(shown) == 0 {
		return l.grantFor(refreshToken, nil, now)
	}
	var first *grant
	for _, token := range shown {
		g := l.grantFor(refreshToken, token, now)
		if within(g) {
			return g
		}
		if first == nil {
			first = g
		}
	}
	return first
}

// grantFor returns a grant for a shown token, or for none. l.mu is held.
func (l *limits) grantFor(refreshToken string, shown *tokens.Token, now time.Time) *grant {
	g := &grant{origin: unknownOrigin(refreshToken), worked: l.workedToken(refreshToken, now)}
	switch {
	case g.worked != nil:
		g.origin = g.worked.origin
	case shown != nil:
		g.origin = originOf(shown)
	default:
		return g
	}
	g.signIn, g.user = record(&l.signIns, g.origin.signIn, now), record(&l.users, g.origin.user, now)
	if g.worked != nil {
		g.uses = []limitedUses{{&g.signIn.worked, signInQuota}}
		return g
	}
	g.uses = []limitedUses{{record(&l.accessTokens, hashOf(shown.Raw()), now), tokenQuota}}
	if g.signIn.noteIssued(shown) {
		return g // older tokens must not use up the calls of the latest
	}
	g.uses = append(g.uses, limitedUses{&g.signIn.shown, signInQuota}, limitedUses{&g.user.shown, userQuota})
	return g
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

// startCall allows a call, or says why there is none. shown are genuine tokens of the
// user who asks. client is the address that asks; the zero Addr is not limited by itself.
// The caller hands the grant to finishCall.
func (l *limits) startCall(refreshToken, deviceKey string, shown []*tokens.Token, client netip.Addr) (*grant, error) {
	if err := l.refusal(refreshToken, deviceKey); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	g := l.grant(refreshToken, shown, now, func(g *grant) bool { return g.mayCall(now) == nil && g.mayBeRefused(now) })
	if err := g.mayCall(now); err != nil {
		return nil, err
	}
	if !g.mayBeRefused(now) {
		if err := l.demote(g, client, now); err != nil {
			return nil, err
		}
	}
	for _, u := range g.uses {
		u.running++
	}
	if g.worked != nil {
		g.signIn.refreshing++
		g.user.refreshing++
	}
	return g, nil
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

// demote allows a call by rate alone. l.mu is held.
func (l *limits) demote(g *grant, client netip.Addr, now time.Time) error {
	g.once = true
	if g.user != nil {
		if !g.user.demoted.allows(now, demotedUserRate) || !l.demoted.allows(now, demotedRate) {
			return fmt.Errorf("%w of one sign-in", ErrTooMany)
		}
		g.rate = []*bucket{&g.user.demoted, &l.demoted}
	} else {
		if !l.unverified.allows(now, unverifiedRate) {
			return fmt.Errorf("%w without a genuine token", ErrTooMany)
		}
		g.rate = []*bucket{&l.unverified}
		if network, ok := networkOf(client); ok {
			limit, known := l.clients.Get(network, now)
			if !known {
				limit = new(bucket)
			}
			if !limit.allows(now, clientRate) {
				return fmt.Errorf("%w without a genuine token from one address", ErrTooMany)
			}
			l.clients.Put(network, limit, now)
			g.rate = append(g.rate, limit)
		}
	}
	for _, b := range g.rate {
		b.take()
	}
	return nil
}

// networkOf returns what one client has of the addresses: an IPv4 address, or the 64
// bits of a network of IPv6 (RFC 6177). It returns false for the zero Addr.
func networkOf(client netip.Addr) (netip.Prefix, bool) {
	client = client.Unmap()
	bits := client.BitLen()
	if client.Is6() {
		bits = 64
	}
	network, err := client.Prefix(bits)
	return network, err == nil && client.IsValid()
}

// allowWithoutDevice allows the second try of a call whose device key was refused. The
// first try counts as a refusal.
func (l *limits) allowWithoutDevice(g *grant) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, u := range g.uses {
		u.refusals.add(l.now(), refusalTTL)
	}
	return !g.once
}

// finishCall notes how a call ended. A refused token is not tried again for a while. A
// lost reply is noted because the call may have had its effect.
func (l *limits) finishCall(g *grant, call *refreshCall) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, refused := l.now(), Refused(call.err)
	switch {
	case refused:
		l.refusals.Put(sessionKey(call.refreshToken, call.deviceKey), call.err, now)
	case call.err != nil && !wasAnswered(call.err):
		l.lostReplies.Put(sessionKey(call.refreshToken, call.subject), struct{}{}, now)
	}
	for _, u := range g.uses {
		u.running--
	}
	if g.worked != nil {
		g.signIn.refreshing--
		g.user.refreshing--
	}
	if call.hasIssued() {
		for _, b := range g.rate {
			b.giveBack()
		}
		record(&l.signIns, call.origin.signIn, now).refreshed.add(now, successWindow)
		record(&l.users, call.origin.user, now).refreshed.add(now, successWindow)
		return
	}
	for _, u := range g.uses {
		if refused {
			u.refusals.add(now, refusalTTL)
		} else {
			u.failures.add(now, failureWindow)
		}
	}
}

// noteWorked notes that a call has brought tokens: for its origin, the exchanged refresh
// token and the new one have worked here.
func (l *limits) noteWorked(call *refreshCall) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for _, token := range []string{call.refreshToken, call.newestToken()} {
		key := hashOf(token)
		if known := l.worked[key]; known != nil {
			l.workedOrder.Remove(known)
		}
		added, displaced := l.workedOrder.Add(call.origin.signIn, workedToken{key, call.origin, now})
		if displaced != nil {
			delete(l.worked, displaced.Value.token)
		}
		l.worked[key] = added
	}
	if call.tokens != nil {
		record(&l.signIns, call.origin.signIn, now).noteIssued(call.tokens.Access)
	}
}

// workedToken returns a refresh token that has worked here within a day, or nil. l.mu is
// held.
func (l *limits) workedToken(refreshToken string, now time.Time) *workedToken {
	known := l.worked[hashOf(refreshToken)]
	if known == nil || now.Sub(known.Value.at).Abs() >= signInTTL {
		return nil
	}
	return &known.Value
}

// allowRevocation allows a revocation and counts it. once says that the call must not be
// repeated. Nothing is given back for a success, because Cognito may answer so to a
// revocation of any text.
func (l *limits) allowRevocation(refreshToken string, shown []*tokens.Token, client netip.Addr) (once bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	within := func(g *grant) bool {
		for _, u := range g.uses {
			if u.revocations.count(now, refusalTTL) >= u.max.revocations {
				return false
			}
		}
		return len(g.uses) > 0
	}
	g := l.grant(refreshToken, shown, now, within)
	if !within(g) {
		if err := l.demote(g, client, now); err != nil {
			return false, fmt.Errorf("%w to be revoked", err)
		}
	}
	for _, u := range g.uses {
		u.revocations.add(now, refusalTTL)
	}
	return g.once, nil
}

// replyWasLost reports whether the reply to a recent refresh for this user was lost.
// Every newly verified request asks, and nearly always nothing was lost.
func (l *limits) replyWasLost(refreshToken, subject string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lostReplies.Len() > 0 && l.lostReplies.Has(sessionKey(refreshToken, subject), l.now())
}

// refusal returns Cognito's refusal, within the last minute, of the refresh token with the
// device key. It returns nil if there was none. Another key may not be refused.
func (l *limits) refusal(refreshToken, deviceKey string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err, _ := l.refusals.Get(sessionKey(refreshToken, deviceKey), l.now())
	return err
}

// AllowRepair allows one refresh for a broken ID token per sign-in and minute. Otherwise
// every request with that ID token would call Cognito.
func (l *limits) AllowRepair(access *tokens.Token) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	key, now := originOf(access).signIn, l.now()
	if l.repairs.Has(key, now) {
		return false
	}
	l.repairs.Put(key, struct{}{}, now)
	return true
}

// Pause puts off refreshes that can wait, because one has just failed and the access
// token is still valid. Otherwise every request in an outage would wait for Cognito, and
// add to its load.
func (l *limits) Pause(refreshToken, subject string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paused.Put(sessionKey(refreshToken, subject), struct{}{}, l.now())
}

// IsPaused reports whether a refresh that can wait is put off.
func (l *limits) IsPaused(refreshToken, subject string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.paused.Has(sessionKey(refreshToken, subject), l.now())
}
