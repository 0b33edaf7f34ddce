package refresh

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/cognitogate/cognitogate/internal/recent"
	"github.com/cognitogate/cognitogate/tokens"
)

const (
	resultMinTTL  = 30 * time.Second // for requests that are on their way
	resultMaxTTL  = 2 * time.Minute  // for a browser that has not shown the new tokens
	maxResults    = 4096             // and as many running calls
	resultShare   = 128              // results of one user
	maxRotations  = 64               // of a refresh token that are followed; the limits allow 60 in resultMaxTTL
	maxStoreSteps = 8                // results of other processes, or too old ones, that one request follows
	sweepInterval = time.Second
)

// Source says where a request's refreshed tokens came from.
type Source string

// The sources.
const (
	SourceCall   Source = "call"   // a call to Cognito that the request started
	SourceJoined Source = "joined" // a call that another request had started
	SourceKept   Source = "kept"   // the remembered result of an earlier call
	SourceStore  Source = "store"  // another process's call, whose result the store had
	SourceNone   Source = "none"   // no call may be made, and no result will do

	tooEarly Source = "" // a running call that started too early for the request
)

// Tokens are the verified tokens of a refresh.
type Tokens struct {
	Access, ID *tokens.Token // ID is nil if Cognito issued none
	Refresh    string        // the one to use next
}

// refreshCall is one exchange of a refresh token: running, or finished with a result
// that is remembered.
type refreshCall struct {
	refreshToken string        // as exchanged
	deviceKey    string        // that was sent; set when done is closed
	fromStore    bool          // another process has called Cognito; set when done is closed
	subject      string        // of the request that started the call
	origin       origin        // what was known of it; that of the tokens, once verified
	number       uint64        // orders calls; clocks can be set back
	made         atomic.Bool   // false while a limit, or another process's claim, is in the way
	done         chan struct{} // closed when the next three are set

	tokens     *Tokens
	unverified *tokens.Set // issued by Cognito and not verified yet
	err        error

	// The Engine's mutex guards these.
	finishedAt     time.Time // zero while the call runs
	keepUntil      time.Time
	item           *recent.Item[hash, *refreshCall] // in results.finished
	keepLong       bool                             // a request joined whose answer may carry no cookies
	ended          bool                             // by a sign-out
	revokeWhenDone bool                             // a sign-out does not wait for the call
}

func (c *refreshCall) isRunning() bool { return c.finishedAt.IsZero() }

// hasIssued reports whether Cognito has issued tokens, verified or not.
func (c *refreshCall) hasIssued() bool { return c.tokens != nil || c.unverified != nil }

// isUsable reports whether a call, which may be nil, has brought tokens that are valid.
func (c *refreshCall) isUsable(now time.Time) bool {
	return c != nil && !c.ended && !c.isRunning() && c.tokens != nil && now.Before(c.tokens.Access.ExpiresAt())
}

// newestToken returns the refresh token that a finished call leads to.
func (c *refreshCall) newestToken() string {
	switch {
	case c.tokens != nil:
		return c.tokens.Refresh
	case c.unverified != nil && c.unverified.Refresh != "":
		return c.unverified.Refresh
	}
	return c.refreshToken
}

// keepForLong keeps the result for as long as any: the answer to an upgrade may carry
// no cookies, so the browser does not get the new tokens with it.
func (c *refreshCall) keepForLong() {
	c.keepLong = true
	if !c.isRunning() {
		c.keepUntil = c.finishedAt.Add(resultMaxTTL)
	}
}

// supersedes reports whether the call has brought, or may still bring, tokens that
// replace an access token of the same user. iat has whole seconds. If both tokens have
// the same iat, the one beside the old refresh token is older when tokens rotate.
// Without rotation nobody can tell, because Amplify may have refreshed after us.
func (c *refreshCall) supersedes(shown *tokens.Token) bool {
	if c.tokens == nil {
		return true
	}
	access := c.tokens.Access
	switch {
	case access.Subject() != shown.Subject(), access.Raw() == shown.Raw():
		return false
	case c.tokens.Refresh != c.refreshToken && access.IssuedAt().Equal(shown.IssuedAt()):
		return true
	}
	return access.IssuedAt().After(shown.IssuedAt())
}

// results hold the calls that run and those that have finished a short while ago. The
// Engine's mutex guards them, except for the last two.
type results struct {
	byToken    map[string]*refreshCall          // by the exchanged refresh token
	byNewToken map[string]*refreshCall          // by the refresh token that rotation brought
	finished   recent.Queue[hash, *refreshCall] // by user
	sweptAt    time.Time

	undelivered      sync.Map // access tokens that no browser has shown yet, to *refreshCall
	undeliveredCount atomic.Int64
}

func newResults() results {
	return results{
		byToken:    make(map[string]*refreshCall),
		byNewToken: make(map[string]*refreshCall),
		finished:   recent.Queue[hash, *refreshCall]{Max: maxResults, Share: resultShare},
	}
}

// addFinished keeps a finished call that has brought tokens.
func (r *results) addFinished(call *refreshCall) {
	item, displaced := r.finished.Add(call.origin.user, call)
	if call.item = item; displaced != nil {
		r.remove(displaced.Value)
	}
	if next := call.newestToken(); next != call.refreshToken {
		r.byNewToken[next] = call
	}
	if call.tokens != nil {
		if _, again := r.undelivered.Swap(call.tokens.Access.Raw(), call); !again {
			r.undeliveredCount.Add(1)
		}
	}
}

// remove forgets a call.
func (r *results) remove(call *refreshCall) {
	if r.byToken[call.refreshToken] == call {
		delete(r.byToken, call.refreshToken)
	}
	if next := call.newestToken(); r.byNewToken[next] == call {
		delete(r.byNewToken, next)
	}
	if call.item != nil {
		r.finished.Remove(call.item)
	}
	r.forgetUndelivered(call)
}

// sweep forgets old results, once in a while.
func (r *results) sweep(now time.Time) {
	if since := now.Sub(r.sweptAt); since >= 0 && since < sweepInterval {
		return
	}
	r.sweptAt = now
	for item := range r.finished.All() {
		call := item.Value
		switch {
		case now.After(call.keepUntil):
			r.remove(call)
		case call.keepUntil.Sub(now) > resultMaxTTL: // the clock was set back
			call.keepUntil = now.Add(resultMaxTTL)
		}
	}
}

// newestToken follows the rotations of a refresh token. It returns the newest one, or
// the call that is about to bring another.
func (r *results) newestToken(refreshToken string) (newest string, running *refreshCall) {
	for range maxRotations {
		call := r.byToken[refreshToken]
		switch {
		case call != nil && call.isRunning():
			return refreshToken, call
		case call == nil || call.newestToken() == refreshToken:
			return refreshToken, nil
		}
		refreshToken = call.newestToken()
	}
	return refreshToken, nil
}

// newestOf returns the newest result that a refresh token leads to, or that brought it.
// It is nil if there is none.
func (r *results) newestOf(refreshToken string) *refreshCall {
	newest := r.byNewToken[refreshToken]
	for range maxRotations {
		next := r.byToken[refreshToken]
		if next == nil || !next.hasIssued() {
			break
		}
		if newest = next; next.newestToken() == refreshToken {
			break
		}
		refreshToken = next.newestToken()
	}
	return newest
}

func (r *results) forgetUndelivered(call *refreshCall) {
	if call.tokens != nil && r.undelivered.CompareAndDelete(call.tokens.Access.Raw(), call) {
		r.undeliveredCount.Add(-1)
	}
}

// markEnded marks the calls of a refresh token as ended by a sign-out, with those of its
// forerunners and successors. It returns all their refresh tokens, and the access tokens
// that came with them.
func (r *results) markEnded(refreshToken string) (chain []string, access []*tokens.Token) {
	chain = []string{refreshToken}
	for i := 0; i < len(chain); i++ {
		token := chain[i]
		if previous := r.byNewToken[token]; previous != nil && !previous.ended {
			chain = append(chain, previous.refreshToken)
		}
		if call := r.byToken[token]; call != nil {
			if next := call.newestToken(); !call.ended && !call.isRunning() && next != token {
				chain = append(chain, next)
			}
			if call.tokens != nil {
				access = append(access, call.tokens.Access)
			}
			call.ended = true
		}
	}
	return chain, access
}
