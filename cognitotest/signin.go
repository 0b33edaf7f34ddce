package cognitotest

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// SignIn starts a new session of the user and returns its tokens. It adds the
// session's cookies to r, as a browser sends them after a sign-in with Amplify.
// Cookies of the same names are replaced.
//
// Edits change the tokens as they do in [Server.Issue]. A user who comes back
// after the tokens have expired is
//
//	server.SignIn(r, "ada", cognitotest.Expired)
//
// The cookies' names contain the user's name, whatever the edited tokens say.
// SignIn panics if there is no such user.
func (s *Server) SignIn(r *http.Request, username string, edits ...func(*Draft)) *tokens.Set {
	drafts := s.draftSignIn("SignIn", username)
	expiry := time.Unix(drafts.access.Claims["exp"].(int64), 0)
	set := drafts.sign()
	pairs := s.cookies(set, expiry)
	if len(edits) > 0 {
		drafts.edit(edits)
		s.bindDevice(drafts)
		edited := drafts.sign()
		swap := strings.NewReplacer(set.Access, edited.Access, set.ID, edited.ID)
		for i := range pairs {
			pairs[i] = swap.Replace(pairs[i])
		}
		pairs = slices.DeleteFunc(pairs, func(p string) bool { return strings.HasSuffix(p, "=") })
		set = edited
	}
	addCookies(r, pairs)
	return set
}

// cookies returns the pairs "name=value" for a set. Package session makes them, so
// that it alone knows their names.
func (s *Server) cookies(set *tokens.Set, expiry time.Time) (pairs []string) {
	keys := make(tokens.StaticKeySet)
	s.userPool.mu.Lock()
	for _, k := range s.userPool.publishedKeys() {
		keys[k.kid] = &k.PublicKey
	}
	s.userPool.mu.Unlock()
	userPool := s.UserPool()
	opts := &tokens.Options{
		HTTPClient: s.Client(),
		Keys:       keys, // SignIn fetches no key set: it is not counted and meets no fault
		// With a negative lifetime, new tokens have already expired. Verify them at
		// a time before that.
		Now: func() time.Time { return expiry.Add(-time.Second) },
	}
	verifier, err := tokens.NewVerifier(userPool, opts)
	must(err)
	m, err := session.NewManager(session.Config{
		UserPool:   userPool,
		HTTPClient: opts.HTTPClient,
		Verifier:   verifier,
		Now:        opts.Now,
		Logger:     slog.New(slog.DiscardHandler),
	})
	must(err)
	w := make(headerWriter)
	_, err = m.Start(w, &http.Request{Header: make(http.Header)}, set)
	must(err)
	for _, line := range http.Header(w).Values("Set-Cookie") {
		pair, attributes, _ := strings.Cut(line, ";")
		if !strings.Contains(attributes, "Max-Age=0") {
			pairs = append(pairs, pair)
		}
	}
	return pairs
}

// addCookies writes pairs into the Cookie header unchanged. http.Request's AddCookie
// would change unusual names and values.
func addCookies(r *http.Request, pairs []string) {
	var all []string
	for _, header := range r.Header.Values("Cookie") {
		for pair := range strings.SplitSeq(header, ";") {
			pair = strings.TrimSpace(pair)
			name, _, _ := strings.Cut(pair, "=")
			if pair != "" && !slices.ContainsFunc(pairs, func(p string) bool { return strings.HasPrefix(p, name+"=") }) {
				all = append(all, pair)
			}
		}
	}
	r.Header.Set("Cookie", strings.Join(append(all, pairs...), "; "))
}

// headerWriter is a ResponseWriter that stores the header only.
type headerWriter http.Header

func (w headerWriter) Header() http.Header       { return http.Header(w) }
func (headerWriter) Write(b []byte) (int, error) { return len(b), nil }
func (headerWriter) WriteHeader(int)             {}
