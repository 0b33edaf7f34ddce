package refresh

import (
	"time"

	"github.com/cognitogate/cognitogate/internal/recent"
)

const (
	repeatInterval = 12 * time.Hour // after which an unconfirmed sign-out is told again
	maxUnrevoked   = 10_000
	unrevokedShare = 20 // of one subject
)

// unrevoked are sign-outs whose refresh tokens Cognito may still accept: it could not be
// reached, so their sign-ins may bring tokens for days.
type unrevoked struct {
	byKey map[shortHash]*recent.Item[shortHash, *unrevokedNote]
	order recent.Queue[shortHash, *unrevokedNote] // by subject
}

type unrevokedNote struct {
	Note
	toldAt time.Time
}

func newUnrevoked() unrevoked {
	return unrevoked{
		byKey: make(map[shortHash]*recent.Item[shortHash, *unrevokedNote]),
		order: recent.Queue[shortHash, *unrevokedNote]{Max: maxUnrevoked, Share: unrevokedShare},
	}
}

func (u *unrevoked) add(note Note, now time.Time) {
	if u.has(note.key) {
		return
	}
	item, displaced := u.order.Add(note.subject, &unrevokedNote{note, now})
	if displaced != nil {
		delete(u.byKey, displaced.Value.key.short())
	}
	u.byKey[note.key.short()] = item
}

func (u *unrevoked) has(key hash) bool { return u.byKey[key.short()] != nil }

func (u *unrevoked) remove(key hash) {
	if item := u.byKey[key.short()]; item != nil {
		u.order.Remove(item)
		delete(u.byKey, key.short())
	}
}

// due returns the notes to be told again, as of now.
func (u *unrevoked) due(now time.Time) (notes []Note) {
	for item := range u.order.All() {
		if note := item.Value; now.Sub(note.toldAt) >= repeatInterval {
			note.toldAt, note.at = now, now
			notes = append(notes, note.Note)
		}
	}
	return notes
}
