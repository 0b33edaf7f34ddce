package refresh

import "time"

// counter counts events since the first of them, for a window of time.
type counter struct {
	n     int
	since time.Time
}

func (c *counter) count(now time.Time, window time.Duration) int {
	if age := now.Sub(c.since); age < 0 || age >= window { // age < 0: the clock was set back
		c.n = 0
	}
	return c.n
}

func (c *counter) add(now time.Time, window time.Duration) {
	if c.count(now, window) == 0 {
		c.since = now
	}
	c.n++
}

// bucketSize is how many calls a bucket allows a second, and how many at once.
type bucketSize struct{ perSecond, burst float64 }

// bucket limits calls by their rate. Unlike a rate.Limiter it takes back the calls that
// turned out well. The zero bucket is full.
type bucket struct {
	used float64
	at   time.Time
}

// allows reports whether the bucket has a call left.
func (b *bucket) allows(now time.Time, size bucketSize) bool {
	if age := now.Sub(b.at); age > 0 {
		b.used = max(0, b.used-age.Seconds()*size.perSecond)
	}
	b.at = now // also if the clock was set back
	return b.used+1 <= size.burst+1e-6
}

func (b *bucket) take() { b.used++ }

func (b *bucket) giveBack() { b.used = max(0, b.used-1) }
