package session

import (
	"slices"
	"strings"

	"github.com/cognitogate/cognitogate/session/internal/refresh"
	"github.com/cognitogate/cognitogate/tokens"
)

// sessionState is what a user's cookies amount to. A higher state is better.
type sessionState int

const (
	stateNone      sessionState = iota // no access token and no refresh token
	stateRefused                       // the access token is refused for good
	stateUndecided                     // the access token cannot be verified now
	stateMissing                       // no access token, but a refresh token
	stateUnknown                       // an access token whose key is not known
	stateExpired                       // an access token that is only expired
	stateValid                         // a session
)

// idTokenState is what a session's ID token amounts to. A lower state is better, and of
// several ID tokens the best one counts.
type idTokenState int

const (
	idFine      idTokenState = iota // also if there is none: an access token alone is a session
	idExpired                       // a refresh renews it
	idUndecided                     // cannot be verified now
	idBroken                        // refused, or another user's: a refresh may repair it
)

// rank says how well a genuine token fits the user's name in its cookie. A lower rank is
// better. Other sites of the domain can plant genuine tokens of other users, and header
// order is the attacker's choice. A rank orders and never refuses: the name may be an
// alias that no token shows.
type rank int

const (
	rankUsername rank = iota // the name is the token's username
	rankCase                 // but for case
	rankAlias                // the name is an alias of the user, by a genuine ID token
	rankOther
)

// rankOf returns the rank of a username beside the user's name in a cookie.
func rankOf(username, user string) rank {
	switch {
	case username == user:
		return rankUsername
	case strings.EqualFold(username, user):
		return rankCase
	}
	return rankOther
}

// rankOfID is rankOf for a genuine ID token.
func rankOfID(id *tokens.Token, user string) rank {
	fit := rankOf(id.Username(), user)
	if fit == rankOther && isAlias(id, user) {
		return rankAlias
	}
	return fit
}

// isAlias reports whether a genuine ID token says that a name is one of its user's: the
// username, or a verified address. Anybody can claim an address that is not verified.
func isAlias(id *tokens.Token, user string) bool {
	if rankOf(id.Username(), user) < rankOther {
		return true
	}
	var claims map[string]any
	if user == "" || id.Claims(&claims) != nil {
		return false
	}
	isVerified := func(claim string) bool {
		return claims[claim] == true || claims[claim] == "true" // federated users' may be strings
	}
	email, _ := claims["email"].(string)
	phone, _ := claims["phone_number"].(string)
	return strings.EqualFold(email, user) && isVerified("email_verified") ||
		phone == user && isVerified("phone_number_verified")
}

// accessResult is what verification has found out about one access token.
type accessResult struct {
	checked bool // the fields below are known
	state   sessionState
	token   *tokens.Token // if Cognito certainly issued it
	ended   bool          // its sign-in was signed out
	foreign bool          // it may show that the user pool's id is wrong
	err     error         // why the state is not stateValid
	rank    rank          // of a token
}

// isBetterThan compares two access tokens that Cognito issued to one user.
func (a *accessResult) isBetterThan(other *accessResult) bool {
	switch {
	case a.state != other.state:
		return a.state > other.state
	case a.ended != other.ended:
		return other.ended
	}
	return a.token.IssuedAt().After(other.token.IssuedAt())
}

// fitsBetterThan compares access tokens that Cognito issued to several users.
func (a *accessResult) fitsBetterThan(other *accessResult) bool {
	switch {
	case a.rank != other.rank:
		return a.rank < other.rank
	case a.ended != other.ended:
		return other.ended
	}
	return a.token.IssuedAt().After(other.token.IssuedAt())
}

// idResult is what verification has found out about one ID token.
type idResult struct {
	checked bool // the fields below are known
	state   idTokenState
	token   *tokens.Token // if Cognito certainly issued it
}

// userResult is what verification has found out about one user's cookies.
type userResult struct {
	user          *userCookies
	all           []accessResult // as the user's access tokens
	ids           []idResult     // as the user's ID tokens
	notAllChecked bool           // a bound was reached before an access token was checked

	state    sessionState
	position int           // of the access token among its duplicates, or -1
	access   *tokens.Token // in stateValid and stateExpired
	rank     rank          // of the access token
	err      error         // why the state is not stateValid

	id           *tokens.Token // a valid ID token of the same user
	idState      idTokenState
	subject      string        // the session's user, if Cognito certainly issued some token of it
	genuineToken *tokens.Token // such a token: the access token, else an ID token

	one   [1]accessResult // nearly always there is one of each
	oneID [1]idResult
}

// fits reports whether the cookies hold a token that fits the user's name and may be a
// session, now or after a refresh.
func (r *userResult) fits() bool { return r.rank < rankOther && r.state >= stateUnknown }

// isBetterThan orders the users that LastAuthUser names.
func (r *userResult) isBetterThan(other *userResult) bool {
	switch {
	case r.fits() != other.fits():
		return r.fits()
	case r.state != other.state:
		return r.state > other.state
	case r.rank != other.rank:
		return r.rank < other.rank
	}
	return r.access != nil && other.access != nil && r.access.IssuedAt().After(other.access.IssuedAt())
}

// choose chooses the subject whose access token fits best, and then the best access token
// of that subject. No token of another subject stands in for it. If a genuine ID token says
// that the name is one of its user's, access tokens of other users count as absent. Without
// a genuine token the best state counts.
func (r *userResult) choose() {
	var fitting *accessResult
	for i := range r.all {
		if a := &r.all[i]; a.token != nil && (fitting == nil || a.fitsBetterThan(fitting)) {
			fitting = a
		}
	}
	// A token that does not fit the name, or was signed out, says nothing while another one
	// cannot be judged: that one may be the user's own. A valid one is served all the same,
	// because anybody can make a token that cannot be judged.
	if fitting != nil && (fitting.ended || fitting.rank == rankOther && fitting.state != stateValid) && r.hasUnjudged() {
		fitting = nil
	}
	othersOnly := false
	if fitting != nil && fitting.rank == rankOther {
		if id, fit := r.claimed(); id != nil && fit < rankOther && id.Subject() != fitting.token.Subject() {
			fitting, othersOnly = nil, true
		}
	}
	best := -1
	for i := range r.all {
		a := &r.all[i]
		switch {
		case othersOnly && a.state != stateUnknown && a.state != stateUndecided:
		case fitting == nil && a.token != nil && (othersOnly || r.hasUnjudged()):
		case !a.checked, fitting != nil && (a.token == nil || a.token.Subject() != fitting.token.Subject()):
		case best < 0:
			best = i
		case fitting != nil && a.isBetterThan(&r.all[best]), fitting == nil && a.state > r.all[best].state:
			best = i
		}
	}
	r.rank, r.position = rankOther, best
	if best < 0 {
		if (len(r.user.access) == 0 || othersOnly) && len(r.user.refresh) > 0 {
			r.state = stateMissing
		}
		return
	}
	a := &r.all[best]
	r.state, r.err = a.state, a.err
	if fitting != nil {
		r.rank, r.subject, r.genuineToken = fitting.rank, a.token.Subject(), a.token
	}
	if a.state == stateValid || a.state == stateExpired {
		r.access = a.token
	}
}

// claimed returns the genuine ID token that fits the user's name best, and how well. It
// returns nil if there is none, or if several users are claimed equally well.
func (r *userResult) claimed() (id *tokens.Token, best rank) {
	best = rankOther + 1
	for i := range r.ids {
		t := r.ids[i].token
		if t == nil {
			continue
		}
		switch fit := rankOfID(t, r.user.user); {
		case fit < best:
			id, best = t, fit
		case fit == best && id != nil && id.Subject() != t.Subject():
			id = nil
		}
	}
	return id, min(best, rankOther)
}

// hasUnjudged reports whether an access token cannot be judged now.
func (r *userResult) hasUnjudged() bool {
	return slices.ContainsFunc(r.all, func(a accessResult) bool {
		return a.checked && a.token == nil && (a.state == stateUndecided || a.state == stateUnknown)
	})
}

// verification is the best userResult of a request's cookies, with what must be known of
// the others before cookies are cleared.
type verification struct {
	*userResult
	users         []*userResult // of all users that LastAuthUser names, the best first
	checks        checks
	undecidedErr  error // some access token cannot be verified now
	notAllChecked bool  // a bound was reached before every access token was checked
	genuine       bool  // Cognito certainly issued some access token
	foreign       bool  // some access token may show that the user pool's id is wrong

	first   userResult // nearly always there is one
	pointer [1]*userResult
}

// newVerification returns a verification of users before any token was verified.
func newVerification(users []userCookies) *verification {
	v := &verification{checks: checks{left: maxChecks, several: len(users) > 1}}
	v.userResult, v.users = &v.first, v.pointer[:0]
	for i := range users {
		r := &v.first
		if i > 0 {
			r = new(userResult)
		}
		r.user = &users[i]
		if n := len(r.user.access); n > 1 {
			r.all = make([]accessResult, n)
		} else {
			r.all = r.one[:n]
		}
		v.checks.several = v.checks.several || len(r.user.access) > 1 || len(r.user.id) > 1
		v.users = append(v.users, r)
	}
	if !v.checks.several && len(users) > 0 {
		users[0].copyTokens()
	}
	return v
}

// isCertain reports whether no token that was not checked could be preferred to the best
// session.
func (v *verification) isCertain() bool {
	switch {
	case !v.notAllChecked:
		return true
	case v.state < stateUnknown || v.rank == rankOther:
		return false
	}
	return v.rank == rankUsername || !v.userResult.notAllChecked
}

// keepsForeign reports whether all cookies must stay, because the configured user pool may
// be a wrong one. A genuine token shows that it is not.
func (v *verification) keepsForeign() bool { return v.foreign && !v.genuine }

// device returns the device to refresh with. Only without a claim of a verified token a
// cookie says it: anybody who can set a cookie could otherwise stop the refreshes.
func (r *userResult) device() refresh.Device {
	return r.user.deviceOf(r.chosen())
}

// maxDevices bounds the devices that a refresh token is tried with.
const maxDevices = 4

// devices returns the devices to refresh with, the likeliest first. A token of another
// device of the user's may be planted and look like the session's own, and so may the
// cookies of a device. all reports whether no other one may be the session's.
func (r *userResult) devices() (list []refresh.Device, all bool) {
	list, all = []refresh.Device{r.device()}, true
	add := func(device refresh.Device) {
		switch {
		case slices.Contains(list, device):
		case len(list) == maxDevices:
			all = false
		default:
			list = append(list, device)
		}
	}
	for i := range r.all {
		switch t := r.all[i].token; {
		case t == nil && (r.all[i].state == stateUnknown || r.all[i].state == stateUndecided):
			add(refresh.Device{Key: r.user.device()})
			all = all && r.chosen() == nil // that token may name a device
		case t != nil && r.chosen() != nil && t.Subject() == r.subject:
			add(r.user.deviceOf(t))
		}
	}
	if slices.ContainsFunc(list, func(device refresh.Device) bool { return !device.Claimed && device.Key != "" }) {
		for _, key := range r.user.deviceKey {
			add(refresh.Device{Key: key})
		}
	}
	return list, all
}

// deviceOf returns the device of a session with an access token. It may be nil.
func (u *userCookies) deviceOf(access *tokens.Token) refresh.Device {
	if access != nil && access.DeviceKey() != "" {
		return refresh.Device{Key: access.DeviceKey(), Claimed: true}
	}
	return refresh.Device{Key: u.device()}
}

// chosen returns the session's access token if Cognito certainly issued it, else nil.
func (r *userResult) chosen() *tokens.Token {
	if r.position < 0 || r.position >= len(r.all) {
		return nil
	}
	return r.all[r.position].token
}

// genuineTokens returns the access tokens in the cookies that Cognito has certainly issued
// to the session's user, the session's own first. If there is none, it returns ID tokens.
func (r *userResult) genuineTokens() []*tokens.Token {
	if r.genuineToken == nil {
		return nil
	}
	all := []*tokens.Token{r.genuineToken}
	add := func(t *tokens.Token) {
		if t != nil && t != r.genuineToken && t.Subject() == r.subject {
			all = append(all, t)
		}
	}
	for i := range r.all {
		if !r.all[i].ended {
			add(r.all[i].token)
		}
	}
	if r.chosen() == nil {
		for i := range r.ids {
			add(r.ids[i].token)
		}
	}
	return all
}

// session returns the session of a valid result.
func (r *userResult) session() *Session {
	return newSession(r.access, r.id, r.user.signInDetails())
}
