package middleware_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// The first sign-in creates the local user. A user who is blocked here is refused, and
// gets a page that offers another account. If the database fails, nobody is signed in.
func ExampleHooks_localUser() {
	type account struct {
		email   string
		blocked bool
	}
	accounts := make(map[string]*account) // the database; its key is the "sub" claim

	server := cognitotest.New(cognitotest.User{Username: "ada", Attributes: map[string]string{"email": "ada@example.com"}})
	auth, err := cognito.New(cognito.Config{
		UserPool:   server.UserPool(),
		HTTPClient: server.Client(),
		Origin:     "https://app.example.com",
		Secret:     []byte("32 random bytes, the same for all"),
		Hooks: cognito.Hooks{
			SignedIn: func(ctx context.Context, e cognito.SignIn) error {
				var claims struct {
					Email string `json:"email"`
				}
				if err := e.Session.IDToken().Claims(&claims); err != nil {
					return err
				}
				user := accounts[e.Session.User().ID]
				if user == nil { // INSERT … ON CONFLICT DO NOTHING: two tabs may sign in at once
					user = &account{email: claims.Email}
					accounts[e.Session.User().ID] = user
					fmt.Println("created", user.email)
				}
				if user.blocked {
					return cognito.ErrForbidden
				}
				return nil
			},
		},
	})
	if err != nil {
		log.Fatal(err)
	}

	fmt.Println(signIn(auth.Routes(), server, "ada").Code)
	fmt.Println(signIn(auth.Routes(), server, "ada").Code)
	for _, user := range accounts {
		user.blocked = true
	}
	fmt.Println(signIn(auth.Routes(), server, "ada").Code)
	// Output:
	// created ada@example.com
	// 302
	// 302
	// 403
}

// clientKey is the key of the client's address in a request's context.
type clientKey struct{}

// An audit trail has a line for each sign-in, sign-out and failure. A middleware puts what
// the hooks do not know into the request's context: here the client's address.
func ExampleHooks_auditTrail() {
	audit := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
	note := func(ctx context.Context, what string, args ...any) {
		client, _ := ctx.Value(clientKey{}).(string)
		audit.InfoContext(ctx, what, append(args, "client", client)...)
	}

	server := cognitotest.New(cognitotest.User{Username: "ada"}, cognitotest.User{Username: "grace"})
	auth, err := cognito.New(cognito.Config{
		UserPool:   server.UserPool(),
		HTTPClient: server.Client(),
		Origin:     "https://app.example.com",
		Secret:     []byte("32 random bytes, the same for all"),
		Hooks: cognito.Hooks{
			SignedIn: func(ctx context.Context, e cognito.SignIn) error {
				note(ctx, "signed in", "user", e.Session.User().Username, "reason", e.Reason)
				return nil
			},
			SignedOut: func(ctx context.Context, e cognito.SignOut) {
				note(ctx, "signed out", "user", e.User.Username, "reason", e.Reason, "revoked", e.Err == nil)
			},
			SignInFailed: func(ctx context.Context, e cognito.SignInFailure) {
				note(ctx, "sign-in failed", "reason", e.Reason)
			},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	site := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := context.WithValue(r.Context(), clientKey{}, r.RemoteAddr)
		auth.Routes().ServeHTTP(w, r.WithContext(ctx))
	})

	signIn(site, server, "ada")
	r := httptest.NewRequest("POST", "/api/auth/sign-out", nil)
	server.SignIn(r, "grace")
	site.ServeHTTP(httptest.NewRecorder(), r)
	site.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/api/auth/sign-in-callback?code=x&state=y", nil))
	// Output:
	// level=INFO msg="signed in" user=ada reason=new client=192.0.2.1:1234
	// level=INFO msg="signed out" user=grace reason=asked revoked=true client=192.0.2.1:1234
	// level=INFO msg="sign-in failed" reason=lost client=192.0.2.1:1234
}

// signIn signs a user in, and returns the answer of the callback. The emulator's Authorize
// stands for the user at the login page.
func signIn(routes http.Handler, server *cognitotest.Server, user string) *httptest.ResponseRecorder {
	const host = "app.example.com"
	begin := httptest.NewRequest("GET", "/api/auth/sign-in", nil)
	begin.Host = host
	w := httptest.NewRecorder()
	routes.ServeHTTP(w, begin)
	callback, err := server.Authorize(w.Header().Get("Location"), user)
	if err != nil {
		log.Fatal(err)
	}
	back := httptest.NewRequest("GET", strings.TrimPrefix(callback, "https://"+host), nil)
	back.Host = host
	for _, c := range w.Result().Cookies() {
		back.AddCookie(c)
	}
	w = httptest.NewRecorder()
	routes.ServeHTTP(w, back)
	return w
}

func withoutTime(_ []string, attr slog.Attr) slog.Attr {
	if attr.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return attr
}
