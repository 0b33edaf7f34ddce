package background_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/cognitogate/cognitogate/internal/background"
)

// failures are the ways in which code does not return.
var failures = map[string]func(){
	"panic":      func() { panic("of the test") },
	"nil panic":  func() { panic(nil) },
	"no pointer": func() { *nilPointer() = 1 },
	"Goexit":     runtime.Goexit,
	"in a defer": func() { defer panic("second"); panic("first") },
	"then exit":  func() { defer runtime.Goexit(); panic("first") },
	"recovered":  func() { defer func() { recover(); runtime.Goexit() }(); panic("first") },
}

// failingLogger fails with each line.
type failingLogger struct {
	slog.Handler
	fail func()
}

func (l failingLogger) Handle(context.Context, slog.Record) error { l.fail(); return nil }

// TestEveryStepRuns has one of four functions fail, or all, with a logger that works or
// fails too. The process lives, and all functions run once, in order.
func TestEveryStepRuns(t *testing.T) {
	for name, fail := range failures {
		for failing := range 5 { // 4: all of them
			for logName, failLog := range map[string]func(){"works": nil, "panics": func() { panic("log") }, "exits": runtime.Goexit} {
				t.Run(fmt.Sprintf("%s of %d, the logger %s", name, failing, logName), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						log := slog.New(slog.DiscardHandler)
						if failLog != nil {
							log = slog.New(failingLogger{slog.NewTextHandler(io.Discard, nil), failLog})
						}
						var ran []int
						run := func(i int) {
							ran = append(ran, i)
							if i == failing || failing == 4 {
								fail()
							}
						}
						step := func(i int) func(error) {
							return func(err error) {
								if failed := failing == 0 || failing == 4; failed != errors.As(err, new(*background.Panic)) || !failed && err != errWork {
									t.Errorf("step %d gets %v", i, err)
								}
								run(i)
							}
						}
						background.Task{Name: "a test", Logger: log}.Go(func() error { run(0); return errWork }, step(1), step(2), step(3))
						synctest.Wait()
						if !slices.Equal(ran, []int{0, 1, 2, 3}) {
							t.Errorf("ran %d", ran)
						}
					})
				})
			}
		}
	}
}

var errWork = errors.New("of the work")

// TestReport checks what is said of a panic: its stack, and no secret.
func TestReport(t *testing.T) {
	for name, fail := range failures {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			var got error
			task := background.Task{Name: "pkg: a test", Logger: slog.New(slog.NewTextHandler(&log, nil)), Secrets: []string{"s3cr3t"}}
			task.Go(func() error { fail(); return nil }, func(err error) { got = err })
			synctest.Wait()
			if got == nil || strings.Count(log.String(), "pkg: a test has panicked") != 1 || !strings.Contains(log.String(), "background_test.go") {
				t.Errorf("%s: %v, %s", name, got, &log)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		task := background.Task{Logger: slog.New(slog.NewTextHandler(&log, nil)), Secrets: []string{"s3cr3t"}}
		var got error
		task.Go(func() error { panic(fmt.Errorf("sent %q", "s3cr3t")) }, func(err error) { got = err })
		synctest.Wait()
		if text := log.String() + got.Error(); strings.Contains(text, "s3cr3t") || strings.Count(text, "sent") != 2 {
			t.Error(text)
		}
	})
}

func nilPointer() *int { return nil }
