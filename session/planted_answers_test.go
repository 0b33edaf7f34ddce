package session_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// plantedAnswers repeats Cognito's answers to refreshes of earlier cases, because signing
// tokens is slow. Within a case no answer comes twice, and the tokens of an answer begin
// when it is given. With rotation it may not be used.
type plantedAnswers struct {
	cognito http.RoundTripper
	env     *env

	mu      sync.Mutex
	answers map[string][]byte
	count   map[string]int // of equal requests in this case
}

// newCase forgets how often the requests came.
func (a *plantedAnswers) newCase() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.count)
}

func (a *plantedAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.Header.Get("X-Amz-Target"), "."+opRefresh) {
		return a.cognito.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	key := fmt.Sprint(a.env.clock().Unix(), string(body))
	a.mu.Lock()
	a.count[key]++
	key = fmt.Sprint(a.count[key], key)
	answer := a.answers[key]
	a.mu.Unlock()
	if answer != nil {
		header := http.Header{"Content-Type": {"application/x-amz-json-1.1"}}
		return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(bytes.NewReader(answer)), ContentLength: int64(len(answer)), Request: r}, nil
	}
	resp, err := a.cognito.RoundTrip(r)
	if err != nil || resp.StatusCode != http.StatusOK {
		return resp, err
	}
	defer resp.Body.Close()
	if answer, err = io.ReadAll(resp.Body); err != nil {
		return nil, err
	}
	a.mu.Lock()
	a.answers[key] = answer
	a.mu.Unlock()
	resp.Body = io.NopCloser(bytes.NewReader(answer))
	return resp, nil
}
