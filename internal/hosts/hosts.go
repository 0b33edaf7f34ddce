// Package hosts decides whether a request may carry credentials to its host. The
// transports of packages session and identity share this rule.
package hosts

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Check returns nil if r may carry credentials, and otherwise an error that says why
// not. Credentials go only to the hosts in allowed, over https, or over http to a
// loopback address. They do not follow a redirect from another host.
//
// A program may set URL.Host by hand, and url.Parse does not check it then. The host of
// "https://" + "evil.com/.example.com" is evil.com to whoever reads the URL's text. So
// Check refuses a host that is not written plainly, whatever allowed says.
//
// An entry of allowed is "api.example.com" for any port, "api.example.com:8443" for
// that port alone, or "*.example.com" for all subdomains but not example.com itself.
// Without entries no host is allowed.
func Check(allowed []string, r *http.Request) error {
	u := r.URL
	switch {
	case u == nil:
		return errors.New("the request has no URL")
	case u.Opaque != "": // may name another host than URL.Host
		return errors.New("the URL is opaque")
	case !isAllowed(allowed, u.Host):
		return fmt.Errorf("%.100q is not one of Hosts", u.Host)
	// Behind one address are many hosts. The Host header selects the one that reads
	// the credentials.
	case r.Host != "" && r.Host != u.Host && !isAllowed(allowed, r.Host):
		return fmt.Errorf("the Host header %.100q is not one of Hosts", r.Host)
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return fmt.Errorf("%.20q to %.100q is not encrypted", u.Scheme, u.Host)
	case followsRedirect(r):
		return fmt.Errorf("a redirect leads to another host, %.100q", u.Host)
	}
	return nil
}

// isAllowed reports whether an entry of allowed admits a host, which may have a port.
func isAllowed(allowed []string, hostport string) bool {
	host, isIP, ok := splitHost(hostport)
	if !ok {
		return false
	}
	hostport, host = strings.ToLower(hostport), strings.ToLower(host)
	return slices.ContainsFunc(allowed, func(entry string) bool {
		entry = strings.ToLower(entry)
		if suffix, ok := strings.CutPrefix(entry, "*."); ok {
			return !isIP && suffix != "" && strings.HasSuffix(host, "."+suffix)
		}
		return entry == host || entry == hostport
	})
}

// splitHost takes the port off a host. ok is false unless the host is written plainly: a
// name of ASCII labels, an IPv4 address, or an IPv6 address in brackets without a zone.
// Readers of anything else do not agree on the host.
func splitHost(hostport string) (host string, isIP, ok bool) {
	host = hostport
	if i := strings.LastIndexByte(hostport, ':'); i > strings.LastIndexByte(hostport, ']') {
		var port string
		host, port = hostport[:i], hostport[i+1:]
		if strings.ContainsFunc(port, func(r rune) bool { return r < '0' || r > '9' }) {
			return "", false, false
		}
	}
	if inner, found := strings.CutPrefix(host, "["); found {
		inner, found = strings.CutSuffix(inner, "]")
		ip, err := netip.ParseAddr(inner)
		return inner, true, found && err == nil && ip.Is6() && ip.Zone() == ""
	}
	_, err := netip.ParseAddr(host)
	return host, err == nil, isName(host)
}

// isName reports whether a host is labels of letters, digits, hyphens and underscores
// (RFC 1123 §2.1). A name in other letters is refused because its mapping to ASCII (IDNA)
// has more than one result.
func isName(host string) bool {
	if len(host) > 253 {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool {
			return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
		}) {
			return false
		}
	}
	return true
}

// followsRedirect reports whether the request follows a redirect from another host or
// port. net/http sets Request.Response to the redirect.
func followsRedirect(r *http.Request) bool {
	redirect := r.Response
	if redirect == nil {
		return false
	}
	return redirect.Request == nil || redirect.Request.URL == nil || address(redirect.Request.URL) != address(r.URL)
}

// address returns the host and port of a URL.
func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true // RFC 6761 §6.3
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
