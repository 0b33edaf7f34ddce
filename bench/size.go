//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
)

// programSize measures by how much a guard makes a program larger: one without debug
// information, as programs are shipped, and as go build makes it.
func (b *bench) programSize() {
	dir, err := os.MkdirTemp("", "bench")
	check(err)
	defer os.RemoveAll(dir)
	size := func(program, ldflags string) float64 {
		file := filepath.Join(dir, program)
		output(exec.Command("go", "build", "-ldflags", ldflags, "-o", file, modulePath+"/bench/size/"+program))
		info, err := os.Stat(file)
		check(err)
		return float64(info.Size())
	}
	added := func(ldflags string) spread { return exactly((size("guarded", ldflags) - size("bare", ldflags)) / 1e6) }
	b.add(atMost("P13", "what a guard adds to a program with chi, by -ldflags='-s -w'", added("-s -w"), "%.1f MB", 6))
	b.add(informs("P13", "the same with debug information", added(""), "%.1f MB"))
}
