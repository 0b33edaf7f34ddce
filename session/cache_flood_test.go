package session_test

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestForgeriesFillNoMemory sends forged tokens of all kinds. Most are refused without a
// signature check.
func TestForgeriesFillNoMemory(t *testing.T) {
	unchecked, checked := longtest.Scale(5000, 1_000_000), longtest.Scale(250, 5000)
	e := newEnv(t, func(c *session.Config) { c.Logger = slog.New(slog.DiscardHandler) })
	set := e.server.Issue("ada")
	header, rest, _ := strings.Cut(set.Access, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	malformed := func(i int) string {
		switch i % 5 {
		case 0:
			return fmt.Sprint("no token ", i)
		case 1:
			return fmt.Sprint(i, ".", payload, ".", signature)
		case 2:
			return encode(fmt.Sprintf(`{"kid":"%d","alg":"none"}`, i)) + "." + payload + "." + signature
		case 3:
			return encode(fmt.Sprintf(`{"kid":"%d","alg":"RS256"}`, i)) + "." + payload + "." + signature
		}
		return header + "." + encode(fmt.Sprintf(`{"iss":"https://%d"}`, i)) + "." + signature
	}
	badSignature := func(i int) string { return header + "." + payload + "." + encode(fmt.Sprintf("%0256d", i)) }
	send := func(n int, idToken string, forge func(i int) string) {
		before := e.prefixed("LastAuthUser") + "=ada; " + e.prefixed("ada.idToken") + "=" + idToken + "; " + e.prefixed("ada.accessToken") + "="
		inParallel(4, n, func(i int) {
			r := &http.Request{Method: "GET", Header: http.Header{"Cookie": {before + forge(i)}, "Sec-Fetch-Mode": {"cors"}}}
			if s, err := e.manager.Fetch(httptest.NewRecorder(), r, nil); err == nil {
				t.Errorf("a session of a forged token: %v", s)
			}
		})
	}
	send(100, "none", malformed)
	send(100, set.ID, badSignature)
	heap := session.HeapInUse()
	send(unchecked, "none", malformed)
	send(checked, set.ID, badSignature)
	if grown := session.HeapInUse() - heap; grown > 1<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	if n, _ := e.manager.Cached(); n != 0 {
		t.Errorf("%d sessions are cached", n)
	}
	if n := e.server.Calls(opRefresh); n != 0 {
		t.Errorf("%d refreshes", n)
	}
}

// TestCacheIsBounded has many sessions share a small cache. Each access token comes with
// each ID token, which saves signing most of them. A session is evicted long before it
// comes again.
func TestCacheIsBounded(t *testing.T) {
	const limit = 1 << 20
	accesses, ids := longtest.Scale(250, 2000), longtest.Scale(4, 10)
	e := newEnv(t, func(c *session.Config) { c.CacheBytes = limit })
	sets := make([]*tokens.Set, accesses)
	inParallel(4, accesses, func(i int) {
		if i < ids {
			sets[i] = e.server.Issue("ada")
		} else {
			sets[i] = e.server.Issue("ada", accessOnly)
		}
	})
	cookies := make([][]string, accesses*ids)
	setOf := func(i int) *tokens.Set {
		return &tokens.Set{Access: sets[i%accesses].Access, ID: sets[i/accesses].ID}
	}
	for i := range cookies {
		cookies[i] = e.cookies("ada", setOf(i))
	}
	heap := session.HeapInUse()
	inParallel(4, accesses*ids, func(i int) {
		set := setOf(i)
		s, err := e.manager.Fetch(nil, pageRequest(cookies[i]...), nil)
		if err != nil || s.AccessToken().Raw() != set.Access || s.IDToken().Raw() != set.ID {
			t.Errorf("%v, %v", s, err)
		}
		if _, bytes := e.manager.Cached(); bytes > limit {
			t.Errorf("%d bytes are cached", bytes)
		}
	})
	if grown := session.HeapInUse() - heap; grown > limit*3/2 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	least := limit * 3 / 4
	if layoutName() != session.LayoutAmplify {
		least /= 3 // the rest is for opened cookies, or records
	}
	if n, bytes := e.manager.Cached(); bytes < least {
		t.Errorf("only %d sessions of %d bytes are cached", n, bytes)
	}
	runtime.KeepAlive(sets)
	runtime.KeepAlive(cookies)
	runtime.KeepAlive(e)
}
