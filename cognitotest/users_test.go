package cognitotest_test

import (
	"maps"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
)

// TestChangedUsers: a session sees its user's changes.
func TestChangedUsers(t *testing.T) {
	server := cognitotest.New(ada)
	set := server.Issue("ada")
	attributes, err := getUser(server, set.Access)
	_, claims := decodeToken(t, set.ID)
	if want := map[string]string{
		"email": "ada@example.com", "email_verified": "true", "custom:tier": "gold", "sub": claims["sub"].(string),
	}; err != nil || !maps.Equal(attributes, want) {
		t.Errorf("attributes %v, %v; want %v", attributes, err, want)
	}

	changed := ada
	changed.Groups = []string{"staff"}
	server.SetUser(changed)
	next, err := refresh(server, set.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	if _, claims := decodeToken(t, next.Access); len(claims["cognito:groups"].([]any)) != 1 {
		t.Errorf("groups %v", claims["cognito:groups"])
	}

	changed.Disabled = true
	server.SetUser(changed)
	_, err = refresh(server, set.Refresh)
	wantAPIError(t, err, "NotAuthorizedException", "User is disabled.")
	_, err = getUser(server, set.Access)
	wantAPIError(t, err, "NotAuthorizedException", "User is disabled.")

	server.RemoveUser("ada")
	server.RemoveUser("ada")
	server.SetUser(ada)
	_, err = refresh(server, set.Refresh)
	wantAPIError(t, err, "UserNotFoundException", "User does not exist.")
	_, err = getUser(server, set.Access)
	wantAPIError(t, err, "UserNotFoundException", "User does not exist.")
	if _, err := getUser(server, server.Issue("ada").Access); err != nil {
		t.Errorf("the new ada: %v", err)
	}
}
