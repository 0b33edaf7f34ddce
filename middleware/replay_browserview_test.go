package middleware_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var recordedMetaRefresh = regexp.MustCompile(`<meta http-equiv="refresh" content="0; ?(?:URL='|url=)([^"']*)`)

// browserView returns an answer as a browser understands it. It hides the differences of
// the deviation "*", which every record has:
//   - The cookies of a flow count as one cookie without a lifetime and a domain.
//   - Amplify's cookie of a sign-out and our sign-in marker are left out.
//   - clockDrift and signInDetails, which a session takes with it, are left out.
func browserView(t *testing.T, rec *routeRecord, status int, location, body, cookies string, lines []string) routeResult {
	t.Helper()
	v := routeResult{Status: status, To: location}
	if m := recordedMetaRefresh.FindStringSubmatch(body); m != nil {
		v.To = html.UnescapeString(m[1])
	}
	if u := mustParse(v.To); u.IsAbs() {
		v.To = u.Scheme + "://" + u.Host + u.Path
		v.Params = make(map[string]string)
		for name, values := range u.Query() {
			v.Params[name] = strings.Join(values, " and ")
		}
		replaceRandomParams(t, v.Params)
	}
	changes := make(map[string]string)
	held := heldCookies(cookies)
	for _, line := range lines {
		name, change := setCookieChange(t, rec, line)
		known := held[name]
		switch {
		case strings.Contains(name, "server_auth.pkce") || strings.Contains(name, "server_auth.state") || strings.Contains(name, "cognitogate.flow."):
			if name = "flow"; change != "" {
				change = lifetimeOf.ReplaceAllString(change[strings.IndexByte(change, ';'):], "")
			}
		case strings.Contains(name, "isSigningOut"), strings.Contains(name, "signed-in"),
			strings.HasSuffix(name, ".clockDrift"), strings.HasSuffix(name, ".signInDetails"):
			continue
		default:
			name = strings.TrimPrefix(name, sessionCookiePrefix+rec.Config.ClientID+".")
		}
		switch {
		case change != "":
			if strings.HasSuffix(name, ".idToken") {
				change = withoutNonce(t, change)
			}
			changes[name] = change
		case known:
			changes[name] = "cleared"
		}
	}
	if len(changes) > 0 {
		v.Cookies = changes
	}
	return v
}

var lifetimeOf = regexp.MustCompile(`; (max-age|domain)=[^;]*`)

// replaceRandomParams checks the shape of random parameters and replaces them.
func replaceRandomParams(t *testing.T, params map[string]string) {
	t.Helper()
	if state, ok := params["state"]; ok {
		random, own, _ := strings.Cut(state, "-")
		if len(random) < 22 {
			t.Errorf("state %q is short", state)
		}
		params["state"] = "random-" + own
	}
	if nonce, ok := params["nonce"]; ok && len(nonce) >= 22 {
		params["nonce"] = "random"
	}
	if c, ok := params["code_challenge"]; ok {
		if !challengeShape.MatchString(c) {
			t.Errorf("code_challenge %q", c)
		}
		params["code_challenge"] = "of the verifier" // compared by the token endpoint
	}
}

var challengeShape = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// withoutNonce replaces the ID token in a cookie by its claims without the nonce. Our
// token has the nonce of its flow, and so another signature.
func withoutNonce(t *testing.T, change string) string {
	t.Helper()
	token, attributes, _ := strings.Cut(change, ";")
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return change
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(text, &claims); err != nil {
		t.Fatal(err)
	}
	delete(claims, "nonce")
	if text, err = json.Marshal(claims); err != nil {
		t.Fatal(err)
	}
	return parts[0] + " " + string(text) + ";" + attributes
}

func heldCookies(header string) map[string]bool {
	held := make(map[string]bool)
	for pair := range strings.SplitSeq(header, ";") {
		name, _, _ := strings.Cut(strings.TrimSpace(pair), "=")
		held[name] = true
	}
	return held
}

// setCookieChange returns the value and the sorted attributes of a Set-Cookie line, or
// "" for a deletion.
func setCookieChange(t *testing.T, rec *routeRecord, line string) (name, change string) {
	t.Helper()
	parts := strings.Split(line, ";")
	name, value, _ := strings.Cut(parts[0], "=")
	if v, err := url.PathUnescape(value); err == nil {
		value = v
	}
	attributes := make(map[string]string)
	expires := ""
	for _, p := range parts[1:] {
		k, v, _ := strings.Cut(strings.TrimSpace(p), "=")
		if attributes[strings.ToLower(k)] = strings.ToLower(v); strings.EqualFold(k, "expires") {
			expires = v
		}
	}
	if age := attributes["max-age"]; age == "0" || age == "-1" {
		return name, ""
	}
	if attributes["max-age"] == "" && expires != "" {
		at, err := http.ParseTime(expires)
		if err != nil {
			t.Fatal(err)
		}
		attributes["max-age"] = fmt.Sprint(int(at.Sub(time.UnixMilli(rec.Now)).Seconds()))
	}
	delete(attributes, "expires")
	attributes["domain"] = strings.TrimPrefix(attributes["domain"], ".")
	for _, k := range slices.Sorted(maps.Keys(attributes)) {
		if k != "domain" || attributes[k] != "" {
			value += "; " + k + "=" + attributes[k]
		}
	}
	return name, value
}

// withoutValues replaces each change by "set" or "cleared".
func withoutValues(changes map[string]string) map[string]string {
	short := make(map[string]string)
	for name, change := range changes {
		if short[name] = "set"; change == "cleared" {
			short[name] = change
		}
	}
	return short
}

// callOf describes a call to Cognito: the operation and its parameters. The token
// endpoint checks the verifier.
func callOf(target string, body []byte) string {
	switch {
	case strings.HasSuffix(target, "/oauth2/token"):
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return err.Error()
		}
		form.Set("code_verifier", "the verifier")
		return "token " + form.Encode()
	case strings.HasSuffix(target, "/oauth2/revoke"):
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return err.Error()
		}
		return "revoke " + shortToken(form.Get("client_id")+" "+form.Get("token"))
	}
	var members struct{ ClientID, Token, RefreshToken string }
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&members); err != nil {
		return err.Error()
	}
	if strings.HasSuffix(target, ".RevokeToken") {
		return "revoke " + shortToken(members.ClientID+" "+members.Token)
	}
	_, op, _ := strings.Cut(target, ".")
	return op + " " + shortToken(members.ClientID+" "+members.RefreshToken)
}

// shortToken keeps the parts of a token in which the recorded ones differ.
func shortToken(s string) string { return s[:min(len(s), 30)] + "…" + s[max(0, len(s)-30):] }
