package session

import (
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/cognitogate/cognitogate/tokens"
)

// longCookieHeader is the length, in bytes, from which on a Cookie header is near the limits
// of proxies: nginx takes a line of 8 KiB, and Apache httpd one of 8190 bytes.
const longCookieHeader = 7 << 10

// maxClockSkew is how far this server's clock and Cognito's may be apart without a warning.
// AWS allows as much between its clocks and those of its clients.
const maxClockSkew = 5 * time.Minute

// warnings logs what may go wrong soon, or goes wrong for everybody, though no request shows
// it. Requests that are served from the cache do not come by here.
type warnings struct {
	logger        *slog.Logger
	clientID      string
	now           func() time.Time
	refreshBefore time.Duration // as configured

	logLongHeader, logClock, logAppClient rate.Sometimes
	logMargin                             sync.Once

	ownClient atomic.Bool // a token of this app client was verified
}

func newWarnings(cfg *Config) *warnings {
	return &warnings{
		logger: cfg.Logger, clientID: cfg.UserPool.ClientID, now: cfg.Now, refreshBefore: cfg.RefreshBefore,
		logLongHeader: rate.Sometimes{Interval: time.Minute},
		logClock:      rate.Sometimes{Interval: time.Minute},
		logAppClient:  rate.Sometimes{Interval: time.Hour}, // other sites of the domain may have their own
	}
}

// ofSession warns of what a request with a valid session shows. The cookies are those of
// this app client.
func (w *warnings) ofSession(h http.Header, cookies requestCookies, access, id *tokens.Token) {
	w.ofCookieHeader(h, cookies)
	w.ofMargin(access)
	if id != nil {
		w.ofMargin(id)
	}
	if skew := w.now().Sub(access.IssuedAt()); skew < -maxClockSkew { // no token is from the future
		w.ofClock(skew)
	}
}

// ofNewToken warns of what a token shows that Cognito has issued a moment ago.
func (w *warnings) ofNewToken(token *tokens.Token) {
	w.ofMargin(token)
	if skew := w.now().Sub(token.IssuedAt()); skew.Abs() > maxClockSkew && !token.IssuedAt().IsZero() {
		w.ofClock(skew)
	}
}

// ofClock warns that this server's clock is ahead of Cognito's, or behind it.
func (w *warnings) ofClock(ahead time.Duration) {
	where := "ahead of"
	if ahead < 0 {
		where = "behind"
	}
	w.logClock.Do(func() {
		w.logger.Warn("session: this server's clock is "+where+" Cognito's: every token lives as much shorter or longer here",
			"look_at", "this server's clock, or Config.Now", "off", ahead.Round(time.Second).Abs())
	})
}

// ofRefusedNewToken warns of a clock if a token that Cognito has issued a moment ago is
// refused for its time.
func (w *warnings) ofRefusedNewToken(err error) {
	if errors.Is(err, tokens.Expired) || errors.Is(err, tokens.NotYetValid) {
		w.logClock.Do(func() {
			w.logger.Warn("session: new tokens are not valid by this server's clock: it is wrong, or Cognito has not just issued them",
				"look_at", "this server's clock, or Config.Now", "error", err)
		})
	}
}

// ofCookieHeader warns of a Cookie header that a proxy may refuse soon. The user could not
// even sign out then.
func (w *warnings) ofCookieHeader(h http.Header, cookies requestCookies) {
	size := 0
	for _, line := range h["Cookie"] { // HTTP/2 may split it, and proxies join it
		size += len(line) + len("; ")
	}
	if size < longCookieHeader {
		return
	}
	w.logLongHeader.Do(func() {
		own := 0
		for i := range cookies {
			own += len(cookies[i].name) + len("=") + len(cookies[i].value) + len("; ")
		}
		w.logger.Warn("session: a Cookie header is near 8 KiB, past which usual proxies answer 400 or 431: raise their limit (nginx: large_client_header_buffers), put fewer groups or custom claims into the tokens, or set fewer other cookies",
			"bytes", size, "of_sessions", own)
	})
}

// ofMargin says once that RefreshBefore is longer than counts.
func (w *warnings) ofMargin(token *tokens.Token) {
	life := token.ExpiresAt().Sub(token.IssuedAt())
	if w.refreshBefore <= life/2 || token.IssuedAt().IsZero() || life <= 0 {
		return
	}
	w.logMargin.Do(func() {
		w.logger.Warn("session: RefreshBefore is longer than half of a token's life, and only that half counts: set a shorter one, or a longer validity of the app client's tokens",
			"look_at", "RefreshBefore", "RefreshBefore", w.refreshBefore, "life", life, "counts", life/2)
	})
}

// ofOtherAppClients warns of requests that have cookies of other app clients only. Once a
// token of this app client was verified, its id is right.
func (w *warnings) ofOtherAppClients(h http.Header) {
	if w.ownClient.Load() {
		return
	}
	found := appClientsIn(h, w.clientID)
	if found.own || !found.hasOthers() {
		return
	}
	w.logAppClient.Do(func() {
		w.logger.Warn("session: a browser has cookies of another app client and none of this one: unless another site of the domain has set them, UserPool.ClientID is wrong",
			"look_at", "UserPool.ClientID", "found", found.quotedOthers())
	})
}

// ofVerified notes how the verification of a token has ended.
func (w *warnings) ofVerified(token *tokens.Token, err error) {
	if w.ownClient.Load() {
		return
	}
	refusal, refused := errors.AsType[*tokens.VerifyError](err)
	switch {
	case token != nil, refused && refusal.Token != nil:
		w.ownClient.Store(true)
	case errors.Is(err, tokens.BadClient):
		w.logAppClient.Do(func() {
			w.logger.Warn("session: a token is another app client's: if it should be accepted, UserPool.ClientID is wrong",
				"look_at", "UserPool.ClientID", "error", err)
		})
	}
}
