// Package hosts decides whether a request may carry credentials to where it goes:
// the rule that the transports of packages session and identity have in common.
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

// Check reports why r may not be sent with credentials; nil lets it. They go to
// the hosts in allowed, over https, or http to a loopback address, and never to
// where another host's redirect leads.
//
// An entry is a host, "api.example.com", with a port for that port alone, or
// "*.example.com" for all subdomains but not example.com itself. Without entries
// nothing is let.
func Check(allowed []string, r *http.Request) error {
	u := r.URL
	switch {
	case u == nil:
		return errors.New("the request has no URL")
	case !listed(allowed, u.Host, u.Hostname()):
		return fmt.Errorf("%.100q is not one of Hosts", u.Host)
	// Many hosts answer at one address: the Host header says who reads it.
	case r.Host != "" && r.Host != u.Host && !listed(allowed, r.Host, (&url.URL{Host: r.Host}).Hostname()):
		return fmt.Errorf("the Host header %.100q is not one of Hosts", r.Host)
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return fmt.Errorf("%.20q to %.100q is not encrypted", u.Scheme, u.Host)
	case redirected(r):
		return fmt.Errorf("a redirect leads to another host, %.100q", u.Host)
	}
	return nil
}

func listed(allowed []string, hostport, host string) bool {
	hostport, host = strings.ToLower(hostport), strings.ToLower(host)
	if host == "" || strings.ContainsFunc(host, func(r rune) bool { return r >= 0x80 }) {
		return false // what a name means before it is mapped to ASCII is a guess
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

// redirected reports whether the request follows a redirect from another host, or
// another port of it. net/http notes in a request which redirect led to it.
func redirected(r *http.Request) bool {
	from := r.Response
	if from == nil {
		return false
	}
	return from.Request == nil || from.Request.URL == nil || address(from.Request.URL) != address(r.URL)
}

// address is the host and port that a URL leads to.
func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true // RFC 6761 §6.3
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
