package main

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"os"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// users are the users of the demonstration. In a real user pool only Cognito knows
// their passwords.
var users = []cognitotest.User{
	{
		Username: "ada", Password: "engine-1843", Groups: []string{"admins"},
		Attributes: map[string]string{"name": "Ada Lovelace", "email": "ada@example.com"},
	},
	{
		Username: "grace", Password: "compiler-1952",
		Attributes: map[string]string{"name": "Grace Hopper", "email": "grace@example.com"},
	},
}

// useEmulator makes the application run on a Cognito of its own. The caller serves
// the returned handler at the URL login, where browsers find its managed login.
func (c *config) useEmulator(login string, o *options) (http.Handler, error) {
	//show:wiring
	server := cognitotest.New(users...)
	server.SetURL(login)
	server.SetLifetime(o.lifetime)
	server.SetLogin(cognitotest.Login{
		RedirectURIs: []string{c.Origin + routesPath + "/sign-in-callback"},
		LogoutURIs:   []string{c.Origin + routesPath + "/sign-out-callback"},
	})
	if o.replicas > 0 {
		server.SetRotation(true, 0)
	}
	c.UserPool = server.UserPool()
	c.HTTPClient = server.Client() // on AWS: leave this out
	c.Now = server.Now             // on AWS: and this
	//end:wiring
	for name, picture := range demoPictures() {
		server.PutObject("public/"+name+".png", picture)
	}
	c.useServices(server)
	c.Outage = &outage{server: server}
	c.Demo = users
	c.Secret = newSecret() // the user pool ends with the process, and running sign-ins too
	if o.client == "" {
		return server, nil
	}
	script, err := clientScript(o.client)
	c.Client = &clientConfig{script, server.AddClient("1emulatorforbrowsers", "").UserPool()}
	return server, err
}

// useServices makes the application use the emulated services of AWS.
func (c *config) useServices(server *cognitotest.Server) {
	c.AWS = awsConfig{
		Bucket:   cognito.Bucket{Bucket: server.Bucket()},
		Endpoint: server.S3Endpoint(),
		Data:     cognito.Data{URL: server.GraphQLURL()},
		Query:    "query { viewer { username groups mode } }",
	}
}

// secretVariable is the name of the environment variable with Config.Secret.
const secretVariable = "CHI_APP_SECRET"

const (
	minSecret    = 32 // characters
	secretRemedy = secretVariable + "=$(openssl rand -base64 32)"
)

// useOutputs makes the application run on the user pool of an Amplify configuration
// file.
func (c *config) useOutputs(name, secret string) error {
	//show:outputs
	file, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("-outputs %w", err)
	}
	defer file.Close()
	outputs, err := cognito.ReadOutputs(file)
	if err != nil {
		return fmt.Errorf("-outputs %s: %w", name, err)
	}
	if c.Login, err = outputs.Login(c.Origin, routesPath); err != nil {
		return fmt.Errorf("-outputs %s: %w", name, err)
	}
	c.UserPool = outputs.UserPool
	c.AWS = awsConfig{Data: outputs.Data, Query: "query { __typename }"}
	if outputs.AllowGuest && len(outputs.Buckets) > 0 && outputs.UserPool.IdentityPoolID != "" {
		c.AWS.Bucket = outputs.Buckets[0]
	}
	c.Secret = []byte(secret)
	//end:outputs
	if secret == "" {
		c.Logger.Warn("a new secret is made for every start: a sign-in that is under way when the program restarts has to begin again, and replicas would not know each other's",
			"remedy", secretRemedy)
		c.Secret = newSecret()
	}
	return nil
}

func newSecret() []byte {
	secret := make([]byte, 32)
	rand.Read(secret) // never fails
	return secret
}
