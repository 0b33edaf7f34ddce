package cognitotest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/cognitogate/cognitogate/internal/sigv4"
)

// maxSkew is how far the time of a signature may differ from the service's time.
const maxSkew = 5 * time.Minute

// signedBy finds the credentials that a request is signed with. As on AWS, it
// computes the signature again and compares. Its errors have S3's codes. For a
// request without a signature both results are nil.
func (p *userPool) signedBy(req *request, service string) (*awsCredentials, *apiError) {
	r := req.httpRequest()
	s, err := sigv4.Parse(r)
	if errors.Is(err, sigv4.ErrUnsigned) {
		return nil, nil
	}
	if err != nil {
		return nil, apiErrorf("AuthorizationHeaderMalformed", "%s", err)
	}
	if s.Service != service || s.Region != p.identityPool.region {
		return nil, apiErrorf("AuthorizationHeaderMalformed", "Credential should be scoped to %s in %s, not to %s in %s.",
			service, p.identityPool.region, s.Service, s.Region)
	}
	p.identityPool.mu.Lock()
	c := p.identityPool.credentials[s.AccessKeyID]
	p.identityPool.mu.Unlock()
	now := p.time()
	switch {
	case c == nil:
		return nil, apiErrorf("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
	case s.SessionToken != c.sessionToken:
		return nil, apiErrorf("InvalidToken", "The provided token is malformed or otherwise invalid.")
	case !now.Before(c.expires):
		return nil, apiErrorf("ExpiredToken", "The provided token has expired.")
	case s.Presigned && !now.Before(s.Time.Add(s.Expires)):
		return nil, apiErrorf("AccessDenied", "Request has expired")
	case s.Time.After(now.Add(maxSkew)), !s.Presigned && s.Time.Before(now.Add(-maxSkew)):
		return nil, apiErrorf("RequestTimeTooSkewed", "The difference between the request time and the current time is too large.")
	}
	hash, apiErr := payloadHash(req, s, service)
	if apiErr != nil {
		return nil, apiErr
	}
	if err := s.Verify(r, c.secret, hash); err != nil {
		return nil, apiErrorf("SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.")
	}
	return c, nil
}

// payloadHash is the payload's hash in the signature. S3 alone reads it from a
// header, which it then checks.
func payloadHash(req *request, s *sigv4.Signature, service string) (string, *apiError) {
	given := req.header.Get("X-Amz-Content-Sha256")
	actual := sigv4.Hash(req.body)
	switch {
	case service != "s3":
		return actual, nil
	case s.Presigned && given == "":
		return sigv4.Unsigned, nil
	case given == "":
		return "", apiErrorf("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
	case given == sigv4.Unsigned, given == unsignedTrailer, given == actual:
		return given, nil
	}
	return "", apiErrorf("XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")
}

// httpRequest is the original request with its body.
func (req *request) httpRequest() *http.Request {
	r := *req.original
	r.Body = io.NopCloser(bytes.NewReader(req.body))
	r.ContentLength = int64(len(req.body))
	return &r
}
