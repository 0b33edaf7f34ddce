package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
)

func fail(op string, status int) func(string) cognitotest.Fault {
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
	d.pool.SetFault(fail("GetUser", 500))
	v.open("/profile").expect(t, http.StatusServiceUnavailable, "You have not been signed out")
	d.pool.SetFault(nil)
	d.pool.SetUser(cognitotest.User{Username: "ada", Attributes: map[string]string{"name": "Ada King"}})
	v.open("/profile").expect(t, 200, "Ada King")
	d.pool.RemoveUser("ada")
	v.open("/profile").expect(t, http.StatusTemporaryRedirect)
}

func TestGraphQL(t *testing.T) {
	d := newDemo(t)
	v := d.visitor(t)
	v.open("/graphql").expect(t, http.StatusTemporaryRedirect)
	v.signIn("ada")
	v.open("/graphql").expect(t, 200, "&#34;username&#34;: &#34;ada&#34;", "&#34;mode&#34;: &#34;userPool&#34;", "viewer { username groups mode }")
	d.pool.SetFault(fail("GraphQL", 403))
	v.open("/graphql").expect(t, http.StatusBadGateway, "A service of AWS has refused")
}

var pictureURL = regexp.MustCompile(`<img src="([^"]+)"`)

func TestGallery(t *testing.T) {
	d := newLocalDemo(t)
	page := d.ask("GET", "/gallery").expect(t, 200, "<figcaption>a picture</figcaption>")
	found := pictureURL.FindAllStringSubmatch(page.body, -1)
	if len(found) != 1 {
		t.Fatalf("%d pictures, want the one that is a picture", len(found))
	}
	url := strings.ReplaceAll(found[0][1], "&amp;", "&")
	if policy := page.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "img-src 'self' "+d.pool.UserPool().Endpoint+";") {
		t.Errorf("Content-Security-Policy is %q", policy)
	}
	// As a browser does: from the port of the emulator, without anything else.
	load := func() int {
		t.Helper()
		answer, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	if status := load(); status != 200 {
		t.Fatalf("the picture: status %d", status)
	}

	lists := func(want int) {
		t.Helper()
		if n := d.pool.Calls("ListObjects"); n != want {
			t.Errorf("the bucket was listed %d times, want %d", n, want)
		}
	}
	d.ask("GET", "/gallery").expect(t, 200)
	lists(1)
	// In their last minute the URLs are replaced, and while that fails go on.
	d.advance(urlLifetime/2 + time.Second)
	d.pool.SetFault(fail("ListObjects", 403))
	d.ask("GET", "/gallery").expect(t, 200, "a picture")
	d.pool.SetFault(nil)
	d.ask("GET", "/gallery").expect(t, 200)
	lists(3)
	d.ask("GET", "/gallery").expect(t, 200)
	lists(3)
	if status := load(); status != 200 {
		t.Errorf("a URL that has been replaced is good no more: status %d", status)
	}
	d.advance(urlLifetime)
	if status := load(); status != 403 {
		t.Errorf("a picture after its time: status %d", status)
	}
	d.pool.SetFault(fail("ListObjects", 403))
	d.ask("GET", "/gallery").expect(t, http.StatusBadGateway)
	d.pool.SetFault(nil)
	d.ask("GET", "/gallery").expect(t, 200)
}

// The URLs end with the credentials that have signed them.
func TestGalleryOfShortCredentials(t *testing.T) {
	d := newDemo(t)
	d.freeze()
	d.pool.SetCredentialsLifetime(90 * time.Second)
	page := d.ask("GET", "/gallery").expect(t, 200)
	if !regexp.MustCompile(`X-Amz-Expires=(89|90)&`).MatchString(page.body) { // whole seconds, rounded down
		t.Error("the URLs are not for the 90 seconds that are left")
	}
}
