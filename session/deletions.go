package session

import (
	"slices"
	"strings"

	"github.com/cognitogate/cognitogate/internal/cookie"
)

// Bounds on the deletions of one answer, because proxies refuse a long header. Beyond
// maxElsewhereBytes, no line for a scope of another configuration is added.
const (
	maxDeletionBytes  = 16 << 10
	maxElsewhereBytes = 10 << 10
)

// hostPrefix begins names of which browsers hold cookies of the host alone, with the Path
// "/" (RFC 6265bis §4.1.3.2).
const hostPrefix = "__Host-"

// deletions are the cookies that an answer deletes.
type deletions []deletion

// deletion is a cookie that an answer deletes.
type deletion struct {
	name    string
	slot    slot
	carried bool // by the request, so that the browser may hold it in any scope
	written bool // by this answer, so that it stays in the scope that it is written in
}

// add adds a deletion. Browsers keep no name with a control character, and a header must
// not hold one.
func (all *deletions) add(d deletion) {
	if strings.ContainsFunc(d.name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return
	}
	for i := range *all {
		if old := &(*all)[i]; old.name == d.name {
			old.carried = old.carried || d.carried
			return
		}
	}
	*all = append(*all, d)
}

// lines returns the Set-Cookie lines of an answer to a request for host. A name that the
// request carried is deleted in every scope. The cookies that make a session come first,
// so that they are deleted even if the lines become too many. used is the size of those that
// the answer has already.
func (all deletions) lines(attributes cookie.Attributes, host string, used int) []string {
	if len(all) == 0 {
		return nil
	}
	var lines []string
	size := used
	add := func(d *deletion, s scope, limit int) {
		if strings.HasPrefix(d.name, hostPrefix) && (s.domain != "" || s.path != "/") {
			return // browsers hold no such cookie there
		}
		if line := s.deletionLine(attributes, d.name); size+len(line) <= limit {
			lines = append(lines, line)
			size += len(line)
		}
	}
	own, elsewhere := scopes(attributes, host)
	for _, first := range []bool{true, false} {
		for i, s := range own {
			for k := range all {
				if d := &all[k]; d.makesSession() == first && (i > 0 || !d.written) {
					add(d, s, maxDeletionBytes)
				}
			}
		}
	}
	for _, first := range []bool{true, false} {
		for _, s := range elsewhere {
			for k := range all {
				if d := &all[k]; d.makesSession() == first && d.carried {
					add(d, s, maxElsewhereBytes)
				}
			}
		}
	}
	return lines
}

// makesSession reports whether a session needs the cookie.
func (d *deletion) makesSession() bool {
	switch d.slot {
	case slotLastAuthUser, slotAccess, slotID, slotRefresh:
		return true
	}
	return false
}

// scope is where a browser holds a cookie. Only a line with the same Domain, Path and
// Partitioned replaces or deletes it (RFC 6265bis §5.7).
type scope struct {
	domain, path string
	partitioned  bool
}

// scopes returns the scopes of cookies on a host. The first of own is where cookies are
// written. With a Domain, the second is that of the host alone. elsewhere are the scopes
// of former configurations: every Domain of the host, the Path "/", and not Partitioned.
func scopes(a cookie.Attributes, host string) (own, elsewhere []scope) {
	own = []scope{{a.Domain, a.Path, a.Partitioned}}
	if a.Domain != "" {
		own = append(own, scope{"", a.Path, a.Partitioned})
	}
	domains := append([]string{a.Domain, ""}, cookie.Domains(host)...)
	for _, partitioned := range []bool{a.Partitioned, false} {
		for _, path := range []string{a.Path, "/"} {
			for _, domain := range domains {
				s := scope{domain, path, partitioned}
				if !slices.Contains(own, s) && !slices.Contains(elsewhere, s) {
					elsewhere = append(elsewhere, s)
				}
			}
		}
	}
	return own, elsewhere
}

func (s scope) deletionLine(a cookie.Attributes, name string) string {
	a.Domain, a.Path, a.Partitioned = s.domain, s.path, s.partitioned
	a.MaxAge, a.UntilClosed = 0, false
	return a.Line(name, "")
}
