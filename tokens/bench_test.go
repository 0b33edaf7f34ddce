//go:build unix

package tokens_test

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

// BenchmarkVerify measures Verify in units of A, which is one RSA-2048 signature check
// by crypto/rsa. Both take turns in the same run, because machines differ and are busy.
// A genuine token cannot cost less than A. Some refusals need no signature check, and
// must cost less.
//
// Targets: pair ≤ 2.8 A, forged ≤ 1.25 A, the refusals without a signature ≤ 0.15 A.
func BenchmarkVerify(b *testing.B) {
	server := cognitotest.New(cognitotest.User{
		Username:   "ada",
		Groups:     []string{"admins", "authors"},
		Attributes: map[string]string{"email": "ada@example.com", "given_name": "Ada", "custom:tier": "gold"},
	})
	v, err := tokens.NewVerifier(server.UserPool(), &tokens.Options{HTTPClient: server.Client()})
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	set := server.Issue("ada")
	verify := func(raw string, use tokens.Use, want error) func() {
		return func() {
			if _, err := v.Verify(ctx, raw, use); reasonOf(err) != want {
				b.Fatalf("%v, want %v", err, want)
			}
		}
	}
	access, id := verify(set.Access, tokens.Access, nil), verify(set.ID, tokens.ID, nil)
	header, rest, _ := strings.Cut(set.Access, ".")
	signature := rest[strings.IndexByte(rest, '.')+1:]
	for _, bench := range []struct {
		name string
		run  func()
	}{
		{"pair", func() { access(); id() }},
		{"expired", verify(server.Issue("ada", cognitotest.Expired).Access, tokens.Access, tokens.Expired)},
		{"forged", verify(strings.TrimSuffix(set.Access, signature)+encode(make([]byte, 256)), tokens.Access, tokens.BadSignature)},
		{"not a JWT", verify(strings.Repeat("x", 1100), tokens.Access, tokens.Malformed)},
		{"not JSON", verify(encode([]byte(header))+"."+rest, tokens.Access, tokens.Malformed)},
		{"wrong alg", verify(encode([]byte(`{"alg":"HS256","kid":"a"}`))+"."+rest, tokens.Access, tokens.BadAlgorithm)},
		{"unknown kid", verify(encode([]byte(`{"alg":"RS256","kid":"a"}`))+"."+rest, tokens.Access, tokens.UnknownKey)},
		// The most members that fit into 16 KiB. It has no target, and shows that the cost
		// is linear.
		{"1100 members", verify(header+"."+encode([]byte("{"+many(1100)+"}"))+"."+signature, tokens.Access, tokens.Malformed)},
	} {
		b.Run(bench.name, func(b *testing.B) { inUnitsOfA(b, bench.run) })
	}
}

// inUnitsOfA reports the cost of run in signature checks. The cost is the median over
// turns of the process's CPU time, including the garbage collector's.
func inUnitsOfA(b *testing.B, run func()) {
	key := accessKey()
	digest := sha256.Sum256([]byte("A"))
	signature, err := rsa.SignPKCS1v15(nil, key.PrivateKey, crypto.SHA256, digest[:])
	if err != nil {
		b.Fatal(err)
	}
	floor := func() {
		if err := rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest[:], signature); err != nil {
			b.Fatal(err)
		}
	}
	const perTurn = 64
	turn := func(f func()) float64 {
		start := cpuTime()
		for range perTurn {
			f()
		}
		return float64(cpuTime()-start) / perTurn
	}
	var ratios, costs []float64
	for b.Loop() {
		a, cost := turn(floor), turn(run)
		ratios, costs = append(ratios, cost/a), append(costs, cost)
	}
	b.ReportMetric(median(costs), "ns/op")
	b.ReportMetric(median(ratios), "A/op")
	b.ReportMetric(testing.AllocsPerRun(100, run), "allocs")
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}
