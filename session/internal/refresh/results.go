package refresh

import (
	"container/list"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cognitogate/cognitogate/tokens"
)

const (
	resultMinTTL  = 30 * time.Second // for requests that are on their way
	resultMaxTTL  = 2 * time.Minute  // for a browser that has not shown the new tokens
	maxResults    = 4096             // and as many running calls
	sweepInterval = time.Second
)

// Source says where a request's refreshed tokens came from.
type Source string

// The sources.
const (
	SourceCall   Source = "call"   // a call to Cognito that the request started
	SourceJoined Source = "joined" // a call that another request had started
	SourceKept   Source = "kept"   // the remembered result of an earlier call

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
	subject      string        // of the request that started the call
	number       uint64        // orders calls; clocks can be set back
	done         chan struct{} // closed when the next three are set

	tokens     *Tokens
	unverified *tokens.Set // issued by Cognito and not verified yet
	err        error

	// The Engine's mutex guards these.
	finishedAt     time.Time // zero while the call runs
	keepUntil      time.Time
	element        *list.Element // in results.finished
	keepLong       bool          // a request joined whose answer may carry no cookies
	ended          bool          // by a sign-out
	revokeWhenDone bool          // a sign-out has stopped waiting
}

func (c *refreshCall) isRunning() bool { return c.finishedAt.IsZero() }

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
	byToken    map[string]*refreshCall // by the exchanged refresh token
	byNewToken map[string]*refreshCall // by the refresh token that rotation brought
	finished   list.List               // of *refreshCall, oldest first
	sweptAt    time.Time

	undelivered      sync.Map // access tokens that no browser has shown yet, to *refreshCall
	undeliveredCount atomic.Int64
}

// addFinished keeps a finished call that has brought tokens.
func (r *results) addFinished(call *refreshCall) {
	for r.finished.Len() >= maxResults {
		r.remove(r.finished.Front().Value.(*refreshCall))
	}
	call.element = r.finished.PushBack(call)
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
	if call.element != nil {
		r.finished.Remove(call.element)
	}
	r.forgetUndelivered(call)
}

// sweep forgets old results, once in a while.
func (r *results) sweep(now time.Time) {
	if since := now.Sub(r.sweptAt); since >= 0 && since < sweepInterval {
		return
	}
	r.sweptAt = now
	for element := r.finished.Front(); element != nil; {
		call := element.Value.(*refreshCall)
		element = element.Next()
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
	for range maxResults {
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
