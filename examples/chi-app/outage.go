package main

import (
	"net/http"
	"slices"
	"sync/atomic"

	"github.com/cognitogate/cognitogate/cognitotest"
)

// outage is a switch that makes the Cognito of this process fail. Your program has none:
// the real one fails by itself.
type outage struct {
	server *cognitotest.Server
	on     atomic.Bool
}

// notCognito are the operations of the other emulated services of AWS, which go on.
var notCognito = []string{"GraphQL", "ListObjects", "GetObject"}

// set begins or ends an outage. Cognito answers every request with status 500 then.
//
//show:outage
func (o *outage) set(on bool) {
	o.on.Store(on)
	o.server.SetFault(func(op string) (fault cognitotest.Fault) {
		if o.on.Load() && !slices.Contains(notCognito, op) {
			fault.Status = http.StatusInternalServerError
		}
		return fault
	})
}

//end:outage

// isOn is false on a real user pool, whose application has no switch.
func (o *outage) isOn() bool { return o != nil && o.on.Load() }
