//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
)

// programSize measures by how much a guard makes a program larger.
func (b *bench) programSize() {
	dir, err := os.MkdirTemp("", "bench")
	check(err)
	defer os.RemoveAll(dir)
	size := func(program string) float64 {
		file := filepath.Join(dir, program)
		output(exec.Command("go", "build", "-o", file, modulePath+"/bench/size/"+program))
		info, err := os.Stat(file)
		check(err)
		return float64(info.Size())
	}
	b.add(atMost("P13", "what a guard adds to the size of a program with chi", exactly((size("guarded")-size("bare"))/1e6), "%.1f MB", 6))
}
