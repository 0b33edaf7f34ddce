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

// Amplify's getUrl, for guests: a page of images that links to S3. A URL dies with
// the credentials that signed it, so that is when the page has to be made anew at
// the latest.
func ExamplePool_Credentials() {
	srv := cognitotest.New()
	srv.PutObject("public/splash.png", []byte("splash"))
	pool, err := identity.NewPool(srv.UserPool(), &identity.Options{AllowGuest: true, HTTPClient: srv.Client()})
	if err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	creds, err := pool.Credentials(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	expiresIn := min(15*time.Minute, time.Until(creds.Expires))
	files := s3.New(s3.Options{Region: srv.UserPool().Region(), Credentials: pool.Provider(nil)})
	url, err := s3.NewPresignClient(files).PresignGetObject(ctx, &s3.GetObjectInput{
		Bucket: aws.String(srv.Bucket()),
		Key:    aws.String("public/splash.png"),
	}, s3.WithPresignExpires(expiresIn))
	if err != nil {
		log.Fatal(err)
	}
	expiresAt := time.Now().Add(expiresIn)

	resp, err := srv.Client().Get(url.URL) // as the browser does
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	image, _ := io.ReadAll(resp.Body)
	fmt.Println(resp.StatusCode, string(image), expiresAt.After(time.Now().Add(14*time.Minute)))
	// Output: 200 splash true
}

// Amplify's Storage is the SDK's S3 client: uploadData, getProperties, list, copy
// and remove in the name of the signed-in user.
func ExamplePool_Provider() {
	srv := cognitotest.New(cognitotest.User{Username: "ada"})
	pool, err := identity.NewPool(srv.UserPool(), &identity.Options{HTTPClient: srv.Client()})
	if err != nil {
		log.Fatal(err)
	}
	bucket := aws.String(srv.Bucket())

	upload := func(ctx context.Context, s *session.Session) error {
		creds, err := pool.Credentials(ctx, s)
		if err != nil {
			return err
		}
		files := s3.New(s3.Options{Region: srv.UserPool().Region(), Credentials: pool.Provider(s), HTTPClient: srv.Client()})
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

	if err := upload(context.Background(), signedIn(srv, "ada")); err != nil {
		log.Fatal(err)
	}
	err = upload(context.Background(), nil)
	fmt.Println(errors.Is(err, session.ErrSignedOut))
	// Output:
	// text/plain 5 bytes
	// public/notes.txt
	// true
}

// Amplify's get and post of a REST API: an http.Client that signs. The session
// comes from the context of the request that is being served.
func ExampleTransport() {
	srv := cognitotest.New(cognitotest.User{Username: "ada"})
	pool, err := identity.NewPool(srv.UserPool(), &identity.Options{HTTPClient: srv.Client()})
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: &identity.Transport{
		Pool:  pool,
		Hosts: []string{"*.execute-api.eu-west-1.amazonaws.com"},
		Base:  srv.Client().Transport, // leave it out for the network
	}}

	things := func(w http.ResponseWriter, r *http.Request) {
		req, err := http.NewRequestWithContext(r.Context(), "POST", srv.RESTURL()+"/things", strings.NewReader(`{"n":1}`))
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
	r = r.WithContext(session.NewContext(r.Context(), signedIn(srv, "ada"))) // a guard does this
	w := httptest.NewRecorder()
	things(w, r)
	fmt.Println(w.Code, strings.Contains(w.Body.String(), `"username":"ada"`))
	// Output: 200 true
}
