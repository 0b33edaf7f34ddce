package main

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// urlLifetime is how long a picture's URL is valid. It is short here, so that you
// see new URLs soon. S3 allows the lifetime of the credentials, an hour.
const urlLifetime = 2 * time.Minute

// gallery caches the URLs of the pictures. They are signed as a guest and are the
// same for all visitors.
type gallery struct {
	mu       sync.Mutex
	pictures []picture
	until    time.Time // when the URLs expire
}

type picture struct{ Name, URL string }

// latest returns URLs that are valid for at least half of their lifetime, so that a
// browser has time to load them. While S3 or the identity pool fails, it returns
// older ones until they expire.
//
//show:gallery
func (g *gallery) latest(now time.Time, renew func() ([]picture, time.Time, error)) ([]picture, time.Time, error) {
	g.mu.Lock() // one request renews the URLs, and the others wait for them
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

// guestPictures signs URLs as a guest. Anyone with such a URL may load it.
//
//show:presign
func (a *app) guestPictures(ctx context.Context) (pictures []picture, until time.Time, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	guest, err := a.identities.Credentials(ctx, nil)
	if err != nil {
		return nil, until, err
	}
	// A URL expires with the credentials that signed it.
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
		a.serveServiceError(w, r, err)
		return
	}
	if len(pictures) > 0 { // only this page may load images from S3
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
