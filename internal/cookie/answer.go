package cookie

import (
	"net/http"
	"slices"
	"strings"
)

// Answer is a response writer that completes the header when it goes out. Handlers may
// replace, clear or edit the header before. The guards of package middleware have one.
type Answer interface {
	// PrivateNoStore makes [Private] the answer's default Cache-Control.
	PrivateNoStore()

	// Lines returns the lines with this prefix that the answer must carry.
	Lines(prefix string) *Lines
}

// AnswerOf returns the Answer that w is or wraps, or nil.
func AnswerOf(w http.ResponseWriter) Answer {
	for {
		switch t := w.(type) {
		case Answer:
			return t
		case interface{ Unwrap() http.ResponseWriter }:
			w = t.Unwrap()
		default:
			return nil
		}
	}
}

// MarkPrivate makes Private the default of the Answer that w is or wraps. Without one,
// it marks the header at once.
func MarkPrivate(w http.ResponseWriter) {
	if a := AnswerOf(w); a != nil {
		a.PrivateNoStore()
		return
	}
	PrivateNoStore(w.Header())
}

// Lines are the Set-Cookie lines of one app client's sessions that an answer must carry.
type Lines struct {
	Prefix string // of the cookies' names

	// Settled says that a sign-in or sign-out has written the lines. A refresh must not
	// change them.
	Settled bool

	// Void reports whether the sign-in of refreshed lines was ended. They must not reach
	// the browser then. Void may be nil.
	Void func() bool

	texts []string
}

// Replace replaces the lines by those of a header.
func (l *Lines) Replace(header []string) {
	l.texts = nil
	for _, line := range header {
		if strings.HasPrefix(line, l.Prefix) {
			l.texts = append(l.texts, line)
		}
	}
}

// AddTo adds the lines that the header of an answer to target, a request target, has
// lost. A line for the same cookie stays: it is newer, such as one of an upstream that
// has refreshed too. Of several, the last one stays, which browsers obey. AddTo reports
// whether the header sets cookies with the prefix now.
func (l *Lines) AddTo(h http.Header, target string) bool {
	l.addTo(h, target)
	return slices.ContainsFunc(h["Set-Cookie"], func(line string) bool { return strings.HasPrefix(line, l.Prefix) })
}

func (l *Lines) addTo(h http.Header, target string) {
	if len(l.texts) == 0 {
		return
	}
	lines := h["Set-Cookie"]
	if l.Void != nil && l.Void() {
		h["Set-Cookie"] = slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return slices.Contains(l.texts, line) })
		return
	}
	last := make(map[identity]int) // the line of each cookie
	for i, line := range lines {
		last[identityOf(line, target)] = i
	}
	ours := make(map[identity]bool)
	var missing []string
	for _, line := range l.texts {
		id := identityOf(line, target)
		ours[id] = true
		if _, ok := last[id]; !ok {
			missing = append(missing, line)
		}
	}
	all := make([]string, 0, len(lines)+len(missing))
	for i, line := range lines {
		if id := identityOf(line, target); !ours[id] || last[id] == i {
			all = append(all, line)
		}
	}
	h["Set-Cookie"] = append(all, missing...)
}

// SameCookie reports whether two Set-Cookie lines, which have a Path, are for the same
// cookie of a browser.
func SameCookie(a, b string) bool { return identityOf(a, "/") == identityOf(b, "/") }

// identity tells a browser's cookies apart (RFC 6265bis §5.7).
type identity struct {
	name, domain, path string
	partitioned        bool
}

// identityOf returns the identity of the cookie that a Set-Cookie line of an answer to
// target sets (RFC 6265bis §5.6). Of an attribute that comes twice the last one counts.
func identityOf(line, target string) identity {
	pair, attributes, _ := strings.Cut(line, ";")
	name, _, _ := strings.Cut(pair, "=")
	id := identity{name: trim(name), path: defaultPath(target)}
	for attribute := range strings.SplitSeq(attributes, ";") {
		key, value, _ := strings.Cut(attribute, "=")
		value = trim(value)
		switch key = trim(key); {
		case strings.EqualFold(key, "Domain"):
			id.domain = strings.ToLower(strings.TrimPrefix(value, "."))
		case strings.EqualFold(key, "Path"):
			id.path = value
			if !strings.HasPrefix(value, "/") {
				id.path = defaultPath(target)
			}
		case strings.EqualFold(key, "Partitioned"):
			id.partitioned = true
		}
	}
	return id
}

// defaultPath returns the Path of a cookie without one (RFC 6265bis §5.1.4).
func defaultPath(target string) string {
	path, _, _ := strings.Cut(target, "?")
	slash := strings.LastIndexByte(path, '/')
	if slash <= 0 || path[0] != '/' {
		return "/"
	}
	return path[:slash]
}
