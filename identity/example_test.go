package identity_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/identity"
	"github.com/cognitogate/cognitogate/session"
)

// Amplify's getUrl, for guests: a page links to images in S3. A URL expires with the
// credentials that signed it, at the latest. The page must be made anew then.
func ExamplePool_Credentials() {
	server := cognitotest.New()
	server.PutObject("public/splash.png", []byte("splash"))
	identityPool, err := identity.NewPool(server.UserPool(), &identity.Options{AllowGuest: true, HTTPClient: server.Client()})
	if err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	creds, err := identityPool.Credentials(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	expiresIn := min(15*time.Minute, time.Until(creds.Expires))
	files := s3.New(s3.Options{Region: server.UserPool().Region(), Credentials: identityPool.Provider(nil)})
	url, err := s3.NewPresignClient(files).PresignGetObject(ctx, &s3.GetObjectInput{
		Bucket: aws.String(server.Bucket()),
		Key:    aws.String("public/splash.png"),
	}, s3.WithPresignExpires(expiresIn))
	if err != nil {
		log.Fatal(err)
	}
	expiresAt := time.Now().Add(expiresIn)

	resp, err := server.Client().Get(url.URL) // as a browser does
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	image, _ := io.ReadAll(resp.Body)
	fmt.Println(resp.StatusCode, string(image), expiresAt.After(time.Now().Add(14*time.Minute)))
	// Output: 200 splash true
}

// The SDK's S3 client stands for Amplify's Storage: uploadData, getProperties, list,
// copy and remove, in the name of the signed-in user.
func ExamplePool_Provider() {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	identityPool, err := identity.NewPool(server.UserPool(), &identity.Options{HTTPClient: server.Client()})
	if err != nil {
		log.Fatal(err)
	}
	bucket := aws.String(server.Bucket())

	upload := func(ctx context.Context, s *session.Session) error {
		creds, err := identityPool.Credentials(ctx, s)
		if err != nil {
			return err
		}
		files := s3.New(s3.Options{Region: server.UserPool().Region(), Credentials: identityPool.Provider(s), HTTPClient: server.Client()})
		notes := aws.String("private/" + creds.IdentityID + "/notes.txt") // {identityId}
		if _, err := files.PutObject(ctx, &s3.PutObjectInput{
			Bucket: bucket, Key: notes, Body: strings.NewReader("hello"), ContentType: aws.String("text/plain"),
		}); err != nil {
			return err
		}
		properties, err := files.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: notes})
		if err != nil {
			return err
		}
		fmt.Println(*properties.ContentType, *properties.ContentLength, "bytes")

		if _, err := files.CopyObject(ctx, &s3.CopyObjectInput{
			Bucket: bucket, Key: aws.String("public/notes.txt"), CopySource: aws.String(*bucket + "/" + *notes),
		}); err != nil {
			return err
		}
		if _, err := files.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: notes}); err != nil {
			return err
		}
		list, err := files.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket, Prefix: aws.String("public/")})
		if err != nil {
			return err
		}
		for _, o := range list.Contents {
			fmt.Println(*o.Key)
		}
		return nil
	}

	if err := upload(context.Background(), signedIn(server, "ada")); err != nil {
		log.Fatal(err)
	}
	err = upload(context.Background(), nil)
	fmt.Println(errors.Is(err, session.ErrSignedOut))
	// Output:
	// text/plain 5 bytes
	// public/notes.txt
	// true
}

// Amplify's get and post of a REST API: an http.Client that signs. The session comes
// from the context of the incoming request.
func ExampleTransport() {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	identityPool, err := identity.NewPool(server.UserPool(), &identity.Options{HTTPClient: server.Client()})
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: &identity.Transport{
		Pool:  identityPool,
		Hosts: []string{"*.execute-api.eu-west-1.amazonaws.com"},
		Base:  server.Client().Transport, // only for this emulator
	}}

	things := func(w http.ResponseWriter, r *http.Request) {
		req, err := http.NewRequestWithContext(r.Context(), "POST", server.RESTURL()+"/things", strings.NewReader(`{"n":1}`))
		if err != nil {
			log.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			log.Fatal(err)
		}
		defer resp.Body.Close()
		w.WriteHeader(resp.StatusCode)
		io.Copy(w, resp.Body)
	}

	r := httptest.NewRequest("GET", "/", nil)
	r = r.WithContext(session.NewContext(r.Context(), signedIn(server, "ada"))) // a guard does this
	w := httptest.NewRecorder()
	things(w, r)
	fmt.Println(w.Code, strings.Contains(w.Body.String(), `"username":"ada"`))
	// Output: 200 true
}
