// Package hosts decides whether a request may carry credentials to where it goes.
// The transports of packages session and identity have this rule in common.
package hosts

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Check reports why r may not be sent with credentials; nil lets it. Credentials
// go to the hosts in allowed, over https (or http to this machine), and never to
// where a redirect by another host leads.
//
// An entry is a host, "api.example.com", with its port unless that is the
// scheme's own; or "*.example.com" for every host below example.com. Of this
// machine ("localhost", 127.0.0.1, ::1) an entry without a port means every port.
func Check(allowed []string, r *http.Request) error {
	if len(allowed) == 0 {
		return fmt.Errorf("no hosts are allowed: Hosts is empty")
	}
	host := hostPort(r.URL)
	if !listed(allowed, host) {
		return fmt.Errorf("host %q is not in Hosts", host)
	}
	if r.URL.Scheme != "https" && (r.URL.Scheme != "http" || !loopback(r.URL.Hostname())) {
		return fmt.Errorf("credentials are sent over https only, not over %q to %q", r.URL.Scheme, host)
	}
	// Many hosts answer at one address: the Host header says who reads it.
	if r.Host != "" && r.Host != r.URL.Host {
		if header := hostPort(&url.URL{Scheme: r.URL.Scheme, Host: r.Host}); !listed(allowed, header) {
			return fmt.Errorf("host %q of the Host header is not in Hosts", header)
		}
	}
	// net/http notes in a request which redirect it follows.
	if from := r.Response; from != nil && from.Request != nil && hostPort(from.Request.URL) != host {
		return fmt.Errorf("a redirect from %q to %q is not followed with credentials", hostPort(from.Request.URL), host)
	}
	return nil
}

func listed(allowed []string, host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil && loopback(h) {
		name = h
	}
	name = strings.Trim(name, "[]")
	for _, entry := range allowed {
		entry = strings.ToLower(entry)
		if suffix, ok := strings.CutPrefix(entry, "*."); ok {
			if suffix != "" && strings.HasSuffix(host, "."+suffix) && len(host) > len(suffix)+1 {
				return true
			}
			continue
		}
		if entry != "" && (entry == host || strings.Trim(entry, "[]") == name) {
			return true
		}
	}
	return false
}

// hostPort is where u leads, in lower case, without the scheme's own port.
func hostPort(u *url.URL) string {
	host := strings.ToLower(u.Host)
	switch u.Scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	return host
}

func loopback(name string) bool {
	ip := net.ParseIP(strings.Trim(name, "[]"))
	return strings.EqualFold(name, "localhost") || ip != nil && ip.IsLoopback()
}
