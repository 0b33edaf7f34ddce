package session_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// service is a base transport that notes the requests.
type service struct {
	sent  []*http.Request
	moved string // where it redirects the first request
}

func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	s.sent = append(s.sent, r)
	if r.Body != nil {
		io.Copy(io.Discard, r.Body)
		r.Body.Close()
	}
	resp := &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: r, ProtoMajor: 1, ProtoMinor: 1}
	if s.moved != "" && len(s.sent) == 1 {
		resp.StatusCode, resp.Header = http.StatusTemporaryRedirect, http.Header{"Location": {s.moved}}
	}
	return resp, nil
}

type body struct {
	io.Reader
	closed bool
}

func (b *body) Close() error { b.closed = true; return nil }

// TestTransportHosts sends the token to the listed hosts only.
func TestTransportHosts(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	set := e.server.Issue("ada")
	s, _, err := e.fetch(pageRequest(e.cookies("ada", set)...))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		hosts []string
		url   string
		sent  bool
	}{
		{nil, "https://api.example.com/", false},
		{[]string{}, "https://api.example.com/", false},
		{[]string{""}, "https://api.example.com/", false},
		{[]string{"*"}, "https://api.example.com/", false},
		{[]string{"*."}, "https://api.example.com/", false},
		{[]string{"*."}, "https://api.example.com./", false},
		{[]string{"api.example.com"}, "https://api.example.com/x?y", true},
		{[]string{"API.example.com"}, "https://api.EXAMPLE.com/", true},
		{[]string{"api.example.com"}, "https://api.example.com:8443/", true},
		{[]string{"api.example.com:8443"}, "https://api.example.com:8443/", true},
		{[]string{"api.example.com:8443"}, "https://api.example.com/", false},
		{[]string{"api.example.com"}, "http://api.example.com/", false},
		{[]string{"api.example.com"}, "ftp://api.example.com/", false},
		{[]string{"api.example.com"}, "https://api.example.com.evil.example/", false},
		{[]string{"api.example.com"}, "https://api.example.com@evil.example/", false},
		{[]string{"api.example.com"}, "https://evilapi.example.com/", false},
		{[]string{"api.example.com"}, "https://api.example.com./", false},
		{[]string{"*.example.com"}, "https://api.example.com/", true},
		{[]string{"*.example.com"}, "https://a.b.example.com/", true},
		{[]string{"*.example.com"}, "https://example.com/", false},
		{[]string{"*.example.com"}, "https://.example.com/", false},
		{[]string{"*.example.com"}, "https://evilexample.com/", false},
		{[]string{"*.example.com"}, "https://evil.example/.example.com", false},
		{[]string{"*.example.com"}, "https://evil\uff0f.example.com/", false},
		{[]string{"other.example", "*.example.com"}, "https://api.example.com/", true},
		{[]string{"localhost"}, "http://localhost:1234/", true},
		{[]string{"127.0.0.1"}, "http://127.0.0.1:1234/", true},
		{[]string{"::1"}, "http://[::1]:1234/", true},
		{[]string{"10.0.0.1"}, "http://10.0.0.1/", false},
		{[]string{"localhost.evil.example"}, "http://localhost.evil.example/", false},
		{[]string{"127.0.0.1.evil.example"}, "http://127.0.0.1.evil.example/", false},
	} {
		base := new(service)
		b := &body{Reader: strings.NewReader("x")}
		r, err := http.NewRequestWithContext(session.NewContext(context.Background(), s), "POST", test.url, b)
		if err != nil {
			t.Fatal(err)
		}
		r.URL.User = nil
		_, err = (&session.Transport{Hosts: test.hosts, Base: base}).RoundTrip(r)
		logError(err)
		if (err == nil) != test.sent || (len(base.sent) == 1) != test.sent {
			t.Errorf("%q to %s: %v", test.hosts, test.url, err)
		}
		if !b.closed {
			t.Errorf("%q to %s: the body is not closed", test.hosts, test.url)
		}
		if test.sent && base.sent[0].Header.Get("Authorization") != "Bearer "+set.Access {
			t.Errorf("%q to %s: no token", test.hosts, test.url)
		}
		if r.Header.Get("Authorization") != "" {
			t.Errorf("%s: the caller's request is changed", test.url)
		}
	}
}

// TestTransportAuthorization compares the Authorization headers that are sent.
func TestTransportAuthorization(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	set := e.server.Issue("ada")
	s, _, err := e.fetch(pageRequest(e.cookies("ada", set)...))
	if err != nil {
		t.Fatal(err)
	}
	accessOnly, _, err := e.fetch(pageRequest(e.cookies("ada", &tokens.Set{Access: set.Access})...))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		session   *session.Session
		transport session.Transport
		header    http.Header
		want      string
		err       error
	}{
		"access token":           {s, session.Transport{}, http.Header{}, "Bearer " + set.Access, nil},
		"no header map":          {s, session.Transport{}, nil, "Bearer " + set.Access, nil},
		"ID token":               {s, session.Transport{Token: (*session.Session).IDToken}, http.Header{}, "Bearer " + set.ID, nil},
		"bare":                   {s, session.Transport{Bare: true}, http.Header{}, set.Access, nil},
		"no ID token":            {accessOnly, session.Transport{Token: (*session.Session).IDToken}, http.Header{}, "", errAny},
		"no session":             {nil, session.Transport{}, http.Header{}, "", session.ErrSignedOut},
		"own header":             {s, session.Transport{}, http.Header{"Authorization": {"Basic YTpi"}}, "Basic YTpi", nil},
		"own header, no session": {nil, session.Transport{}, http.Header{"Authorization": {"Basic YTpi"}}, "Basic YTpi", nil},
		"own header, lower case": {s, session.Transport{}, http.Header{"authorization": {"Basic YTpi"}}, "", nil},
		"empty own header":       {s, session.Transport{}, http.Header{"Authorization": {""}}, "", nil},
	} {
		base := new(service)
		tr := test.transport
		tr.Hosts, tr.Base = []string{"api.example.com"}, base
		r, err := http.NewRequestWithContext(session.NewContext(context.Background(), test.session), "GET", "https://api.example.com/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = test.header
		resp, err := tr.RoundTrip(r)
		logError(err)
		switch {
		case test.err != nil:
			if err == nil || len(base.sent) > 0 || test.err != errAny && !errors.Is(err, test.err) {
				t.Errorf("%s: %v", name, err)
			}
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case base.sent[0].Header.Get("Authorization") != test.want || len(base.sent[0].Header["Authorization"]) > 1:
			t.Errorf("%s: sent %d bytes", name, len(base.sent[0].Header.Get("Authorization")))
		case resp.Request != r:
			t.Errorf("%s: the response refers to a request with the token", name)
		}
	}
}

// TestTransportFollowsNoRedirectToAnotherHost has a service redirect. An http.Client
// itself would copy the header to redirects within a domain.
func TestTransportFollowsNoRedirectToAnotherHost(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	s, _, err := e.fetch(pageRequest(e.cookies("ada", e.server.Issue("ada"))...))
	if err != nil {
		t.Fatal(err)
	}
	for to, followed := range map[string]bool{
		"/moved":                             true,
		"https://api.example.com/moved":      true,
		"https://api.example.com:443/":       true,
		"https://api.example.com:8443/":      false,
		"http://api.example.com/":            false,
		"https://v2.api.example.com/":        false, // a subdomain
		"https://example.com/":               false,
		"https://listed.example/":            false,
		"https://evil.example/":              false,
		"https://api.example.com@evil.com/x": false,
	} {
		base := &service{moved: to}
		client := &http.Client{Transport: &session.Transport{Hosts: []string{"api.example.com", "*.api.example.com", "listed.example"}, Base: base}}
		b := strings.NewReader("order")
		r, err := http.NewRequestWithContext(session.NewContext(context.Background(), s), "POST", "https://api.example.com/", b)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(r)
		logError(err)
		if (err == nil) != followed || len(base.sent) != 1+map[bool]int{true: 1}[followed] {
			t.Errorf("to %s: %d requests, %v", to, len(base.sent), err)
		}
		if err == nil {
			resp.Body.Close()
			if base.sent[1].Header.Get("Authorization") == "" {
				t.Errorf("to %s: the same host is called without the token", to)
			}
		}
	}
}

// TestTransportOverTLS calls a real server that redirects to another one.
func TestTransportOverTLS(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	set := e.server.Issue("ada")
	s, _, err := e.fetch(pageRequest(e.cookies("ada", set)...))
	if err != nil {
		t.Fatal(err)
	}
	other := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the other server gets a request, with Authorization: %v", r.Header.Get("Authorization") != "")
	}))
	defer other.Close()
	api := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
			return
		}
		if r.Header.Get("Authorization") != "Bearer "+set.Access {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer api.Close()
	client := &http.Client{Transport: &session.Transport{Hosts: []string{"127.0.0.1"}, Base: api.Client().Transport}}
	get := func(path string) (*http.Response, error) {
		r, err := http.NewRequestWithContext(session.NewContext(t.Context(), s), "GET", api.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		return client.Do(r)
	}
	resp, err := get("/")
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
	if _, err := get("/away"); err == nil {
		t.Error("a redirect to another port is followed")
	}
}

var _ http.RoundTripper = (*session.Transport)(nil)
var _ func(*session.Session) *tokens.Token = (*session.Session).IDToken
