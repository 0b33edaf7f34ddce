package identity_test

import (
	"bytes"
	"context"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/identity"
	"github.com/cognitogate/cognitogate/internal/sigv4"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// record is one record of testdata/amplify: it says how the real Amplify handled a
// request. data.json and session.json have different members in config and request.
type record struct {
	Name   string
	Now    int64
	Config struct {
		// data.json
		Auth struct {
			Cognito struct {
				IdentityPoolID   string
				AllowGuestAccess bool
			}
		}
		// session.json
		IdentityPoolID   string
		AllowGuestAccess bool
	}
	ResponseKind string
	Request      struct {
		Cookie  string
		Headers map[string]string
	}
	Cognito  []recordedCall
	Requests []struct {
		Method, URL, Body string
		Headers           map[string]string
	}
	API   string
	Reply *struct {
		Status int
		Body   json.RawMessage
	}
	Outcome json.RawMessage
}

// recordedCall is a call of Cognito and its answer.
type recordedCall struct {
	Expect struct {
		Target string
		Body   map[string]any
	}
	Reply struct {
		Status  int
		Headers map[string]string
		Body    json.RawMessage
	}
}

func readJSON(t *testing.T, file string, v any) {
	t.Helper()
	text, err := os.ReadFile("../testdata/amplify/" + file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		t.Fatal(file, ": ", err)
	}
}

// recordedKeys returns the keys that the recorded pool publishes.
func recordedKeys(t *testing.T) tokens.StaticKeySet {
	var file struct {
		Keys map[string]struct{ Kid, N string }
	}
	readJSON(t, "keys.json", &file)
	keys := make(tokens.StaticKeySet)
	for _, name := range []string{"aAccess", "aId"} {
		n, err := base64.RawURLEncoding.DecodeString(file.Keys[name].N)
		if err != nil {
			t.Fatal(err)
		}
		keys[file.Keys[name].Kid] = &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537}
	}
	return keys
}

// recordedNetwork is the network of a record. Cognito answers as it is recorded. An API
// keeps the requests that it is sent.
type recordedNetwork struct {
	cognito []recordedCall
	api     *http.Response

	mu    sync.Mutex
	calls []string // of Cognito: operation and body, members sorted
	sent  []sent
}

// sent is a request to an API, as records have it. Auth describes a signature, which
// has been verified.
type sent struct {
	Method, URL, Auth, APIKey, Trace, ContentType string
	Body                                          string // JSON, members sorted
}

const cognitoEndpoint = "https://cognito.example"

func (n *recordedNetwork) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body.Close()
		body = b
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if strings.HasPrefix(r.URL.String(), cognitoEndpoint) {
		target := r.Header.Get("X-Amz-Target")
		n.calls = append(n.calls, canonicalCall(target, body))
		for i, e := range n.cognito {
			if e.Expect.Target == target {
				n.cognito = append(n.cognito[:i:i], n.cognito[i+1:]...)
				return answer(r, e.Reply.Status, e.Reply.Headers, e.Reply.Body), nil
			}
		}
		return nil, errors.New("recorded: no more replies")
	}
	s := sent{
		Method: r.Method, URL: canonicalURL(r), Auth: r.Header.Get("Authorization"), APIKey: r.Header.Get("X-Api-Key"),
		Trace: r.Header.Get("X-Trace"), ContentType: r.Header.Get("Content-Type"), Body: canonicalJSON(body),
	}
	auth, err := readAuth(r, body)
	if err != nil {
		return nil, err
	}
	s.Auth = auth
	n.sent = append(n.sent, s)
	if n.api == nil {
		return nil, errors.New("recorded: no request was sent")
	}
	text, err := io.ReadAll(n.api.Body)
	n.api.Body = io.NopCloser(bytes.NewReader(text))
	return answer(r, n.api.StatusCode, nil, text), err
}

// readAuth describes the Authorization header. It verifies a signature as the emulator
// does.
func readAuth(r *http.Request, body []byte) (string, error) {
	s, err := sigv4.Parse(r)
	if errors.Is(err, sigv4.ErrUnsigned) {
		return r.Header.Get("Authorization"), nil
	}
	if err != nil {
		return "", err
	}
	if err := s.Verify(r, "test-only-secret", sigv4.Hash(body)); err != nil {
		return "", err
	}
	return fmt.Sprintf("signed by %s %s for %s in %s at %s", s.AccessKeyID, s.SessionToken, s.Service, s.Region, s.Time), nil
}

func canonicalURL(r *http.Request) string {
	u := *r.URL
	u.RawQuery = u.Query().Encode()
	return u.String()
}

func canonicalJSON(body []byte) string {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return string(body)
	}
	text, _ := json.Marshal(v)
	return string(text)
}

func canonicalCall(target string, body []byte) string {
	_, op, _ := strings.Cut(target, ".")
	return op + " " + canonicalJSON(body)
}

func answer(r *http.Request, status int, headers map[string]string, body []byte) *http.Response {
	h := make(http.Header)
	for k, v := range headers {
		h.Set(k, v)
	}
	return &http.Response{StatusCode: status, Status: fmt.Sprint(status), Header: h, Request: r,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
}

// replay is a run of a record with this module.
type replay struct {
	*recordedNetwork
	ctx          context.Context // with the session, if there is one
	session      *session.Session
	fetchErr     error
	identityPool *identity.Pool // nil if the record has no identity pool
	manager      *session.Manager
}

// start makes the Manager and the Pool of a record, and fetches the session.
func (rec *record) start(t *testing.T, keys tokens.StaticKeySet, replies []recordedCall) *replay {
	t.Helper()
	run := &replay{recordedNetwork: &recordedNetwork{cognito: append(append([]recordedCall{}, rec.Cognito...), replies...)}, ctx: t.Context()}
	if rec.Reply != nil {
		run.api = &http.Response{StatusCode: rec.Reply.Status, Body: io.NopCloser(bytes.NewReader(rec.Reply.Body))}
	}
	now := func() time.Time { return time.UnixMilli(rec.Now) }
	userPool := tokens.UserPool{ID: "us-east-1_GoldenA01", ClientID: "1goldenweb2345678901234567", Endpoint: cognitoEndpoint}
	userPool.IdentityPoolID = rec.Config.IdentityPoolID + rec.Config.Auth.Cognito.IdentityPoolID
	client := &http.Client{Transport: run.recordedNetwork}
	verifier, err := tokens.NewVerifier(userPool, &tokens.Options{Keys: keys, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	run.manager, err = session.NewManager(session.Config{UserPool: userPool, Verifier: verifier, HTTPClient: client, Now: now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if userPool.IdentityPoolID != "" {
		run.identityPool, err = identity.NewPool(userPool, &identity.Options{
			AllowGuest: rec.Config.AllowGuestAccess || rec.Config.Auth.Cognito.AllowGuestAccess,
			Endpoint:   cognitoEndpoint, HTTPClient: client, Now: now,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	r := httptest.NewRequest("GET", "https://app.example.com/", nil)
	if rec.ResponseKind != "none" { // Amplify's null context reads no request
		r.Header.Set("Cookie", rec.Request.Cookie+rec.Request.Headers["cookie"])
	}
	run.session, run.fetchErr = run.manager.Fetch(httptest.NewRecorder(), r, nil)
	if run.fetchErr == nil {
		run.ctx = session.NewContext(run.ctx, run.session)
	}
	return run
}

// recordedCalls returns the calls of Cognito in the record.
func (rec *record) recordedCalls() (calls []string) {
	for _, e := range rec.Cognito {
		body, _ := json.Marshal(e.Expect.Body)
		calls = append(calls, canonicalCall(e.Expect.Target, body))
	}
	return calls
}

// recordedSent returns the requests to APIs in the record.
func (rec *record) recordedSent(t *testing.T) (all []sent) {
	for _, q := range rec.Requests {
		r, err := http.NewRequest(q.Method, q.URL, strings.NewReader(q.Body))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range q.Headers {
			if name != "host" {
				r.Header.Set(name, value)
			}
		}
		auth, err := readAuth(r, []byte(q.Body))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, sent{
			Method: q.Method, URL: canonicalURL(r), Auth: auth, APIKey: q.Headers["x-api-key"], Trace: q.Headers["x-trace"],
			ContentType: q.Headers["content-type"], Body: canonicalJSON([]byte(q.Body)),
		})
	}
	return all
}
