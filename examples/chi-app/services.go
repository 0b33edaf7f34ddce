package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/cognitogate/cognitogate/appsync"
	"github.com/cognitogate/cognitogate/identity"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// awsConfig names the services that some pages use. Without one of them its page is
// left out.
type awsConfig struct {
	Bucket   cognito.Bucket // for guests; needs an identity pool
	Data     cognito.Data
	Query    string // for Data
	Endpoint string // of S3, in the place of AWS's
}

// profile shows what Cognito knows of the user. The tokens need not carry it.
func (a *app) profile(w http.ResponseWriter, r *http.Request) {
	//show:profile
	s, _ := session.FromContext(r.Context())
	attributes, err := a.auth.Sessions().UserAttributes(r.Context(), s)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	//end:profile
	var list []claim
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		list = append(list, claim{name, attributes[name]})
	}
	a.render(w, r, http.StatusOK, "profile", "Profile", list)
}

// connect makes the clients of the services, once for the process.
func (a *app) connect() (err error) {
	if a.cfg.AWS.Bucket.Bucket != "" {
		//show:identity
		a.identities, err = identity.NewPool(a.cfg.UserPool, &identity.Options{
			AllowGuest: true,
			HTTPClient: a.cfg.HTTPClient,
			Now:        a.cfg.Now,
		})
		//end:identity
	}
	if a.cfg.AWS.Data.URL != "" {
		//show:appsync
		a.data = &appsync.Client{
			URL:        a.cfg.AWS.Data.URL,
			AuthMode:   appsync.UserPool,
			HTTPClient: a.cfg.HTTPClient,
		}
		//end:appsync
	}
	return err
}

// graphQL asks the GraphQL API in the name of the user.
func (a *app) graphQL(w http.ResponseWriter, r *http.Request) {
	//show:graphql
	var data map[string]any
	err := a.data.Do(r.Context(), a.cfg.AWS.Query, nil, &data)
	//end:graphql
	if err != nil {
		a.fail(w, r, err)
		return
	}
	text, err := json.MarshalIndent(data, "", "  ")
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.render(w, r, http.StatusOK, "graphql", "GraphQL", struct{ Query, Answer string }{a.cfg.AWS.Query, string(text)})
}

// urlLifetime is how long a picture's URL is good: short here, so that a newcomer
// sees the next ones. S3 allows as long as the credentials live, an hour.
const urlLifetime = 2 * time.Minute

// gallery keeps the URLs of the pictures. They are a guest's, the same for
// everybody, so they are made once and not for every visitor.
type gallery struct {
	mu       sync.Mutex
	pictures []picture
	until    time.Time // the URLs are good
}

type picture struct{ Name, URL string }

// latest returns URLs that are good for half their lifetime at least, so that a
// browser has time to load them. While S3 or the identity pool fails, older ones
// serve as long as they are good.
//
//show:gallery
func (g *gallery) latest(now time.Time, renew func() ([]picture, time.Time, error)) ([]picture, time.Time, error) {
	g.mu.Lock() // one makes them, and the others wait for the same
	defer g.mu.Unlock()
	if now.After(g.until.Add(-urlLifetime / 2)) {
		pictures, until, err := renew()
		if err == nil {
			g.pictures, g.until = pictures, until
		} else if !now.Before(g.until) {
			return nil, now, err
		}
	}
	return g.pictures, g.until, nil
}

//end:gallery

// guestPictures makes URLs that everybody may load who has them.
//
//show:presign
func (a *app) guestPictures(ctx context.Context) (pictures []picture, until time.Time, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	guest, err := a.identities.Credentials(ctx, nil)
	if err != nil {
		return nil, until, err
	}
	// A URL dies with the credentials that have signed it.
	lifetime := min(urlLifetime, guest.Expires.Sub(a.cfg.now()))
	files := s3.New(a.s3Options())
	bucket := aws.String(a.cfg.AWS.Bucket.Bucket)
	listed, err := files.ListObjectsV2(ctx, &s3.ListObjectsV2Input{
		Bucket: bucket, Prefix: aws.String("public/"), MaxKeys: aws.Int32(50),
	})
	if err != nil {
		return nil, until, err
	}
	for _, object := range listed.Contents {
		if !isPicture(*object.Key) {
			continue
		}
		signed, err := s3.NewPresignClient(files).PresignGetObject(ctx,
			&s3.GetObjectInput{Bucket: bucket, Key: object.Key}, s3.WithPresignExpires(lifetime))
		if err != nil {
			return nil, until, err
		}
		name := strings.TrimSuffix(path.Base(*object.Key), path.Ext(*object.Key))
		pictures = append(pictures, picture{name, signed.URL})
	}
	return pictures, a.cfg.now().Add(lifetime), nil
}

//end:presign

func isPicture(key string) bool {
	return slices.Contains([]string{".gif", ".jpeg", ".jpg", ".png", ".webp"}, strings.ToLower(path.Ext(key)))
}

func (a *app) s3Options() s3.Options {
	o := s3.Options{
		Region:      cmp.Or(a.cfg.AWS.Bucket.Region, a.cfg.UserPool.Region()),
		Credentials: a.identities.Provider(nil),
	}
	if a.cfg.HTTPClient != nil {
		o.HTTPClient = a.cfg.HTTPClient
	}
	if a.cfg.AWS.Endpoint != "" {
		o.BaseEndpoint, o.UsePathStyle = aws.String(a.cfg.AWS.Endpoint), true
	}
	return o
}

func (a *app) showGallery(w http.ResponseWriter, r *http.Request) {
	pictures, until, err := a.gallery.latest(a.cfg.now(), func() ([]picture, time.Time, error) {
		return a.guestPictures(r.Context())
	})
	if err != nil {
		a.fail(w, r, err)
		return
	}
	if len(pictures) > 0 { // the page may load from S3; no other page may
		if u, err := url.Parse(pictures[0].URL); err == nil {
			policy := w.Header().Get("Content-Security-Policy")
			w.Header().Set("Content-Security-Policy", strings.Replace(policy, "img-src 'self'", "img-src 'self' "+u.Scheme+"://"+u.Host, 1))
		}
	}
	a.render(w, r, http.StatusOK, "gallery", "Gallery", struct {
		Pictures []picture
		Until    time.Time
		Remains  int
	}{pictures, until, max(0, int(until.Sub(a.cfg.now()).Seconds()))})
}

// fail answers when a service has failed. A session that is over, and a service
// that cannot be reached, are answered as by a guard.
func (a *app) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, session.ErrSignedOut) || errors.Is(err, tokens.ErrUnavailable) {
		a.serveError(w, r, err)
		return
	}
	a.cfg.Logger.WarnContext(r.Context(), "a service has failed", "path", r.URL.Path, "error", err)
	a.showError(w, r, http.StatusBadGateway)
}
