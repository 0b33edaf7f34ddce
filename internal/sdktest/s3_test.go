package sdktest_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
)

// newS3Client returns the SDK's client of the bucket, in memory.
func newS3Client(server *cognitotest.Server, creds aws.Credentials) *s3.Client {
	return s3.New(s3.Options{Region: "eu-west-1", Credentials: staticCredentials(creds), HTTPClient: server.Client(), Retryer: aws.NopRetryer{}})
}

// errorCode is the code of S3's error.
func errorCode(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return fmt.Sprint(err)
}

func TestS3RoundTrip(t *testing.T) {
	for _, network := range []bool{false, true} {
		t.Run(fmt.Sprint("network ", network), func(t *testing.T) {
			server := cognitotest.New(cognitotest.User{Username: "ada"})
			options := s3.Options{Region: "eu-west-1", HTTPClient: server.Client()}
			if network {
				ts := httptest.NewServer(http.StripPrefix("/below", server))
				defer ts.Close()
				server.SetURL(ts.URL + "/below")
				options.BaseEndpoint, options.UsePathStyle, options.HTTPClient = aws.String(server.S3Endpoint()), true, ts.Client()
			}
			options.Credentials = staticCredentials(credentials(t, server, "ada"))
			client, bucket := s3.New(options), aws.String(server.Bucket())
			large := make([]byte, longtest.Scale(300<<10, 3<<20))
			rand.Read(large)
			for key, body := range map[string]io.Reader{
				"public/plain.txt":        strings.NewReader("hello"),
				"public/a b+ü/(x)~'.txt":  strings.NewReader("hello"),
				"public/large":            bytes.NewReader(large),
				"public/empty":            strings.NewReader(""),
				"public//double//slashes": strings.NewReader("hello"),
			} {
				if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{
					Bucket: bucket, Key: aws.String(key), Body: body, ContentType: aws.String("text/plain"), Metadata: map[string]string{"a": "b"},
				}); err != nil {
					t.Errorf("put %s: %v", key, err)
					continue
				}
				got, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: aws.String(key)})
				if err != nil {
					t.Errorf("get %s: %v", key, err)
					continue
				}
				text, err := io.ReadAll(got.Body)
				stored, _ := server.Object(key)
				if err != nil || !bytes.Equal(text, stored) || *got.ContentType != "text/plain" || got.Metadata["a"] != "b" {
					t.Errorf("get %s: %d bytes, %s, %v, %v", key, len(text), *got.ContentType, got.Metadata, err)
				}
				if key == "public/large" && !bytes.Equal(text, large) {
					t.Error("a large object has changed")
				}
			}
			part, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: aws.String("public/plain.txt"), Range: aws.String("bytes=1-2")})
			if err != nil {
				t.Fatal(err)
			}
			if text, _ := io.ReadAll(part.Body); string(text) != "el" {
				t.Errorf("a range is %q", text)
			}
			if _, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: bucket, Key: aws.String("public/none")}); errorCode(err) != "NotFound" {
				t.Errorf("head of no object: %v", err)
			}
			if _, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: aws.String("public/none")}); errorCode(err) != "NoSuchKey" {
				t.Errorf("get of no object: %v", err)
			}
			if _, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("another")}); err == nil {
				t.Error("another bucket is listed")
			}
			if server.Calls("PutObject") != 5 || server.Calls("GetObject") != 7 {
				t.Errorf("%d puts, %d gets", server.Calls("PutObject"), server.Calls("GetObject"))
			}
		})
	}
}

func TestS3Lists(t *testing.T) {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	for _, key := range []string{"a/1", "a/2", "b", "c/1", "c/d/2", "e"} {
		server.PutObject(key, []byte(key))
	}
	client := newS3Client(server, credentials(t, server, "ada"))
	for _, tt := range []struct {
		name              string
		prefix, delimiter string
		want              string
	}{
		{"everything", "", "", "a/1 a/2 b c/1 c/d/2 e"},
		{"a prefix", "c/", "", "c/1 c/d/2"},
		{"folders", "", "/", "a/ b c/ e"},
		{"folders below a prefix", "c/", "/", "c/1 c/d/"},
		{"nothing", "x", "/", ""},
	} {
		for _, page := range []int32{1, 2, 1000} {
			t.Run(fmt.Sprint(tt.name, " by ", page), func(t *testing.T) {
				in := &s3.ListObjectsV2Input{Bucket: aws.String(server.Bucket()), MaxKeys: aws.Int32(page)}
				if tt.prefix != "" {
					in.Prefix = aws.String(tt.prefix)
				}
				if tt.delimiter != "" {
					in.Delimiter = aws.String(tt.delimiter)
				}
				var keys []string
				for pages := s3.NewListObjectsV2Paginator(client, in); pages.HasMorePages(); {
					out, err := pages.NextPage(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					if len(out.Contents)+len(out.CommonPrefixes) > int(page) {
						t.Error("a page is too large")
					}
					var names []string
					for _, o := range out.Contents {
						names = append(names, *o.Key)
					}
					for _, p := range out.CommonPrefixes {
						names = append(names, *p.Prefix)
					}
					if page < 3 {
						keys = append(keys, names...)
					} else {
						keys = names
					}
				}
				if got := fmt.Sprint(slices.Sorted(slices.Values(keys))); got != "["+tt.want+"]" {
					t.Errorf("listed %s", got)
				}
			})
		}
	}
}

func TestS3Policy(t *testing.T) {
	server := cognitotest.New(cognitotest.User{Username: "ada"}, cognitotest.User{Username: "bob"})
	ada, adaID := identityOf(t, server, "ada")
	creds := map[string]aws.Credentials{"ada": ada, "bob": credentials(t, server, "bob"), "": credentials(t, server, "")}
	for _, tt := range []struct {
		user, key   string
		read, write bool
	}{
		{"ada", "private/" + adaID + "/x", true, true},
		{"bob", "private/" + adaID + "/x", false, false},
		{"", "private/" + adaID + "/x", false, false},
		{"ada", "protected/" + adaID + "/x", true, true},
		{"bob", "protected/" + adaID + "/x", true, false},
		{"bob", "public/x", true, true},
		{"", "public/x", true, false},
		{"bob", "other/x", true, true},
		{"", "other/x", false, false},
	} {
		t.Run(tt.user+" at "+tt.key, func(t *testing.T) {
			server.PutObject(tt.key, []byte("x"))
			client, bucket := newS3Client(server, creds[tt.user]), aws.String(server.Bucket())
			_, readErr := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: aws.String(tt.key)})
			_, copyErr := client.CopyObject(t.Context(), &s3.CopyObjectInput{
				Bucket: bucket, Key: aws.String("free/copy"), CopySource: aws.String(server.Bucket() + "/" + tt.key),
			})
			_, writeErr := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: aws.String(tt.key), Body: strings.NewReader("y")})
			_, deleteErr := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: bucket, Key: aws.String(tt.key)})
			if (readErr == nil) != tt.read || (writeErr == nil) != tt.write || (deleteErr == nil) != tt.write || (copyErr == nil) != (tt.read && tt.user != "") {
				t.Errorf("read %v, copy %v, write %v, delete %v", readErr, copyErr, writeErr, deleteErr)
			}
		})
	}
}

func TestS3RefusesSignatures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := cognitotest.New(cognitotest.User{Username: "ada"})
		server.PutObject("public/x", []byte("x"))
		good := credentials(t, server, "ada")
		get := func(creds aws.Credentials) error {
			_, err := newS3Client(server, creds).GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(server.Bucket()), Key: aws.String("public/x")})
			return err
		}
		for name, tt := range map[string]struct {
			change func(*aws.Credentials)
			want   string
		}{
			"another secret":        {func(c *aws.Credentials) { c.SecretAccessKey += "x" }, "SignatureDoesNotMatch"},
			"another session token": {func(c *aws.Credentials) { c.SessionToken += "x" }, "InvalidToken"},
			"no session token":      {func(c *aws.Credentials) { c.SessionToken = "" }, "InvalidToken"},
			"an unknown access key": {func(c *aws.Credentials) { c.AccessKeyID = "ASIAUNKNOWN" }, "InvalidAccessKeyId"},
		} {
			creds := good
			tt.change(&creds)
			if got := errorCode(get(creds)); got != tt.want {
				t.Errorf("%s: %s, want %s", name, got, tt.want)
			}
		}

		presign := func(expires time.Duration) string {
			u, err := s3.NewPresignClient(newS3Client(server, good)).PresignGetObject(t.Context(),
				&s3.GetObjectInput{Bucket: aws.String(server.Bucket()), Key: aws.String("public/x"), ResponseContentDisposition: aws.String("attachment")},
				s3.WithPresignExpires(expires))
			if err != nil {
				t.Fatal(err)
			}
			return u.URL
		}
		fetch := func(url string) (status int, body string) {
			resp, err := server.Client().Get(url)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			text, _ := io.ReadAll(resp.Body)
			if resp.StatusCode == 200 && resp.Header.Get("Content-Disposition") != "attachment" {
				t.Error("the disposition is not the one that was asked for")
			}
			return resp.StatusCode, string(text)
		}
		short, long := presign(time.Minute), presign(2*time.Hour)
		for _, url := range []string{short, long} {
			if status, body := fetch(url); status != 200 || body != "x" {
				t.Errorf("a good URL: %d %s", status, body)
			}
		}
		for what, url := range map[string]string{
			"another key":         strings.Replace(short, "public/x", "public/y", 1),
			"a longer life":       strings.Replace(short, "X-Amz-Expires=60", "X-Amz-Expires=61", 1),
			"another disposition": strings.Replace(short, "attachment", "inline", 1),
			"no signature":        short[:strings.Index(short, "?")],
		} {
			if status, _ := fetch(url); status != 403 {
				t.Errorf("a URL with %s: %d", what, status)
			}
		}
		<-time.After(time.Minute)
		if status, body := fetch(short); status != 403 || !strings.Contains(body, "Request has expired") {
			t.Errorf("an expired URL: %d %s", status, body)
		}
		if status, _ := fetch(long); status != 200 {
			t.Errorf("a URL that is still good: %d", status)
		}
		<-time.After(time.Hour)
		if status, body := fetch(long); status != 400 || !strings.Contains(body, "ExpiredToken") {
			t.Errorf("a URL whose credentials have expired: %d %s", status, body)
		}
		if got := errorCode(get(good)); got != "ExpiredToken" {
			t.Errorf("expired credentials: %s", got)
		}
	})
}

func TestS3Faults(t *testing.T) {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	client := newS3Client(server, credentials(t, server, "ada"))
	server.SetFault(func(op string) cognitotest.Fault {
		return cognitotest.Fault{After: op == "PutObject", Drop: true}
	})
	if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(server.Bucket()), Key: aws.String("x"), Body: strings.NewReader("x")}); err == nil {
		t.Error("a dropped reply is none")
	}
	if _, ok := server.Object("x"); !ok {
		t.Error("the operation did not take effect")
	}
}

// The bucket serves many requests at once, for the race detector.
func TestConcurrentS3Requests(t *testing.T) {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	client := newS3Client(server, credentials(t, server, "ada"))
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			key := aws.String(fmt.Sprint("public/", i%4))
			if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(server.Bucket()), Key: key, Body: strings.NewReader("x")}); err != nil {
				t.Error(err)
			}
			if _, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(server.Bucket())}); err != nil {
				t.Error(err)
			}
			server.SetGuests(i%2 == 0)
			server.PutObject(*key, []byte("y"))
		})
	}
	wg.Wait()
}
