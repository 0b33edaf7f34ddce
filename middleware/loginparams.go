package middleware

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// The parameters of the authorization request are those that Cognito documents for
// /oauth2/authorize. A link may carry the ones that change how the user signs in. It may
// not carry those that decide what the site gets.

// linkParams are the parameters that a link hands on to the managed login. Their names
// are Cognito's, but for provider, which is Amplify's.
var linkParams = []string{"provider", "idp_identifier", "lang", "login_hint", "prompt"}

// originParam marks a redirect to Origin.
const originParam = "origin"

// routeParams are the query parameters that sign-in and sign-up read beside
// ReturnParam.
var routeParams = append([]string{originParam, recentParam}, linkParams...)

const (
	chosenBySite    = "This site chooses it, and no link may."
	notOfCognito    = "Cognito's managed login does not take it."
	oneProviderOnly = "A link names one identity provider, by provider or by idp_identifier."
)

// refusedParams are the other parameters of OAuth 2.0 and OpenID Connect, with what the
// page says of them. A link with one is refused: dropped silently, it would promise what
// nobody does. All further parameters belong to the program, whose Login.State may read
// them.
var refusedParams = map[string]string{
	"response_type": chosenBySite, "client_id": chosenBySite, "redirect_uri": chosenBySite, "scope": chosenBySite,
	"state": chosenBySite, "nonce": chosenBySite, "code_challenge": chosenBySite, "code_challenge_method": chosenBySite,
	"resource":          chosenBySite + " The operator sets Config.Login.Resource.",
	"identity_provider": "Its name in a link is provider.",
	"ui_locales":        notOfCognito + " Write lang, with one language.",
	"max_age":           notOfCognito + " Write prompt=login to have the user sign in again.",
	"acr_values":        notOfCognito,
	"claims":            notOfCognito, "claims_locales": notOfCognito, "display": notOfCognito, "id_token_hint": notOfCognito,
	"response_mode": notOfCognito, "registration": notOfCognito, "request": notOfCognito, "request_uri": notOfCognito,
	"authorization_details": notOfCognito, "dpop_jkt": notOfCognito, "vtr": notOfCognito,
}

// serveRefusedParams answers a link with parameters that it may not carry, and reports
// whether it did.
func (a *Auth) serveRefusedParams(w http.ResponseWriter, r *http.Request, q url.Values) bool {
	var causes []string
	for _, name := range slices.Sorted(maps.Keys(q)) {
		cause, refused := refusedParams[name]
		switch {
		case name == a.cfg.ReturnParam:
		case refused:
			causes = append(causes, name+": "+cause)
		case len(q[name]) > 1 && slices.Contains(linkParams, name): // RFC 6749 §3.1
			causes = append(causes, name+": It may not come twice.")
		}
	}
	if _, ok := parseRecent(q); !ok {
		causes = append(causes, recentParam+": It is one number of seconds.")
	}
	if q.Get("provider") != "" && q.Get("idp_identifier") != "" {
		causes = append(causes, oneProviderOnly)
	}
	if causes == nil {
		return false
	}
	a.callSignInFailed(w, r, FailureNotBegun, errors.New("cognitogate: the link has parameters that it may not have: "+strings.Join(causes, " ")))
	a.servePage(w, r, Page{
		Kind: PageSignInLink, Status: http.StatusBadRequest,
		Title:  "This link does not sign in",
		Text:   "The link has parameters that it may not have. Whoever has made it has to change it.",
		Causes: causes,
		// The page's own link has none of them.
		Actions: append([]PageAction{a.signInAction(a.ReturnTo(r))}, a.homeAction(r, false)...),
	})
	return true
}

// authorizationParams returns the parameters of the authorization request: those of
// RFC 6749 §4.1.1, RFC 7636 §4.3, RFC 8707 §2 and OpenID Connect Core §3.1.2.1, and
// Cognito's own.
func (a *Auth) authorizationParams(f *flow, q url.Values) url.Values {
	v := url.Values{
		"response_type": {"code"}, "client_id": {a.cfg.UserPool.ClientID}, "redirect_uri": {a.routes.redirectURI},
		"state": {f.State}, "nonce": {f.Nonce},
		"code_challenge": {f.challenge()}, "code_challenge_method": {"S256"},
	}
	if len(a.cfg.Login.Scopes) > 0 {
		v.Set("scope", strings.Join(a.cfg.Login.Scopes, " "))
	}
	if a.cfg.Login.Resource != "" {
		v.Set("resource", a.cfg.Login.Resource)
	}
	for _, name := range linkParams {
		value := q.Get(name)
		if value == "" {
			continue
		}
		if name == "provider" {
			name = "identity_provider"
			if cognitos, ok := cognitoProviders[strings.ToLower(value)]; ok {
				value = cognitos
			}
		}
		v.Set(name, value)
	}
	return v
}

// cognitoProviders maps Amplify's names of identity providers to Cognito's.
var cognitoProviders = map[string]string{
	"google": "Google", "facebook": "Facebook", "amazon": "LoginWithAmazon", "apple": "SignInWithApple",
}

// isResource reports whether Cognito takes s as a resource: an absolute URI (RFC 8707 §2)
// that begins with https://, http://localhost or a scheme of the app's own.
func isResource(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || asciiURL(s) != s || strings.Contains(s, "#") {
		return false
	}
	return u.Scheme != "" && (u.Scheme != "http" || u.Hostname() == "localhost")
}
