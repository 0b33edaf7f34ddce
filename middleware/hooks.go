package middleware

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// SignIn is a sign-in that Hooks.SignedIn is told of.
type SignIn struct {
	Session *session.Session
	Reason  SignInReason
	// Before is the user whose session the browser showed, valid or expired. It is the
	// zero User if there was none, and with Strict cookies, which browsers do not send on
	// the way back from the managed login.
	Before session.User
}

// SignInReason says what a sign-in means to the browser's session. Its text is stable and
// can be a metric's label.
type SignInReason string

// The reasons of a [SignIn].
const (
	SignInNew    SignInReason = "new"    // the browser had no session
	SignInAgain  SignInReason = "again"  // it had one of the same user
	SignInSwitch SignInReason = "switch" // it had one of another user
)

// SignOut is a sign-out that Hooks.SignedOut is told of.
type SignOut struct {
	User   session.User
	Reason SignOutReason
	// Err is what Manager.End returned: Cognito may not have revoked every session in the
	// cookies. The browser is signed out all the same.
	Err error
}

// SignOutReason says why a user was signed out. Its text is stable and can be a metric's
// label.
type SignOutReason string

// The reasons of a [SignOut].
const (
	SignOutAsked    SignOutReason = "asked"    // by the sign-out route
	SignOutReplaced SignOutReason = "replaced" // a sign-in has replaced the session in the browser; it is not revoked
)

// SignInFailure is a sign-in that Hooks.SignInFailed is told of.
type SignInFailure struct {
	Reason FailureReason
	Err    error // for a log; it quotes no token and no code
}

// FailureReason says why a sign-in failed. Its text is stable and can be a metric's label.
type FailureReason string

// The reasons of a [SignInFailure].
const (
	FailureNotBegun      FailureReason = "not-begun"     // the sign-in route could not send the browser to the managed login
	FailureLost          FailureReason = "lost"          // this browser has not begun the sign-in, or too long ago
	FailureCancelled     FailureReason = "cancelled"     // the user has cancelled it
	FailureLogin         FailureReason = "login"         // the managed login has refused the user or the request
	FailureTokens        FailureReason = "tokens"        // Cognito has refused the code, or its tokens are not what they should be
	FailureUnavailable   FailureReason = "unavailable"   // Cognito could not be reached
	FailureConfiguration FailureReason = "configuration" // no user can sign in; the log says what to look at
	FailureHook          FailureReason = "hook"          // Hooks.SignedIn returned an error
)

var errSignedInHook = errors.New("cognitogate: Hooks.SignedIn")

// callSignedIn calls the hooks of a sign-in before its session is started. If they refuse it
// or panic, the session of its tokens is ended.
func (a *Auth) callSignedIn(r *http.Request, s *session.Session, set *tokens.Set) error {
	agreed := false
	defer func() { // also if a hook panics
		if !agreed {
			a.endNotStarted(r, set)
		}
	}()
	event := SignIn{Session: s, Reason: SignInNew, Before: a.userBefore(r)}
	switch event.Before.ID {
	case "":
	case s.User().ID:
		event.Reason = SignInAgain
	default:
		event.Reason = SignInSwitch
	}
	if hook := a.cfg.Hooks.SignedIn; hook != nil {
		if err := hook(r.Context(), event); err != nil {
			return fmt.Errorf("%w: %w", errSignedInHook, err)
		}
	}
	a.callSignedOut(r.Context(), SignOut{User: event.Before, Reason: SignOutReplaced})
	agreed = true
	return nil
}

// endNotStarted ends the session of tokens that no browser has got.
func (a *Auth) endNotStarted(r *http.Request, set *tokens.Set) {
	cookies, only := headerWriter{}, r.Clone(r.Context())
	only.Header.Del("Cookie")
	_, err := a.sessions.Start(cookies, only, set)
	if err == nil {
		err = a.sessions.End(headerWriter{}, a.sessions.ForwardCookies(only, cookies.Header()))
	}
	if err != nil {
		a.logEvent(r, "refused, not revoked", "the session of a refused sign-in could not be revoked", slog.Any("error", err))
	}
}

// userBefore returns the user whose session a request's cookies show, valid or expired, or
// the zero User. Without a hook to tell, it does not look.
func (a *Auth) userBefore(r *http.Request) session.User {
	if a.cfg.Hooks.SignedIn == nil && a.cfg.Hooks.SignedOut == nil {
		return session.User{}
	}
	// A browser that has gone away was signed in nevertheless. The keys are known, unless
	// the process has just begun.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), time.Second)
	defer cancel()
	if a.cfg.Bearer { // a bearer token is not of the browser's session
		ctx = a.sessions.NewContext(ctx, nil)
	}
	// Only cookies are of the browser's session. A bearer token may stand anywhere else.
	// session.TakeOver finds a session in Amplify's cookies for a tab's navigation only.
	header := http.Header{"Cookie": r.Header["Cookie"], "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}, "Sec-Fetch-Site": {"none"}}
	r = (&http.Request{Method: r.Method, URL: &url.URL{Path: r.URL.Path}, Header: header}).WithContext(ctx)
	s, err := a.sessions.Fetch(nil, r, nil)
	if refusal, ok := errors.AsType[*tokens.VerifyError](err); ok && refusal.Token != nil {
		return session.User{ID: refusal.Token.Subject(), Username: refusal.Token.Username()}
	}
	return s.User()
}

// reportSignOut calls the hook of a sign-out that is written. If the hook panics, the
// browser gets the answer all the same, so that it deletes its cookies.
func (a *Auth) reportSignOut(w http.ResponseWriter, r *http.Request, event SignOut) {
	returned := false
	defer func() {
		if !returned {
			_ = http.NewResponseController(w).Flush()
		}
	}()
	a.callSignedOut(r.Context(), event)
	returned = true
}

// callSignedOut calls the hook unless nobody was signed in.
func (a *Auth) callSignedOut(ctx context.Context, event SignOut) {
	if hook := a.cfg.Hooks.SignedOut; hook != nil && event.User.ID != "" {
		hook(ctx, event)
	}
}

// callSignInFailed calls the hook of a sign-in that failed, before w is answered.
func (a *Auth) callSignInFailed(w http.ResponseWriter, r *http.Request, reason FailureReason, err error) {
	if a.cfg.ReasonHeader {
		setReason(w.Header(), string(reason), "")
	}
	if hook := a.cfg.Hooks.SignInFailed; hook != nil {
		hook(r.Context(), SignInFailure{Reason: reason, Err: err})
	}
}

// headerWriter is a ResponseWriter for what is not sent.
type headerWriter http.Header

func (w headerWriter) Header() http.Header         { return http.Header(w) }
func (w headerWriter) Write(b []byte) (int, error) { return len(b), nil }
func (w headerWriter) WriteHeader(int)             {}
