package main

import (
	"net/http"
)

// newMetrics makes the metrics that Prometheus fetches.
func (a *app) newMetrics() error {
	//show:metrics
	a.metrics = http.NotFoundHandler()
	//end:metrics
	return nil
}
