package main

import (
	"net/http"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
)

func faultOf(op string, status int) func(string) cognitotest.Fault {
	return func(asked string) (f cognitotest.Fault) {
		if asked == op {
			f.Status = status
		}
		return f
	}
}

func TestProfile(t *testing.T) {
	d := newDemo(t)
	v := d.visitor(t)
	v.open("/profile").expect(t, http.StatusTemporaryRedirect).leadsTo(t, "/api/auth/sign-in?next=%2Fprofile")
	v.signIn("ada")
	v.open("/profile").expect(t, 200, "<dt>email</dt><dd>ada@example.com</dd>", "<dt>name</dt><dd>Ada Lovelace</dd>")
	d.server.SetFault(faultOf("GetUser", 500))
	v.open("/profile").expect(t, http.StatusServiceUnavailable, "You have not been signed out")
	d.server.SetFault(nil)
	d.server.SetUser(cognitotest.User{Username: "ada", Attributes: map[string]string{"name": "Ada King"}})
	v.open("/profile").expect(t, 200, "Ada King")
	d.server.RemoveUser("ada")
	v.open("/profile").expect(t, http.StatusTemporaryRedirect)
}

func TestGraphQL(t *testing.T) {
	d := newDemo(t)
	v := d.visitor(t)
	v.open("/graphql").expect(t, http.StatusTemporaryRedirect)
	v.signIn("ada")
	v.open("/graphql").expect(t, 200, "&#34;username&#34;: &#34;ada&#34;", "&#34;mode&#34;: &#34;userPool&#34;", "viewer { username groups mode }")
	d.server.SetFault(faultOf("GraphQL", 403))
	v.open("/graphql").expect(t, http.StatusBadGateway, "A service of AWS has refused")
}
