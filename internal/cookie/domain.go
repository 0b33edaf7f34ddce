package cookie

import (
	"net/netip"
	"strings"

	"golang.org/x/net/publicsuffix"
)

const maxDomainBytes = 253 // RFC 1035 §2.3.4, as text

// IsDomain reports whether s can be a Domain attribute: labels of letters, digits and
// hyphens (RFC 1034 §3.5), without a dot in front.
func IsDomain(s string) bool {
	if s == "" || len(s) > maxDomainBytes {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool {
			return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
		}) {
			return false
		}
	}
	return true
}

// IsPublicSuffix reports whether browsers refuse cookies with this Domain, in lower case,
// because unrelated sites share it, such as "co.uk" or "amplifyapp.com". Browsers make a
// cookie of the host alone of one for localhost, or for an IP address.
func IsPublicSuffix(domain string) bool {
	if _, err := netip.ParseAddr(domain); err == nil || domain == "localhost" {
		return false
	}
	suffix, _ := publicsuffix.PublicSuffix(domain)
	return suffix == domain
}

// Domains returns every Domain with which a browser may hold a cookie for a request's
// Host: that of the host itself and of its parents, down to the registrable domain. There
// is none for an IP address, a public suffix, or a Host that names no domain.
func Domains(host string) []string {
	host, _, _ = strings.Cut(host, ":")
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	last, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil || len(host) > maxDomainBytes {
		return nil
	}
	var domains []string
	for domain := host; ; {
		if IsDomain(domain) {
			domains = append(domains, domain)
		}
		if domain == last {
			return domains
		}
		_, domain, _ = strings.Cut(domain, ".")
	}
}

// IsPath reports whether s can be a Path attribute that browsers obey (RFC 6265bis §5.6).
func IsPath(s string) bool {
	return strings.HasPrefix(s, "/") && len(s) <= 1024 && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || r == ';' || r == '?' || r == '#'
	})
}

// PathMatches reports whether browsers send a cookie with this Path in a request for the
// path target (RFC 6265bis §5.1.4).
func PathMatches(path, target string) bool {
	rest, ok := strings.CutPrefix(target, path)
	return ok && (rest == "" || rest[0] == '/' || strings.HasSuffix(path, "/"))
}
