package automaton

import (
	"cmp"
	"errors"
	"fmt"
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf16"
)

// A GoSyntax writes regular expressions of Go as JavaScript.
type GoSyntax struct {
	// Begin and End are what \A and \z become in JavaScript. The zero values stand
	// for ^ and $.
	Begin, End string
	// Without is a character that nothing matches, or 0.
	Without byte
}

// errGoBoundary reports a boundary of words, of which Begin and End can be one too.
var errGoBoundary = errors.New(`\b and \B are not supported`)

// Translate returns the JavaScript of a parsed expression. On valid UTF-8 both match
// the same. Translate supports \b and \B only if Begin and End are not set.
func (g GoSyntax) Translate(re *syntax.Regexp) (string, error) {
	var b strings.Builder
	if err := g.write(&b, re); err != nil {
		return "", err
	}
	return b.String(), nil
}

func (g GoSyntax) write(b *strings.Builder, re *syntax.Regexp) error {
	separator, suffix := "", ""
	switch re.Op {
	case syntax.OpNoMatch:
		b.WriteString("[]")
		return nil
	case syntax.OpEmptyMatch:
		b.WriteString("(?:)")
		return nil
	case syntax.OpLiteral:
		b.WriteString("(?:")
		for _, r := range re.Rune {
			ranges := []rune{r, r}
			if re.Flags&syntax.FoldCase != 0 {
				for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
					ranges = append(ranges, other, other)
				}
			}
			g.writeClass(b, ranges)
		}
		b.WriteString(")")
		return nil
	case syntax.OpCharClass:
		g.writeClass(b, re.Rune)
		return nil
	case syntax.OpAnyCharNotNL:
		g.writeClass(b, []rune{0, '\n' - 1, '\n' + 1, unicode.MaxRune})
		return nil
	case syntax.OpAnyChar:
		g.writeClass(b, []rune{0, unicode.MaxRune})
		return nil
	case syntax.OpBeginText:
		b.WriteString(cmp.Or(g.Begin, "^"))
		return nil
	case syntax.OpEndText:
		b.WriteString(cmp.Or(g.End, "$"))
		return nil
	case syntax.OpBeginLine:
		fmt.Fprintf(b, `(?:%s|(?<=\n))`, cmp.Or(g.Begin, "^"))
		return nil
	case syntax.OpEndLine:
		fmt.Fprintf(b, `(?:%s|(?=\n))`, cmp.Or(g.End, "$"))
		return nil
	case syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		if g.Begin != "" || g.End != "" {
			return errGoBoundary
		}
		b.WriteString(map[syntax.Op]string{syntax.OpWordBoundary: `\b`, syntax.OpNoWordBoundary: `\B`}[re.Op])
		return nil
	case syntax.OpCapture, syntax.OpConcat:
	case syntax.OpAlternate:
		separator = "|"
	case syntax.OpStar:
		suffix = "*"
	case syntax.OpPlus:
		suffix = "+"
	case syntax.OpQuest:
		suffix = "?"
	case syntax.OpRepeat:
		switch {
		case re.Max < 0:
			suffix = fmt.Sprintf("{%d,}", re.Min)
		default:
			suffix = fmt.Sprintf("{%d,%d}", re.Min, re.Max)
		}
	default:
		return fmt.Errorf("%v is not supported", re.Op)
	}
	b.WriteString("(?:")
	for i, sub := range re.Sub {
		if i > 0 {
			b.WriteString(separator)
		}
		if err := g.write(b, sub); err != nil {
			return err
		}
	}
	if suffix != "" {
		b.WriteString(")")
	}
	b.WriteString(suffix)
	if suffix == "" {
		b.WriteString(")")
	}
	return nil
}

// writeClass writes a class of characters, given as inclusive ranges. In JavaScript a
// character beyond U+FFFF is a pair of surrogates. Valid UTF-8 has no others.
func (g GoSyntax) writeClass(b *strings.Builder, ranges []rune) {
	var units strings.Builder
	var pairs []string
	for i := 0; i < len(ranges); i += 2 {
		low, high := ranges[i], ranges[i+1]
		for _, r := range [][2]rune{{low, min(high, surrogates-1)}, {max(low, lastSurrogate+1), min(high, 0xffff)}} {
			if without := rune(g.Without); without != 0 && r[0] <= without && without <= r[1] {
				writeRange(&units, r[0], without-1)
				writeRange(&units, without+1, r[1])
			} else {
				writeRange(&units, r[0], r[1])
			}
		}
		pairs = appendPairs(pairs, max(low, 0x10000), high)
	}
	if len(pairs) == 0 {
		fmt.Fprintf(b, "[%s]", units.String())
		return
	}
	fmt.Fprintf(b, "(?:[%s]|%s)", units.String(), strings.Join(pairs, "|"))
}

func writeRange(b *strings.Builder, low, high rune) {
	if low <= high {
		fmt.Fprintf(b, `\u%04x-\u%04x`, low, high)
	}
}

// appendPairs appends the pairs of surrogates of a range, as expressions.
func appendPairs(pairs []string, low, high rune) []string {
	for low <= high {
		lowHigh, lowLow := utf16.EncodeRune(low)
		last := min(high, low|0x3ff) // with the same high surrogate
		if low&0x3ff == 0 && high-low >= 0x3ff {
			last = (high+1)&^0x3ff - 1 // with all low surrogates
		}
		highHigh, highLow := utf16.EncodeRune(last)
		pairs = append(pairs, fmt.Sprintf(`[\u%04x-\u%04x][\u%04x-\u%04x]`, lowHigh, highHigh, lowLow, highLow))
		low = last + 1
	}
	return pairs
}
