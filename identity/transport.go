package identity

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/cognitogate/cognitogate/internal/hosts"
	"github.com/cognitogate/cognitogate/session"
)

// Transport is an [http.RoundTripper] that calls services of AWS in the name of the
// signed-in user. It signs requests with Signature Version 4 and the credentials of
// the session in the request's context. Without a session they are the guest's, if
// the Pool allows guests.
//
//	client := &http.Client{Transport: &identity.Transport{
//		Pool:  pool,
//		Hosts: []string{"xyz123.execute-api.eu-west-1.amazonaws.com"},
//	}}
//	…
//	req, err := http.NewRequestWithContext(r.Context(), "GET", "https://xyz123.execute-api.eu-west-1.amazonaws.com/dev/orders", nil)
//
// Credentials must reach nobody else. So the Transport returns an error, and sends
// nothing, if
//
//   - the host is not one of Hosts,
//   - the URL is neither https nor of a loopback address,
//   - the request follows a redirect from another host, even one of Hosts,
//   - there are no credentials; the errors are those of [Pool.Credentials].
//
// On purpose it sends a request with an Authorization header, or with a presigned
// URL, as it is: to the same hosts, with or without a session. It never changes the
// caller's request.
//
// The signature covers the method, the host, the path, the query, Content-Type, every
// X-Amz- header and the payload. Proxies may change other headers. A body that can be
// read twice (http.Request.GetBody, which http.NewRequest sets) is read for its hash
// first. Any other body is held in memory, up to 10 MiB, which is more than API
// Gateway and AppSync accept. Such a body for S3 is sent unsigned over TLS, as
// UNSIGNED-PAYLOAD.
//
// For S3, the SDK with [Pool.Provider] is the better client. A Transport may be used
// by many goroutines; its fields must not change then.
type Transport struct {
	// Pool gives the credentials. Required.
	Pool *Pool

	// Hosts are the hosts that may be called: "api.example.com" on any port,
	// "api.example.com:8443" on that port alone, or "*.example.com" for all subdomains
	// but not example.com itself. Empty refuses every request. Note that anybody can
	// have a host below "*.amazonaws.com".
	Hosts []string

	// Region and Service are the signature's scope: "eu-west-1", and "execute-api",
	// "appsync" or "s3". By default the host's name tells both, such as
	// xyz123.execute-api.eu-west-1.amazonaws.com. A host outside of AWS, such as a
	// domain of your own, needs both; the Transport assumes nothing.
	Region, Service string

	// Base sends the requests. Default http.DefaultTransport.
	Base http.RoundTripper
}

// maxPayload bounds a body that is held in memory to be signed.
const maxPayload = 10 << 20

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	sent, err := t.sign(req)
	if err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, fmt.Errorf("identity: Transport: %w", err)
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

// sign returns the request to send.
func (t *Transport) sign(req *http.Request) (*http.Request, error) {
	if err := hosts.Check(t.Hosts, req); err != nil {
		return nil, err
	}
	query, err := url.ParseQuery(req.URL.RawQuery)
	if err != nil { // the signer would leave out invalid parts
		return nil, fmt.Errorf("the query cannot be signed: %w", err)
	}
	if query.Has("X-Amz-Signature") {
		return req, nil
	}
	for name := range req.Header {
		if strings.EqualFold(name, "Authorization") {
			return req, nil
		}
	}
	if t.Pool == nil {
		return nil, errors.New("there is no Pool")
	}
	region, service, err := t.scope(req.URL.Hostname())
	if err != nil {
		return nil, err
	}
	ctx := req.Context()
	s, _ := session.FromContext(ctx)
	creds, err := t.Pool.Credentials(ctx, s)
	if err != nil {
		return nil, err
	}
	sent := req.Clone(ctx)
	payload, err := hashPayload(sent, service)
	if err != nil {
		return nil, err
	}
	return sent, t.Pool.sign(ctx, creds, sent, payload, region, service)
}

// sign signs r. payload is the hash of its body.
func (p *Pool) sign(ctx context.Context, creds Credentials, r *http.Request, payload, region, service string) error {
	s3 := service == "s3"
	if s3 {
		r.Header.Set("X-Amz-Content-Sha256", payload)
	}
	// The signer signs all headers, and proxies change some.
	all := r.Header
	r.Header = make(http.Header, len(all)+3)
	for name, values := range all {
		if lower := strings.ToLower(name); lower == "content-type" || strings.HasPrefix(lower, "x-amz-") {
			r.Header[name] = values
		}
	}
	err := p.signer.SignHTTP(ctx, creds.sdk(), r, payload, service, region, p.opts.Now(), func(o *v4.SignerOptions) {
		o.DisableURIPathEscaping = s3 // no other service does
	})
	for name, values := range all {
		if _, ok := r.Header[name]; !ok {
			r.Header[name] = values
		}
	}
	return err
}

// awsHost matches hosts of the services that Amplify calls. Its groups are service and
// region.
var awsHost = regexp.MustCompile(`^(?:.+\.)?(execute-api|appsync-api|s3)(?:-fips)?(?:\.dualstack)?\.([a-z]{2,}(?:-[a-z]+)+-[0-9]+)\.(?:amazonaws\.(?:com|com\.cn|eu)|api\.aws)$`)

// scope returns the region and service that a signature for host is for.
func (t *Transport) scope(host string) (region, service string, err error) {
	if m := awsHost.FindStringSubmatch(strings.ToLower(host)); m != nil {
		service, region = m[1], m[2]
		if service == "appsync-api" {
			service = "appsync"
		}
	}
	if t.Region != "" {
		region = t.Region
	}
	if t.Service != "" {
		service = t.Service
	}
	if region == "" || service == "" {
		return "", "", fmt.Errorf("%.100q does not tell what to sign for: set Region and Service", host)
	}
	return region, service, nil
}

// hashPayload returns the text that stands for r's payload in the signature.
func hashPayload(r *http.Request, service string) (string, error) {
	switch {
	case r.Header.Get("X-Amz-Content-Sha256") != "" && service == "s3":
		return r.Header.Get("X-Amz-Content-Sha256"), nil // the caller has computed it
	case r.Body == nil || r.Body == http.NoBody:
		return hexHash(nil), nil
	case r.GetBody != nil:
		body, err := r.GetBody()
		if err != nil {
			return "", err
		}
		defer body.Close()
		h := sha256.New()
		if _, err := io.Copy(h, body); err != nil {
			return "", err
		}
		return hex.EncodeToString(h.Sum(nil)), nil
	case service == "s3" && r.URL.Scheme == "https":
		return "UNSIGNED-PAYLOAD", nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxPayload+1))
	if err != nil {
		return "", err
	}
	if len(body) > maxPayload {
		return "", fmt.Errorf("a body of more than %d bytes needs a GetBody", maxPayload)
	}
	r.Body.Close()
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.ContentLength = int64(len(body))
	return hexHash(body), nil
}

func hexHash(b []byte) string {
	h := hash(b)
	return hex.EncodeToString(h[:])
}
