package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// The guestbook is in memory, so its size is limited.
const (
	maxNotes = 20
	maxNote  = 280 // characters; the form says so too
)

// guestbook has the latest notes. Its zero value is empty.
type guestbook struct {
	mu    sync.Mutex
	notes []note // newest first
}

type note struct {
	Author, Text string
	At           time.Time
	Refreshed    bool // the request with the note refreshed the tokens
}

// add adds a note, or returns what is wrong with it.
func (g *guestbook) add(n note) (problem string) {
	n.Text = strings.TrimSpace(n.Text)
	switch length := utf8.RuneCountInString(n.Text); {
	case length == 0:
		return "Please write something."
	case length > maxNote || !utf8.ValidString(n.Text):
		return fmt.Sprintf("Please write at most %d characters.", maxNote)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.notes = slices.Insert(g.notes, 0, n)
	g.notes = g.notes[:min(len(g.notes), maxNotes)]
	return ""
}

func (g *guestbook) list() []note {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.notes)
}
