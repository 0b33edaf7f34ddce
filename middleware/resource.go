package middleware

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/cognitogate/cognitogate/internal/configerr"
)

// metadataPrefix is where the metadata of a resource is (RFC 9728 §3). The path of the
// resource follows.
const metadataPrefix = "/.well-known/oauth-protected-resource"

// resource is an Audience that is a URL of Origin.
type resource struct {
	id           string // as in Audience
	path         string // of the URL, as browsers see it; "" for all of Origin
	metadataPath string
}

// configureAudience checks Audience, and lets the paths of the metadata through Protect.
func (a *Auth) configureAudience(configErrors *configerr.List) {
	cfg := &a.cfg
	cfg.Audience = slices.Clone(cfg.Audience)
	for i, id := range cfg.Audience {
		field := fmt.Sprintf("Audience[%d]", i)
		u, err := url.Parse(id)
		switch {
		case err != nil || !isResource(id):
			configErrors.Add(field, `%q is not an absolute URI, without a fragment, like "https://api.example.com"`, id)
		case cfg.Bearer && cfg.Origin != "" && u.Scheme+"://"+hostOf(u) == cfg.Origin:
			a.addResource(id, u, field, configErrors)
		}
	}
	if r := cfg.Login.Resource; r != "" && len(cfg.Audience) > 0 && cfg.usesRoutes() && !slices.Contains(cfg.Audience, r) {
		configErrors.Add("Audience", "lacks Login.Resource %q, to which the tokens of every sign-in here are bound", r)
	}
}

// addResource adds a resource of Origin. Its metadata's path must be one that every
// program reads alike, because Protect lets it through.
func (a *Auth) addResource(id string, u *url.URL, field string, configErrors *configerr.List) {
	res := resource{id: id, path: strings.TrimSuffix(u.Path, "/")}
	if res.path != "" {
		res.metadataPath = u.Path // RFC 9728 §3.1 removes a slash behind the host alone
	}
	if res.metadataPath != "" && !isPlain(u) || u.RawQuery != "" || u.ForceQuery {
		configErrors.Add(field, "%q has a query, or a path that is not plain, without escapes, dot segments and the like", res.id)
		return
	}
	res.metadataPath = metadataPrefix + res.metadataPath
	if i := slices.IndexFunc(a.resources, func(other resource) bool { return other.metadataPath == res.metadataPath }); i >= 0 {
		configErrors.Add(field, "%q has its metadata where %q has", id, a.resources[i].id)
		return
	}
	a.resources = append(a.resources, res)
	a.exempt = append(a.exempt, res.metadataPath) // browsers and this server see the same
}

// isMetadata reports whether a URL is exactly that of a resource's metadata. isPlain is
// not: "/.well-known" has a dot.
func (a *Auth) isMetadata(u *url.URL) bool {
	return strings.HasPrefix(u.Path, metadataPrefix) && (u.RawPath == "" || u.RawPath == u.Path) && a.isExempt(u.Path)
}

// resourceOf returns the resource that a request is for, or nil: of those whose path
// begins the request's path, the one with the longest.
func (a *Auth) resourceOf(r *http.Request) (found *resource) {
	if len(a.resources) == 0 {
		return nil
	}
	target, ok := a.browserTarget(r)
	if !ok {
		return nil
	}
	p, _, _ := strings.Cut(target, "?")
	for i := range a.resources {
		res := &a.resources[i]
		rest, ok := strings.CutPrefix(p, res.path)
		if ok && (rest == "" || rest[0] == '/') && (found == nil || len(res.path) > len(found.path)) {
			found = res
		}
	}
	return found
}

// ResourceMetadata serves the metadata of the resources in Config.Audience that are URLs
// of Origin (RFC 9728). It tells an OAuth client, such as one of the Model Context
// Protocol, that the user pool is the authorization server. scopes are those that clients
// may ask for; none are listed by default. Mount it outside of BasePath:
//
//	h := auth.ResourceMetadata("https://app.example.com/mcp/tools")
//	router.Mount("/.well-known/oauth-protected-resource", h)    // chi
//	mux.Handle("/.well-known/oauth-protected-resource/mcp", h)  // http.ServeMux
//
// The metadata of "https://app.example.com/mcp" is at that path with "/mcp" behind it. Its
// URLs are made of Origin, never of a request's Host. RFC 9728 §3.3 has a client compare
// the resource with the URL that it has called, so name the URL that clients call. Scripts
// of every origin may read the document, since it is public.
//
// Cognito has no registration of clients: theirs is an app client of the user pool, named
// in Config.BearerClients.
//
// ResourceMetadata panics without Bearer, and without an Audience that is a URL of Origin.
func (a *Auth) ResourceMetadata(scopes ...string) http.Handler {
	if len(a.resources) == 0 {
		panic("cognitogate: ResourceMetadata needs Config.Bearer, and in Config.Audience a URL of Config.Origin")
	}
	if slices.ContainsFunc(scopes, func(s string) bool { return !isScope(s) }) {
		panic("cognitogate: ResourceMetadata got what is not a scope")
	}
	documents := make(map[string][]byte)
	for _, res := range a.resources {
		documents[res.metadataPath] = a.metadataOf(res, scopes)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		document, ok := documents[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		serveMetadata(w, r, document)
	})
}

// metadataOf returns the document of a resource (RFC 9728 §2).
func (a *Auth) metadataOf(res resource, scopes []string) []byte {
	document := struct {
		Resource string   `json:"resource"`
		Servers  []string `json:"authorization_servers"`
		Scopes   []string `json:"scopes_supported,omitempty"`
		Methods  []string `json:"bearer_methods_supported,omitempty"`
	}{res.id, []string{a.cfg.UserPool.IssuerURL()}, scopes, []string{"header"}}
	if a.cfg.BearerFrom != nil {
		document.Methods = nil // only the function knows
	}
	text, err := json.Marshal(document)
	if err != nil {
		panic("cognitogate: " + err.Error()) // strings can be marshalled
	}
	return text
}

func serveMetadata(w http.ResponseWriter, r *http.Request, document []byte) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", "public, max-age=3600")
		w.Write(document)
	case http.MethodOptions: // clients in browsers add headers of their protocol
		h.Set("Access-Control-Allow-Methods", "GET, HEAD")
		h.Set("Access-Control-Allow-Headers", "*")
		w.WriteHeader(http.StatusNoContent)
	default:
		h.Set("Allow", "GET, HEAD, OPTIONS")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
	}
}

// audienceFindings says that bearer tokens for other resources are accepted.
func (a *Auth) audienceFindings() []Finding {
	if !a.cfg.Bearer || len(a.cfg.Audience) > 0 {
		return nil
	}
	return []Finding{{Source: "Config.Audience", Msg: "access tokens that are bound to other resources are accepted: name the resources that this site is"}}
}
