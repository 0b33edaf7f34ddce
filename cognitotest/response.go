package cognitotest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
)

// apiError is an error of Cognito's API or of one of the services of AWS.
type apiError struct{ code, message string }

func apiErrorf(code, format string, args ...any) *apiError {
	return &apiError{code, fmt.Sprintf(format, args...)}
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

// response is the error in Cognito's format: the code in a header and in the body.
func (e *apiError) response() *response {
	status := http.StatusBadRequest
	switch e.code {
	case "InternalErrorException":
		status = http.StatusInternalServerError
	case "UnauthorizedException":
		status = http.StatusUnauthorized
	}
	r := jsonResponse(status, struct {
		Type    string `json:"__type"`
		Message string `json:"message,omitempty"`
	}{e.code, e.message})
	r.code = e.code
	return r
}

// response is an HTTP response, for a network connection or for Client.
type response struct {
	status      int
	contentType string
	code        string // of an error
	header      http.Header
	page        bool // for a browser's window, not for scripts of other sites
	body        []byte
}

func jsonResponse(status int, v any) *response {
	body, err := json.Marshal(v)
	must(err)
	return &response{status: status, contentType: "application/x-amz-json-1.1", body: body}
}

// setHeader writes the headers of r. With those of CORS, Amplify in a browser can
// call from another origin and read the code of an error.
func (r *response) setHeader(h http.Header) {
	maps.Copy(h, r.header)
	if r.contentType != "" {
		h.Set("Content-Type", r.contentType)
	}
	h.Set("X-Amzn-Requestid", newUUID())
	if r.page {
		return
	}
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date")
	if r.code != "" {
		h.Set("X-Amzn-Errortype", r.code)
	}
}

func notFound() *response {
	return &response{status: http.StatusNotFound, contentType: "text/plain; charset=utf-8", body: []byte("not found\n")}
}
