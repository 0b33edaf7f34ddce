package cognitotest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
)

const targetPrefix = "AWSCognitoIdentityProviderService."

// request has what the user pool reads of an http.Request.
type request struct {
	method, host, path, query string
	secure                    bool   // https
	target                    string // X-Amz-Target
	header                    http.Header
	body                      []byte
	original                  *http.Request // with the headers that were signed
}

// newRequest reads r. path is relative to the URL given to SetURL.
func newRequest(r *http.Request, path string, body []byte) *request {
	req := &request{
		method: r.Method,
		host:   r.Host,
		path:   path,
		query:  r.URL.RawQuery,
		secure: r.TLS != nil || r.URL.Scheme == "https",
		target: r.Header.Get("X-Amz-Target"),
		header: r.Header,
		body:   body,

		original: r,
	}
	if r.URL.Host != "" { // a client's request
		req.host = r.URL.Host
	}
	return req
}

// errDropped stands for a connection that is closed without a response.
var errDropped = errors.New("cognitotest: connection dropped")

// respond serves one request. Its error is errDropped or that of ctx.
func (p *userPool) respond(ctx context.Context, req *request) (*response, error) {
	op, run := p.route(req)
	if op == "" {
		return run(), nil
	}
	f := p.countCall(op)
	var r *response
	if f.After {
		r = run()
	}
	if err := f.wait(ctx); err != nil {
		return nil, err
	}
	if f.Drop {
		return nil, errDropped
	}
	if failed := p.loginFaultResponse(op, f, req); failed != nil {
		return failed, nil
	}
	if failed := f.response(); failed != nil {
		return failed, nil
	}
	if r == nil {
		r = run()
	}
	return r, nil
}

// route finds the operation that req asks for, and the function that runs it. op is
// empty for a request that names no operation.
func (p *userPool) route(req *request) (op string, run func() *response) {
	if op, run, ok := p.routeAWS(req); ok {
		return op, run
	}
	if op, run, ok := p.routeLogin(req); ok {
		return op, run
	}
	id, file, _ := strings.Cut(strings.TrimPrefix(req.path, "/"), "/")
	switch {
	case req.path == "" || req.path == "/":
		if req.method != http.MethodPost {
			return "", notFound
		}
		op, ok := strings.CutPrefix(req.target, targetPrefix)
		if !ok || operations[op] == nil {
			return "", apiErrorf("UnknownOperationException", "").response
		}
		return op, func() *response { return p.callOperation(op, req.body) }
	case documents[file].op == "" || req.method != http.MethodGet && req.method != http.MethodHead:
		return "", notFound
	case id != p.id:
		return "", apiErrorf("ResourceNotFoundException", "User pool %s does not exist.", id).response
	}
	return documents[file].op, func() *response {
		p.mu.Lock()
		defer p.mu.Unlock()
		if strings.HasPrefix(req.host, "issuer-") && !p.switched {
			r := apiErrorf("ForbiddenException", "Forbidden").response()
			r.status = http.StatusForbidden
			return r
		}
		return documents[file].make(p, req)
	}
}

// documents are the files that the user pool publishes below its issuer.
var documents = map[string]struct {
	op   string
	make func(*userPool, *request) *response
}{
	".well-known/jwks.json":            {"JWKS", func(p *userPool, _ *request) *response { return p.keySet() }},
	".well-known/openid-configuration": {"OpenIDConfiguration", (*userPool).discovery},
}

// maxBody exceeds every input of the API, and is enough for a test's S3 objects.
const maxBody = 16 << 20

// ServeHTTP serves the key set, the user pool API and all other endpoints on a real
// port; see [Server.SetURL]. Mount it below a path with http.StripPrefix.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodOptions {
		servePreflight(w, r)
		return
	}
	// net/http watches for clients that go away only after the body is read.
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "unreadable body", http.StatusBadRequest)
		return
	}
	resp, err := s.userPool.respond(r.Context(), newRequest(r, r.URL.Path, body))
	if err != nil {
		panic(http.ErrAbortHandler) // closes the connection and logs nothing
	}
	resp.setHeader(w.Header())
	w.WriteHeader(resp.status)
	w.Write(resp.body)
}

// servePreflight allows Amplify's requests from another origin (CORS).
func servePreflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
	h.Set("Access-Control-Max-Age", "172800")
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		h.Set("Access-Control-Allow-Headers", asked)
	}
}
