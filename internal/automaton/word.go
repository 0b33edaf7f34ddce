package automaton

import (
	"iter"
	"slices"
	"strings"
)

// preferred are the characters of words, the best first. A word uses the first that
// does, and other characters only if none of these does.
const preferred = "xabcdefghijklmnopqrstuvwyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_.~/$&+,:=@!'()*;% "

// A letter is a character of words, or the pair of its surrogates. It stands for all
// characters that the machine treats alike.
type letter struct {
	text    string
	classes []uint16 // of its code units
}

// letters returns a letter for all characters that m treats alike, in the order of
// preference. Lone surrogates are none, because no text in UTF-8 has one.
func (m *Machine) letters() (list []letter) {
	seen := newBitset(m.alphabet.classes)
	add := func(c uint16) {
		if class := m.alphabet.classOf(c); !seen.has(int(class)) {
			seen.add(int(class))
			list = append(list, letter{string(rune(c)), []uint16{class}})
		}
	}
	for _, c := range preferred {
		add(uint16(c))
	}
	for _, c := range m.alphabet.starts {
		if c < surrogates || c > lastSurrogate {
			add(c)
		}
	}
	add(lastSurrogate + 1)
	for _, high := range m.alphabet.between(surrogates, lowSurrogates-1) {
		for _, low := range m.alphabet.between(lowSurrogates, lastSurrogate) {
			r := 0x10000 + (rune(high)-surrogates)<<10 + rune(low) - lowSurrogates
			list = append(list, letter{string(r), []uint16{m.alphabet.classOf(high), m.alphabet.classOf(low)}})
		}
	}
	return list
}

// between returns the first code unit of each class from low to high.
func (a *alphabet) between(low, high uint16) (units []uint16) {
	seen := newBitset(a.classes)
	for _, c := range append([]uint16{low}, a.starts...) {
		if class := int(a.classOf(c)); c >= low && c <= high && !seen.has(class) {
			seen.add(class)
			units = append(units, c)
		}
	}
	return units
}

// after returns the state after a letter.
func (m *Machine) after(state uint16, l letter) uint16 {
	for _, class := range l.classes {
		state = m.columns[class][state]
	}
	return state
}

// Empty reports whether m matches no text. The error is [ErrTooLarge].
func (m *Machine) Empty() (bool, error) {
	_, found, err := m.ShortestWord()
	return !found && err == nil, err
}

// ShortestWord returns a shortest text that m matches, of letters and digits where
// these do. found is false if m matches no text. The error is [ErrTooLarge].
func (m *Machine) ShortestWord() (word string, found bool, err error) {
	m, err = m.forward()
	if err != nil {
		return "", false, err
	}
	type reached struct {
		state  uint16
		before int // index
		by     int // letter
	}
	letters := m.letters()
	seen := newBitset(len(m.accepting))
	seen.add(0)
	seen.add(int(m.start))
	queue := []reached{{state: m.start, before: -1}}
	for i := 0; i < len(queue); i++ {
		if m.accepting[queue[i].state] {
			var texts []string
			for at := i; queue[at].before >= 0; at = queue[at].before {
				texts = append(texts, letters[queue[at].by].text)
			}
			slices.Reverse(texts)
			return strings.Join(texts, ""), true, nil
		}
		for by, l := range letters {
			if next := m.after(queue[i].state, l); !seen.has(int(next)) {
				seen.add(int(next))
				queue = append(queue, reached{next, i, by})
			}
		}
	}
	return "", false, nil
}

// Words yields texts that m matches, the shortest first. Of the texts that differ only
// in characters that m treats alike it yields one. If m needs too large an automaton
// to read from the left, there are none.
func (m *Machine) Words() iter.Seq[string] {
	return func(yield func(string) bool) {
		m, err := m.forward()
		if err != nil {
			return
		}
		letters := m.letters()
		// within[n] are the states from which a text of n characters is matched.
		within := []bitset{newBitset(len(m.accepting))}
		for s, yes := range m.accepting {
			if yes {
				within[0].add(s)
			}
		}
		var walk func(state uint16, word string, rest int) bool
		walk = func(state uint16, word string, rest int) bool {
			if rest == 0 {
				return yield(word)
			}
			for _, l := range letters {
				if next := m.after(state, l); within[rest-1].has(int(next)) && !walk(next, word+l.text, rest-1) {
					return false
				}
			}
			return true
		}
		// A language that has no word of as many lengths as there are states has no
		// longer one.
		for gap := 0; gap <= len(m.accepting); gap++ {
			n := len(within) - 1
			if within[n].has(int(m.start)) {
				gap = 0
				if !walk(m.start, "", n) {
					return
				}
			}
			longer := newBitset(len(m.accepting))
			for s := range m.accepting {
				if slices.ContainsFunc(letters, func(l letter) bool { return within[n].has(int(m.after(uint16(s), l))) }) {
					longer.add(s)
				}
			}
			within = append(within, longer)
		}
	}
}
