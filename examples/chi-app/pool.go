package main

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"os"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// users are the people of the demonstration. In a real pool nobody but Cognito
// knows their passwords.
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

// useEmulator makes the application run on a Cognito of its own, which returned
// handler serves: browsers find its managed login at the URL login.
func (c *config) useEmulator(login string, o *options) (http.Handler, error) {
	//show:wiring
	pool := cognitotest.New(users...)
	pool.SetURL(login)
	pool.SetLifetime(o.lifetime)
	pool.SetLogin(cognitotest.Login{
		RedirectURIs: []string{c.Origin + routesPath + "/sign-in-callback"},
		LogoutURIs:   []string{c.Origin + routesPath + "/sign-out-callback"},
	})
	c.UserPool = pool.UserPool()
	c.HTTPClient = pool.Client() // on AWS: leave this out
	c.Now = pool.Now             // on AWS: and this
	//end:wiring
	for name, picture := range demoPictures() {
		pool.PutObject("public/"+name+".png", picture)
	}
	c.useServices(pool)
	c.Demo = users
	c.Secret = newSecret() // the sign-ins under way end with the process, as the pool does
	if o.client == "" {
		return pool, nil
	}
	script, err := clientScript(o.client)
	c.Client = &clientConfig{script, pool.AddClient("1emulatorforbrowsers", "").UserPool()}
	return pool, err
}

// useServices makes the application use the emulator's AWS.
func (c *config) useServices(pool *cognitotest.Server) {
	c.AWS = awsConfig{
		Bucket:   cognito.Bucket{Bucket: pool.Bucket()},
		Endpoint: pool.S3Endpoint(),
		Data:     cognito.Data{URL: pool.GraphQLURL()},
		Query:    "query { viewer { username groups mode } }",
	}
}

// secretVariable names the environment variable with the Config's Secret.
const secretVariable = "CHI_APP_SECRET"

// useOutputs makes the application run on the pool of an Amplify configuration
// file.
func (c *config) useOutputs(name, secret string) error {
	//show:outputs
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	outputs, err := cognito.ReadOutputs(file)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if c.Login, err = outputs.Login(c.Origin, routesPath); err != nil {
		return fmt.Errorf("%s: %w", name, err)
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
			"remedy", secretVariable+"=$(openssl rand -base64 32)")
		c.Secret = newSecret()
	}
	return nil
}

func newSecret() []byte {
	secret := make([]byte, 32)
	rand.Read(secret) // never fails
	return secret
}
