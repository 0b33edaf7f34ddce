// Package house holds tests of the module as a whole: who may import whom, and
// that the exported surface is the one that is written down.
package house
