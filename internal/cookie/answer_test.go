package cookie_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/cognitogate/cognitogate/internal/cookie"
)

func TestLinesAddTo(t *testing.T) {
	const ours = "p.x=1; Path=/; Max-Age=60"
	for _, test := range []struct {
		name   string
		kept   []string
		header []string // of the answer when it goes out
		target string
		want   []string
	}{
		{"still there", []string{ours}, []string{ours}, "/a/b", []string{ours}},
		{"lost", []string{ours}, nil, "/a/b", []string{ours}},
		{"lost beside others", []string{ours}, []string{"a=1"}, "/a/b", []string{"a=1", ours}},
		{"a newer one", []string{ours}, []string{"p.x=2; path=/"}, "/a/b", []string{"p.x=2; path=/"}},
		{"a newer one behind ours", []string{ours}, []string{ours, "a=1", "p.x=2; Path=/"}, "/a/b", []string{"a=1", "p.x=2; Path=/"}},
		{"two newer ones", []string{ours}, []string{"p.x=2; Path=/", "p.x=3; Path=/"}, "/a/b", []string{"p.x=3; Path=/"}},
		{"a deletion", []string{ours}, []string{"p.x=; Path=/; Max-Age=0"}, "/a/b", []string{"p.x=; Path=/; Max-Age=0"}},
		{"another name", []string{ours}, []string{"p.X=2; Path=/"}, "/a/b", []string{"p.X=2; Path=/", ours}},
		{"another domain", []string{ours}, []string{"p.x=2; Path=/; Domain=d.example"}, "/a/b", []string{"p.x=2; Path=/; Domain=d.example", ours}},
		{"another path", []string{ours}, []string{"p.x=2; Path=/a"}, "/a/b", []string{"p.x=2; Path=/a", ours}},
		{"partitioned", []string{ours}, []string{"p.x=2; Path=/; Partitioned"}, "/a/b", []string{"p.x=2; Path=/; Partitioned", ours}},
		{"without a path, below one", []string{ours}, []string{"p.x=2"}, "/a/b?c=/d", []string{"p.x=2", ours}},
		{"without a path", []string{ours}, []string{"p.x=2"}, "/b?c=/d", []string{"p.x=2"}},
		{"a path that is none", []string{ours}, []string{"p.x=2; Path=b"}, "/b", []string{"p.x=2; Path=b"}},
		{"the last path counts", []string{ours}, []string{"p.x=2; Path=/; Path=/a"}, "/b", []string{"p.x=2; Path=/; Path=/a", ours}},
		{"a domain in other letters", []string{"p.x=1; Path=/; Domain=d.example"}, []string{"p.x=2 ;PATH= / ; domain=.D.example"}, "/a/b", []string{"p.x=2 ;PATH= / ; domain=.D.example"}},
		{"no target", []string{ours}, []string{"p.x=2"}, "", []string{"p.x=2"}},
		{"twins of others", []string{ours}, []string{"a=1", "a=2"}, "/", []string{"a=1", "a=2", ours}},
	} {
		lines := &cookie.Lines{Prefix: "p."}
		lines.Replace(append([]string{"other=1"}, test.kept...))
		header := slices.Clone(test.header)
		h := http.Header{"Set-Cookie": header}
		if !lines.AddTo(h, test.target) {
			t.Errorf("%s: no cookie is found", test.name)
		}
		if !slices.Equal(h["Set-Cookie"], test.want) {
			t.Errorf("%s: %q, want %q", test.name, h["Set-Cookie"], test.want)
		}
		if !slices.Equal(header, test.header) {
			t.Errorf("%s: the handler's slice has become %q", test.name, header)
		}
	}
}

// TestVoidLines: the sign-in was ended after the refresh.
// TestNoLines adds nothing to a header, not even an empty field.
func TestNoLines(t *testing.T) {
	h := http.Header{}
	if lines := (&cookie.Lines{Prefix: "p."}); lines.AddTo(h, "/") || len(h) > 0 {
		t.Errorf("the header is %q", h)
	}
}

func TestVoidLines(t *testing.T) {
	lines := &cookie.Lines{Prefix: "p.", Void: func() bool { return true }}
	lines.Replace([]string{"p.x=1", "p.y=1"})
	h := http.Header{"Set-Cookie": {"p.x=1", "p.y=; Max-Age=0", "a=1"}}
	lines.AddTo(h, "/")
	if want := []string{"p.y=; Max-Age=0", "a=1"}; !slices.Equal(h["Set-Cookie"], want) {
		t.Errorf("%q, want %q", h["Set-Cookie"], want)
	}
}

type wrapper struct{ http.ResponseWriter }

func (w wrapper) Unwrap() http.ResponseWriter { return w.ResponseWriter }

type answer struct {
	http.ResponseWriter
	private bool
}

func (a *answer) PrivateNoStore()          { a.private = true }
func (*answer) Lines(string) *cookie.Lines { return nil }

func TestAnswerOf(t *testing.T) {
	recorder := httptest.NewRecorder()
	a := &answer{ResponseWriter: recorder}
	for _, w := range []http.ResponseWriter{a, wrapper{a}, wrapper{wrapper{a}}} {
		a.private = false
		cookie.MarkPrivate(w)
		if !a.private || len(recorder.Header()) > 0 {
			t.Errorf("%T is not found", w)
		}
	}
	for _, w := range []http.ResponseWriter{recorder, wrapper{recorder}} {
		if cookie.AnswerOf(w) != nil {
			t.Errorf("%T has an Answer", w)
		}
		cookie.MarkPrivate(w)
		if recorder.Header().Get("Cache-Control") != "private, no-store" {
			t.Errorf("%T is not marked", w)
		}
	}
}
