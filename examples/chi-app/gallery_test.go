package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

var pictureURL = regexp.MustCompile(`<img src="([^"]+)"`)

func TestGallery(t *testing.T) {
	d := newLocalDemo(t)
	page := d.ask("GET", "/gallery").expect(t, 200, "<figcaption>a picture</figcaption>")
	found := pictureURL.FindAllStringSubmatch(page.body, -1)
	if len(found) != 1 {
		t.Fatalf("%d pictures, want the one that is a picture", len(found))
	}
	url := strings.ReplaceAll(found[0][1], "&amp;", "&")
	if policy := page.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "img-src 'self' "+d.server.UserPool().Endpoint+";") {
		t.Errorf("Content-Security-Policy is %q", policy)
	}
	// A browser loads the picture from the emulator, without cookies or headers.
	load := func() int {
		t.Helper()
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if status := load(); status != 200 {
		t.Fatalf("the picture: status %d", status)
	}

	lists := func(want int) {
		t.Helper()
		if n := d.server.Calls("ListObjects"); n != want {
			t.Errorf("the bucket was listed %d times, want %d", n, want)
		}
	}
	d.ask("GET", "/gallery").expect(t, 200)
	lists(1)
	// In their last minute the URLs are renewed. Older ones are used while that fails.
	d.advance(urlLifetime/2 + time.Second)
	d.server.SetFault(faultOf("ListObjects", 403))
	d.ask("GET", "/gallery").expect(t, 200, "a picture")
	d.server.SetFault(nil)
	d.ask("GET", "/gallery").expect(t, 200)
	lists(3)
	d.ask("GET", "/gallery").expect(t, 200)
	lists(3)
	if status := load(); status != 200 {
		t.Errorf("a URL that has been renewed no longer works: status %d", status)
	}
	d.advance(urlLifetime)
	if status := load(); status != 403 {
		t.Errorf("a picture after its time: status %d", status)
	}
	d.server.SetFault(faultOf("ListObjects", 403))
	d.ask("GET", "/gallery").expect(t, http.StatusBadGateway)
	d.server.SetFault(nil)
	d.ask("GET", "/gallery").expect(t, 200)
}

// The URLs expire with the credentials that signed them.
func TestGalleryOfShortCredentials(t *testing.T) {
	d := newDemo(t)
	d.freeze()
	d.server.SetCredentialsLifetime(90 * time.Second)
	page := d.ask("GET", "/gallery").expect(t, 200)
	if !regexp.MustCompile(`X-Amz-Expires=(89|90)&`).MatchString(page.body) { // whole seconds, rounded down
		t.Error("the URLs are not for the 90 seconds that are left")
	}
}
