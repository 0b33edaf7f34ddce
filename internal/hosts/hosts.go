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
// An entry of allowed is "api.example.com" for any port, "api.example.com:8443" for
// that port alone, or "*.example.com" for all subdomains but not example.com itself.
// Without entries no host is allowed.
func Check(allowed []string, r *http.Request) error {
	u := r.URL
	switch {
	case u == nil:
		return errors.New("the request has no URL")
	case !isAllowed(allowed, u.Host, u.Hostname()):
		return fmt.Errorf("%.100q is not one of Hosts", u.Host)
	// Behind one address are many hosts. The Host header selects the one that reads
	// the credentials.
	case r.Host != "" && r.Host != u.Host && !isAllowed(allowed, r.Host, (&url.URL{Host: r.Host}).Hostname()):
		return fmt.Errorf("the Host header %.100q is not one of Hosts", r.Host)
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return fmt.Errorf("%.20q to %.100q is not encrypted", u.Scheme, u.Host)
	case followsRedirect(r):
		return fmt.Errorf("a redirect leads to another host, %.100q", u.Host)
	}
	return nil
}

func isAllowed(allowed []string, hostport, host string) bool {
	hostport, host = strings.ToLower(hostport), strings.ToLower(host)
	if host == "" || strings.ContainsFunc(host, func(r rune) bool { return r >= 0x80 }) {
		return false // mapping the name to ASCII (IDNA) has more than one result
	}
	return slices.ContainsFunc(allowed, func(entry string) bool {
		entry = strings.ToLower(entry)
		if suffix, ok := strings.CutPrefix(entry, "*."); ok {
			name, found := strings.CutSuffix(host, "."+suffix)
			return found && name != "" && suffix != ""
		}
		return entry == host || entry == hostport
	})
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
