package session_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/internal/percent"
	"github.com/cognitogate/cognitogate/session"
)

// encodings are the recorded spellings of odd strings: by js-cookie in the
// browser, and by the server adapter.
type encodings struct {
	Encoding []struct {
		Input                   string
		ClientName, ClientValue string
		ServerName, ServerValue string
	}
	Headers []struct {
		Header  string
		Cookies []struct{ Name, Value string }
	}
}

// oddNames are usernames that need care beyond the recorded ones.
var oddNames = []string{"LastAuthUser", "x.LastAuthUser", "ada.accessToken", "accessToken", "...", "a.b.c", "username",
	"a%b", "%", "%2", "hal%41x", "%25", "a%2540b", `"`, `a"b`, "=", ";", "a=b;c", "\r\nSet-Cookie: x=y", "\x00", "\x7f", "\ufeff", "\u2028",
	"; Domain=evil.example", "__Host-x", strings.Repeat("日", 128)}

// TestUsernames signs users of every kind in, and reads back what a browser would
// send: in Amplify's own spelling, and as one RFC 6265 token for a name.
func TestUsernames(t *testing.T) {
	var file encodings
	readJSON(t, "encoding.json", &file)
	names := slices.Clone(oddNames)
	for _, e := range file.Encoding {
		names = append(names, e.Input)
	}
	together := longtest.Scale[rune](15, 1) // so many characters in one name
	for c := rune(1); c < 0x100; c += together {
		name := "x"
		for i := range together {
			name += string(c + i)
		}
		names = append(names, name+"y")
	}
	slices.Sort(names)
	names = slices.Compact(names)
	var users []cognitotest.User
	for _, n := range names {
		users = append(users, cognitotest.User{Username: n})
	}
	p := open(t, nil, users...)
	for _, name := range names {
		set := p.pool.Issue(name)
		w := httptest.NewRecorder()
		if _, err := p.m.Start(w, page(), set); err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		b := newBrowser()
		for _, line := range w.Header()["Set-Cookie"] {
			c, err := http.ParseSetCookie(line)
			if err != nil {
				t.Fatalf("%q: %q: %v", name, line, err)
			}
			if c.Domain != "" || c.Path != "/" || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.MaxAge != 365*24*60*60 {
				t.Errorf("%q: attributes of %q", name, line)
			}
			b.plant("https://app.example.com/", line)
		}
		pairs := b.pairs("https://app.example.com/")
		if len(pairs) != 4 {
			t.Errorf("%q: %d cookies", name, len(pairs))
		}
		s, _, err := p.fetch(page(pairs...))
		if err != nil || s.User().Username != name || s.AccessToken().Raw() != set.Access || s.IDToken() == nil {
			t.Errorf("%q is read as %v: %v", name, s, err)
		}
		p.wait(2 * time.Hour)
		if s, _, err = p.fetch(page(pairs...)); err != nil || s.User().Username != name {
			t.Errorf("%q after a refresh: %v: %v", name, s, err)
		}
		w = httptest.NewRecorder()
		if err := p.m.End(w, page(pairs...)); err != nil {
			t.Errorf("%q: sign-out: %v", name, err)
		}
		for _, line := range w.Header()["Set-Cookie"] {
			b.plant("https://app.example.com/", line)
		}
		if left := b.pairs("https://app.example.com/"); len(left) > 0 {
			t.Errorf("%q: after the sign-out: %.100q", name, left)
		}
	}
}

// TestEncodings compares our spelling with js-cookie's, and reads the adapter's.
func TestEncodings(t *testing.T) {
	var file encodings
	readJSON(t, "encoding.json", &file)
	for _, e := range file.Encoding {
		if got := cookie.EncodeName(e.Input); got != e.ClientName {
			t.Errorf("name %q: %q, want %q", e.Input, got, e.ClientName)
		}
		if got := cookie.EncodeValue(e.Input); got != e.ClientValue {
			t.Errorf("value %q: %q, want %q", e.Input, got, e.ClientValue)
		}
		for _, spelling := range []string{e.ClientName, e.ClientValue, e.ServerName, e.ServerValue} {
			if got, ok := percent.Decode(spelling); !ok || got != e.Input {
				t.Errorf("%q is read as %q, want %q", spelling, got, e.Input)
			}
		}
	}
	if len(file.Encoding) < 100 || len(file.Headers) < 20 {
		t.Error("records are missing")
	}
	for _, h := range file.Headers {
		// Differences to Next.js, none of which a cookie of Amplify's can show: white
		// space around a name or value is not part of it (RFC 6265bis §5.8.3), a name
		// without "=" has no value, a value without a name is passed over, and all
		// cookies of a name are found, not the last.
		want := map[string][]string{}
		for _, c := range h.Cookies {
			if name := strings.TrimSpace(c.Name); name != "" {
				want[name] = []string{strings.TrimSpace(c.Value)}
			}
		}
		switch h.Header {
		case "a":
			want["a"] = []string{""}
		case "a=1; a=2":
			want["a"] = []string{"1", "2"}
		}
		got := map[string][]string{}
		for name, value, rest := cookie.Next(h.Header); name != ""; name, value, rest = cookie.Next(rest) {
			if v, ok := percent.Decode(value); ok {
				got[name] = append(got[name], v)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q: %q, want %q", h.Header, got, want)
		}
	}
}

// TestSpellings reads, and deletes, every spelling of a name that browsers hold.
func TestSpellings(t *testing.T) {
	hex := regexp.MustCompile("%..")
	for _, name := range []string{"ada", "carol@example.com", "gus(1)", "hal%41x", "a%b", "été", "a b", "a/b", "a.b@c.d", "LastAuthUser"} {
		p := open(t, nil, cognitotest.User{Username: name})
		once := cookie.EncodeName(name)
		spellings := map[string]string{
			"client's": once, "adapter's": strings.NewReplacer("%28", "(", "%29", ")").Replace(once),
			"raw": name, "double": cookie.EncodeName(once), "lower case": hex.ReplaceAllStringFunc(once, strings.ToLower),
		}
		for kind, user := range spellings {
			set := p.pool.Issue(name)
			pairs := p.cookies(user, set)
			pairs[0] = p.key("LastAuthUser") + "=" + cookie.EncodeValue(name)
			s, _, err := p.fetch(page(pairs...))
			if err != nil || s.User().Username != name || s.IDToken() == nil {
				t.Errorf("%s name of %q: %v, %v", kind, name, s, err)
				continue
			}
			all := []string{p.key("LastAuthUser"), p.key(user + ".accessToken"), p.key(user + ".idToken"), p.key(user + ".refreshToken")}
			w := httptest.NewRecorder()
			if err := p.m.End(w, page(pairs...)); err != nil {
				t.Error(err)
			}
			deleted(t, w.Header()["Set-Cookie"], all)

			// A dead session is cleared in that spelling too.
			pairs = slices.DeleteFunc(pairs, func(pair string) bool { return strings.Contains(pair, "refreshToken") })
			p.wait(2 * time.Hour)
			_, lines, err := p.fetch(page(pairs...))
			if !errors.Is(err, session.ErrSignedOut) {
				t.Error(err)
			}
			deleted(t, lines, all[:3])

			// And a refresh leaves no second spelling behind, which would go stale.
			pairs = p.cookies(user, p.pool.Issue(name, cognitotest.Expired))
			pairs[0] = p.key("LastAuthUser") + "=" + cookie.EncodeValue(name)
			_, lines, err = p.fetch(page(pairs...))
			if err != nil {
				t.Error(err)
			}
			if user != once {
				deleted(t, lines, all[1:])
			}
		}
	}
}

// deleted fails unless there is a deletion for each name.
func deleted(t *testing.T, lines, names []string) {
	t.Helper()
	for _, name := range names {
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, name+"=; ") && strings.Contains(l, "; Max-Age=0") }) {
			t.Errorf("%q is not deleted by %.200q", name, lines)
		}
	}
}

// TestManyOtherCookies hides ours among three thousand others, in several headers
// as HTTP/2 sends them.
func TestManyOtherCookies(t *testing.T) {
	p := open(t, nil)
	ours := p.cookies("ada", p.pool.Issue("ada"))
	others := func(n int) (pairs []string) {
		for i := range n {
			pairs = append(pairs, fmt.Sprintf("other%d=%d", i, i), "CognitoIdentityServiceProvider.another.LastAuthUser=bob", "bad@name", "=", `q="x"`)
		}
		return pairs
	}
	r := page(slices.Concat(others(300), ours[:2], others(300))...)
	r.Header.Add("Cookie", strings.Join(slices.Concat(others(100), ours[2:], others(10)), ";"))
	if s, _, err := p.fetch(r); err != nil || s.User().Username != "ada" || s.IDToken() == nil {
		t.Errorf("%v, %v", s, err)
	}
}

// TestHeaderOfAMegabyte is about time: what a client can send is bounded, and so
// is what we do and answer.
func TestHeaderOfAMegabyte(t *testing.T) {
	p := open(t, nil)
	for name, pair := range map[string]func(i int) string{
		"users":     func(i int) string { return fmt.Sprint(p.key("LastAuthUser"), "=user", i) },
		"spellings": func(i int) string { return fmt.Sprintf("%s=x", p.key(fmt.Sprintf("%%61d%%61%d.accessToken", i))) },
		"tokens":    func(i int) string { return fmt.Sprint(p.key("ada.accessToken"), "=eyJ.eyJ.", i) },
		"refresh":   func(i int) string { return fmt.Sprint(p.key("ada.refreshToken"), "=", i) },
		"names":     func(i int) string { return p.key(strings.Repeat("%25", 20) + ".accessToken") },
	} {
		var b strings.Builder
		b.WriteString(p.key("LastAuthUser") + "=ada")
		for i := 0; b.Len() < 1<<20; i++ {
			b.WriteString("; " + pair(i))
		}
		r := page(b.String())
		start := time.Now()
		_, lines, err := p.fetch(r)
		w := httptest.NewRecorder()
		note(p.m.End(w, r))
		if len(lines)+len(w.Header()["Set-Cookie"]) > 700 {
			t.Errorf("%s: %d and %d lines", name, len(lines), len(w.Header()["Set-Cookie"]))
		}
		if err == nil || time.Since(start) > 3*time.Second {
			t.Errorf("%s: %v after %v", name, err, time.Since(start))
		}
	}
	if n := p.pool.Calls("GetTokensFromRefreshToken") + p.pool.Calls("RevokeToken"); n > 8 {
		t.Errorf("%d calls to Cognito", n)
	}
}

// TestTooLarge writes a cookie that browsers drop, and says so, once a minute.
func TestTooLarge(t *testing.T) {
	groups := make([]string, 200)
	for i := range groups {
		groups[i] = fmt.Sprint("department-of-things-", i)
	}
	p := open(t, nil, cognitotest.User{Username: "ada", Groups: groups})
	for range 3 {
		w := httptest.NewRecorder()
		if _, err := p.m.Start(w, page(), p.pool.Issue("ada")); err != nil {
			t.Fatal(err)
		}
	}
	log := p.logs.String()
	if strings.Count(log, "level=WARN") != 1 || !strings.Contains(log, "fewer groups") || !strings.Contains(log, "limit=4096") {
		t.Errorf("the log: %s", log)
	}
}

// TestAttributes writes and deletes with each setting.
func TestAttributes(t *testing.T) {
	for _, test := range []struct {
		cookies  session.Cookies
		set, del string
	}{
		{session.Cookies{}, "Path=/; Max-Age=31536000; Secure; SameSite=Lax", "Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Secure; SameSite=Lax"},
		{session.Cookies{Insecure: true, SameSite: http.SameSiteDefaultMode}, "Path=/; Max-Age=31536000", "Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0"},
		{session.Cookies{Domain: ".example.com", MaxAge: 500 * 24 * time.Hour}, "Path=/; Max-Age=34560000; Domain=example.com; Secure; SameSite=Lax",
			"Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Domain=example.com; Secure; SameSite=Lax"},
		{session.Cookies{HTTPOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: time.Hour}, "Path=/; Max-Age=3600; Secure; HttpOnly; SameSite=Strict",
			"Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Secure; HttpOnly; SameSite=Strict"},
		{session.Cookies{SameSite: http.SameSiteNoneMode}, "Path=/; Max-Age=31536000; Secure; SameSite=None", "Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Secure; SameSite=None"},
	} {
		p := open(t, func(c *session.Config) { c.Cookies = test.cookies })
		w := httptest.NewRecorder()
		if _, err := p.m.Start(w, page(), p.pool.Issue("ada")); err != nil {
			t.Fatal(err)
		}
		var pairs []string
		for _, line := range w.Header()["Set-Cookie"] {
			pair, attributes, _ := strings.Cut(line, "; ")
			pairs = append(pairs, pair)
			if attributes != test.set {
				t.Errorf("%+v sets with %q", test.cookies, attributes)
			}
		}
		w = httptest.NewRecorder()
		if err := p.m.End(w, page(pairs...)); err != nil {
			t.Error(err)
		}
		found := 0
		for _, line := range w.Header()["Set-Cookie"] {
			if _, attributes, _ := strings.Cut(line, "; "); attributes == test.del {
				found++
			} else if test.cookies.Domain == "" || strings.Contains(attributes, "Domain=") {
				t.Errorf("%+v deletes with %q", test.cookies, attributes)
			}
		}
		if found < 4 {
			t.Errorf("%+v: %d deletions", test.cookies, found)
		}
		if w.Header().Get("Cache-Control") != "private, no-store" || w.Header().Get("Vary") != "Cookie" {
			t.Error("the answer may be cached")
		}
	}
}

// TestHTTPOnly writes only what holds tokens, and clears whatever was carried.
func TestHTTPOnly(t *testing.T) {
	p := open(t, func(c *session.Config) { c.Cookies.HTTPOnly = true })
	pairs := append(p.cookies("ada", p.pool.Issue("ada", cognitotest.Expired)), p.key("ada.signInDetails")+"={}", p.key("ada.clockDrift")+"=5")
	_, lines, err := p.fetch(page(pairs...))
	if err != nil || len(lines) != 4 {
		t.Errorf("a refresh writes %.80q, %v", lines, err)
	}
	w := httptest.NewRecorder()
	note(p.m.End(w, page(pairs...)))
	deleted(t, w.Header()["Set-Cookie"], []string{p.key("LastAuthUser"), p.key("ada.accessToken"), p.key("ada.idToken"),
		p.key("ada.refreshToken"), p.key("ada.signInDetails"), p.key("ada.clockDrift")})
	if len(w.Header()["Set-Cookie"]) != 6 {
		t.Errorf("%q", w.Header()["Set-Cookie"])
	}
	for _, line := range append(lines, w.Header()["Set-Cookie"]...) {
		if !strings.Contains(line, "; HttpOnly") {
			t.Errorf("%.100q can be read by scripts", line)
		}
	}
}
