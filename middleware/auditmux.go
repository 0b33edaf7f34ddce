package middleware

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/cognitogate/cognitogate/internal/automaton"
)

// AuditPatterns reports how Protect guards the handlers of an [http.ServeMux] behind it.
// The patterns are all of the mux, as HandleFunc gets them: "GET /users/{id}",
// "/files/{path...}", "/{$}". AuditPatterns decides as exactly as [Auth.Audit]: also
// whether an escaped slash in a wildcard reaches a handler. Give it all patterns, since
// the mux sends a path to the most specific one.
//
// The reports have the order of the patterns. Method and Route are those of the
// pattern; Route begins with the host if there is one. Method is empty for a pattern
// without one, or "CONNECT" if only such a request reaches it without a session: the
// mux does not clean its path. A pattern that ServeMux refuses counts as unguarded.
func (a *Auth) AuditPatterns(patterns ...string) []RouteGuard {
	audit := &muxAudit{pathAudit: newPathAudit(a), mux: http.NewServeMux(), patterns: make(map[string]*muxPattern)}
	refused := make(map[string]string)
	for _, p := range patterns {
		if reason := audit.register(p); reason != "" {
			refused[p] = reason
		}
	}
	var report []RouteGuard
	for _, source := range patterns {
		if reason, ok := refused[source]; ok {
			report = append(report, RouteGuard{Route: source, Public: cmp.Or(source, "/"), Reason: reason})
			continue
		}
		p := audit.patterns[source]
		g := RouteGuard{Method: p.method, Route: p.host + p.path}
		g.By, g.Public, g.Reason = audit.guardedBy(p)
		if p.method == "" && g.Public != "" && g.Reason == "" && !audit.serves(p, otherName, g.Public) {
			g.Method = http.MethodConnect
		}
		g.Preflight = a.preflights(g)
		report = append(report, g)
	}
	return report
}

// muxAudit is one call of AuditPatterns.
type muxAudit struct {
	*pathAudit
	mux      *http.ServeMux // of handlers that only name a pattern
	patterns map[string]*muxPattern
}

// muxPattern is a pattern of ServeMux.
type muxPattern struct {
	source, method, host, path string
	decoded, escaped           compiledRoute
}

// A patternName is a handler that stands for its pattern.
type patternName string

func (patternName) ServeHTTP(http.ResponseWriter, *http.Request) {}

// register adds a pattern to the mux. It returns why the mux refuses it, or "".
func (audit *muxAudit) register(source string) (reason string) {
	defer func() {
		if v := recover(); v != nil {
			reason = fmt.Sprint(v)
		}
	}()
	audit.mux.Handle(source, patternName(source))
	p := &muxPattern{source: source}
	rest := source
	if method, after, ok := strings.Cut(strings.ReplaceAll(source, "\t", " "), " "); ok {
		p.method, rest = method, strings.TrimLeft(after, " ")
	}
	slash := strings.IndexByte(rest, '/')
	p.host, p.path = rest[:slash], rest[slash:]
	p.compile(audit.pathAudit)
	audit.patterns[source] = p
	return ""
}

const (
	// unescapedInPath matches, in an escaped path, what EscapedPath writes of a segment.
	unescapedInPath = `(?:[\w\-.~$&+,:;=@]|%[0-9A-F]{2})`
	// notOneSlash stands before a segment that does not decode to "/". The mux takes
	// such a segment for the slash at the end of a path, which no wildcard {name} takes.
	notOneSlash = `(?!%2F(?:\/|$))`
)

// compile makes two languages: of decoded paths, as long as no escaped slash is in a
// wildcard, and of escaped paths with such a slash.
//
// A mux redirects a path with empty segments, but not for CONNECT. It takes an empty
// segment inside a pattern for a wildcard.
func (p *muxPattern) compile(audit *pathAudit) {
	var decoded, escaped struct{ may, must strings.Builder }
	write := func(decodedMay, decodedMust, escapedMay, escapedMust string) {
		decoded.may.WriteString(decodedMay)
		decoded.must.WriteString(decodedMust)
		escaped.may.WriteString(escapedMay)
		escaped.must.WriteString(escapedMust)
	}
	write("^", "^", "^", "^")
	segments := strings.Split(p.path[1:], "/")
	alwaysEscaped := false // every path of the pattern has an escaped slash
	oddSlash := escapedSlash
	for i, segment := range segments {
		write(`\/`, `\/`, `\/`, `\/`)
		last := i == len(segments)-1
		name, isWildcard := strings.CutPrefix(segment, "{")
		if unescaped, err := url.PathUnescape(segment); err == nil && !isWildcard {
			segment = unescaped
		}
		switch {
		case name == "$}", segment == "/" && last:
			// The guard judges "/x/%2F" as "/x/" too, unless x has an escaped slash.
			write("", "", "(?:%2F)?", "(?:%2F)?")
			oddSlash = escapedSlashInside
		case segment == "" && last, strings.HasSuffix(name, "...}"):
			rest := `(?:` + unescapedInPath + `|\/)*`
			write(`[^]*`, `(?:[^\/]+(?:\/[^\/]+)*\/?)?`, rest, rest)
		case isWildcard && last:
			value := notOneSlash + unescapedInPath + "+"
			write(`[^\/]+`, `[^\/]+`, value, value)
		case isWildcard, segment == "":
			value := notOneSlash + unescapedInPath
			write(`[^\/]*`, `[^\/]+`, value+"*", value+"+")
		default:
			literal, err := quoteRoute(segment)
			if err != nil {
				p.decoded.err = err
				return
			}
			inEscaped, _ := quoteRoute(escapedSegment(segment))
			write(literal, literal, inEscaped, inEscaped)
			alwaysEscaped = alwaysEscaped || strings.Contains(segment, "/")
		}
	}
	write("$", "$", "$", "$")
	if p.method != "" && p.method != http.MethodConnect {
		decoded.may, escaped.may = decoded.must, escaped.must
	}
	if !alwaysEscaped {
		p.decoded.routeLanguage, p.decoded.err = compileRoute(decoded.may.String(), decoded.must.String())
		if p.decoded.err == nil {
			p.decoded.holes = audit.holes(p.decoded.may)
		}
	}
	if p.escaped.routeLanguage, p.escaped.err = compileRoute(escaped.may.String(), escaped.must.String()); p.escaped.err != nil {
		return
	}
	withSlash, err := automaton.Intersection(p.escaped.may, oddSlash)
	if p.escaped.err = err; err == nil {
		p.escaped.holes = audit.holes(withSlash)
	}
}

// escapedSlash matches escaped paths with a slash in a segment. escapedSlashInside wants one
// before the end. Protect guards every path that begins with two slashes.
var (
	escapedSlash, _       = automaton.Compile(`^\/(?!%2F|%5C)[^]*%2F`)
	escapedSlashInside, _ = automaton.Compile(`^\/(?!%2F|%5C)[^]*%2F[^]`)
)

// escapedSegment escapes a segment of a path.
func escapedSegment(segment string) string {
	return strings.ReplaceAll(escapedTarget(segment), "/", "%2F")
}

// guardedBy judges the paths of a pattern. It returns what guards them, or a public one.
func (audit *muxAudit) guardedBy(p *muxPattern) (by, public, reason string) {
	search := pathSearch{
		pattern: p.path,
		reaches: func(path string) bool { return audit.reached(p, decodedTargets(path)) != "" },
		target:  func(path string) string { return audit.publicTarget(p, decodedTargets(path)) },
		escape:  escapedTarget,
		taker:   func(path string) (string, bool) { return audit.taker(p, decodedTargets(path)), true },
		compile: func(source string) compiledRoute { return audit.pattern(source).decoded },
	}
	if public, reason = search.publicPath(p.decoded); public != "" {
		return "", public, reason
	}
	search.reaches = func(target string) bool { return audit.reached(p, []string{target}) != "" }
	search.target = func(target string) string { return audit.publicTarget(p, []string{target}) }
	search.escape = func(target string) string { return target }
	search.taker = func(target string) (string, bool) { return audit.taker(p, []string{target}), true }
	search.compile = func(source string) compiledRoute { return audit.pattern(source).escaped }
	if public, reason = search.publicPath(p.escaped); public != "" {
		return "", public, reason
	}
	for _, path := range audit.auth.exempt {
		if public = audit.publicTarget(p, []string{path}); public != "" {
			return "", public, ""
		}
	}
	return cmp.Or(audit.selectedBy(p.decoded.may), audit.selectedBy(p.escaped.may), "no path"), "", ""
}

var errNoPattern = errors.New("no pattern takes the path")

// pattern returns a registered pattern.
func (audit *muxAudit) pattern(source string) *muxPattern {
	if p := audit.patterns[source]; p != nil {
		return p
	}
	return &muxPattern{decoded: compiledRoute{err: errNoPattern}, escaped: compiledRoute{err: errNoPattern}}
}

// decodedTargets returns targets of requests whose decoded path is p. The mux redirects
// dot segments unless they are escaped.
func decodedTargets(p string) (targets []string) {
	escaped := escapedTarget(p)
	segments := strings.Split(escaped, "/")
	for i, segment := range segments {
		if segment == "." || segment == ".." {
			segments[i] = strings.ReplaceAll(segment, ".", "%2E")
		}
	}
	for _, target := range []string{p, escaped, strings.Join(segments, "/")} {
		u, err := url.ParseRequestURI(target)
		if err == nil && u.Path == p && u.EscapedPath() == target && !slices.Contains(targets, target) {
			targets = append(targets, target)
		}
	}
	return targets
}

// otherName is a method and a host that no pattern has.
const otherName = "audit.invalid"

// serve returns the pattern whose handler serves a request, or "". It asks with the
// method and host of p, or else with others that no pattern has, so that no pattern
// takes the request because of its method or host.
func (audit *muxAudit) serve(p *muxPattern, method, target string) string {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return ""
	}
	h, _ := audit.mux.Handler(&http.Request{Method: method, Host: cmp.Or(p.host, otherName), URL: u})
	name, _ := h.(patternName) // or a handler that redirects
	return string(name)
}

func (audit *muxAudit) serves(p *muxPattern, method, target string) bool {
	return audit.serve(p, method, target) == p.source
}

// methods returns the methods to ask with.
func (p *muxPattern) methods() []string {
	if p.method == "" {
		return []string{otherName, http.MethodConnect}
	}
	return []string{p.method}
}

// reached returns the first of the targets that reaches a pattern's handler, or "".
func (audit *muxAudit) reached(p *muxPattern, targets []string) string {
	for _, method := range p.methods() {
		for _, target := range targets {
			if audit.serves(p, method, target) {
				return target
			}
		}
	}
	return ""
}

// publicTarget returns the first of the targets that reaches a pattern's handler without
// a session, or "".
func (audit *muxAudit) publicTarget(p *muxPattern, targets []string) string {
	for _, target := range targets {
		u, err := url.ParseRequestURI(target)
		if err == nil && audit.reached(p, []string{target}) != "" && !audit.auth.protects(&http.Request{Method: p.method, URL: u}) {
			return target
		}
	}
	return ""
}

// taker returns the pattern that takes the first of the targets that one takes.
func (audit *muxAudit) taker(p *muxPattern, targets []string) string {
	for _, method := range p.methods() {
		for _, target := range targets {
			if taker := audit.serve(p, method, target); taker != "" {
				return taker
			}
		}
	}
	return ""
}
