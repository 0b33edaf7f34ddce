package middleware_test

import (
	"fmt"
	"html/template"
	"log"
	"net/http"
	"net/http/httptest"
	"regexp"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// A farm has its pages in German, below its name. A page whose words are missing stays in
// English.
func ExampleConfig_page() {
	german := map[cognito.PageKind]struct{ title, text string }{
		cognito.PageForbidden:       {"Kein Zutritt", "Sie sind angemeldet, aber diese Seite ist für andere."},
		cognito.PageUnavailable:     {"Bitte gleich noch einmal", "Die Anmeldung ist gerade nicht erreichbar."},
		cognito.PageSignInCancelled: {"Nicht angemeldet", "Sie haben die Anmeldung abgebrochen."},
	}
	actions := map[cognito.ActionKind]string{
		cognito.ActionHome: "Startseite", cognito.ActionRetry: "Noch einmal", cognito.ActionContinue: "Weiter",
		cognito.ActionSignIn: "Anmelden", cognito.ActionSwitchAccount: "Anderes Konto", cognito.ActionSignOut: "Abmelden",
	}
	layout := template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="{{.Lang}}">
<title>{{.Title}} – Hof Sonnenberg</title>
<link rel="stylesheet" href="/static/farm.css">
{{with .Continue}}<meta http-equiv="refresh" content="0;url={{.}}">{{end}}
<header>Hof Sonnenberg</header>
<main>
<h1>{{.Title}}</h1>
<p>{{.Text}} {{.Detail}}</p>
{{range .Actions}}{{if .Post}}<form method="post" action="{{.URL}}"><button>{{.Text}}</button></form>
{{else}}<a href="{{.URL}}">{{.Text}}</a>
{{end}}{{end}}</main>
`))

	server := cognitotest.New(cognitotest.User{Username: "grace"})
	auth, err := cognito.New(cognito.Config{
		UserPool:   server.UserPool(),
		HTTPClient: server.Client(),
		Origin:     "https://farm.example",
		Secret:     []byte("32 random bytes, the same for all"),
		Page: func(w http.ResponseWriter, r *http.Request, p *cognito.Page) {
			if words, ok := german[p.Kind]; ok {
				p.Lang, p.Title, p.Text = "de", words.title, words.text
				for i := range p.Actions {
					p.Actions[i].Text = actions[p.Actions[i].Kind]
				}
			}
			if err := layout.Execute(w, p); err != nil {
				log.Print(err)
			}
		},
	})
	if err != nil {
		log.Fatal(err)
	}

	r := httptest.NewRequest("GET", "/books", nil)
	r.Header.Set("Accept", "text/html")
	server.SignIn(r, "grace")
	w := httptest.NewRecorder()
	auth.RequireGroup("bookkeepers")(http.NotFoundHandler()).ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("Cache-Control"))
	for _, line := range regexp.MustCompile(`<(title|a|button).*`).FindAllString(w.Body.String(), -1) {
		fmt.Println(line)
	}
	// Output:
	// 403 no-store
	// <title>Kein Zutritt – Hof Sonnenberg</title>
	// <a href="/">Startseite</a>
	// <a href="/api/auth/sign-in?next=%2Fbooks&amp;prompt=login">Anderes Konto</a>
	// <button>Abmelden</button></form>
}
