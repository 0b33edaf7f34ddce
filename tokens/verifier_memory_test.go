package tokens_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/tokens"
)

// TestLongTokensCostNothing checks that a token is refused before it is parsed if it is
// too long or has not two dots.
func TestLongTokensCostNothing(t *testing.T) {
	v := newGoldenVerifier(t)
	for name, raw := range map[string]string{
		"a megabyte of dots":        strings.Repeat(".", 1<<20),
		"16 KiB of dots":            strings.Repeat(".", 16<<10),
		"a megabyte and two dots":   strings.Repeat("A", 1<<20) + ".A.A",
		"a megabyte in the payload": "A." + strings.Repeat("A", 1<<20) + ".A",
		"16 KiB and one dot":        strings.Repeat("A", 16<<10-2) + ".A",
	} {
		verify := func() {
			if _, err := v.Verify(context.Background(), raw, tokens.Access); !errors.Is(err, tokens.Malformed) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if allocs := testing.AllocsPerRun(100, verify); allocs > 10 {
			t.Errorf("%s costs %v allocations", name, allocs)
		}
	}
}

// TestRefusalsAllocateLittle checks that the most expensive tokens of 16 KiB cost memory
// in proportion.
func TestRefusalsAllocateLittle(t *testing.T) {
	v := newGoldenVerifier(t)
	header := encode([]byte(`{"alg":"RS256","kid":"a"}`))
	fill := func(head, unit, tail string) string {
		room := (16<<10 - len(header) - len("..AAAA")) * 3 / 4
		payload := head
		for i := 0; ; i++ {
			more := strings.ReplaceAll(unit, "?", strconv.FormatInt(int64(i), 36))
			if len(payload)+len(more)+len(",")+len(tail) > room {
				return header + "." + encode([]byte(payload+tail)) + ".AAAA"
			}
			if i > 0 {
				payload += ","
			}
			payload += more
		}
	}
	for name, raw := range map[string]string{
		"members":         fill(`{"sub":"a",`, `"?":0`, `}`),
		"escaped names":   fill(`{"sub":"a",`, `"\u0041?":0`, `}`),
		"groups":          fill(`{"sub":"a","cognito:groups":[`, `""`, `]}`),
		"escaped groups":  fill(`{"sub":"a","cognito:groups":[`, `"\n"`, `]}`),
		"escapes":         fill(`{"sub":"a","username":"`, `\u0041`, `"}`),
		"digits":          fill(`{"sub":"a","exp":1.0`, `1`, `}`),
		"header's length": strings.Repeat("A", 16<<10-8) + ".AAAA.AA",
	} {
		if bytes := allocatedBy(func() {
			if _, err := v.Verify(context.Background(), raw, tokens.Access); reasonOf(err) == nil {
				t.Errorf("%s: accepted", name)
			}
		}); bytes > refusalBound(raw) {
			t.Errorf("%s: %d bytes of token cost %d bytes of memory", name, len(raw), bytes)
		}
	}
}

// refusalBound is how many bytes a refusal may allocate: the token twice, and a few
// words for each member that fits into it.
func refusalBound(raw string) uint64 { return 4<<10 + 16*uint64(min(len(raw), 16<<10)) }

// allocatedBy measures how many bytes f allocates. It takes the least of five runs,
// because other goroutines allocate too.
func allocatedBy(f func()) uint64 {
	least := uint64(math.MaxUint64)
	for range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	return least
}
