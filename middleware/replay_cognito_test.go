package middleware_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const recordedEndpoint = "https://cognito.example"

// recordedCognito answers as the recorded Cognito did. It gives the ID tokens of its
// token endpoint the nonce of the started flow, and signs them again.
type recordedCognito struct {
	*testing.T
	jwks           map[string]json.RawMessage
	cognito, oauth []recordedExchange         // replies that are left
	keys           map[string]*rsa.PrivateKey // by kid

	nonce, challenge string
	calls            []string
}

func newRecordedCognito(t *testing.T, rec *routeRecord) *recordedCognito {
	var file struct {
		Keys map[string]struct{ Kid, N, E, D, P, Q string }
	}
	readAmplify(t, "keys.json", &file)
	p := &recordedCognito{T: t, jwks: rec.JWKS, cognito: rec.Cognito, oauth: rec.OAuth, keys: make(map[string]*rsa.PrivateKey)}
	number := func(s string) *big.Int {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return new(big.Int).SetBytes(b)
	}
	for _, k := range file.Keys {
		key := &rsa.PrivateKey{
			PublicKey: rsa.PublicKey{N: number(k.N), E: int(number(k.E).Int64())},
			D:         number(k.D), Primes: []*big.Int{number(k.P), number(k.Q)},
		}
		key.Precompute()
		p.keys[k.Kid] = key
	}
	return p
}

// expectFlow sets the authorization request that the token endpoint answers for.
func (p *recordedCognito) expectFlow(authorize *url.URL) {
	p.nonce, p.challenge = authorize.Query().Get("nonce"), authorize.Query().Get("code_challenge")
}

func (p *recordedCognito) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet {
		if doc, ok := p.jwks[r.URL.String()]; ok {
			return recordedAnswer(r, http.StatusOK, string(doc)), nil
		}
		return recordedAnswer(r, http.StatusForbidden, ""), nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	target := r.Header.Get("X-Amz-Target")
	if r.URL.Host == mustParse(recordedEndpoint).Host {
		p.calls = append(p.calls, callOf(target, body))
		if strings.HasSuffix(target, ".RevokeToken") {
			return p.replyToRevoke(r)
		}
		return p.nextReply(r, &p.cognito)
	}
	p.calls = append(p.calls, callOf(r.URL.String(), body))
	if got := r.Header.Get("Content-Type"); got != "application/x-www-form-urlencoded" {
		p.Errorf("the token endpoint gets %q", got)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	if base64.RawURLEncoding.EncodeToString(sum[:]) != p.challenge {
		p.Errorf("the verifier %q is not that of the challenge", form.Get("code_verifier"))
	}
	return p.nextReply(r, &p.oauth)
}

// nextReply returns the next recorded reply.
func (p *recordedCognito) nextReply(r *http.Request, list *[]recordedExchange) (*http.Response, error) {
	if len(*list) == 0 {
		p.Errorf("%s is not in the record", r.URL)
		return nil, errors.New("recorded: nothing")
	}
	reply := (*list)[0].Reply
	*list = (*list)[1:]
	if reply.NetworkError {
		return nil, errors.New("recorded: network error")
	}
	if reply.Raw != "" {
		return recordedAnswer(r, reply.Status, reply.Raw), nil
	}
	text := string(reply.Body)
	var tokens map[string]any
	if json.Unmarshal(reply.Body, &tokens) == nil {
		if id, ok := tokens["id_token"].(string); ok {
			tokens["id_token"] = p.withNonce(id)
			b, err := json.Marshal(tokens)
			if err != nil {
				return nil, err
			}
			text = string(b)
		}
	}
	return recordedAnswer(r, reply.Status, text), nil
}

// replyToRevoke answers the API's RevokeToken with the recorded reply of the revocation
// endpoint, which is the same operation.
func (p *recordedCognito) replyToRevoke(r *http.Request) (*http.Response, error) {
	if len(p.oauth) == 0 {
		return recordedAnswer(r, http.StatusOK, "{}"), nil // Amplify asked for nothing
	}
	reply := p.oauth[0].Reply
	if reply.NetworkError {
		return nil, errors.New("recorded: network error")
	}
	if reply.Status != http.StatusOK {
		return recordedAnswer(r, reply.Status, `{"__type":"InvalidParameterException","message":"recorded"}`), nil
	}
	return recordedAnswer(r, http.StatusOK, "{}"), nil
}

// withNonce sets the nonce of an ID token and signs it with its old key.
func (p *recordedCognito) withNonce(id string) string {
	parts := strings.Split(id, ".")
	if len(parts) != 3 {
		return id
	}
	var header struct{ Kid string }
	var claims map[string]any
	for i, v := range []any{&header, &claims} {
		b, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(b, v)
		}
		if err != nil {
			p.Fatal(err)
		}
	}
	key, ok := p.keys[header.Kid]
	if !ok {
		p.Fatalf("no key %q", header.Kid)
	}
	claims["nonce"] = p.nonce
	b, err := json.Marshal(claims)
	if err != nil {
		p.Fatal(err)
	}
	input := parts[0] + "." + base64.RawURLEncoding.EncodeToString(b)
	sum := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		p.Fatal(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func recordedAnswer(r *http.Request, status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Status: fmt.Sprint(status), Request: r,
		Header: http.Header{"Content-Type": {"application/json"}},
		Proto:  "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}
