package cognitotest

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cognitogate/cognitogate/tokens"
)

const (
	identityTargetPrefix       = "AWSCognitoIdentityService."
	defaultCredentialsLifetime = time.Hour
)

// identityPool gives AWS credentials to users of the pool and to guests, and has
// what the services behind it keep. Its lock is never taken with the pool's.
type identityPool struct {
	id, region string

	mu          sync.Mutex
	noGuests    bool
	lifetime    time.Duration
	identities  map[string]string      // id → owner: the user's sub, "" for a guest
	credentials map[string]*credential // by access key id
	authorizer  func(token string) bool

	bucket bucket
}

// credential is a set of AWS credentials with what the emulated services of AWS
// know of whom they are for.
type credential struct {
	secret, sessionToken string
	expires              time.Time
	identityID           string
	claims               *idClaims // nil of a guest
	roleARN              string    // that was asked for
}

func newIdentityPool(region, userPoolID string) *identityPool {
	return &identityPool{
		id:          region + ":" + namedUUID("identity pool of "+userPoolID),
		region:      region,
		lifetime:    defaultCredentialsLifetime,
		identities:  make(map[string]string),
		credentials: make(map[string]*credential),
		bucket:      bucket{objects: make(map[string]*object)},
	}
}

func namedUUID(name string) string {
	sum := sha256.Sum256([]byte("cognitotest " + name))
	return formatUUID([16]byte(sum[:16]))
}

// SetGuests says whether the identity pool gives credentials to guests, that is
// without a login. It does by default.
func (s *Server) SetGuests(allow bool) {
	ip := s.pool.identity
	ip.mu.Lock()
	defer ip.mu.Unlock()
	ip.noGuests = !allow
}

// SetCredentialsLifetime sets how long AWS credentials that are issued from now on
// are valid. The default is Cognito's, one hour.
func (s *Server) SetCredentialsLifetime(d time.Duration) {
	ip := s.pool.identity
	ip.mu.Lock()
	defer ip.mu.Unlock()
	ip.lifetime = d
}

// identityInput has the members that the operations take.
type identityInput struct {
	IdentityPoolID string `json:"IdentityPoolId"`
	IdentityID     string `json:"IdentityId"`
	Logins         map[string]string
	CustomRoleARN  string `json:"CustomRoleArn"`
}

// identityOperation finds an operation of the identity pool by X-Amz-Target.
func (p *pool) identityOperation(req *request) (op string, run func() *reply) {
	op = strings.TrimPrefix(req.target, identityTargetPrefix)
	operation := map[string]func(*pool, *identityInput) (any, error){
		"GetId":                     (*pool).getID,
		"GetCredentialsForIdentity": (*pool).getCredentialsForIdentity,
	}[op]
	if operation == nil || req.method != http.MethodPost {
		return "", refuse("UnknownOperationException", "").reply
	}
	return op, func() *reply {
		in := new(identityInput)
		if json.Unmarshal(req.body, in) != nil {
			return refuse("SerializationException", "Start of structure or map found where not expected.").reply()
		}
		out, err := operation(p, in)
		if err != nil {
			return err.(*refusal).reply()
		}
		return jsonReply(http.StatusOK, out)
	}
}

func (p *pool) getID(in *identityInput) (any, error) {
	ip := p.identity
	if in.IdentityPoolID != ip.id {
		return nil, refuse("ResourceNotFoundException", "IdentityPool '%s' not found.", in.IdentityPoolID)
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
		return out, ip.guests()
	}
	out.IdentityID = ip.region + ":" + namedUUID("identity of "+owner.Subject+" in "+p.id)
	ip.identities[out.IdentityID] = owner.Subject
	return out, nil
}

func (p *pool) getCredentialsForIdentity(in *identityInput) (any, error) {
	ip := p.identity
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
		return nil, refuse("ResourceNotFoundException", "Identity '%s' not found.", in.IdentityID)
	case owner == nil && subject != "":
		return nil, refuse("NotAuthorizedException", "Access to Identity '%s' is forbidden.", in.IdentityID)
	case owner == nil:
		if err := ip.guests(); err != nil {
			return nil, err
		}
	case owner.Subject != subject:
		return nil, refuse("NotAuthorizedException", "Logins don't match. Please include at least one valid login for this identity or identity pool.")
	}
	c := &credential{
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

// guests refuses them unless they are allowed. Called with ip.mu held.
func (ip *identityPool) guests() error {
	if ip.noGuests {
		return refuse("NotAuthorizedException", "Unauthenticated access is not supported for this identity pool.")
	}
	return nil
}

func randomText(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b)
	return base64.StdEncoding.EncodeToString(b)
}

// idClaims are the claims that a login token is judged by, and what the emulated
// services tell of a user.
type idClaims struct {
	Issuer    string   `json:"iss"`
	Audience  string   `json:"aud"`
	Subject   string   `json:"sub"`
	Username  string   `json:"cognito:username"`
	Groups    []string `json:"cognito:groups"`
	TokenUse  string   `json:"token_use"`
	ExpiresAt int64    `json:"exp"`

	ClientID       string `json:"client_id"` // the last two are those of access tokens
	AccessUsername string `json:"username"`
}

// owner is the user whom logins prove; nil, without an error, is a guest.
func (p *pool) owner(logins map[string]string) (*idClaims, error) {
	if len(logins) > 1 {
		return nil, refuse("InvalidParameterException", "Please provide a single login.")
	}
	for provider, token := range logins {
		claims, refusal := p.judge(token)
		if refusal != nil {
			refusal.message = "Invalid login token. " + refusal.message
			return nil, refusal
		}
		switch {
		case claims.TokenUse != string(tokens.ID):
			return nil, refuse("NotAuthorizedException", "Invalid login token. Missing a required claim: aud")
		case claims.Issuer != "https://"+provider && claims.Issuer != "http://"+provider:
			return nil, refuse("NotAuthorizedException", "Invalid login token. Issuer doesn't match providerName")
		}
		return claims, nil
	}
	return nil, nil
}

// judge checks a token of either use as a service that trusts the pool does: its
// signature, issuer, app client and expiry.
func (p *pool) judge(token string) (*idClaims, *refusal) {
	const code = "NotAuthorizedException"
	now := p.time()
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.verify(token); err != nil {
		return nil, refuse(code, "Token signature invalid")
	}
	claims := new(idClaims)
	payload, _ := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if json.Unmarshal(payload, claims) != nil {
		return nil, refuse(code, "Not a valid OpenId Connect identity token.")
	}
	claims.Username = cmp.Or(claims.Username, claims.AccessUsername)
	_, known := p.clients[cmp.Or(claims.Audience, claims.ClientID)]
	switch {
	case !slices.Contains([]string{p.issuer(), p.awsIssuer, p.updatedIssuer()}, claims.Issuer):
		return nil, refuse(code, "Token is not from a supported provider of this identity pool.")
	case !known:
		return nil, refuse(code, "Incorrect token audience.")
	case now.Unix() >= claims.ExpiresAt:
		return nil, refuse(code, "Token expired: %d >= %d", now.Unix(), claims.ExpiresAt)
	}
	return claims, nil
}
