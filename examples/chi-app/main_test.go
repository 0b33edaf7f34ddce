package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, stdout := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"-addr", "localhost:0", "-lifetime", "30s"}, stdout, io.Discard)
		stdout.Close()
		done <- err
	}()
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("run says nothing: ", <-done)
	}
	base := regexp.MustCompile(`http://localhost:[1-9]\d*`).FindString(lines.Text())
	if base == "" {
		t.Fatalf("run begins with %q, which names no URL", lines.Text())
	}
	var rest strings.Builder
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "Stop with") {
		rest.WriteString(lines.Text() + "\n")
	}
	for _, want := range []string{"ada", "grace", users[0].Password, users[1].Password, "in the group admins", "30s"} {
		if !strings.Contains(rest.String(), want) {
			t.Errorf("%q is missing in\n%s", want, rest.String())
		}
	}
	resp, err := http.Get(base + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("healthz: status %d", resp.StatusCode)
	}
	stop()
	if _, err := io.Copy(io.Discard, out); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("run, when stopped: %v", err)
	}
}

func TestRunRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"a port in use", []string{"-addr", taken.Addr().String()}, "is in use by another program"},
		{"an address without port", []string{"-addr", "localhost"}, "-addr localhost: "},
		{"a lifetime that is all refresh", []string{"-lifetime", "1s"}, "between 10s and 24h"},
		{"an argument", []string{"8080"}, "is not a flag"},
		{"an origin without scheme", []string{"-origin", "farm.example"}, `-origin "farm.example": want a URL`},
		{"an origin without a host", []string{"-origin", "https://"}, "want a URL"},
		{"an origin with a path", []string{"-origin", "https://farm.example/"}, "want a URL"},
		{"an origin over http", []string{"-origin", "http://farm.example"}, "want a URL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := run(t.Context(), c.args, io.Discard, io.Discard)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
		})
	}
	if err := run(t.Context(), []string{"-nonsense"}, io.Discard, io.Discard); !errors.Is(err, errUsage) {
		t.Errorf("an unknown flag: %v", err)
	}
	if err := run(t.Context(), []string{"-help"}, io.Discard, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-help: %v", err)
	}
}

func TestGreet(t *testing.T) {
	for _, c := range []struct {
		ip     net.IP
		origin string
		warned bool
	}{
		{net.IPv4(127, 0, 0, 1), "http://localhost:8080", false},
		{net.IPv6loopback, "http://localhost:8080", false},
		{net.IPv4zero, "http://localhost:8080", true},
		{net.IPv4(192, 0, 2, 1), "http://localhost:8080", true},
		{net.IPv4zero, "https://app.example.com", false},
	} {
		var b strings.Builder
		config{Origin: c.origin, Demo: users}.greet(&b, &net.TCPAddr{IP: c.ip, Port: 8080}, 0)
		if s := b.String(); !strings.HasPrefix(s, "Open "+c.origin+" and") || strings.Contains(s, "nobody can sign in") != c.warned {
			t.Errorf("on %v, greet says\n%s", c.ip, s)
		}
	}
}

func TestRoutesArePrinted(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), []string{"-routes"}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`(?m)^METHOD +ROUTE +GUARDED BY$`, `(?m)^GET +/admin +group admins$`, `(?m)^GET +/apis/get-current-user +signed in$`,
		`(?m)^POST +/dashboard/notes +/dashboard/:path\*$`, `(?m)^any +/api/auth/\* +– public –$`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("%s is missing in\n%s", want, out.String())
		}
	}
}
