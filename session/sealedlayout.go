package session

import (
	"cmp"
	"context"
	"crypto/sha256"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/recent"
	"github.com/cognitogate/cognitogate/internal/sealedcookie"
	"github.com/cognitogate/cognitogate/session/internal/refresh"
	"github.com/cognitogate/cognitogate/tokens"
)

const (
	// largeCookies is the size of a session's cookies that is warned of. Proxies refuse a
	// request with more than 8 KiB of cookies, and there are others.
	largeCookies = 7 << 10

	// Cookies that cannot be opened are deleted when they come again after this time.
	// Until then an answer that is under way may complete them.
	notOpenedPeriod = time.Minute
	notOpenedTTL    = 24 * time.Hour
	maxNotOpened    = 4096
)

// sealedLayout keeps a session in cookies that only the holder of a secret can read or
// make. A sign-in has a name of its own, so that a late answer of one sign-in never
// overwrites the cookies of another.
type sealedLayout struct {
	names
	codec      *sealedcookie.Codec
	attributes cookie.Attributes
	lifetime   Lifetime
	now        func() time.Time
	log        *slog.Logger

	logTooLarge, logDuplicates rate.Sometimes

	opened openedCookies

	mu        sync.Mutex
	sealed    sealedResults
	notOpened recent.Map[[sha256.Size]byte, time.Time] // when cookies were first found
}

func newSealedLayout(cfg *Config) (*sealedLayout, error) {
	attributes := cookie.Attributes(cfg.Cookies.withDefaults())
	attributes.HTTPOnly = true
	prefix := sealedcookie.Prefix(cfg.UserPool.ClientID, attributes)
	codec, err := sealedcookie.New(prefix, cfg.UserPool.ID, cfg.UserPool.ClientID, cfg.Now, cfg.secrets()...)
	if err != nil {
		return nil, err
	}
	l := &sealedLayout{
		names: names{prefix}, codec: codec, attributes: attributes, lifetime: cfg.Lifetime, now: cfg.Now, log: cfg.Logger,
		opened:    newOpenedCookies(cfg.CacheBytes),
		sealed:    newSealedResults(),
		notOpened: recent.Map[[sha256.Size]byte, time.Time]{Keep: notOpenedTTL, Max: maxNotOpened},
	}
	l.logTooLarge.Interval, l.logDuplicates.Interval = time.Minute, time.Minute
	return l, nil
}

// single returns the tokens of the request's cookies if they leave no choice, and were
// opened before. Otherwise access is empty. single allocates nothing.
func (l *sealedLayout) single(cookies requestCookies) (access, id string) {
	var values [sealedcookie.MaxChunks]string
	name, n := "", 0
	for i := range cookies {
		cookieName, position, ok := l.codec.Parse(cookies[i].name)
		if !ok {
			continue
		}
		position = max(position, 0)
		if n > 0 && cookieName != name || values[position] != "" {
			return "", ""
		}
		name, values[position] = cookieName, cookies[i].value
		n++
	}
	if s := l.opened.get(name, values[:n]); s != nil && l.lifetime.overErr(&s.Session, l.now()) == nil {
		return s.Access, s.ID
	}
	return "", ""
}

// users returns the user of the latest sign-in. Cookies of earlier ones are stale. So are
// those that cannot be opened.
func (l *sealedLayout) users(_ context.Context, cookies requestCookies) (foundUsers, error) {
	opened, stale := l.open(cookies)
	found := foundUsers{all: len(cookies) < maxCookies, stale: stale, noneErr: errNotOpened}
	if len(opened) > 0 {
		found.users = []userCookies{l.userOf(opened[0].session)}
		for _, other := range opened[1:] {
			for _, index := range other.indices {
				found.stale = append(found.stale, staleCookie{index: index, opened: other.session.name != opened[0].session.name})
			}
		}
	}
	return found, nil
}

// takeUsers returns the user of every sign-in, the latest first.
func (l *sealedLayout) takeUsers(_ context.Context, cookies requestCookies) (foundUsers, error) {
	opened, _ := l.open(cookies)
	found := foundUsers{all: len(cookies) < maxCookies}
	for _, o := range opened {
		found.users = append(found.users, l.userOf(o.session))
	}
	return found, nil
}

// userOf returns the cookies of a session's user, as other layouts have them.
func (l *sealedLayout) userOf(s *sealedSession) userCookies {
	u := userOf(&s.Session)
	u.sealed, u.over = s, l.lifetime.overErr(&s.Session, l.now())
	return u
}

// chunks are the cookies that may hold one text.
type chunks struct {
	values  [sealedcookie.MaxChunks]string
	indices []int // among the request's cookies
	session *sealedSession
}

// open opens the request's cookies. The latest sign-in comes first, and its latest refresh.
// stale are the cookies that cannot be opened.
func (l *sealedLayout) open(cookies requestCookies) (opened []*chunks, stale []staleCookie) {
	type key struct {
		name, tag string
		whole     bool
	}
	byKey := make(map[key]*chunks, 1)
	var order []key
	for i := range cookies {
		name, position, ok := l.codec.Parse(cookies[i].name)
		if !ok {
			stale = append(stale, staleCookie{index: i})
			continue
		}
		k := key{name, sealedcookie.Tag(cookies[i].value), position < 0}
		c := byKey[k]
		if c == nil {
			c = new(chunks)
			byKey[k] = c
			order = append(order, k)
		}
		position = max(position, 0)
		if c.values[position] == "" {
			c.values[position] = cookies[i].value
		}
		c.indices = append(c.indices, i)
	}
	for _, k := range order {
		c := byKey[k]
		n := slices.Index(c.values[:], "")
		if n < 0 {
			n = len(c.values)
		}
		if c.session = l.openValues(k.name, c.values[:n]); c.session != nil {
			opened = append(opened, c)
			continue
		}
		for _, index := range c.indices {
			stale = append(stale, staleCookie{index: index})
		}
	}
	slices.SortStableFunc(opened, func(a, b *chunks) int {
		switch { // what was taken over is older than every sign-in here
		case a.session.takenOver && !b.session.takenOver:
			return 1
		case b.session.takenOver && !a.session.takenOver:
			return -1
		}
		return cmp.Or(b.session.SignedIn.Compare(a.session.SignedIn), b.session.Refreshed.Compare(a.session.Refreshed), b.session.Expires.Compare(a.session.Expires))
	})
	return opened, stale
}

// openValues returns the session in the values of one name, or nil.
func (l *sealedLayout) openValues(name string, values []string) *sealedSession {
	if s := l.opened.get(name, values); s != nil {
		return s
	}
	content, ok := l.codec.Open(name, values)
	if !ok {
		return nil
	}
	s := &sealedSession{Session: *content, name: strings.Clone(name)} // parts of a header would keep all of it in memory
	s.takenOver = name == l.codec.Name(takenOverName(s.Access))
	for _, value := range values {
		s.cookies = append(s.cookies, sealedcookie.Cookie{Value: strings.Clone(value)})
	}
	l.opened.put(s)
	return s
}

// writeRefreshed writes the refreshed tokens under the name of their sign-in alone. All
// answers with one result have the same text, those of other replicas too, so that the
// browser never mixes two.
func (l *sealedLayout) writeRefreshed(a answer, u *userCookies, got *refresh.Tokens, isEnded func() bool) {
	w := l.writer(a)
	if !w.mayRefresh(isEnded) {
		return
	}
	refreshed := got.Access.IssuedAt() // by all replicas alike
	if refreshed.IsZero() {
		refreshed = l.now()
	}
	content, name := refreshedContent(u.sealed.SignedIn, got, refreshed), u.sealed.name
	if u.sealed.takenOver {
		name = l.codec.Name(signInOf(got.Access))
	}
	w.header["Set-Cookie"] = slices.DeleteFunc(w.header["Set-Cookie"], func(line string) bool {
		return strings.HasPrefix(line, u.sealed.name) || strings.HasPrefix(line, name) // of an earlier refresh on this answer
	})
	l.write(w, l.sealOnce(name, content))
	for i := range a.cookies {
		c := &a.cookies[i]
		if name, _, ok := l.codec.Parse(c.name); ok && name == u.sealed.name && !w.isSetHere(c.name) {
			w.deleteCarried(c)
		}
	}
	w.finish()
}

// writeSignIn writes a new session and deletes every earlier one of this app client.
func (l *sealedLayout) writeSignIn(a answer, s *Session, c *content) error {
	w := l.writer(a)
	w.settle()
	l.write(w, l.sealOnce(l.codec.Name(signInOf(s.access)), c))
	w.deleteAllOthers()
	w.finish()
	return nil
}

// writeTakenOver writes the session under a name that only answers with the same tokens
// write.
func (l *sealedLayout) writeTakenOver(a answer, s *Session, c *content, isEnded func() bool) error {
	w := l.writer(a)
	if !w.mayRefresh(isEnded) {
		return errAnswerSettled
	}
	l.write(w, l.sealOnce(l.codec.Name(takenOverName(s.access.Raw())), c))
	w.finish()
	return nil
}

// takenOverName is signInOf for the answers of a takeover.
func takenOverName(access string) string { return "taken over " + access }

// signInOf returns a text that is the same for all tokens of a sign-in. Tokens of app
// clients without token revocation do not name it. Its time stands for it then.
func signInOf(t *tokens.Token) string {
	switch {
	case t.OriginID() != "":
		return "origin " + t.OriginID()
	case !t.AuthTime().IsZero():
		return "time " + strconv.FormatInt(t.AuthTime().Unix(), 10) + " " + t.Subject()
	}
	return "token " + t.Raw()
}

// clear deletes the sessions of the users.
func (l *sealedLayout) clear(a answer, users []userCookies) {
	w := l.writer(a)
	for i := range a.cookies {
		c := &a.cookies[i]
		name, _, ok := l.codec.Parse(c.name)
		if ok && slices.ContainsFunc(users, func(u userCookies) bool { return u.sealed.name == name }) {
			w.deleteCarried(c)
		}
	}
	w.finish()
}

// clearAll deletes all cookies of this app client. It replaces the lines that the answer
// has so far, such as those of a refresh.
func (l *sealedLayout) clearAll(a answer, _ []userCookies) {
	w := l.writer(a)
	w.settle()
	w.deleteAllOthers()
	w.finish()
}

// clearStale deletes the cookies of earlier sign-ins, and those that were found in another
// request at least a minute ago and could not be opened then either.
func (l *sealedLayout) clearStale(a answer, stale []staleCookie) {
	if len(stale) == 0 {
		return
	}
	w := l.writer(a)
	if w.kept != nil && w.kept.Settled {
		return
	}
	notOpened := make(map[string][]*requestCookie) // by the name of the sign-in
	for _, s := range stale {
		c := &a.cookies[s.index]
		if s.opened {
			w.deleteStale(c)
			continue
		}
		name, _, _ := l.codec.Parse(c.name)
		notOpened[name] = append(notOpened[name], c)
	}
	for _, cookies := range notOpened {
		if l.foundBefore(cookies) {
			for _, c := range cookies {
				w.deleteStale(c)
			}
		}
	}
	w.finish()
}

// foundBefore notes cookies that cannot be opened. It reports whether exactly these were
// noted at least a minute ago.
func (l *sealedLayout) foundBefore(cookies []*requestCookie) bool {
	hash, now := sha256.New(), l.now()
	for _, c := range cookies {
		io.WriteString(hash, c.name+"="+c.value+";")
	}
	key := [sha256.Size]byte(hash.Sum(nil))
	l.mu.Lock()
	defer l.mu.Unlock()
	first, ok := l.notOpened.Get(key, now)
	if !ok {
		l.notOpened.Put(key, now, now)
	}
	return ok && now.Sub(first) >= notOpenedPeriod
}

const duplicatesWarning = "session: a cookie comes twice: Cookies.Domain or Cookies.Path was another one before, or another host of the domain plants cookies"

// warnOfDuplicates says once a minute that a cookie comes twice. One is never renewed.
func (l *sealedLayout) warnOfDuplicates(cookies requestCookies, _ []userCookies) {
	if cookies.haveDuplicates() {
		l.logDuplicates.Do(func() {
			l.log.Warn(duplicatesWarning)
		})
	}
}

// holdsTokens reports whether a session's tokens are in the cookie.
func (l *sealedLayout) holdsTokens(requestCookie) bool { return true }

// sealOnce returns the sealed session of one result. It seals it once.
func (l *sealedLayout) sealOnce(name string, content *sealedcookie.Session) *sealedSession {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.sealed.get(name, content); s != nil {
		return s
	}
	s := &sealedSession{Session: *content, name: name, takenOver: name == l.codec.Name(takenOverName(content.Access))}
	s.cookies = l.codec.Seal(name, content, content.Refreshed.Add(l.attributes.MaxAge))
	l.sealed.put(s)
	l.opened.put(s) // the browser's next request shows it
	return s
}

// write puts a session's cookies on an answer. It deletes the same cookies in every other
// scope, if the request carried them.
func (l *sealedLayout) write(w *answerCookies, s *sealedSession) {
	size := 0
	for _, c := range s.cookies {
		size += len(c.Name) + len(c.Value)
		w.put(w.attributes.Line(c.Name, c.Value))
		if !strings.HasPrefix(c.Name, hostPrefix) && w.request.countName(c.Name) > 1 {
			w.deletions.add(deletion{name: c.Name, carried: true, written: true})
		}
	}
	if size > largeCookies {
		l.logTooLarge.Do(func() {
			l.log.Warn("session: the cookies of a session are large, proxies may refuse requests with them: put fewer groups or custom claims into the user pool's tokens",
				"bytes", size, "limit", largeCookies)
		})
	}
}

func (l *sealedLayout) writer(a answer) *answerCookies {
	return newAnswerCookies(a, l.names, l.attributes)
}
