package main

import (
	"io"
	"net/http"
)

// routeOperator makes the handler of the operator's port. Prometheus and the probes of
// Kubernetes have no cookies, so no guard could let them pass. On the site's own port,
// everybody could read the metrics. A port of its own is closed by the network.
func (a *app) routeOperator() {
	//show:operator
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", a.serveReady)
	mux.Handle("GET /metrics", a.metrics.handler)
	//end:operator
	if a.cfg.Replicas != nil {
		mux.HandleFunc("GET /metrics/{replica}", a.serveMetrics)
	}
	mux.HandleFunc("GET /{$}", a.operatorPage)
	mux.HandleFunc("GET /static/{name}", a.assets.serve)
	if a.cfg.Outage != nil {
		mux.HandleFunc("POST /outage", a.switchOutage)
	}
	// A page of any site can have a browser of the operator post here.
	a.operator = a.securityHeaders(http.NewCrossOriginProtection().Handler(mux))
}

// serveReady tells a readiness probe whether this process can serve users. During an
// outage of Cognito it can, once it has been ready: signed-in users go on.
//
//show:ready
func (a *app) serveReady(w http.ResponseWriter, r *http.Request) {
	if err := a.auth.Ready(r.Context()); err != nil {
		a.cfg.Logger.WarnContext(r.Context(), "not ready", "error", err)
		http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, "ready\n")
}

//end:ready

// operatorPage is the page of the operator's port.
func (a *app) operatorPage(w http.ResponseWriter, r *http.Request) {
	a.render(w, r, http.StatusOK, "operator", "Operator", struct {
		HasSwitch, Fails bool
		Site             string
		Replicas         []*replicaProcess
	}{a.cfg.Outage != nil, a.cfg.Outage.isOn(), a.cfg.Origin, a.cfg.Replicas})
}

// switchOutage makes Cognito fail, or work again.
func (a *app) switchOutage(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	switch r.PostFormValue("cognito") {
	case "fails":
		a.cfg.Outage.set(true)
	case "works":
		a.cfg.Outage.set(false)
	default:
		http.Error(w, `want a form with cognito=fails or cognito=works`, http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
