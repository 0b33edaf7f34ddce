//go:build unix

package main

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/cognitogate/cognitogate/middleware"
)

// signedInRequests measures requests whose tokens are cached, and public ones.
func (b *bench) signedInRequests() {
	s := newSite(newServer())
	page, userPage, public := s.signedIn("/dashboard/1"), s.signedIn("/user/1"), s.signedIn("/api/1")
	cached, bare := serving(s.guarded, page, 200), serving(s.bare, page, 200)
	user, bareUser := serving(s.guarded, userPage, 200), serving(s.bare, userPage, 200)
	c := interleave(b.perGroup, repeated(b.signatureCheck), repeated(bare), repeated(cached), repeated(user))
	b.add(atMost("P1", "signed-in request, tokens cached", c.ratio(2, 0).times(100), "%.2f %% of A", 5.5))
	b.add(atMost("P1", "the same without what a bare route costs", c.of(func(cost []float64) float64 {
		return 100 * (cost[2] - cost[1]) / cost[0]
	}), "%.2f %% of A", 3.7))
	b.add(informs("P1", "the bare route", c.ratio(1, 0).times(100), "%.2f %% of A"))
	b.add(atMost("P1u", "signed-in request with Session.User and signInDetails", c.ratio(3, 0).times(100), "%.2f %% of A", 6))

	objects, bytes := allocationsOver(cached, bare)
	b.add(atMost("P2", "its allocations over those of a bare route", exactly(objects), "%.0f", 3))
	b.add(atMost("P2", "the same in bytes", exactly(bytes), "%.0f B", 520))
	objects, _ = allocationsOver(user, bareUser)
	b.add(atMost("P2", "allocations with Session.User", exactly(objects), "%.0f", 4))

	guarded, unguarded := serving(s.guarded, public, 200), serving(s.bare, public, 200)
	c = interleave(b.perGroup, repeated(unguarded), repeated(guarded))
	b.add(atMost("P3", "request for a public path, over an idle middleware", c.ratio(1, 0), "× %.2f", 1.2))
	objects, _ = allocationsOver(guarded, unguarded)
	b.add(atMost("P3", "its allocations over those of an idle middleware", exactly(objects), "%.0f", 0))
}

func allocationsOver(work, floor func()) (objects, bytes float64) {
	objects, bytes = allocations(200, work)
	floorObjects, floorBytes := allocations(200, floor)
	return objects - floorObjects, bytes - floorBytes
}

// uncachedRequests measures requests whose tokens are verified anew, forged or absent.
func (b *bench) uncachedRequests() {
	s := newSite(newServer(), func(cfg *middleware.Config) { cfg.CacheBytes = -1 })
	genuine := s.signedIn("/dashboard/1")
	verified := serving(s.guarded, genuine, 200)
	works := []turn{repeated(b.signatureCheck), repeated(verified)}
	forgeries := s.forgeries()
	for _, f := range forgeries {
		works = append(works, repeated(serving(s.guarded, f.request, http.StatusTemporaryRedirect)))
	}
	c := interleave(2*b.perGroup, works...)
	b.add(atMost("P4", "request with two tokens to verify, nothing cached", c.ratio(1, 0), "%.2f A", 2.4))
	objects, _ := allocationsOver(verified, serving(s.bare, genuine, 200))
	b.add(atMost("P4", "its allocations over those of a bare route", exactly(objects), "%.0f", 45))
	for i, f := range forgeries {
		b.add(atMost("P5", "request with "+f.what, c.ratio(2+i, 0).times(100), "%.0f %% of A", f.target))
	}

	anonymous := httptest.NewRequest("GET", "/dashboard/1?tab=2", nil)
	redirecting := chi.NewRouter()
	redirecting.Get("/dashboard/{id}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/sign-in?next=%2Fdashboard%2F1%3Ftab%3D2", http.StatusTemporaryRedirect)
	})
	c = interleave(b.perGroup,
		repeated(serving(redirecting, anonymous, http.StatusTemporaryRedirect)),
		repeated(serving(s.guarded, anonymous, http.StatusTemporaryRedirect)))
	b.add(atMost("P6", "anonymous request redirected, over http.Redirect", c.ratio(1, 0), "× %.2f", 1))
}

// forgery is a request with an access token that is not genuine, and no refresh token.
type forgery struct {
	what    string
	request *http.Request
	target  float64 // percent of A
}

func (s *site) forgeries() []forgery {
	set := s.server.Issue("ada")
	header, rest, _ := strings.Cut(set.Access, ".")
	payload, _, _ := strings.Cut(rest, ".")
	encode := base64.RawURLEncoding.EncodeToString
	request := func(access string) *http.Request {
		r := httptest.NewRequest("GET", "/dashboard/1", nil)
		prefix := s.cookiePrefix()
		r.Header.Set("Cookie", fmt.Sprintf("theme=dark; %sLastAuthUser=ada; %sada.accessToken=%s; %sada.clockDrift=0; _ga=GA1.1.1234.5678",
			prefix, prefix, access, prefix))
		return r
	}
	return []forgery{
		{"a forged signature", request(header + "." + payload + "." + encode(make([]byte, 256))), 135},
		{"an access token that is not a JWT", request(strings.Repeat("x", len(set.Access))), 20},
		{"a token of another algorithm", request(encode([]byte(`{"alg":"HS256","kid":"a"}`)) + "." + rest), 20},
		{"a token of an unknown key", request(encode([]byte(`{"alg":"RS256","kid":"a"}`)) + "." + rest), 20},
	}
}
