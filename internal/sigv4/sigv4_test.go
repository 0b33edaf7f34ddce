package sigv4_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/internal/sigv4"
)

// signedRecords returns the requests and URLs that the real Amplify signed.
func signedRecords(t *testing.T) map[string]*http.Request {
	t.Helper()
	text, err := os.ReadFile("../../testdata/amplify/data.json")
	if err != nil {
		t.Fatal(err)
	}
	var records []struct {
		Name     string
		Requests []struct {
			Method, URL, Body string
			Headers           map[string]string
		}
		Outcome struct{ Result json.RawMessage }
	}
	if err := json.Unmarshal(text, &records); err != nil {
		t.Fatal(err)
	}
	signed := make(map[string]*http.Request)
	for _, rec := range records {
		for _, req := range rec.Requests {
			if !strings.HasPrefix(req.Headers["authorization"], "AWS4-") {
				continue
			}
			r, err := http.NewRequest(req.Method, req.URL, strings.NewReader(req.Body))
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range req.Headers {
				if name != "host" {
					r.Header.Set(name, value)
				}
			}
			signed[rec.Name] = r
		}
		var presigned struct{ URL string }
		if json.Unmarshal(rec.Outcome.Result, &presigned) == nil && presigned.URL != "" {
			r, err := http.NewRequest("GET", presigned.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			signed[rec.Name] = r
		}
	}
	return signed
}

// TestVerifyAmplifysSignatures verifies every signature that Amplify made, and refuses
// it for a changed request or another secret.
func TestVerifyAmplifysSignatures(t *testing.T) {
	records := signedRecords(t)
	if len(records) < 8 {
		t.Fatalf("only %d records are signed", len(records))
	}
	for name, r := range records {
		t.Run(name, func(t *testing.T) {
			s, err := sigv4.Parse(r)
			if err != nil {
				t.Fatal(err)
			}
			hash := sigv4.Unsigned
			if !s.Presigned {
				body := make([]byte, r.ContentLength)
				if r.ContentLength > 0 {
					r.Body.Read(body)
				}
				hash = sigv4.Hash(body)
			}
			if err := s.Verify(r, "test-only-secret", hash); err != nil {
				t.Error("with the secret: ", err)
			}
			for what, change := range map[string]func(){
				"another method":  func() { r.Method = "PUT" },
				"another path":    func() { r.URL.Path += "x" },
				"another host":    func() { r.Host = "evil.example.com" },
				"another query":   func() { r.URL.RawQuery += "&x=1" },
				"another payload": func() { hash = sigv4.Hash([]byte("other")) },
			} {
				old, oldURL, oldHash := *r, *r.URL, hash
				change()
				if s.Verify(r, "test-only-secret", hash) == nil {
					t.Error(what, "verifies")
				}
				*r, *old.URL, hash = old, oldURL, oldHash
			}
			if s.Verify(r, "another-secret", hash) == nil {
				t.Error("another secret verifies")
			}
			if err := s.Verify(r, "test-only-secret", hash); err != nil {
				t.Error("after the changes: ", err)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	const good = "AWS4-HMAC-SHA256 Credential=ASIA/20260921/eu-west-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=00"
	for _, tt := range []struct{ name, authorization, date, extra string }{
		{"no signature", "", "20260921T141320Z", ""},
		{"a bearer token", "Bearer x", "20260921T141320Z", ""},
		{"no date", good, "", ""},
		{"a date of another day", good, "20260922T141320Z", ""},
		{"a short scope", strings.Replace(good, "/s3", "", 1), "20260921T141320Z", ""},
		{"the host not signed", strings.Replace(good, "host;", "", 1), "20260921T141320Z", ""},
		{"a session token that is not signed", good, "20260921T141320Z", "X-Amz-Security-Token"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, _ := http.NewRequest("GET", "https://s3.eu-west-1.amazonaws.com/", nil)
			if tt.authorization != "" {
				r.Header.Set("Authorization", tt.authorization)
			}
			if tt.date != "" {
				r.Header.Set("X-Amz-Date", tt.date)
			}
			if tt.extra != "" {
				r.Header.Set(tt.extra, "x")
			}
			if _, err := sigv4.Parse(r); err == nil {
				t.Error("accepted")
			}
		})
	}
}
