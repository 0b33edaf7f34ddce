package refresh

import "time"

// Request is what one HTTP request wants refreshed.
type Request struct {
	RefreshToken string
	Device       Device
	Presented    string // the access token in the request's cookies
	Evidence

	Upgrade  bool          // the answer may carry no cookies
	Force    bool          // a result of an earlier call will not do
	MaxAge   time.Duration // an older access token will not do; 0 is none
	Metadata map[string]string
}

// isForced reports whether the request wants an answer of Cognito that comes after it.
func (r *Request) isForced() bool { return r.Force || len(r.Metadata) > 0 }

// isWanted reports whether tokens that another process has refreshed will do.
func (e *Engine) isWanted(got *Tokens, req *Request) bool {
	return !req.isForced() && got.Access.Raw() != req.Presented && e.cfg.Trusted(got) && !e.IsOlder(got.Access, req.MaxAge)
}
