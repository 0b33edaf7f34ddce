package cognitotest

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/cognitogate/cognitogate/tokens"
)

const (
	identityTargetPrefix       = "AWSCognitoIdentityService."
	defaultCredentialsLifetime = time.Hour
)

// identityPool gives AWS credentials to users of the user pool and to guests, and
// has the state of the services behind it. Its lock is never taken with the user
// pool's.
type identityPool struct {
	id, region string

	mu          sync.Mutex
	noGuests    bool
	lifetime    time.Duration
	identities  map[string]string          // id → owner: the user's sub, "" for a guest
	credentials map[string]*awsCredentials // by access key id
	authorizer  func(token string) bool

	bucket bucket
}

// awsCredentials are AWS credentials and their owner.
type awsCredentials struct {
	secret, sessionToken string
	expires              time.Time
	identityID           string
	claims               *tokenClaims // of the user's ID token; nil for a guest
	roleARN              string       // from the request
}

func newIdentityPool(region, userPoolID string) *identityPool {
	return &identityPool{
		id:          region + ":" + namedUUID("identity pool of "+userPoolID),
		region:      region,
		lifetime:    defaultCredentialsLifetime,
		identities:  make(map[string]string),
		credentials: make(map[string]*awsCredentials),
		bucket:      bucket{objects: make(map[string]*object)},
	}
}

// SetGuests says whether the identity pool gives credentials to guests, who have no
// login. By default it does.
func (s *Server) SetGuests(allow bool) {
	ip := s.userPool.identityPool
	ip.mu.Lock()
	defer ip.mu.Unlock()
	ip.noGuests = !allow
}

// SetCredentialsLifetime sets how long AWS credentials are valid that are issued
// from now on. The default is Cognito's, one hour.
func (s *Server) SetCredentialsLifetime(d time.Duration) {
	ip := s.userPool.identityPool
	ip.mu.Lock()
	defer ip.mu.Unlock()
	ip.lifetime = d
}

// identityInput has the members of both operations' inputs.
type identityInput struct {
	IdentityPoolID string `json:"IdentityPoolId"`
	IdentityID     string `json:"IdentityId"`
	Logins         map[string]string
	CustomRoleARN  string `json:"CustomRoleArn"`
}

// identityOperation finds an operation of the identity pool by X-Amz-Target.
func (p *userPool) identityOperation(req *request) (op string, run func() *response) {
	op = strings.TrimPrefix(req.target, identityTargetPrefix)
	operation := map[string]func(*userPool, *identityInput) (any, error){
		"GetId":                     (*userPool).getID,
		"GetCredentialsForIdentity": (*userPool).getCredentialsForIdentity,
	}[op]
	if operation == nil || req.method != http.MethodPost {
		return "", apiErrorf("UnknownOperationException", "").response
	}
	return op, func() *response {
		in := new(identityInput)
		if json.Unmarshal(req.body, in) != nil {
			return apiErrorf("SerializationException", "Start of structure or map found where not expected.").response()
		}
		out, err := operation(p, in)
		if err != nil {
			return err.(*apiError).response()
		}
		return jsonResponse(http.StatusOK, out)
	}
}

func (p *userPool) getID(in *identityInput) (any, error) {
	ip := p.identityPool
	if in.IdentityPoolID != ip.id {
		return nil, apiErrorf("ResourceNotFoundException", "IdentityPool '%s' not found.", in.IdentityPoolID)
	}
	owner, err := p.owner(in.Logins)
	if err != nil {
		return nil, err
	}
	out := struct {
		IdentityID string `json:"IdentityId"`
	}{ip.region + ":" + newUUID()}
	ip.mu.Lock()
	defer ip.mu.Unlock()
	if owner == nil {
		ip.identities[out.IdentityID] = ""
		return out, ip.checkGuests()
	}
	out.IdentityID = ip.region + ":" + namedUUID("identity of "+owner.Subject+" in "+p.id)
	ip.identities[out.IdentityID] = owner.Subject
	return out, nil
}

func (p *userPool) getCredentialsForIdentity(in *identityInput) (any, error) {
	ip := p.identityPool
	owner, err := p.owner(in.Logins)
	if err != nil {
		return nil, err
	}
	now := p.time()
	ip.mu.Lock()
	defer ip.mu.Unlock()
	subject, known := ip.identities[in.IdentityID]
	switch {
	case !known:
		return nil, apiErrorf("ResourceNotFoundException", "Identity '%s' not found.", in.IdentityID)
	case owner == nil && subject != "":
		return nil, apiErrorf("NotAuthorizedException", "Access to Identity '%s' is forbidden.", in.IdentityID)
	case owner == nil:
		if err := ip.checkGuests(); err != nil {
			return nil, err
		}
	case owner.Subject != subject:
		return nil, apiErrorf("NotAuthorizedException", "Logins don't match. Please include at least one valid login for this identity or identity pool.")
	}
	c := &awsCredentials{
		secret:       randomText(30),
		sessionToken: randomText(600),
		expires:      now.Add(ip.lifetime).Truncate(time.Second),
		identityID:   in.IdentityID,
		claims:       owner,
		roleARN:      in.CustomRoleARN,
	}
	var b [10]byte
	rand.Read(b[:])
	accessKeyID := "ASIA" + base32.StdEncoding.EncodeToString(b[:])
	ip.credentials[accessKeyID] = c
	var out struct {
		IdentityID  string `json:"IdentityId"`
		Credentials struct {
			AccessKeyID  string `json:"AccessKeyId"`
			SecretKey    string
			SessionToken string
			Expiration   float64
		}
	}
	out.IdentityID = in.IdentityID
	r := &out.Credentials
	r.AccessKeyID, r.SecretKey, r.SessionToken, r.Expiration = accessKeyID, c.secret, c.sessionToken, float64(c.expires.Unix())
	return out, nil
}

// checkGuests returns an error unless guests are allowed. Called with ip.mu held.
func (ip *identityPool) checkGuests() error {
	if ip.noGuests {
		return apiErrorf("NotAuthorizedException", "Unauthenticated access is not supported for this identity pool.")
	}
	return nil
}

func randomText(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b)
	return base64.StdEncoding.EncodeToString(b)
}

// owner returns the claims of the user that logins prove, or nil for a guest.
func (p *userPool) owner(logins map[string]string) (*tokenClaims, error) {
	if len(logins) > 1 {
		return nil, apiErrorf("InvalidParameterException", "Please provide a single login.")
	}
	for provider, token := range logins {
		claims, apiErr := p.verifyToken(token)
		if apiErr != nil {
			apiErr.message = "Invalid login token. " + apiErr.message
			return nil, apiErr
		}
		switch {
		case claims.TokenUse != string(tokens.ID):
			return nil, apiErrorf("NotAuthorizedException", "Invalid login token. Missing a required claim: aud")
		case claims.Issuer != "https://"+provider && claims.Issuer != "http://"+provider:
			return nil, apiErrorf("NotAuthorizedException", "Invalid login token. Issuer doesn't match providerName")
		}
		return claims, nil
	}
	return nil, nil
}
