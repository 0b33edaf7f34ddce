package matcher_test

import (
	"fmt"
	"github.com/cognitogate/cognitogate/matcher"
	"runtime"
	"testing"
	"time"
)

func TestAdv(t *testing.T) {
	for name, s := range adversarial() {
		var a, b runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&a)
		t0 := time.Now()
		p, err := matcher.Compile(s)
		d := time.Since(t0)
		runtime.ReadMemStats(&b)
		st, _ := matcher.Steps(s)
		x := ""
		if err != nil {
			x = err.(*matcher.SyntaxError).Msg
		} else {
			n, by, bw := p.Size()
			x = fmt.Sprint(n, " states ", by, " B ", bw)
		}
		fmt.Printf("%8.1fms %6.1fMB %9d steps %s: %s\n", float64(d.Microseconds())/1e3, float64(b.TotalAlloc-a.TotalAlloc)/1e6, st, name, x)
	}
}
