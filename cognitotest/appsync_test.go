package cognitotest_test

import (
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
)

func TestGraphQLAuthorization(t *testing.T) {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	const query = `{"query":"query Q($a: Int) { hello(a: $a) }","variables":{"a":1}}`
	ask := func(name, body string, header map[string]string, status int, text string) {
		t.Helper()
		got, answer := callAPI(t, server, "POST", server.GraphQLURL(), body, header)
		if got != status || !strings.Contains(answer, text) {
			t.Errorf("%s: %d %s", name, got, answer)
		}
	}
	token := map[string]string{"Authorization": server.Issue("ada").Access}
	ask("a token", query, token, 200, `"username":"ada"`)
	ask("the echo", query, token, 200, `"echo":{"query":"query Q($a: Int) { hello(a: $a) }","variables":{"a":1}}`)
	ask("an API key", query, map[string]string{"X-Api-Key": server.APIKey()}, 200, `"mode":"apiKey"`)
	ask("another API key", query, map[string]string{"X-Api-Key": "x"}, 401, "UnauthorizedException")
	ask("nothing", query, nil, 401, "Valid authorization header not provided.")
	ask("an expired token", query, map[string]string{"Authorization": server.Issue("ada", cognitotest.Expired).Access}, 401, "Token expired")
	ask("a signature that is none", query, map[string]string{"Authorization": "AWS4-HMAC-SHA256 x"}, 403, "IncompleteSignatureException")
	ask("a syntax error", `{"query":"hello"}`, token, 200, "InvalidSyntaxError")
	ask("no query", `{}`, token, 400, "MalformedHttpRequestException")
	ask("an authorizer's token, without an authorizer", query, map[string]string{"Authorization": "x"}, 401, "UnauthorizedException")
	server.SetAuthorizer(func(token string) bool { return token == "x" })
	ask("an authorizer's token", query, map[string]string{"Authorization": "x"}, 200, `"mode":"lambda"`)
	ask("another token", query, map[string]string{"Authorization": "y"}, 401, "UnauthorizedException")
	ask("a user's token, with an authorizer", query, token, 200, `"mode":"userPool"`)
	if server.Calls("GraphQL") != 13 {
		t.Errorf("%d calls", server.Calls("GraphQL"))
	}
}
