package matcher_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/matcher"
)

type question struct {
	Source  string              `json:"source"`
	Has     []map[string]string `json:"has,omitempty"`
	Missing []map[string]string `json:"missing,omitempty"`
	Cases   []parityCase        `json:"cases"`
}

type parityCase struct {
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers"`
	Search  string            `json:"search"`
}

// TestParity compares answers with the real Next.js. It wants node, and a
// directory in which "npm install next@16.4.6" has been run:
//
//	NEXT_DIR=/tmp/next go test ./matcher -run TestParity -args -pairs=1000000
func TestParity(t *testing.T) {
	dir := os.Getenv("NEXT_DIR")
	if dir == "" {
		t.Skip("NEXT_DIR does not name a directory with Next.js in its node_modules")
	}
	cmd := exec.Command("node", "testdata/parity.js")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	answers := bufio.NewReaderSize(out, 1<<20)
	g := newGenerator(uint64(*pairs)) // another number tries other patterns
	var matched, rejected, refused, total int
	for total < *pairs && !t.Failed() {
		q := g.question()
		data, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := in.Write(append(data, '\n')); err != nil {
			t.Fatal(err)
		}
		line, err := answers.ReadBytes('\n')
		if err != nil {
			t.Fatal(err)
		}
		var want struct {
			Error   string
			Matches []bool
		}
		if err := json.Unmarshal(line, &want); err != nil {
			t.Fatal(err)
		}
		total += len(q.Cases)
		rule, _ := json.Marshal([]any{map[string]any{"source": q.Source, "has": orEmpty(q.Has), "missing": orEmpty(q.Missing)}})
		m, err := fromJSON(string(rule))
		if err != nil {
			if want.Error != "" {
				rejected++
			} else if refused++; !ourRefusal(err) {
				t.Errorf("%s\nis rejected: %v\nbut not by Next.js", rule, err)
			}
			continue
		}
		if want.Error != "" {
			t.Errorf("%s\nis accepted, but Next.js rejects the %s", rule, want.Error)
			continue
		}
		for i, c := range q.Cases {
			r := &http.Request{URL: &url.URL{Path: c.Path, RawQuery: strings.TrimPrefix(c.Search, "?")}, Header: make(http.Header)}
			for name, value := range c.Headers {
				r.Header.Set(name, latin1Bytes(value))
			}
			r.Host = latin1Bytes(c.Headers["host"])
			if got := m.MatchPath(c.Path, r); got != want.Matches[i] {
				t.Errorf("%s\nmatches %+q: %v, Next.js says %v", rule, c, got, want.Matches[i])
			}
			if want.Matches[i] {
				matched++
			}
		}
	}
	t.Logf("%d pairs, %d matched; patterns: %d rejected, %d refused", total, matched, rejected, refused)
}

func orEmpty(c []map[string]string) []map[string]string {
	return append([]map[string]string{}, c...)
}

// ourRefusal reports whether Next.js accepts what the error refuses.
func ourRefusal(err error) bool {
	var syntax *matcher.SyntaxError
	if !errors.As(err, &syntax) {
		return false
	}
	for _, msg := range []string{"backreferences", "too large an automaton", "repeat count", `"\" at the end`} {
		if strings.Contains(syntax.Msg, msg) {
			return true
		}
	}
	return false
}

// question returns a random rule and requests to try it on. Half of the rules are
// likely to be invalid.
func (g generator) question() question {
	q := question{Source: g.pattern()}
	if g.IntN(2) == 0 {
		q.Source = "/" + g.rough("(", ")", "{", "}", ":a", ":b", "*", "?", "+", ".", "-", `\`, "/", "a", "|", "é")
	}
	if g.IntN(2) == 0 {
		q.Has = []map[string]string{g.condition()}
	}
	if g.IntN(4) == 0 {
		q.Missing = []map[string]string{g.condition()}
	}
	if len(q.Has)+len(q.Missing) > 0 && g.IntN(3) > 0 {
		q.Source = "/:path*"
	}
	for range 20 {
		q.Cases = append(q.Cases, parityCase{
			Path:    strings.ToValidUTF8(g.Path(), "\ufffd"),
			Headers: map[string]string{"x-a": g.value(), "cookie": g.cookie(), "host": g.value()},
			Search:  g.search(),
		})
	}
	return q
}

// rough returns a few of these fragments and of those that make regular
// expressions difficult.
func (g generator) rough(fragments ...string) string {
	fragments = append(fragments, "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?<n>", "(?<m>", "(?i:", "(?", ")", ")", ")",
		"[", "]", "[^", "[a-c]", "[c-a]", `[\d-z]`, `[\c1]`, `[\k]`, "{2}", "{2,", "{,2}", "{2,1}", "{", "}", "*", "+", "?", "??", "|", "^", "$",
		`\1`, `\2`, `\8`, `\0`, `\01`, `\377`, `\400`, `\k`, `\k<n>`, `\c`, `\cA`, `\x`, `\x6`, `\x61`, `\u`, `\u00e9`, `\u{61}`, `\p{L}`, `\b`, `\B`,
		`\d`, `\W`, `\s`, `\-`, `\]`, `\/`, `\\`, "a", "b", "c", "-", "é", "😀", ".", ".*", "[(]", "[)]", "[(?]", "\n")
	var b strings.Builder
	if g.IntN(2) == 0 { // one group that holds them all
		for range 1 + g.IntN(7) {
			b.WriteString(g.Pick(fragments...))
		}
		return "(" + b.String() + ")" + g.Pick("", "*", "/a")
	}
	for range 1 + g.IntN(9) {
		b.WriteString(g.Pick(fragments...))
	}
	return b.String()
}

func (g generator) condition() map[string]string {
	c := map[string]string{"type": g.Pick("header", "cookie", "query", "host"), "key": g.Pick("a", "b", "é")}
	switch c["type"] {
	case "header":
		c["key"] = "X-a"
	case "host":
		delete(c, "key")
	}
	switch g.IntN(4) {
	case 0:
		if c["type"] != "host" {
			break
		}
		fallthrough
	case 1:
		c["value"] = g.rough()
	default:
		c["value"] = g.Regexp(3)
	}
	return c
}

// value returns a header as Node.js has it: each character was a byte.
func (g generator) value() string {
	var b strings.Builder
	for range g.IntN(6) {
		b.WriteString(g.Pick("a", "b", "c", "/", ".", "-", "é", "A", " ", "1", ":", "Ã©", "%41", "\u00a0", ","))
	}
	return strings.Trim(b.String(), " ")
}

func (g generator) cookie() string {
	var b strings.Builder
	for range g.IntN(10) {
		b.WriteString(g.Pick("a=", "b=", "é=", "a=", "a", "b", ";", "; ", ";", "=", `"`, "%", "%41", "%C3%A9", "%e9", "%F0%9F%98%80", "%ED%A0%80", " ", "é", "\u00a0", "."))
	}
	return b.String()
}

func (g generator) search() string {
	var b strings.Builder
	for range g.IntN(10) {
		b.WriteString(g.Pick("a=", "b=", "%C3%A9=", "&", "&", "a=", "a", "b", ";", "=", "+", "%", "%4", "%41", "%C3%A9", "%F0%9F%98%80", "?", "c", "."))
	}
	return "?" + b.String()
}
