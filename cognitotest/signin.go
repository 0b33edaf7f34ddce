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

// SignIn adds the cookies of a new session of the user to r, as a browser sends
// them after a sign-in with Amplify, and returns its tokens. Cookies of the same
// names are replaced.
//
// Edits change the tokens as they do in [Server.Issue]: a user who comes back
// after the tokens have expired is
//
//	srv.SignIn(r, "ada", cognitotest.Expired)
//
// The names of the cookies are the user's whatever the edited tokens say.
// SignIn panics if there is no such user.
func (s *Server) SignIn(r *http.Request, username string, edits ...func(*Draft)) *tokens.Set {
	b := s.begin("SignIn", username)
	expiry := time.Unix(b.access.Claims["exp"].(int64), 0)
	set := b.sign()
	pairs := s.cookies(set, expiry)
	if len(edits) > 0 {
		b.apply(edits)
		edited := b.sign()
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

// cookies are the pairs "name=value" that package session itself makes of a set,
// so that their names are spelled in one place only.
func (s *Server) cookies(set *tokens.Set, expiry time.Time) (pairs []string) {
	keys := make(tokens.StaticKeySet)
	s.pool.mu.Lock()
	for _, k := range s.pool.published() {
		keys[k.kid] = &k.PublicKey
	}
	s.pool.mu.Unlock()
	pool := s.UserPool()
	opts := &tokens.Options{
		HTTPClient: s.Client(),
		Keys:       keys, // no request of ours is counted or meets a fault
		// The tokens are good, even those of a pool whose tokens are expired
		// at birth: look at them when they are.
		Now: func() time.Time { return expiry.Add(-time.Second) },
	}
	verifier, err := tokens.NewVerifier(pool, opts)
	must(err)
	m, err := session.NewManager(session.Config{
		UserPool:   pool,
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

// addCookies writes pairs into the Cookie header as they are: http.Request's
// AddCookie would change names and values that it finds odd.
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

// headerWriter is a ResponseWriter that keeps the header only.
type headerWriter http.Header

func (w headerWriter) Header() http.Header       { return http.Header(w) }
func (headerWriter) Write(b []byte) (int, error) { return len(b), nil }
func (headerWriter) WriteHeader(int)             {}
