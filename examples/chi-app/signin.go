package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// maxForm bounds what a form may send; the largest is a note of a few hundred
// characters.
const maxForm = 16 << 10

// newPoolClient makes a client for the pool's sign-in. It needs no AWS
// credentials: the password is what authorizes the call. It does not try twice,
// lest one mistyped password count as two.
func newPoolClient(cfg config) *cip.Client {
	options := cip.Options{
		Region:      cfg.UserPool.Region(),
		Credentials: aws.AnonymousCredentials{},
		Retryer:     aws.NopRetryer{},
	}
	if cfg.HTTPClient != nil {
		options.HTTPClient = cfg.HTTPClient
	}
	if cfg.UserPool.Endpoint != "" {
		options.BaseEndpoint = aws.String(cfg.UserPool.Endpoint)
	}
	return cip.New(options)
}

// signInForm is what the sign-in page shows.
type signInForm struct {
	Next, Username, Problem string
	Demo                    []cognitotest.User
}

// signInPage shows the form. Whoever is signed in already goes on: another tab,
// or Amplify in this browser, may have signed in or refreshed meanwhile.
func (a *app) signInPage(w http.ResponseWriter, r *http.Request) {
	if _, ok := session.FromContext(r.Context()); ok {
		http.Redirect(w, r, a.auth.ReturnTo(r), http.StatusSeeOther)
		return
	}
	a.showSignIn(w, r, http.StatusOK, "")
}

func (a *app) showSignIn(w http.ResponseWriter, r *http.Request, status int, problem string) {
	title := "Sign in"
	if problem != "" {
		title = "Error: " + title // heard first by whoever listens to the page
	}
	a.render(w, r, status, "sign-in", title, signInForm{
		Next:     a.auth.ReturnTo(r),
		Username: r.PostForm.Get("username"),
		Problem:  problem,
		Demo:     a.cfg.Demo,
	})
}

// signIn is the server-side sign-in. Where Amplify signs in in the browser, with
// ssr: true, there is no such handler: the guards read the cookies it writes.
//
//show:sign-in
func (a *app) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		a.showError(w, r, http.StatusBadRequest)
		return
	}
	form := r.PostForm
	set, err := a.authenticate(r.Context(), form.Get("username"), form.Get("password"))
	if err == nil {
		// Start verifies the tokens and writes the cookies.
		_, err = a.auth.Sessions().Start(w, r, set)
	}
	if err != nil {
		a.signInFailed(w, r, err)
		return
	}
	http.Redirect(w, r, a.auth.ReturnTo(r), http.StatusSeeOther)
}

//end:sign-in

var (
	errWrongPassword = errors.New("wrong name or password")
	errAnotherStep   = errors.New("another step is asked for")
)

// authenticate exchanges a name and a password for tokens. The app client must
// allow ALLOW_USER_PASSWORD_AUTH and have no secret.
//
//show:authenticate
func (a *app) authenticate(ctx context.Context, username, password string) (*tokens.Set, error) {
	if username = strings.TrimSpace(username); username == "" || password == "" {
		return nil, errWrongPassword
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	out, err := a.pool.InitiateAuth(ctx, &cip.InitiateAuthInput{
		AuthFlow: types.AuthFlowTypeUserPasswordAuth,
		ClientId: aws.String(a.cfg.UserPool.ClientID),
		AuthParameters: map[string]string{
			"USERNAME": username, "PASSWORD": password,
		},
	})
	if err != nil {
		return nil, explain(err)
	}
	result := out.AuthenticationResult
	if result == nil { // MFA, a password to be changed, …
		return nil, fmt.Errorf("%w: %s", errAnotherStep, out.ChallengeName)
	}
	return &tokens.Set{
		Access:  aws.ToString(result.AccessToken),
		ID:      aws.ToString(result.IdToken),
		Refresh: aws.ToString(result.RefreshToken),
	}, nil
}

//end:authenticate

// explain tells a wrong password from all other trouble. An unknown user is a
// wrong password too, or the form would tell who has an account.
func explain(err error) error {
	if _, ok := errors.AsType[*types.NotAuthorizedException](err); ok {
		return errWrongPassword
	}
	if _, ok := errors.AsType[*types.UserNotFoundException](err); ok {
		return errWrongPassword
	}
	if _, ok := errors.AsType[*types.UserNotConfirmedException](err); ok {
		return fmt.Errorf("%w: %w", errAnotherStep, err)
	}
	if _, ok := errors.AsType[*types.PasswordResetRequiredException](err); ok {
		return fmt.Errorf("%w: %w", errAnotherStep, err)
	}
	return err
}

// signInFailed shows the form again. 422 rather than 401, because 401 asks for
// an authentication of HTTP's own (RFC 9110 §15.5.2).
func (a *app) signInFailed(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, errWrongPassword):
		a.showSignIn(w, r, http.StatusUnprocessableEntity, "The name or the password is wrong.")
	case errors.Is(err, errAnotherStep):
		a.showSignIn(w, r, http.StatusUnprocessableEntity, "Cognito asks for another step, which this example leaves out.")
	default:
		a.cfg.Logger.WarnContext(r.Context(), "sign-in failed", "error", err)
		w.Header().Set("Retry-After", "5")
		a.showSignIn(w, r, http.StatusServiceUnavailable, "Cognito cannot be reached at the moment. Please try again.")
	}
}

// signOut ends the session here and at Cognito. The cookies are cleared whatever
// Cognito says, so an error is only worth a line in the log.
//
// Clear-Site-Data is for the back button: Chromium keeps whole pages in memory
// for it, "no-store" or not, and would show the private ones again.
//
//show:sign-out
func (a *app) signOut(w http.ResponseWriter, r *http.Request) {
	if err := a.auth.Sessions().End(w, r); err != nil {
		a.cfg.Logger.WarnContext(r.Context(), "the refresh token is not revoked", "error", err)
	}
	w.Header().Set("Clear-Site-Data", `"cache"`)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

//end:sign-out
