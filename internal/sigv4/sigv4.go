// Package sigv4 verifies AWS Signature Version 4 as AWS does: it signs the request
// again, with the AWS SDK's signer, and compares both signatures.
//
// See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html.
package sigv4

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	timeFormat = "20060102T150405Z"

	// Unsigned replaces the hash of a payload that is not signed.
	Unsigned = "UNSIGNED-PAYLOAD"
)

// ErrUnsigned reports a request without a signature.
var ErrUnsigned = errors.New("sigv4: the request is not signed")

// Signature is the signature of a request and its parameters.
type Signature struct {
	AccessKeyID     string
	SessionToken    string
	Region, Service string
	Time            time.Time
	Presigned       bool          // the request has a presigned URL
	Expires         time.Duration // after Time, of a presigned URL

	headers []string // that are signed, in lower case
	value   string
}

// Parse reads the signature of r, from its Authorization header or from its query.
func Parse(r *http.Request) (*Signature, error) {
	s := new(Signature)
	var credential, headers, date string
	query := r.URL.Query()
	if auth, ok := strings.CutPrefix(r.Header.Get("Authorization"), algorithm+" "); ok {
		for part := range strings.SplitSeq(auth, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			switch name {
			case "Credential":
				credential = value
			case "SignedHeaders":
				headers = value
			case "Signature":
				s.value = value
			}
		}
		date = r.Header.Get("X-Amz-Date")
		s.SessionToken = r.Header.Get("X-Amz-Security-Token")
	} else if query.Get("X-Amz-Algorithm") == algorithm {
		s.Presigned = true
		credential, headers, date = query.Get("X-Amz-Credential"), query.Get("X-Amz-SignedHeaders"), query.Get("X-Amz-Date")
		s.value, s.SessionToken = query.Get("X-Amz-Signature"), query.Get("X-Amz-Security-Token")
		seconds, err := strconv.Atoi(query.Get("X-Amz-Expires"))
		if err != nil || seconds < 1 || seconds > 7*24*3600 {
			return nil, fmt.Errorf("sigv4: X-Amz-Expires %q is not within 1 to 604800 seconds", query.Get("X-Amz-Expires"))
		}
		s.Expires = time.Duration(seconds) * time.Second
	} else {
		return nil, ErrUnsigned
	}
	at, err := time.Parse(timeFormat, date)
	if err != nil {
		return nil, fmt.Errorf("sigv4: X-Amz-Date %q is not a time", date)
	}
	s.Time = at
	scope := strings.Split(credential, "/")
	if len(scope) != 5 || scope[4] != "aws4_request" || scope[1] != at.Format("20060102") {
		return nil, fmt.Errorf("sigv4: credential scope %q does not fit", strings.Join(scope[1:], "/"))
	}
	s.AccessKeyID, s.Region, s.Service = scope[0], scope[2], scope[3]
	s.headers = strings.Split(headers, ";")
	return s, s.checkHeaders(r)
}

// checkHeaders checks that the headers are signed that AWS demands.
func (s *Signature) checkHeaders(r *http.Request) error {
	if !slices.Contains(s.headers, "host") {
		return errors.New("sigv4: the Host header is not signed")
	}
	for name := range r.Header {
		if name := strings.ToLower(name); strings.HasPrefix(name, "x-amz-") && !slices.Contains(s.headers, name) {
			return fmt.Errorf("sigv4: the header %q is not signed", name)
		}
	}
	return nil
}

// Verify returns nil if s is the signature of r with this secret. payloadHash is the
// [Hash] of r's payload, or [Unsigned].
func (s *Signature) Verify(r *http.Request, secret, payloadHash string) error {
	signed := &http.Request{Method: r.Method, Host: r.Host, Header: make(http.Header)}
	u := *r.URL
	if r.RequestURI != "" { // set by a server: the path as it was sent, before handlers changed r.URL
		sent, err := url.ParseRequestURI(r.RequestURI)
		if err != nil {
			return fmt.Errorf("sigv4: %w", err)
		}
		u = *sent
	}
	signed.URL = &u
	for name, values := range r.Header {
		if lower := strings.ToLower(name); lower != "host" && slices.Contains(s.headers, lower) {
			signed.Header[name] = slices.Clone(values)
		}
	}
	if slices.Contains(s.headers, "content-length") {
		signed.ContentLength = r.ContentLength
	}
	key := aws.Credentials{AccessKeyID: s.AccessKeyID, SecretAccessKey: secret, SessionToken: s.SessionToken}
	signer := v4.NewSigner(func(o *v4.SignerOptions) {
		o.DisableURIPathEscaping = s.Service == "s3"
		o.DisableHeaderHoisting = true
	})
	ctx := context.Background()
	if !s.Presigned {
		if err := signer.SignHTTP(ctx, key, signed, payloadHash, s.Service, s.Region, s.Time); err != nil {
			return fmt.Errorf("sigv4: %w", err)
		}
		_, value, _ := strings.Cut(signed.Header.Get("Authorization"), "Signature=")
		return s.compare(value)
	}
	query := u.Query()
	query.Del("X-Amz-Signature")
	signed.URL.RawQuery = query.Encode()
	signedURL, _, err := signer.PresignHTTP(ctx, key, signed, payloadHash, s.Service, s.Region, s.Time)
	if err != nil {
		return fmt.Errorf("sigv4: %w", err)
	}
	_, value, _ := strings.Cut(signedURL, "&X-Amz-Signature=")
	return s.compare(value)
}

func (s *Signature) compare(want string) error {
	if !hmac.Equal([]byte(want), []byte(s.value)) {
		return errors.New("sigv4: the signature does not match")
	}
	return nil
}

// Hash returns the hash of a payload in the form that signatures use.
func Hash(payload []byte) string {
	sum := sha256.Sum256(payload)
	return hex.EncodeToString(sum[:])
}
