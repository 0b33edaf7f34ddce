package storetest

import (
	"testing"

	"github.com/cognitogate/cognitogate/session"
)

func TestMemory(t *testing.T) {
	Run(t, func(*testing.T) session.Store { return NewMemory() })
}
