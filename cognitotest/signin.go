package cognitotest

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/sealedcookie"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// SetSessions says how the code under test keeps sessions, so that SignIn writes the same
// cookies. Of cfg it takes Layout, Secret, Shared and Cookies. Default: Amplify's cookies.
//
//	server.SetSessions(session.Config{Layout: session.LayoutSealed, Secret: secret})
//
// The Server of another app client has a setting of its own. The names of sealed cookies
// depend on Cookies.Insecure. An Origin of http://localhost sets it; set it here too then.
func (s *Server) SetSessions(cfg session.Config) {
	s.userPool.mu.Lock()
	defer s.userPool.mu.Unlock()
	s.userPool.sessionConfigs[s.clientID] = cfg
}

// SignIn starts a new session of the user and returns its tokens. It adds the
// session's cookies to r, as a browser sends them after a sign-in with Amplify, or as
// [Server.SetSessions] says. Cookies of the same names are replaced.
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
	s.userPool.mu.Lock()
	cfg := s.userPool.sessionConfigs[s.clientID]
	s.userPool.mu.Unlock()
	pairs := s.cookies(cfg, set, expiry)
	old := set
	if len(edits) > 0 {
		drafts.edit(edits)
		s.bindDevice(drafts)
		set = drafts.sign()
	}
	switch {
	case cfg.Layout == session.LayoutSealed:
		pairs = s.sealAgain(cfg, pairs, set)
	case cfg.Layout == session.LayoutHandle:
		s.replaceRecord(cfg, pairs, set)
	case len(edits) > 0:
		swap := strings.NewReplacer(old.Access, set.Access, old.ID, set.ID)
		for i := range pairs {
			pairs[i] = swap.Replace(pairs[i])
		}
		pairs = slices.DeleteFunc(pairs, func(p string) bool { return strings.HasSuffix(p, "=") })
	}
	addCookies(r, pairs)
	return set
}

// sealAgain returns sealed cookies with other tokens, which began now.
func (s *Server) sealAgain(cfg session.Config, pairs []string, set *tokens.Set) (again []string) {
	attributes := cookie.Attributes{Domain: cfg.Cookies.Domain, Path: cfg.Cookies.Path, Insecure: cfg.Cookies.Insecure}
	prefix := sealedcookie.Prefix(s.clientID, attributes)
	codec, err := sealedcookie.New(prefix, s.userPool.id, s.clientID, s.userPool.time, cfg.Secret)
	must(err)
	var name string
	var values []string
	for _, pair := range pairs {
		cookieName, value, _ := strings.Cut(pair, "=")
		name, _, _ = codec.Parse(cookieName)
		values = append(values, value)
	}
	content, ok := codec.Open(name, values)
	if !ok {
		panic("cognitotest: SignIn: the session's cookies cannot be opened")
	}
	now := s.userPool.time()
	content.Access, content.ID, content.SignedIn, content.Refreshed = set.Access, set.ID, now, now
	for _, c := range codec.Seal(name, content, now.Add(365*24*time.Hour)) {
		again = append(again, c.Name+"="+c.Value)
	}
	return again
}

// replaceRecord puts other tokens, which began now, into the record of a handle.
func (s *Server) replaceRecord(cfg session.Config, pairs []string, set *tokens.Set) {
	handles, err := sealedcookie.NewHandles(s.userPool.id, s.clientID, s.userPool.time, cfg.Secret)
	must(err)
	_, value, _ := strings.Cut(pairs[0], "=")
	handle, _ := handles.Parse(value)
	ctx := context.Background()
	record, err := cfg.Shared.Get(ctx, handle.Key)
	must(err)
	content, ok := handles.Open(handle, record)
	if !ok {
		panic("cognitotest: SignIn: the session's record cannot be opened")
	}
	now := s.userPool.time()
	content.Access, content.ID, content.SignedIn, content.Refreshed = set.Access, set.ID, now, now
	const keep = 365 * 24 * time.Hour
	swapped, err := cfg.Shared.Swap(ctx, handle.Key, record, handles.Seal(handle, content, now.Add(keep)), keep)
	must(err)
	if !swapped {
		panic("cognitotest: SignIn: the session's record is another one already")
	}
}

// cookies returns the pairs "name=value" for a set. Package session makes them, so
// that it alone knows their names.
func (s *Server) cookies(cfg session.Config, set *tokens.Set, expiry time.Time) (pairs []string) {
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
		Layout:     cfg.Layout,
		Secret:     cfg.Secret,
		Shared:     cfg.Shared,
		Cookies:    cfg.Cookies,
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
