package session_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/percent"
	"github.com/cognitogate/cognitogate/session"
)

// FuzzCookies fetches the session of any Cookie header. Placeholders let the fuzzer put
// genuine tokens anywhere. $A, $I and $R are ada's tokens, and $X is an expired access
// token of hers. $B, $J and $S are bob's tokens. $O is ada's access token of another app
// client, and $P the prefix of a name.
func FuzzCookies(f *testing.F) {
	server := cognitotest.New(cognitotest.User{Username: "ada"}, cognitotest.User{Username: "bob"})
	cfg := session.Config{UserPool: server.UserPool(), HTTPClient: server.Client(), Now: server.Now}
	m, err := session.NewManager(cfg)
	if err != nil {
		f.Fatal(err)
	}
	cfg.CacheBytes = -1
	uncached, err := session.NewManager(cfg)
	if err != nil {
		f.Fatal(err)
	}
	adas, bobs := server.Issue("ada"), server.Issue("bob")
	expired := server.Issue("ada", cognitotest.Expired)
	other := server.AddClient("7other", "").Issue("ada")
	prefix := "CognitoIdentityServiceProvider." + server.UserPool().ClientID + "."
	replacer := strings.NewReplacer("$P", prefix, "$A", adas.Access, "$I", adas.ID, "$R", adas.Refresh, "$X", expired.Access,
		"$B", bobs.Access, "$J", bobs.ID, "$S", bobs.Refresh, "$O", other.Access)
	for _, seed := range []string{
		"", "a=b", "$PLastAuthUser=ada; $Pada.accessToken=$A; $Pada.idToken=$I; $Pada.refreshToken=$R",
		"$PLastAuthUser=ada; $Pada.accessToken=$X; $Pada.idToken=$I; $Pada.refreshToken=$R; $Pada.signInDetails={\"loginId\":\"x\"}",
		"$PLastAuthUser=bob; $PLastAuthUser=ada; $Pbob.accessToken=$B; $Pada.accessToken=$A; $Pada.accessToken=$O",
		"$Pusername.accessToken=$A;$Pusername.idToken=$J", "$PLastAuthUser=%61da; $P%2561da.accessToken=$B; =;;= ; $P.accessToken=$A",
		"$PLastAuthUser=ada; $Pada.refreshToken=$S; $Pada.deviceKey=a; $Pada.deviceGroupKey=b; $Pada.randomPasswordKey=c",
		"$PLastAuthUser=a.b; $Pa.b.accessToken=$X; $Pa.b.refreshToken=$S; $Pa.b.refreshToken=$R", "\"$PLastAuthUser\"=\"ada\"; \x00=\xff",
	} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, header string, isPage bool) {
		text := replacer.Replace(header)
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Cookie"] = strings.Split(text, "\n")
		if !isPage {
			r.Header.Set("Sec-Fetch-Mode", "cors")
		}
		has := func(secret string) bool { return strings.Contains(text, secret) }
		start := time.Now()
		for range 2 { // the second time, the session may be cached
			got, err := m.Fetch(nil, r, nil)
			want, wantErr := uncached.Fetch(nil, r, nil)
			if (err == nil) != (wantErr == nil) || got.User() != want.User() || (got.IDToken() == nil) != (want.IDToken() == nil) {
				t.Fatalf("%v, %v with a cache, %v, %v without", got, err, want, wantErr)
			}
		}
		w := httptest.NewRecorder()
		s, err := m.Fetch(w, r, nil)
		logError(err)
		lines := w.Header()["Set-Cookie"]
		if s != nil {
			switch name := s.User().Username; {
			case name == "ada" && (has(adas.Access) || has(adas.Refresh)):
			case name == "bob" && (has(bobs.Access) || has(bobs.Refresh)):
			default:
				t.Fatalf("%s is signed in", name)
			}
			if id := s.IDToken(); id != nil && id.Subject() != s.AccessToken().Subject() {
				t.Fatal("the ID token is another user's")
			}
			if s.ExpiresAt().Before(server.Now()) {
				t.Fatal("an expired session")
			}
		}
		if (s == nil) == (err == nil) {
			t.Fatal(s, err)
		}
		if s == nil && !isPage && len(lines) > 0 {
			t.Fatalf("a script's answer changes %q", lines)
		}
		checkLines(t, prefix, lines)
		w = httptest.NewRecorder()
		end := r.Clone(r.Context())
		for _, genuine := range []string{adas.Refresh, bobs.Refresh, adas.Access, bobs.Access} { // they must stay valid for the next input
			for i, h := range end.Header["Cookie"] {
				end.Header["Cookie"][i] = strings.ReplaceAll(h, genuine, "revoked")
			}
		}
		logError(m.End(w, end))
		checkLines(t, prefix, w.Header()["Set-Cookie"])
		if d := time.Since(start); d > 5*time.Second {
			t.Fatalf("it took %v", d)
		}
	})
}

// checkLines fails unless each Set-Cookie line sets or deletes one cookie of the prefix.
func checkLines(t *testing.T, prefix string, lines []string) {
	t.Helper()
	for _, line := range lines {
		text, attributes, _ := strings.Cut(line, "; ")
		name, value, ok := strings.Cut(text, "=")
		if !ok || !strings.HasPrefix(name, prefix) || strings.ContainsAny(name+value, ";\r\n\x00") {
			t.Fatalf("a line for %q", text)
		}
		set := attributes == "Path=/; Max-Age=31536000; Secure; SameSite=Lax"
		scope, isDeletion := strings.CutSuffix(attributes, "; Secure; SameSite=Lax")
		scope, ok = strings.CutPrefix(scope, "Path=/; Max-Age=0")
		isDeletion = isDeletion && ok && (scope == "" || scope == "; Domain=app.example.com" || scope == "; Domain=example.com")
		if !set && (value != "" || !isDeletion) {
			t.Fatalf("the attributes %q", attributes)
		}
		if set {
			if _, err := http.ParseSetCookie(line); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
		}
	}
}

// FuzzCookieName writes and parses the cookies of any username.
func FuzzCookieName(f *testing.F) {
	m, err := session.NewManager(session.Config{UserPool: cognitotest.New().UserPool()})
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range oddNames {
		f.Add(name)
	}
	f.Add("ada")
	f.Add("été")
	f.Add("\U0001F600\u0301")
	f.Fuzz(func(t *testing.T, user string) {
		if user == "" || !utf8.ValidString(user) {
			return // not a JavaScript string
		}
		name, value := m.CookieName(user, "accessToken"), cookie.EncodeValue(user)
		c, err := http.ParseSetCookie(name + "=" + value)
		if err != nil || c.Name != name || c.Value != value && c.Value != strings.Trim(value, `"`) {
			t.Fatalf("%q is written as %q=%q, which is read as %v: %v", user, name, value, c, err)
		}
		for i := range len(name) {
			if !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(name[i])) && (name[i]|0x20 < 'a' || name[i]|0x20 > 'z') && (name[i] < '0' || name[i] > '9') {
				t.Fatalf("%q is not an RFC 6265 token", name)
			}
		}
		if strings.ContainsAny(value, ";, \"\\\r\n\x00\x7f") {
			t.Fatalf("%q is not an RFC 6265 value", value)
		}
		if got, ok := percent.Decode(value); !ok || got != user {
			t.Fatalf("%q is read as %q", user, got)
		}
		cookies, access := m.Read(http.Header{"Cookie": {m.CookieName("", "LastAuthUser") + "=" + value + "; " + name + "=x"}})
		if cookies != 2 || len(access[user]) != 1 || access[user][0] != "x" {
			t.Fatalf("%q is read as %q", user, access)
		}
	})
}
