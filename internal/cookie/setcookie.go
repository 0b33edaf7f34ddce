package cookie

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cognitogate/cognitogate/internal/percent"
)

// MaxBytes is the size of name and value past which browsers drop a cookie (RFC 6265bis
// §5.6).
const MaxBytes = 4096

// Attributes are those of a Set-Cookie line (RFC 6265bis §4.1.2).
type Attributes struct {
	Domain      string // "" for the host alone
	Path        string // "" for "/"
	SameSite    http.SameSite
	MaxAge      time.Duration
	UntilClosed bool // leaves out Max-Age, so that the cookie ends with the browser
	HTTPOnly    bool
	Insecure    bool // leaves out Secure
	Partitioned bool
}

// Line returns a Set-Cookie line. With a MaxAge of zero or less, and without UntilClosed,
// it deletes the cookie. http.SetCookie writes nothing for a name that is no token, so
// such a cookie could never be deleted. Nothing in the line can be split if name and
// value are encoded, or come from a request's header.
func (a Attributes) Line(name, value string) string {
	var b strings.Builder
	b.Grow(len(name) + len(value) + 96)
	b.WriteString(name)
	b.WriteByte('=')
	b.WriteString(value)
	b.WriteString("; Path=")
	b.WriteString(cmp.Or(a.Path, "/"))
	if !a.UntilClosed {
		b.WriteString("; Max-Age=")
		b.WriteString(strconv.Itoa(int(max(a.MaxAge, 0) / time.Second)))
	}
	if a.Domain != "" {
		b.WriteString("; Domain=")
		b.WriteString(a.Domain)
	}
	if !a.Insecure {
		b.WriteString("; Secure")
	}
	if a.HTTPOnly {
		b.WriteString("; HttpOnly")
	}
	switch a.SameSite {
	case http.SameSiteLaxMode:
		b.WriteString("; SameSite=Lax")
	case http.SameSiteStrictMode:
		b.WriteString("; SameSite=Strict")
	case http.SameSiteNoneMode:
		b.WriteString("; SameSite=None")
	}
	if a.Partitioned {
		b.WriteString("; Partitioned")
	}
	return b.String()
}

// Forward returns the Cookie header that a browser would send after it has seen the
// Set-Cookie lines whose names begin with prefix. Other cookies stay as they are. Pairs
// are compared by their decoded names, because a server downstream must not find an old
// cookie in another spelling.
func Forward(header, lines []string, prefix string) string {
	fresh := make(map[string]string) // by decoded name: the pair, "" if deleted
	var order []string
	for _, line := range lines {
		if !strings.HasPrefix(line, prefix) {
			continue
		}
		pair, attributes, _ := strings.Cut(line, ";")
		name, value, _ := strings.Cut(pair, "=")
		key := decodedName(name)
		if _, seen := fresh[key]; !seen {
			order = append(order, key)
			fresh[key] = ""
		}
		// A deletion beside a new value only takes the name's other scope away.
		if value != "" || !strings.Contains(attributes, "Max-Age=0") {
			fresh[key] = pair
		}
	}
	var pairs []string
	for _, h := range header {
		for pair := range strings.SplitSeq(h, ";") {
			name, _, _ := Next(pair)
			pair = trim(pair)
			if _, seen := fresh[decodedName(name)]; !seen && pair != "" {
				pairs = append(pairs, pair)
			}
		}
	}
	for _, key := range order {
		if fresh[key] != "" {
			pairs = append(pairs, fresh[key])
		}
	}
	return strings.Join(pairs, "; ")
}

func decodedName(name string) string {
	if d, ok := percent.Decode(name); ok {
		return d
	}
	return name
}
