package replicatest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/internal/redistest"
	"github.com/cognitogate/cognitogate/tokens"
)

// users are those of every user pool.
var users = func() (all []cognitotest.User) {
	for i := range 50 {
		all = append(all, cognitotest.User{Username: fmt.Sprintf("user%02d", i)})
	}
	return all
}()

// site is a site with several replicas, which share a Redis.
type site struct {
	t         *testing.T
	redis     *redistest.Server
	cognitos  []*cognito // one for each grace
	processes []*process
	secrets   Secrets
	http      *http.Client
}

// startSite starts a site with three replicas and a user pool for each grace.
func startSite(t *testing.T, graces ...time.Duration) *site {
	t.Helper()
	longtest.Only(t)
	s := &site{
		t: t, redis: redistest.Start(t), secrets: Secrets{Secret: newSecret()},
		http: &http.Client{
			Transport:     &http.Transport{MaxIdleConnsPerHost: 1000},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	t.Cleanup(s.http.CloseIdleConnections)
	for _, grace := range graces {
		s.cognitos = append(s.cognitos, startCognito(t, grace, users))
	}
	t.Cleanup(s.scan)
	for _, name := range []string{"A", "B", "C"} {
		s.processes = append(s.processes, s.start(name))
	}
	return s
}

func newSecret() []byte {
	secret := make([]byte, 32)
	rand.Read(secret)
	return secret
}

// process is a replica's process.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	addr string
	log  logBuffer
}

// logBuffer keeps what a process prints.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// start starts a replica.
func (s *site) start(name string) *process {
	s.t.Helper()
	var userPools []tokens.UserPool
	for _, c := range s.cognitos {
		userPools = append(userPools, c.UserPool())
	}
	config, err := json.Marshal(replicaConfig{name, userPools, strings.TrimPrefix(s.redis.URL(), "unix://"), s.secrets})
	if err != nil {
		s.t.Fatal(err)
	}
	p := &process{t: s.t, cmd: reexecute(replicaVariable + "=" + string(config))}
	p.cmd.Stderr = &p.log
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	stdout, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		s.t.Fatal("starting a replica: ", err)
	}
	s.t.Cleanup(func() {
		stdin.Close()
		p.cmd.Process.Kill() // also if it is stopped
		p.cmd.Wait()
		if log := p.log.String(); strings.Contains(log, "eyJ") {
			s.t.Errorf("the log of replica %s holds a token", name)
		} else if s.t.Failed() {
			s.t.Logf("replica %s:\n%.4000s", name, log)
		}
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		s.t.Fatalf("replica %s does not start: %v\n%s", name, err, p.log.String())
	}
	p.addr = strings.TrimSpace(line)
	return p
}

// reexecute returns the test binary as a command.
func reexecute(variable string) *exec.Cmd {
	program, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), variable)
	return cmd
}

func (p *process) signal(signal syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.t.Fatal("replica: ", err)
	}
}

// post sends a request to all replicas.
func (s *site) post(path string, body []byte) {
	s.t.Helper()
	for _, p := range s.processes {
		resp, err := s.http.Post("http://"+p.addr+path, "application/json", bytes.NewReader(body))
		if err != nil {
			s.t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			s.t.Fatalf("%s: %s: %s", path, resp.Status, text)
		}
	}
}

// wait returns after d.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// isToken finds the beginning of a token of the emulator. What is sealed is random, and may
// hold a shorter text.
var isToken = regexp.MustCompile("eyJ(hbGciOi|raWQiOi|jdHkiOi)")

// scan searches the whole Redis for tokens.
func (s *site) scan() {
	values := 0
	search := func(key string, value any) {
		values++
		if isToken.MatchString(fmt.Sprint(key, value)) {
			s.t.Errorf("Redis has a token in clear under %q", key)
		}
	}
	for _, key := range s.redis.Do("KEYS", "*").([]any) {
		switch kind := s.redis.Do("TYPE", key); kind {
		case "string":
			search(key.(string), s.redis.Do("GET", key))
		case "stream":
			search(key.(string), s.redis.Do("XRANGE", key, "-", "+"))
		default:
			s.t.Errorf("Redis has a %v under %q", kind, key)
		}
	}
	s.t.Logf("%d values in Redis, none with a token", values)
}
