// Package browsertest drives a real Chromium in tests. Tests of browsers run in make
// test-long only.
package browsertest

import (
	"context"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/cognitogate/cognitogate/internal/longtest"
)

// Start starts a Chromium with an empty profile, which talks to the test alone. It
// skips the test outside of make test-long, and where no Chromium is installed.
func Start(t *testing.T) context.Context {
	t.Helper()
	longtest.Only(t)
	dir := t.TempDir()
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program(t)),
		chromedp.UserDataDir(dir),
		chromedp.Headless,
		chromedp.NoSandbox,
		chromedp.DisableGPU,
		chromedp.NoFirstRun,
		chromedp.CombinedOutput(io.Discard),
	}
	for _, name := range []string{"disable-quic", "disable-background-networking", "disable-component-update",
		"disable-sync", "disable-dev-shm-usage"} {
		options = append(options, chromedp.Flag(name, true))
	}
	ctx, cancelAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(ctx)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Error("closing the browser: ", err)
		}
		cancel()
		cancelAllocator()
		removeAll(dir)
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal("starting the browser: ", err)
	}
	return ctx
}

// program returns the path of Chromium.
func program(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	longtest.CannotRun(t, "no chromium is installed, so nothing is tested in a real browser")
	return ""
}

// removeAll removes a profile. A helper process may still write into the directory
// for a moment, which makes its removal fail.
func removeAll(dir string) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range 100 {
		if os.RemoveAll(dir) == nil {
			return
		}
		<-tick.C
	}
}
