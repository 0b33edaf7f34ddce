package middleware

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/cognitogate/cognitogate/internal/configerr"
)

// noRoutes is the RoutesPath of a site on which Routes do not sign users in.
const noRoutes = "-"

// usesRoutes reports whether users sign in through Routes. Otherwise another program
// signs them in, such as Amplify or a page of another host, and its cookies count.
func (cfg *Config) usesRoutes() bool {
	return cfg.Origin != "" && cfg.RoutesPath != noRoutes && (cfg.SignIn == "" || strings.HasPrefix(cfg.SignIn, "/"))
}

// configureOrigin checks Origin, and makes the settings of Routes if they sign users in.
func (a *Auth) configureOrigin(configErrors *configerr.List) {
	cfg := &a.cfg
	if cfg.Origin == "" {
		return
	}
	origin, err := parseOrigin(cfg.Origin)
	if err != nil {
		configErrors.Join("Origin", err)
		if cfg.usesRoutes() {
			new(routesSettings).setRequired(cfg, configErrors)
		}
		return
	}
	if isInsecure(origin, cfg) {
		configErrors.Add("Origin", "%q is not https, and Cookies.Insecure is not set", cfg.Origin)
	}
	if d := cfg.Cookies.Domain; d != "" && !isWithinDomain(origin.Hostname(), d) {
		configErrors.Add("Cookies.Domain", "%q does not hold the host of Origin", d)
	}
	if !cfg.usesRoutes() {
		return
	}
	cfg.Cookies.HTTPOnly = true
	if origin.Scheme == "http" {
		// Browsers trust localhost like https, but not all of them store Secure
		// cookies from it over http.
		cfg.Cookies.Insecure = true
	}
	a.routes = newRoutesSettings(cfg, origin, configErrors)
}

var (
	hostName     = regexp.MustCompile(`^[a-z0-9_-]+(\.[a-z0-9_-]+)*$`)
	defaultPorts = map[string]string{"https": "443", "http": "80"}
)

// parseOrigin parses an origin that is written as browsers write it (RFC 6454 §6.2), so
// that it can be compared byte by byte.
func parseOrigin(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || !strings.EqualFold(u.Scheme+"://"+u.Host, s) {
		return nil, fmt.Errorf(`%q is not an origin like "https://app.example.com"`, s)
	}
	if !isHostName(u.Hostname()) || !isPort(u.Port()) || u.Scheme+"://"+hostOf(u) != s {
		return nil, fmt.Errorf("%q is not what browsers make of it: lower case, without the default port", s)
	}
	return u, nil
}

// isHostName reports whether s is an address or a name in lower case, without a dot at its
// end.
func isHostName(s string) bool {
	address, err := netip.ParseAddr(s)
	return err == nil && address.String() == s || hostName.MatchString(s)
}

// isPort reports whether s is empty, or a port without zeros in front.
func isPort(s string) bool {
	port, err := strconv.ParseUint(s, 10, 16)
	return s == "" || err == nil && port != 0 && strconv.FormatUint(port, 10) == s
}

// hostOf returns a URL's host as browsers write it: lower case, without the default port.
func hostOf(u *url.URL) string {
	return strings.ToLower(strings.TrimSuffix(strings.TrimSuffix(u.Host, ":"), ":"+defaultPorts[u.Scheme]))
}

// isInsecure reports whether a URL is plain HTTP, and neither Cookies.Insecure nor a
// loopback address says that it is meant. Browsers resolve the names below localhost to
// the machine itself (RFC 6761 §6.3).
func isInsecure(u *url.URL, cfg *Config) bool {
	if u.Scheme == "https" || cfg.Cookies.Insecure {
		return false
	}
	name := strings.ToLower(u.Hostname())
	address, _ := netip.ParseAddr(name)
	return name != "localhost" && !strings.HasSuffix(name, ".localhost") && !address.IsLoopback()
}

// isWithinDomain reports whether cookies with a Domain reach a host (RFC 6265bis §5.1.3).
func isWithinDomain(host, domain string) bool {
	domain = strings.ToLower(strings.TrimPrefix(domain, "."))
	return host == domain || strings.HasSuffix(host, "."+domain)
}

// warnOfInsecureCookies logs that cookies travel in clear though the site has https. It is no
// error, because a sign-in page or a return origin with http needs the setting too.
func (a *Auth) warnOfInsecureCookies() {
	if cfg := &a.cfg; cfg.Cookies.Insecure && strings.HasPrefix(cfg.Origin, "https:") {
		cfg.Logger.Warn("cognitogate: Cookies.Insecure is set and Origin is https: browsers send the tokens in clear to every http:// address of this host, and sibling domains can plant cookies of a sign-in",
			"look_at", "Cookies.Insecure", "Origin", cfg.Origin)
	}
}

// warnOfSignInElsewhere logs what keeps another program from signing users in.
func (a *Auth) warnOfSignInElsewhere() {
	cfg := &a.cfg
	if cfg.usesRoutes() {
		return
	}
	if cfg.UserPool.ClientSecret != "" && !cfg.Cookies.HTTPOnly {
		cfg.Logger.Warn("cognitogate: the app client has a secret and Routes do not sign users in: Amplify in a browser cannot sign in with such a client")
	}
	if u, err := url.Parse(cfg.Origin); err == nil && a.signIn.Host != "" {
		host := strings.ToLower(a.signIn.Hostname())
		if host != u.Hostname() && (cfg.Cookies.Domain == "" || !isWithinDomain(host, cfg.Cookies.Domain)) {
			cfg.Logger.Warn("cognitogate: SignIn is on another host, whose cookies browsers do not send here: set Cookies.Domain here and there", "SignIn", cfg.SignIn, "Cookies.Domain", cfg.Cookies.Domain)
		}
	}
}
