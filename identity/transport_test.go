package identity_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/identity"
	"github.com/cognitogate/cognitogate/session"
)

// restAPI is a REST API that is called with signed requests.
type restAPI struct {
	server *cognitotest.Server
	client *http.Client
}

func restClient(server *cognitotest.Server, identityPool *identity.Pool) *restAPI {
	return &restAPI{server, &http.Client{Transport: &identity.Transport{
		Pool:  identityPool,
		Hosts: []string{"rest.execute-api.eu-west-1.amazonaws.com"},
		Base:  server.Client().Transport,
	}}}
}

type restReply struct {
	Method, Path, Body string
	Query              map[string][]string
	Viewer             cognitotest.Viewer
}

func (r *restAPI) do(req *http.Request) (*restReply, error) {
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s %s: %v", resp.Status, text, err)
	}
	reply := new(restReply)
	return reply, json.Unmarshal(text, reply)
}

func (r *restAPI) whoami(ctx context.Context) (cognitotest.Viewer, error) {
	req, err := http.NewRequestWithContext(ctx, "GET", r.server.RESTURL()+"/whoami", nil)
	if err != nil {
		return cognitotest.Viewer{}, err
	}
	reply, err := r.do(req)
	if err != nil {
		return cognitotest.Viewer{}, err
	}
	return reply.Viewer, nil
}

// TestTransportSignsAllKindsOfRequests relies on the emulator, which verifies every
// signature.
func TestTransportSignsAllKindsOfRequests(t *testing.T) {
	p := newPoolTest(t, nil)
	ctx := session.NewContext(t.Context(), signedIn(p.server, "ada"))
	api := restClient(p.server, p.identityPool)
	for _, tt := range []struct {
		name, method, target, body string
		header                     map[string]string
	}{
		{"plain", "GET", "/things", "", nil},
		{"root of the stage", "GET", "/", "", nil},
		{"query with spaces, umlauts, and order", "GET", "/things?b=%C3%BC&a=1+2&a=1%202&c=a/b&c=a-b&empty", "", nil},
		{"escaped path", "GET", "/a%20b/%C3%BC/x%2By/~tilde/(x)", "", nil},
		{"post", "POST", "/things", `{"n":1}`, map[string]string{"Content-Type": "application/json"}},
		{"patch", "PATCH", "/things", `{"n":1}`, map[string]string{"X-Amz-Invocation-Type": "Event", "X-Trace": "  two  spaces "}},
		{"head", "DELETE", "/things/1", "", nil},
		{"what proxies change", "GET", "/things", "", map[string]string{"X-Forwarded-For": "192.0.2.1", "User-Agent": "x", "Accept-Encoding": "br"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, rereadable := range []bool{true, false} {
				req, err := http.NewRequestWithContext(ctx, tt.method, p.server.RESTURL()+tt.target, strings.NewReader(tt.body))
				if err != nil {
					t.Fatal(err)
				}
				if !rereadable && tt.body != "" {
					req.Body, req.GetBody, req.ContentLength = io.NopCloser(strings.NewReader(tt.body)), nil, -1
				}
				for name, value := range tt.header {
					req.Header.Set(name, value)
				}
				before := req.Header.Clone()
				reply, err := api.do(req)
				if err != nil {
					t.Fatal(err)
				}
				if reply.Method != tt.method || reply.Body != tt.body || reply.Viewer.Username != "ada" || reply.Viewer.Mode != "iam" {
					t.Errorf("%+v", reply)
				}
				if fmt.Sprint(before) != fmt.Sprint(req.Header) {
					t.Error("the caller's request was changed")
				}
			}
		})
	}
	if got := p.calls(); got != [2]int{1, 1} {
		t.Errorf("calls: %v", got)
	}
}

// recordingTransport keeps the requests that it is sent.
type recordingTransport struct {
	sent   []*http.Request
	answer func(*http.Request) *http.Response
}

func (s *recordingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r.Body.Close()
	}
	s.sent = append(s.sent, r)
	if s.answer != nil {
		return s.answer(r), nil
	}
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

// closeRecorder knows whether a body was closed.
type closeRecorder struct {
	io.Reader
	closed bool
}

func (c *closeRecorder) Close() error { c.closed = true; return nil }

func TestTransportRefuses(t *testing.T) {
	p := newPoolTest(t, nil)
	ada := session.NewContext(t.Context(), signedIn(p.server, "ada"))
	const api = "https://x.execute-api.eu-west-1.amazonaws.com/dev"
	for _, tt := range []struct {
		name      string
		transport identity.Transport
		ctx       context.Context
		url       string
		is        error
	}{
		{"every host, without Hosts", identity.Transport{Pool: p.identityPool}, ada, api, nil},
		{"a host that is not listed", identity.Transport{Pool: p.identityPool, Hosts: []string{"y.execute-api.eu-west-1.amazonaws.com"}}, ada, api, nil},
		{"plain http", identity.Transport{Pool: p.identityPool, Hosts: []string{"*.amazonaws.com"}}, ada, strings.Replace(api, "https", "http", 1), nil},
		{"a host that names no service", identity.Transport{Pool: p.identityPool, Hosts: []string{"api.example.com"}}, ada, "https://api.example.com/", nil},
		{"a host that names no service, with a region only", identity.Transport{Pool: p.identityPool, Region: "eu-west-1", Hosts: []string{"api.example.com"}}, ada, "https://api.example.com/", nil},
		{"a query that cannot be read", identity.Transport{Pool: p.identityPool, Hosts: []string{"*.amazonaws.com"}}, ada, api + "?a=%zz", nil},
		{"nobody", identity.Transport{Pool: p.identityPool, Hosts: []string{"*.amazonaws.com"}}, t.Context(), api, session.ErrSignedOut},
		{"a transport without a pool", identity.Transport{Hosts: []string{"*.amazonaws.com"}}, ada, api, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			base := new(recordingTransport)
			tt.transport.Base = base
			body := &closeRecorder{Reader: strings.NewReader("x")}
			req, err := http.NewRequestWithContext(tt.ctx, "POST", tt.url, body)
			if err != nil {
				t.Fatal(err)
			}
			_, err = tt.transport.RoundTrip(req)
			if err == nil || tt.is != nil && !errors.Is(err, tt.is) {
				t.Error(err)
			}
			if len(base.sent) != 0 || !body.closed {
				t.Errorf("%d requests were sent, body closed: %t", len(base.sent), body.closed)
			}
		})
	}
	if p.calls() != [2]int{} {
		t.Error("credentials were fetched for a request that is refused")
	}
}

func TestTransportLeavesAuthorizedRequestsAlone(t *testing.T) {
	p := newPoolTest(t, nil)
	base := new(recordingTransport)
	tr := &identity.Transport{Pool: p.identityPool, Hosts: []string{"*.amazonaws.com"}, Base: base}
	own, _ := http.NewRequest("GET", "https://x.execute-api.eu-west-1.amazonaws.com/dev", nil)
	own.Header["authorization"] = []string{"Bearer abc"}
	presigned, _ := http.NewRequest("GET", "https://b.s3.eu-west-1.amazonaws.com/k?X-Amz-Signature=00", nil)
	for _, req := range []*http.Request{own, presigned} {
		if _, err := tr.RoundTrip(req); err != nil {
			t.Error(err)
		}
	}
	if len(base.sent) != 2 || base.sent[0] != own || base.sent[1] != presigned || p.calls() != [2]int{} {
		t.Errorf("sent %v, calls %v", base.sent, p.calls())
	}
}

func TestTransportFollowsNoRedirectElsewhere(t *testing.T) {
	p := newPoolTest(t, nil)
	base := &recordingTransport{answer: func(r *http.Request) *http.Response {
		target := "https://evil.execute-api.eu-west-1.amazonaws.com/"
		if r.URL.Path == "/dev" {
			target = "/next"
		}
		return &http.Response{StatusCode: 307, Header: http.Header{"Location": {target}}, Body: http.NoBody, Request: r}
	}}
	client := &http.Client{Transport: &identity.Transport{Pool: p.identityPool, Hosts: []string{"*.execute-api.eu-west-1.amazonaws.com"}, Base: base}}
	ctx := session.NewContext(t.Context(), signedIn(p.server, "ada"))
	req, _ := http.NewRequestWithContext(ctx, "GET", "https://x.execute-api.eu-west-1.amazonaws.com/dev", nil)
	if resp, err := client.Do(req); err == nil {
		t.Errorf("answered %s", resp.Status)
	}
	if len(base.sent) != 2 || base.sent[0].Header.Get("Authorization") == base.sent[1].Header.Get("Authorization") {
		t.Errorf("%d requests were sent", len(base.sent))
	}
}

func TestTransportKnowsHostsOfAWS(t *testing.T) {
	p := newPoolTest(t, nil)
	ctx := session.NewContext(t.Context(), signedIn(p.server, "ada"))
	for host, scope := range map[string]string{
		"abc.execute-api.us-east-1.amazonaws.com":          "us-east-1/execute-api",
		"abc-vpce-1.execute-api.us-gov-west-1.api.aws":     "us-gov-west-1/execute-api",
		"abc.appsync-api.eu-central-1.amazonaws.com":       "eu-central-1/appsync",
		"abc.appsync-api.cn-north-1.amazonaws.com.cn":      "cn-north-1/appsync",
		"s3.eu-west-1.amazonaws.com":                       "eu-west-1/s3",
		"my.dotted.bucket.s3.eu-west-1.amazonaws.com":      "eu-west-1/s3",
		"bucket.s3.dualstack.ap-southeast-2.amazonaws.com": "ap-southeast-2/s3",
		"bucket.s3-fips.us-east-2.amazonaws.com":           "us-east-2/s3",
		"bucket.s3.amazonaws.com":                          "",
		"abc.lambda.eu-west-1.amazonaws.com":               "",
		"abc.execute-api.eu-west-1.amazonaws.example.com":  "",
		"abc.execute-api.eu-west-1.example.com":            "",
	} {
		base := new(recordingTransport)
		tr := &identity.Transport{Pool: p.identityPool, Hosts: []string{host}, Base: base}
		req, _ := http.NewRequestWithContext(ctx, "GET", "https://"+host+"/", nil)
		got := ""
		if _, err := tr.RoundTrip(req); err == nil {
			parts := strings.Split(base.sent[0].Header.Get("Authorization"), "/")
			got = parts[2] + "/" + parts[3]
		}
		if got != scope {
			t.Errorf("%s is signed for %q, want %q", host, got, scope)
		}
	}
}

func TestTransportToS3(t *testing.T) {
	p := newPoolTest(t, nil)
	ctx := session.NewContext(t.Context(), signedIn(p.server, "ada"))
	client := &http.Client{Transport: &identity.Transport{Pool: p.identityPool, Hosts: []string{"*.amazonaws.com"}, Base: p.server.Client().Transport}}
	url := "https://" + p.server.Bucket() + ".s3.eu-west-1.amazonaws.com/public/a%20b%2B%C3%BC.txt"
	for name, body := range map[string]io.Reader{
		"body that can be read twice": strings.NewReader("hello"),
		"body that cannot":            io.MultiReader(strings.NewReader("hello")),
	} {
		t.Run(name, func(t *testing.T) {
			req, _ := http.NewRequestWithContext(ctx, "PUT", url, body)
			resp, err := client.Do(req)
			if err != nil || resp.StatusCode != 200 {
				t.Fatal(resp, err)
			}
			if got, _ := p.server.Object("public/a b+ü.txt"); !bytes.Equal(got, []byte("hello")) {
				t.Errorf("the object is %q", got)
			}
		})
	}
}

func TestTransportBoundsBodiesInMemory(t *testing.T) {
	p := newPoolTest(t, nil)
	ctx := session.NewContext(t.Context(), signedIn(p.server, "ada"))
	base := new(recordingTransport)
	tr := &identity.Transport{Pool: p.identityPool, Hosts: []string{"*.amazonaws.com"}, Base: base}
	endless := &closeRecorder{Reader: zeros{}}
	req, _ := http.NewRequestWithContext(ctx, "POST", "https://x.execute-api.eu-west-1.amazonaws.com/dev", endless)
	if _, err := tr.RoundTrip(req); err == nil || len(base.sent) != 0 || !endless.closed {
		t.Errorf("%v, %d sent, closed: %t", err, len(base.sent), endless.closed)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// TestLongRequestRenewsOverTheNetwork checks that a Provider returns new credentials
// when the old ones expire. The emulator listens on a real port.
func TestLongRequestRenewsOverTheNetwork(t *testing.T) {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	ts := httptest.NewServer(server)
	defer ts.Close()
	server.SetURL(ts.URL)
	server.SetCredentialsLifetime(30 * time.Second)
	now := &clock{now: time.Now()}
	server.SetNow(now.Now)
	identityPool, err := identity.NewPool(server.UserPool(), &identity.Options{Endpoint: ts.URL, Now: now.Now})
	if err != nil {
		t.Fatal(err)
	}
	files := s3.New(s3.Options{
		Region:       "eu-west-1",
		Credentials:  identityPool.Provider(signedIn(server, "ada")),
		BaseEndpoint: aws.String(server.S3Endpoint()),
		UsePathStyle: true,
	})
	for range 3 {
		now.advance(30 * time.Second)
		if _, err := files.PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: aws.String(server.Bucket()), Key: aws.String("public/part"), Body: strings.NewReader("part"),
		}); err != nil {
			t.Fatal(err)
		}
	}
	if got := server.Calls("GetCredentialsForIdentity"); got != 3 {
		t.Errorf("%d exchanges", got)
	}
	if got := server.Calls("GetId"); got != 1 {
		t.Errorf("%d identities asked for", got)
	}
}
