package refresh

import "time"

// offsetTTL is how long an offset is believed. A clock may be set meanwhile.
const offsetTTL = 10 * time.Minute

// clockOffset is how far Cognito's clock is ahead of this process's, as far as exchanges
// show. Cognito issues a token between the beginning and the end of an exchange, and says
// when, in whole seconds. So each exchange shows a least offset, and one that it is below.
type clockOffset struct {
	least, greatest time.Duration
	since           time.Time // zero if there was no exchange
}

// note notes an exchange that lasted from before to after.
func (o *clockOffset) note(before, after, issuedAt time.Time) {
	if issuedAt.IsZero() {
		return
	}
	least, greatest := issuedAt.Sub(after), issuedAt.Add(time.Second).Sub(before)
	if age := after.Sub(o.since); age < 0 || age >= offsetTTL || least > o.greatest || greatest < o.least {
		*o = clockOffset{least, greatest, after}
		return
	}
	o.least, o.greatest = max(o.least, least), min(o.greatest, greatest)
}

// latest returns Cognito's time in whole seconds. If exchanges leave several times possible,
// it is the last one: no sign-in that has begun may seem to begin later. Without an exchange
// the clocks count as equal.
func (o *clockOffset) latest(now time.Time) time.Time {
	if age := now.Sub(o.since); age > -offsetTTL && age < offsetTTL {
		now = now.Add(o.greatest - time.Second) // rounding up makes up for the second
	}
	if second := now.Truncate(time.Second); second.Before(now) {
		return second.Add(time.Second)
	}
	return now
}
