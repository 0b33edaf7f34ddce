package automaton

import "unicode/utf8"

// AfterMergingSlashes returns a machine that matches a text if m does once every run
// of slashes in it is one slash. The error is [ErrTooLarge].
func (m *Machine) AfterMergingSlashes() (*Machine, error) {
	m, err := m.forward()
	if err != nil {
		return nil, err
	}
	type state struct {
		of    uint16 // m
		slash bool   // the last character is one
	}
	step := func(s state, c uint16, next func(uint16) uint16) state {
		if c == '/' && s.slash {
			return s
		}
		return state{next(s.of), c == '/'}
	}
	return preimage(m, []charset{single('/')}, state{of: m.start}, step, func(s state) bool { return m.accepting[s.of] })
}

// WithFinalSlash returns a machine that matches what m matches, and that with a slash
// at its end; "/" is no path with a slash at its end. The error is [ErrTooLarge].
func (m *Machine) WithFinalSlash() (*Machine, error) {
	m, err := m.forward()
	if err != nil {
		return nil, err
	}
	type state struct {
		of      uint16 // m
		started bool
		slashed bool // a slash follows what m matches
	}
	step := func(s state, c uint16, next func(uint16) uint16) state {
		return state{next(s.of), true, s.started && c == '/' && m.accepting[s.of]}
	}
	return preimage(m, []charset{single('/')}, state{of: m.start}, step, func(s state) bool { return s.slashed || m.accepting[s.of] })
}

// AfterEscaping returns a machine that matches a text if m matches what
// [net/url.URL.EscapedPath] makes of it. Of characters beyond ASCII it matches no more
// than that, and less if m tells apart their escapes. The error is [ErrTooLarge].
func (m *Machine) AfterEscaping() (*Machine, error) {
	m, err := m.forward()
	if err != nil {
		return nil, err
	}
	sets := []charset{
		newCharset(span{utf8.RuneSelf, 0x7ff}), newCharset(span{0x800, surrogates - 1}, span{lastSurrogate + 1, 0xffff}),
		newCharset(span{surrogates, lowSurrogates - 1}), newCharset(span{lowSurrogates, lastSurrogate}),
	}
	for c := range rune(utf8.RuneSelf) {
		if isEscaped(uint16(c)) {
			sets = append(sets, single(c))
		}
	}
	step := func(s, c uint16, next func(uint16) uint16) uint16 {
		switch {
		case c >= lowSurrogates && c <= lastSurrogate:
			return s // the high surrogate stands for both
		case c >= surrogates && c <= lastSurrogate:
			return m.afterEscapes(s, 4)
		case c >= 0x800:
			return m.afterEscapes(s, 3)
		case c >= utf8.RuneSelf:
			return m.afterEscapes(s, 2)
		case isEscaped(c):
			const hex = "0123456789ABCDEF"
			return m.ascii[hex[c&15]][m.ascii[hex[c>>4]][m.ascii['%'][s]]]
		}
		return next(s)
	}
	return preimage(m, sets, m.start, step, func(s uint16) bool { return m.accepting[s] })
}

// The surrogates of UTF-16: high ones, then low ones.
const (
	surrogates    = 0xd800
	lowSurrogates = 0xdc00
	lastSurrogate = 0xdfff
)

// isEscaped reports whether EscapedPath escapes an ASCII character.
func isEscaped(c uint16) bool {
	switch {
	case wordChars.contains(c):
		return false
	case c == '-', c == '.', c == '~', c == '/', c == '$', c == '&', c == '+', c == ',', c == ':', c == ';', c == '=', c == '@':
		return false
	}
	return true
}

// afterEscapes returns the state after n escaped bytes of a character, or the dead
// state if it depends on the bytes.
func (m *Machine) afterEscapes(s uint16, n int) uint16 {
	for range n {
		s = m.ascii['%'][s]
		s = m.afterAny(s, "89ABCDEF")
		s = m.afterAny(s, "0123456789ABCDEF")
	}
	return s
}

// afterAny returns the state after one of the characters, or the dead state if it
// depends on the character.
func (m *Machine) afterAny(s uint16, chars string) uint16 {
	first := m.ascii[chars[0]][s]
	for i := range len(chars) {
		if m.ascii[chars[i]][s] != first {
			return 0
		}
	}
	return first
}

// preimage builds a machine over an alphabet in which these sets are apart. Its states
// are made from those of m, which reads from the left. The parameters of step are a
// state, the next state of m for a state of m, and the code unit that has been read.
func preimage[K comparable](m *Machine, sets []charset, start K, step func(s K, c uint16, next func(uint16) uint16) K, accepts func(K) bool) (*Machine, error) {
	alphabet, classes := merge(m.alphabet, newAlphabet(sets))
	units := alphabet.representatives()
	d, err := build(alphabet, start, m.states(), func(s K, class int) K {
		column := m.columns[classes[class].a]
		return step(s, units[class], func(of uint16) uint16 { return column[of] })
	}, accepts)
	if err != nil {
		return nil, err
	}
	return newMachine(alphabet, d, false), nil
}
