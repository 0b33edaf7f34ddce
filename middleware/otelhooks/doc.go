// Package otelhooks makes OpenTelemetry metrics and spans from the hooks of package
// middleware.
//
// For most uses, call [Wrap] for Config.Hooks and, after New, [ObserveCache]:
//
//	options := &otelhooks.Options{MeterProvider: otel.GetMeterProvider(), TracerProvider: otel.GetTracerProvider()}
//	hooks, err := otelhooks.Wrap(cognito.Hooks{}, options)
//	…
//	auth, err := cognito.New(cognito.Config{UserPool: userPool, Hooks: hooks})
//	…
//	err = otelhooks.ObserveCache(auth.Sessions(), options)
//
// The package imports the API of OpenTelemetry and no SDK. A program that does not import
// it has no OpenTelemetry in its go.sum.
//
// # Metrics
//
// Durations are in seconds.
//
//	cognitogate.requests                 counter         cognitogate.decision, cognitogate.reason, http.route
//	cognitogate.refresh.duration         histogram       cognitogate.refresh.source, error.type
//	cognitogate.key_fetch.duration       histogram       error.type
//	cognitogate.call.duration            histogram       cognitogate.operation, cognitogate.check, error.type
//	cognitogate.store.duration           histogram       cognitogate.operation, error.type
//	cognitogate.session.cache.lookups    counter         cognitogate.cache.result
//	cognitogate.session.cache.sessions   up-down counter
//	cognitogate.session.cache.size       up-down counter
//	cognitogate.sign_ins                 counter         cognitogate.sign_in.reason
//	cognitogate.sign_outs                counter         cognitogate.sign_out.reason, error.type
//	cognitogate.sign_in.failures         counter         error.type
//
// A request through several nested guards counts once, by the decision that counts for it,
// when the outermost guard returns. So a request that streams counts when it ends. A
// request through guards of two Auths counts once for each; see Options.Attributes.
// Requests that no guard sees, such as those to Routes outside of Protect, are not counted.
//
// http.route is the pattern of chi or a ServeMux. It is left out if there is none, as for a
// request that is refused in front of the router.
//
// # Attributes
//
// No attribute holds a user, a path, a token or the text of an error. Each has few values,
// whatever clients send: cognitogate.decision is a middleware.Decision, and
// cognitogate.reason a session.Reason. The reason is left out if it is "". Routes are those
// of the program; after 1 000 of them http.route is left out.
//
// error.type is set only for a failure. For a refresh and a fetch of keys it is a
// session.Reason, such as "revoked" or "timeout". For a call it is the code that Cognito
// answers, such as "NotAuthorizedException", if it is a well-known one. Otherwise it is the
// status of the answer or, without an answer, a session.Reason. For a call of the store it
// is "timeout" if it has not ended within a second. Every other failure is "_OTHER". For a sign-in it is a middleware.FailureReason.
//
// Auth.Ready makes calls that Cognito has to refuse. They have cognitogate.check, and the
// refusal is no failure.
//
// # Spans
//
// A refresh is a span "cognitogate.refresh", a fetch of keys "cognitogate.key_fetch", and a
// call "Cognito" with the operation's name. A refresh is a child of the request's span, and
// the call that it makes is a child of the refresh. Requests that join another request's
// refresh have a span without a call. With otelhttp.NewTransport in Config.HTTPClient, the
// requests to Cognito are children of these spans.
//
// The request's own span, which a middleware such as otelhttp.NewHandler begins in front of
// the guards, gets cognitogate.decision and cognitogate.reason.
package otelhooks
