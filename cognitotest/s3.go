package cognitotest

import (
	"bytes"
	"cmp"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"hash/crc32"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// unsignedTrailer stands for the payload hash of a chunked body that ends with its
// checksum, as the SDKs send it over https.
const unsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

// bucket is an S3 bucket in memory. No other lock is held with its own.
type bucket struct {
	mu      sync.Mutex
	objects map[string]*object
}

type object struct {
	body     []byte
	header   http.Header // Content-Type, Cache-Control, X-Amz-Meta-…
	modified time.Time
}

func (o *object) etag() string {
	sum := md5.Sum(o.body)
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

// Bucket is the name of an S3 bucket, in the user pool's region, that takes
// credentials of the identity pool. It serves GetObject, HeadObject, PutObject,
// CopyObject, DeleteObject and ListObjectsV2, presigned URLs included. These are
// the operations for Calls and SetFault; ListObjectsV2 is "ListObjects".
//
// Its policy is that of Amplify's storage. "private/<identity id>/" is for that
// identity alone. Only that identity writes "protected/<identity id>/". Guests read
// below "public/". Everything else is open to every user.
func (s *Server) Bucket() string { return s.userPool.bucketName() }

// S3Endpoint is the BaseEndpoint for the SDK's s3.Options, together with
// UsePathStyle. Without SetURL the SDK needs neither.
func (s *Server) S3Endpoint() string {
	if base := s.userPool.base(); base != "" {
		return base + "/s3"
	}
	return "https://" + s.userPool.s3Host()
}

// PutObject puts an object into the bucket. Its Content-Type is detected.
func (s *Server) PutObject(key string, body []byte) {
	s.userPool.identityPool.bucket.put(key, &object{
		body:     bytes.Clone(body),
		header:   http.Header{"Content-Type": {http.DetectContentType(body)}},
		modified: s.userPool.time(),
	})
}

// Object returns the content of an object in the bucket, and whether there is one.
func (s *Server) Object(key string) (body []byte, ok bool) {
	if o := s.userPool.identityPool.bucket.get(key); o != nil {
		return bytes.Clone(o.body), true
	}
	return nil, false
}

func (p *userPool) bucketName() string {
	return "files-" + strings.ToLower(p.id[strings.Index(p.id, "_")+1:])
}

func (p *userPool) s3Host() string { return "s3." + p.identityPool.region + ".amazonaws.com" }

func (b *bucket) put(key string, o *object) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.objects[key] = o
}

// get returns an object, or nil. An object in the bucket never changes.
func (b *bucket) get(key string) *object {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.objects[key]
}

// s3 finds the operation that req asks for. path is "bucket/key".
func (p *userPool) s3(req *request, path string) (op string, run func() *response) {
	name, key, _ := strings.Cut(path, "/")
	query, _ := url.ParseQuery(req.query)
	var serve func() *response
	switch {
	case name != p.bucketName():
		return "", apiErrorf("NoSuchBucket", "The specified bucket does not exist").s3Response
	case key == "" && req.method == http.MethodGet && query.Get("list-type") == "2":
		op, serve = "ListObjects", func() *response { return p.list(query) }
	case key == "":
		return "", apiErrorf("NotImplemented", "Objects can be listed with ListObjectsV2").s3Response
	case req.method == http.MethodGet:
		op, serve = "GetObject", func() *response { return p.getObject(req, key, query) }
	case req.method == http.MethodHead:
		op, serve = "HeadObject", func() *response { return p.getObject(req, key, query) }
	case req.method == http.MethodPut && req.header.Get("X-Amz-Copy-Source") != "":
		op, serve = "CopyObject", func() *response { return p.copyObject(req, key) }
	case req.method == http.MethodPut:
		op, serve = "PutObject", func() *response { return p.putObject(req, key) }
	case req.method == http.MethodDelete:
		op, serve = "DeleteObject", func() *response { return p.deleteObject(key) }
	default:
		return "", apiErrorf("MethodNotAllowed", "The specified method is not allowed against this resource.").s3Response
	}
	return op, func() *response {
		c, apiErr := p.signedBy(req, "s3")
		if apiErr == nil && c == nil {
			apiErr = apiErrorf("AccessDenied", "Access Denied")
		}
		if apiErr == nil {
			apiErr = c.checkPolicy(req.method, cmp.Or(key, query.Get("prefix")))
		}
		if source := req.header.Get("X-Amz-Copy-Source"); apiErr == nil && source != "" {
			apiErr = c.checkPolicy(http.MethodGet, p.sourceKey(source))
		}
		if apiErr != nil {
			return apiErr.s3Response()
		}
		return serve()
	}
}

// checkPolicy applies the policy of Amplify's storage.
func (c *awsCredentials) checkPolicy(method, key string) *apiError {
	read := method == http.MethodGet || method == http.MethodHead
	own := func(level string) bool { return strings.HasPrefix(key, level+c.identityID+"/") }
	switch {
	case strings.HasPrefix(key, "private/") && !own("private/"),
		strings.HasPrefix(key, "protected/") && !own("protected/") && !read,
		c.claims == nil && !(read && strings.HasPrefix(key, "public/")):
		return apiErrorf("AccessDenied", "Access Denied")
	}
	return nil
}

// s3Response is the error in S3's format.
func (e *apiError) s3Response() *response {
	status := http.StatusForbidden
	switch e.code {
	case "NoSuchKey", "NoSuchBucket":
		status = http.StatusNotFound
	case "AuthorizationHeaderMalformed", "InvalidRequest", "XAmzContentSHA256Mismatch", "BadDigest", "ExpiredToken", "InvalidToken", "InvalidArgument":
		status = http.StatusBadRequest
	case "MethodNotAllowed":
		status = http.StatusMethodNotAllowed
	case "NotImplemented":
		status = http.StatusNotImplemented
	}
	return xmlResponse(status, struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}{Code: e.code, Message: e.message})
}

func xmlResponse(status int, v any) *response {
	body, err := xml.Marshal(v)
	must(err)
	return &response{status: status, contentType: "application/xml", body: append([]byte(xml.Header), body...)}
}

func (p *userPool) getObject(req *request, key string, query url.Values) *response {
	o := p.identityPool.bucket.get(key)
	if o == nil {
		return apiErrorf("NoSuchKey", "The specified key does not exist.").s3Response()
	}
	w := &recorder{header: o.header.Clone()}
	w.header.Set("ETag", o.etag())
	for name, header := range map[string]string{
		"response-content-type": "Content-Type", "response-content-disposition": "Content-Disposition", "response-cache-control": "Cache-Control",
	} {
		if v := query.Get(name); v != "" {
			w.header.Set(header, v)
		}
	}
	if req.header.Get("X-Amz-Checksum-Mode") == "ENABLED" && req.header.Get("Range") == "" {
		w.header.Set("X-Amz-Checksum-Crc32", checksum(o.body))
	}
	http.ServeContent(w, req.httpRequest(), "", o.modified, bytes.NewReader(o.body))
	contentType := w.header.Get("Content-Type")
	return &response{status: w.status, contentType: contentType, header: w.header, body: w.body.Bytes()}
}

// recorder is a ResponseWriter that stores the response.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header  { return w.header }
func (w *recorder) WriteHeader(code int) { w.status = code }
func (w *recorder) Write(b []byte) (int, error) {
	w.status = cmp.Or(w.status, http.StatusOK)
	return w.body.Write(b)
}

// checksum is the value of x-amz-checksum-crc32.
func checksum(body []byte) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(body)))
}

// objectHeader returns the headers of a request that S3 stores with the object.
func objectHeader(h http.Header) http.Header {
	stored := make(http.Header)
	for name, values := range h {
		switch name {
		case "Content-Type", "Cache-Control", "Content-Disposition", "Content-Language":
			stored[name] = values
		default:
			if strings.HasPrefix(name, "X-Amz-Meta-") {
				stored[name] = values
			}
		}
	}
	if stored.Get("Content-Type") == "" {
		stored.Set("Content-Type", "application/octet-stream")
	}
	return stored
}

func (p *userPool) putObject(req *request, key string) *response {
	body, sum := req.body, req.header.Get("X-Amz-Checksum-Crc32")
	if req.header.Get("X-Amz-Content-Sha256") == unsignedTrailer {
		var trailer http.Header
		var err error
		if body, trailer, err = decodeChunks(req.body); err != nil {
			return apiErrorf("InvalidRequest", "%s", err).s3Response()
		}
		sum = cmp.Or(trailer.Get("X-Amz-Checksum-Crc32"), sum)
	}
	if sum != "" && sum != checksum(body) {
		return apiErrorf("BadDigest", "The CRC32 you specified did not match the calculated checksum.").s3Response()
	}
	o := &object{body: body, header: objectHeader(req.header), modified: p.time()}
	p.identityPool.bucket.put(key, o)
	return &response{status: http.StatusOK, header: http.Header{"Etag": {o.etag()}}}
}

// decodeChunks decodes a body of content encoding aws-chunked. Each chunk is a length
// in hex and that many bytes. The trailer follows a chunk of length zero.
func decodeChunks(coded []byte) (body []byte, trailer http.Header, err error) {
	trailer = make(http.Header)
	for {
		line, rest, ok := bytes.Cut(coded, []byte("\r\n"))
		size, err := strconv.ParseInt(string(line), 16, 32)
		if !ok || err != nil || int(size) > len(rest) {
			return nil, nil, fmt.Errorf("chunk of length %q is broken", line)
		}
		coded = rest
		if size == 0 {
			break
		}
		body = append(body, coded[:size]...)
		coded = bytes.TrimPrefix(coded[size:], []byte("\r\n"))
	}
	for line := range strings.SplitSeq(string(coded), "\r\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			trailer.Set(name, strings.TrimSpace(value))
		}
	}
	return body, trailer, nil
}

// sourceKey is the key in the value "bucket/key" of X-Amz-Copy-Source.
func (p *userPool) sourceKey(source string) string {
	if s, err := url.PathUnescape(source); err == nil {
		source = s
	}
	return strings.TrimPrefix(strings.TrimPrefix(source, "/"), p.bucketName()+"/")
}

func (p *userPool) copyObject(req *request, key string) *response {
	source := p.identityPool.bucket.get(p.sourceKey(req.header.Get("X-Amz-Copy-Source")))
	if source == nil {
		return apiErrorf("NoSuchKey", "The specified key does not exist.").s3Response()
	}
	o := &object{body: source.body, header: source.header, modified: p.time()}
	if req.header.Get("X-Amz-Metadata-Directive") == "REPLACE" {
		o.header = objectHeader(req.header)
	}
	p.identityPool.bucket.put(key, o)
	return xmlResponse(http.StatusOK, struct {
		XMLName      xml.Name `xml:"CopyObjectResult"`
		ETag         string
		LastModified time.Time
	}{ETag: o.etag(), LastModified: o.modified.UTC()})
}

func (p *userPool) deleteObject(key string) *response {
	p.identityPool.bucket.mu.Lock()
	delete(p.identityPool.bucket.objects, key)
	p.identityPool.bucket.mu.Unlock()
	return &response{status: http.StatusNoContent} // also if there was no such object
}

type listedObject struct {
	Key          string
	LastModified time.Time
	ETag         string
	Size         int
	StorageClass string
}

type listedPrefix struct{ Prefix string }

func (p *userPool) list(query url.Values) *response {
	limit, err := strconv.Atoi(cmp.Or(query.Get("max-keys"), "1000"))
	if err != nil || limit < 0 {
		return apiErrorf("InvalidArgument", "Argument max-keys must be a number").s3Response()
	}
	limit = min(limit, 1000)
	prefix, delimiter := query.Get("prefix"), query.Get("delimiter")
	after := query.Get("start-after")
	if token, err := base64.StdEncoding.DecodeString(query.Get("continuation-token")); err == nil && len(token) > 0 {
		after = string(token)
	}
	out := struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		Name, Prefix          string
		Delimiter             string `xml:",omitempty"`
		KeyCount, MaxKeys     int
		IsTruncated           bool
		NextContinuationToken string `xml:",omitempty"`
		Contents              []listedObject
		CommonPrefixes        []listedPrefix
	}{Name: p.bucketName(), Prefix: prefix, Delimiter: delimiter, MaxKeys: limit}

	p.identityPool.bucket.mu.Lock()
	objects := maps.Clone(p.identityPool.bucket.objects)
	p.identityPool.bucket.mu.Unlock()
	last := ""
	for _, key := range slices.Sorted(maps.Keys(objects)) {
		rest, ok := strings.CutPrefix(key, prefix)
		if !ok || key <= after || last != "" && strings.HasSuffix(last, delimiter) && delimiter != "" && strings.HasPrefix(key, last) {
			continue
		}
		if folder, _, ok := strings.Cut(rest, delimiter); ok && delimiter != "" {
			folder = prefix + folder + delimiter
			if strings.HasPrefix(after, folder) {
				continue
			}
			if out.KeyCount == limit {
				out.IsTruncated = true
				break
			}
			out.CommonPrefixes = append(out.CommonPrefixes, listedPrefix{folder})
			last = folder
		} else {
			if out.KeyCount == limit {
				out.IsTruncated = true
				break
			}
			o := objects[key]
			out.Contents = append(out.Contents, listedObject{key, o.modified.UTC(), o.etag(), len(o.body), "STANDARD"})
			last = key
		}
		out.KeyCount++
	}
	if out.IsTruncated {
		out.NextContinuationToken = base64.StdEncoding.EncodeToString([]byte(last))
	}
	return xmlResponse(http.StatusOK, out)
}
