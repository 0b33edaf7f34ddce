package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	cognito "github.com/cognitogate/cognitogate/middleware"
)

func TestRun(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, stdout := io.Pipe()
	log := new(syncBuffer)
	done := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"-addr", "localhost:0", "-operator", "localhost:0", "-lifetime", "30s", "-log", "json"}, stdout, log)
		stdout.Close()
		done <- err
	}()
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("run says nothing: ", <-done)
	}
	address := regexp.MustCompile(`http://localhost:[1-9]\d*`)
	site := address.FindString(lines.Text())
	if site == "" {
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
	operator := address.FindString(rest.String())
	for url, want := range map[string]int{
		site + "/healthz": 200, operator + "/readyz": 200, operator + "/metrics": 200, operator + "/": 200,
		site + "/readyz": 307, site + "/metrics": 307, site + "/outage": 307, operator + "/dashboard": 404,
	} {
		resp, err := http.DefaultTransport.RoundTrip(httptest.NewRequest("GET", url, nil)) // follows no redirect
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: status %d, want %d", url, resp.StatusCode, want)
		}
	}
	stop()
	if _, err := io.Copy(io.Discard, out); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("run, when stopped: %v", err)
	}
	if !strings.Contains(log.String(), `"path":"/healthz","status":200,`) || !strings.Contains(log.String(), `"refreshes":[]}`) {
		t.Errorf("the access log: %s", log.String())
	}
	for line := range strings.Lines(log.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("-log json: %s", line)
		}
	}
}

// TestShutdown stops the program while a request runs. It is answered, and the operator's
// port is open until then.
func TestShutdown(t *testing.T) {
	a, err := newApp(config{
		UserPool: cognito.UserPool{ID: "eu-west-1_AbCdEf123", ClientID: "1h57kf5cpq17m0eml12", Domain: "example.auth.eu-west-1.amazoncognito.com"},
		Origin:   "http://localhost:8080", Secret: newSecret(), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	running, finish := make(chan bool), make(chan bool)
	a.router.Get("/api/slow", func(w http.ResponseWriter, _ *http.Request) {
		close(running)
		<-finish
		io.WriteString(w, "finished")
	})
	l, err := (&options{addr: "localhost:0", operator: "localhost:0"}).listen()
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	site, operator := localhost(l.site.Addr().String()), localhost(l.operator.Addr().String())
	ctx, stop := context.WithCancel(t.Context())
	out, stdout := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- a.serve(ctx, l, stdout) }()
	answer := make(chan string, 1)
	go func() {
		resp, err := http.Get(site + "/api/slow")
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		answer <- string(body)
	}()
	<-running
	stop()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "Shutting down.\n" {
		t.Fatalf("serve says %q: %v", line, err)
	}
	resp, err := http.Get(operator + "/metrics")
	if err != nil {
		t.Fatal("the operator's port is closed while a request runs: ", err)
	}
	resp.Body.Close()
	close(finish)
	if got := <-answer; got != "finished" {
		t.Errorf("the running request got %q", got)
	}
	if err := <-done; err != nil {
		t.Error(err)
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
		want []string
	}{
		{"a port in use", []string{"-addr", taken.Addr().String(), "-operator="}, []string{"-addr " + taken.Addr().String() + ": is in use by another program", "-addr localhost:0"}},
		{"an operator's port in use", []string{"-addr", "localhost:0", "-operator", taken.Addr().String()}, []string{"is in use by another program", "-operator localhost:0"}},
		{"both ports in use", []string{"-addr", taken.Addr().String(), "-operator", strings.Replace(taken.Addr().String(), "127.0.0.1", "localhost", 1)}, []string{"-addr localhost:0", "\n-operator "}},
		{"one port twice", []string{"-addr", "localhost:9", "-operator", "localhost:9"}, []string{"-operator localhost:9: -addr listens there already"}},
		{"an address without port", []string{"-addr", "localhost"}, []string{"-addr localhost: want host:port, such as localhost:8080"}},
		{"a port that is no number", []string{"-addr", "localhost:http"}, []string{"-addr localhost:http: want host:port"}},
		{"a port that is too large", []string{"-operator", "localhost:80800"}, []string{"-operator localhost:80800: want host:port, such as localhost:8081"}},
		{"an address of another machine", []string{"-addr", "192.0.2.1:0", "-operator="}, []string{"-addr 192.0.2.1:0: want an address of this machine, such as localhost:8080"}},
		{"an unknown layout", []string{"-layout", "Sealed"}, []string{`-layout "Sealed": want amplify, sealed or handle`}},
		{"a lifetime that is all refresh", []string{"-lifetime", "1s"}, []string{"-lifetime 1s: want a duration between 10s and 24h"}},
		{"an argument", []string{"8080"}, []string{"is not a flag"}},
		{"an origin without scheme", []string{"-origin", "farm.example"}, []string{`-origin "farm.example": want a URL like https://app.example.com`}},
		{"an origin without a host", []string{"-origin", "https://"}, []string{"-origin", "want a URL"}},
		{"an origin with a path", []string{"-origin", "https://farm.example/"}, []string{"-origin", "want a URL", "without a path"}},
		{"an origin in capitals", []string{"-origin", "https://App.example.com"}, []string{"-origin", "in lower case"}},
		{"an origin with the default port", []string{"-origin", "https://app.example.com:443"}, []string{"-origin", "without a path or the default port"}},
		{"an origin with a port that is too large", []string{"-origin", "https://app.example.com:99999"}, []string{"-origin", "want a URL"}},
		{"an origin with a user", []string{"-origin", "https://ada@app.example.com"}, []string{"-origin", "want a URL"}},
		{"an origin over http", []string{"-origin", "http://farm.example"}, []string{"-origin", "want a URL"}},
		{"a format of the log", []string{"-log", "xml"}, []string{`-log "xml": want text or json`}},
		{"too many replicas", []string{"-replicas", "27"}, []string{"-replicas 27: want a number up to 26, such as 3"}},
		{"fewer than no replica", []string{"-replicas", "-1"}, []string{"-replicas -1: want a number"}},
		{"a store without replicas", []string{"-redis", "redis://localhost:6379"}, []string{"-redis is for -replicas"}},
		{"a store that is no URL", []string{"-replicas", "3", "-redis", "ada:secret@localhost"}, []string{"-redis: want a URL such as redis://localhost:6379"}},
		{"a file that does not exist", []string{"-outputs", "nowhere.json"}, []string{"-outputs nowhere.json: want the path of a file such as amplify_outputs.json: no such file"}},
		{
			"everything at once",
			[]string{"-addr", "8080", "-operator", "8081", "-origin", "x", "-lifetime", "1h1h1h", "-lifetime", "25h", "-log", "", "-outputs", "nowhere.json", "-client", "nowhere", "more"},
			[]string{`"more" is not a flag`, "\n-addr 8080: ", "\n-operator 8081: ", "\n-origin \"x\": ", "\n-lifetime 25h0m0s: ", "\n-log \"\": ", "\n-client is for ", "\n-outputs nowhere.json: "},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := run(t.Context(), c.args, io.Discard, io.Discard)
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want %q in it", err, want)
				}
			}
			if err != nil && strings.Count(err.Error(), "\n") > len(c.want)-1 {
				t.Errorf("more mistakes than there are: %v", err)
			}
		})
	}
	if err := run(t.Context(), []string{"-replicas", "1", "-redis", "ada:5ec2e7@localhost"}, io.Discard, io.Discard); err == nil || strings.Contains(err.Error(), "5ec2e7") {
		t.Errorf("a password of Redis: %v", err)
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

func TestIsOrigin(t *testing.T) {
	for _, origin := range []string{"https://app.example.com", "https://app.example.com:8443", "https://[::1]:8443", "http://localhost", "http://localhost:8080", "http://127.0.0.1:1", "http://[::1]:8080"} {
		if !isOrigin(origin) {
			t.Errorf("%s is refused", origin)
		}
	}
	if got := localhost("127.0.0.1:80"); !isOrigin(got) {
		t.Errorf("the default for port 80 is %s", got)
	}
}

func TestRoutesArePrinted(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), []string{"-routes"}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`(?m)^METHOD +ROUTE +GUARDED BY$`, `(?m)^GET +/admin +group admins$`, `(?m)^GET +/apis/get-current-user +signed in$`,
		`(?m)^POST +/dashboard/notes +the Matcher$`, `(?m)^any +/api/auth/\* +– public –$`,
		`(?m)^The Matcher is /\(\(\?!api\|`, `(?m)^- /apix: leaving out /api leaves out every path that begins like it$`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("%s is missing in\n%s", want, out.String())
		}
	}
}
