package cognitotest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
)

const targetPrefix = "AWSCognitoIdentityProviderService."

// refusal is an error of the user pool API.
type refusal struct{ code, message string }

func refuse(code, format string, args ...any) *refusal {
	return &refusal{code, fmt.Sprintf(format, args...)}
}

func (e *refusal) Error() string { return e.code + ": " + e.message }

// reply says it as Cognito does: the code in a header and in the body.
func (e *refusal) reply() *reply {
	status := http.StatusBadRequest
	switch e.code {
	case "InternalErrorException":
		status = http.StatusInternalServerError
	case "UnauthorizedException":
		status = http.StatusUnauthorized
	}
	r := jsonReply(status, struct {
		Type    string `json:"__type"`
		Message string `json:"message,omitempty"`
	}{e.code, e.message})
	r.code = e.code
	return r
}

// reply is an answer on its way, over the network or not.
type reply struct {
	status      int
	contentType string
	code        string // of an error
	header      http.Header
	page        bool // for a person's browser, not for scripts of other sites
	body        []byte
}

func jsonReply(status int, v any) *reply {
	body, err := json.Marshal(v)
	must(err)
	return &reply{status: status, contentType: "application/x-amz-json-1.1", body: body}
}

// setHeader writes the headers of r, of which CORS's let Amplify in a browser
// call from another origin and read the code of an error.
func (r *reply) setHeader(h http.Header) {
	maps.Copy(h, r.header)
	if r.contentType != "" {
		h.Set("Content-Type", r.contentType)
	}
	h.Set("X-Amzn-Requestid", newUUID())
	if r.page {
		return
	}
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date")
	if r.code != "" {
		h.Set("X-Amzn-Errortype", r.code)
	}
}

// request is what the pool looks at in an http.Request.
type request struct {
	method, host, path, query string
	secure                    bool   // https
	target                    string // X-Amz-Target
	header                    http.Header
	body                      []byte
	original                  *http.Request // as it arrived, for its signature
}

// newRequest takes from r what the pool looks at; path is below that of the URL
// given to SetURL.
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
	if r.URL.Host != "" { // a request on its way out
		req.host = r.URL.Host
	}
	return req
}

// errDropped stands for a connection that is closed without an answer.
var errDropped = errors.New("cognitotest: connection dropped")

// answer serves one request. Its error is errDropped or that of ctx.
func (p *pool) answer(ctx context.Context, req *request) (*reply, error) {
	op, run := p.route(req)
	if op == "" {
		return run(), nil
	}
	f := p.arrive(op)
	var r *reply
	if f.After {
		r = run()
	}
	if err := f.wait(ctx); err != nil {
		return nil, err
	}
	if f.Drop {
		return nil, errDropped
	}
	if failed := p.loginFault(op, f, req); failed != nil {
		return failed, nil
	}
	if failed := f.reply(); failed != nil {
		return failed, nil
	}
	if r == nil {
		r = run()
	}
	return r, nil
}

// route finds the operation that req asks for, and what does it. An empty op is
// for requests that the pool has no answer to.
func (p *pool) route(req *request) (op string, run func() *reply) {
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
			return "", refuse("UnknownOperationException", "").reply
		}
		return op, func() *reply { return p.call(op, req.body) }
	case documents[file].op == "" || req.method != http.MethodGet && req.method != http.MethodHead:
		return "", notFound
	case id != p.id:
		return "", refuse("ResourceNotFoundException", "User pool %s does not exist.", id).reply
	}
	return documents[file].op, func() *reply {
		p.mu.Lock()
		defer p.mu.Unlock()
		if strings.HasPrefix(req.host, "issuer-") && !p.switched {
			r := refuse("ForbiddenException", "Forbidden").reply()
			r.status = http.StatusForbidden
			return r
		}
		return documents[file].make(p, req)
	}
}

// documents are what the pool publishes below its issuer.
var documents = map[string]struct {
	op   string
	make func(*pool, *request) *reply
}{
	".well-known/jwks.json":            {"JWKS", func(p *pool, _ *request) *reply { return p.keySet() }},
	".well-known/openid-configuration": {"OpenIDConfiguration", (*pool).discovery},
}

func notFound() *reply {
	return &reply{status: http.StatusNotFound, contentType: "text/plain; charset=utf-8", body: []byte("not found\n")}
}

// maxBody is more than any input of the API, and enough for objects of tests.
const maxBody = 16 << 20

// ServeHTTP answers as the pool's key set and the user pool API do, for
// browsers and other programs on a real port; see [Server.SetURL]. Below a
// path, mount it with http.StripPrefix.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodOptions {
		servePreflight(w, r)
		return
	}
	// Read before anything waits: only then does net/http watch for clients
	// that go away.
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "unreadable body", http.StatusBadRequest)
		return
	}
	answer, err := s.pool.answer(r.Context(), newRequest(r, r.URL.Path, body))
	if err != nil {
		panic(http.ErrAbortHandler) // closes the connection, silently
	}
	answer.setHeader(w.Header())
	w.WriteHeader(answer.status)
	w.Write(answer.body)
}

// servePreflight allows what Amplify in a browser is about to send.
func servePreflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
	h.Set("Access-Control-Max-Age", "172800")
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		h.Set("Access-Control-Allow-Headers", asked)
	}
}
