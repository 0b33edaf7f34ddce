package cognitotest

import "testing"

// TestNewPrime compares the sieve with a full test of each prime.
func TestNewPrime(t *testing.T) {
	for range 2 {
		p := newPrime()
		if p.BitLen() != 1024 || p.Bit(1022) != 1 || !p.ProbablyPrime(20) {
			t.Errorf("%v is no prime of 1024 bits with two at its top", p)
		}
	}
	if primes := smallPrimes(); len(primes) != 1027 || primes[0] != 3 || primes[len(primes)-1] != 8191 {
		t.Errorf("%d small primes", len(primes))
	}
}
