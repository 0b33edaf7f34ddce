package session

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/cognitogate/cognitogate/internal/hosts"
	"github.com/cognitogate/cognitogate/tokens"
)

// Transport is an [http.RoundTripper] that calls other services as the signed-in user.
// It adds the access token of the session in the request's context as "Authorization:
// Bearer" (RFC 6750 §2.1).
//
//	client := &http.Client{Transport: &session.Transport{Hosts: []string{"api.example.com"}}}
//	…
//	req, err := http.NewRequestWithContext(r.Context(), "GET", "https://api.example.com/orders", nil)
//
// A token must reach nobody else. A request is refused, and not sent without it, if
//
//   - its host is not one of Hosts,
//   - it is neither https nor for a loopback address,
//   - a redirect leads it to another host, even to one of Hosts,
//   - its context has no session, which is [ErrSignedOut], or none with such a token.
//
// On purpose a request with an Authorization header of its own is sent with that header,
// with or without a session, to the same hosts. The caller's request is never changed,
// so no redirect, log or retry finds the token in it. A Transport may be used by many
// goroutines; its fields must not change then.
type Transport struct {
	// Hosts are the hosts that may be called: "api.example.com", with a port
	// "api.example.com:8443" for that port alone, or "*.example.com" for all
	// subdomains, but not example.com itself. International names are written in
	// their ASCII form. Empty refuses every request.
	Hosts []string

	// Token chooses what is sent. Default (*Session).AccessToken. An API Gateway
	// authorizer without scopes, for example, wants (*Session).IDToken.
	Token func(*Session) *tokens.Token

	// Bare leaves out "Bearer ", as AppSync wants it.
	Bare bool

	// Base sends the requests. Default http.DefaultTransport.
	Base http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	sent, err := t.authorize(req)
	if err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, fmt.Errorf("session: Transport: %w", err)
	}
	base := t.Base
	if base == nil {
		base = http.DefaultTransport
	}
	resp, err := base.RoundTrip(sent)
	if resp != nil {
		resp.Request = req
	}
	return resp, err
}

// authorize returns the request to send.
func (t *Transport) authorize(req *http.Request) (*http.Request, error) {
	if err := hosts.Check(t.Hosts, req); err != nil {
		return nil, err
	}
	for name := range req.Header {
		if strings.EqualFold(name, "Authorization") {
			return req, nil
		}
	}
	s, ok := FromContext(req.Context())
	if !ok {
		return nil, fmt.Errorf("no session in the request's context: %w", ErrSignedOut)
	}
	token := s.AccessToken()
	if t.Token != nil {
		token = t.Token(s)
	}
	if token == nil {
		return nil, errors.New("the session has no such token")
	}
	value := token.Raw()
	if !t.Bare {
		value = "Bearer " + value
	}
	// Only the top of the request is copied: a RoundTripper must not modify it.
	sent := *req
	sent.Header = make(http.Header, len(req.Header)+1)
	maps.Copy(sent.Header, req.Header)
	sent.Header["Authorization"] = []string{value}
	return &sent, nil
}
