// Package background runs work in a goroutine of its own that no panic ends badly.
//
// Several requests wait for such work, and nobody recovers a panic in its goroutine. The
// work calls users' code: a transport, a hook, a logger. That code may panic, or end the
// goroutine with runtime.Goexit. Neither may end the process or leave a request waiting
// for ever.
package background

import (
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/cognitogate/cognitogate/internal/redact"
)

// Panic is the error of work that has panicked or ended its goroutine.
type Panic struct {
	text  string
	stack string
}

// Error describes the panic without the secrets of its Task.
func (p *Panic) Error() string { return p.text }

// A Task says how a panic is reported.
type Task struct {
	Name    string       // of the work, for the log
	Logger  *slog.Logger // gets the panic and its stack
	Secrets []string     // that the report must not show
}

// Go runs do in a new goroutine, and then each of the steps, in order. The steps get do's
// error, or a *Panic. A step runs also if an earlier one has panicked or ended the
// goroutine.
func (t Task) Go(do func() error, steps ...func(error)) {
	go func() {
		var err error = &Panic{text: "not finished"}
		work := make([]func(), 0, len(steps)+1)
		work = append(work, func() { err = do() })
		for _, step := range steps {
			work = append(work, func() { step(err) })
		}
		t.run(work, func(p *Panic) { err = p })
	}()
}

// run calls the functions, each also after a failure of an earlier one. It tells failed
// of a failure of the first.
func (t Task) run(work []func(), failed func(*Panic)) {
	returned := false
	// runtime.Goexit runs only what is deferred.
	defer func() {
		defer func() {
			_ = recover() // of the logger
			if len(work) > 1 {
				t.run(work[1:], func(*Panic) {})
			}
		}()
		if !returned {
			p := t.newPanic(recover())
			failed(p)
			t.Logger.Error(t.Name+" has panicked", "panic", p.text, "stack", p.stack)
		}
	}()
	work[0]()
	returned = true
}

// newPanic describes what was recovered, which is nil after runtime.Goexit.
func (t Task) newPanic(recovered any) *Panic {
	p := &Panic{text: "runtime.Goexit was called", stack: string(debug.Stack())}
	if recovered != nil {
		p.text = redact.Text(fmt.Sprintf("panic: %v", recovered), t.Secrets...)
	}
	return p
}
