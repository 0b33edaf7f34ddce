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

// unsignedTrailer is the payload hash of a body in chunks that ends with its
// checksum, as the SDKs send it over https.
const unsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

// bucket is an S3 bucket in memory. Its lock is taken without any other.
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

// Bucket is the name of an S3 bucket, in the region of the pool, that takes
// credentials of the identity pool. It serves GetObject, HeadObject, PutObject,
// CopyObject, DeleteObject and ListObjectsV2, presigned URLs included; those are
// the operations for Calls and SetFault, ListObjectsV2 as "ListObjects".
//
// Its policy is that of Amplify's storage: "private/<identity id>/" belongs to that
// identity, "protected/<identity id>/" is written by it alone, guests read below
// "public/", and everything else is open to every user.
func (s *Server) Bucket() string { return s.pool.bucketName() }

// S3Endpoint is the endpoint for the SDK: BaseEndpoint of s3.Options, along with
// UsePathStyle. In memory, that is without SetURL, the SDK needs neither.
func (s *Server) S3Endpoint() string {
	if base := s.pool.base(); base != "" {
		return base + "/s3"
	}
	return "https://" + s.pool.s3Host()
}

// PutObject puts an object into the bucket, of the type that its content has.
func (s *Server) PutObject(key string, body []byte) {
	s.pool.identity.bucket.put(key, &object{
		body:     bytes.Clone(body),
		header:   http.Header{"Content-Type": {http.DetectContentType(body)}},
		modified: s.pool.time(),
	})
}

// Object returns the content of an object in the bucket, and whether there is one.
func (s *Server) Object(key string) (body []byte, ok bool) {
	if o := s.pool.identity.bucket.get(key); o != nil {
		return bytes.Clone(o.body), true
	}
	return nil, false
}

func (p *pool) bucketName() string {
	return "files-" + strings.ToLower(p.id[strings.Index(p.id, "_")+1:])
}

func (p *pool) s3Host() string { return "s3." + p.identity.region + ".amazonaws.com" }

func (b *bucket) put(key string, o *object) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.objects[key] = o
}

// get returns an object, which nobody changes any more, or nil.
func (b *bucket) get(key string) *object {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.objects[key]
}

// s3 finds the operation that req asks of a bucket, whose path is given.
func (p *pool) s3(req *request, path string) (op string, run func() *reply) {
	name, key, _ := strings.Cut(path, "/")
	query, _ := url.ParseQuery(req.query)
	var act func() *reply
	switch {
	case name != p.bucketName():
		return "", refuse("NoSuchBucket", "The specified bucket does not exist").s3
	case key == "" && req.method == http.MethodGet && query.Get("list-type") == "2":
		op, act = "ListObjects", func() *reply { return p.list(query) }
	case key == "":
		return "", refuse("NotImplemented", "Objects can be listed with ListObjectsV2").s3
	case req.method == http.MethodGet:
		op, act = "GetObject", func() *reply { return p.getObject(req, key, query) }
	case req.method == http.MethodHead:
		op, act = "HeadObject", func() *reply { return p.getObject(req, key, query) }
	case req.method == http.MethodPut && req.header.Get("X-Amz-Copy-Source") != "":
		op, act = "CopyObject", func() *reply { return p.copyObject(req, key) }
	case req.method == http.MethodPut:
		op, act = "PutObject", func() *reply { return p.putObject(req, key) }
	case req.method == http.MethodDelete:
		op, act = "DeleteObject", func() *reply { return p.deleteObject(key) }
	default:
		return "", refuse("MethodNotAllowed", "The specified method is not allowed against this resource.").s3
	}
	return op, func() *reply {
		c, refusal := p.signer(req, "s3")
		if refusal == nil && c == nil {
			refusal = refuse("AccessDenied", "Access Denied")
		}
		if refusal == nil {
			refusal = c.policy(req.method, cmp.Or(key, query.Get("prefix")))
		}
		if source := req.header.Get("X-Amz-Copy-Source"); refusal == nil && source != "" {
			refusal = c.policy(http.MethodGet, p.sourceKey(source))
		}
		if refusal != nil {
			return refusal.s3()
		}
		return act()
	}
}

// policy is that of Amplify's storage.
func (c *credential) policy(method, key string) *refusal {
	read := method == http.MethodGet || method == http.MethodHead
	own := func(level string) bool { return strings.HasPrefix(key, level+c.identityID+"/") }
	switch {
	case strings.HasPrefix(key, "private/") && !own("private/"),
		strings.HasPrefix(key, "protected/") && !own("protected/") && !read,
		c.claims == nil && !(read && strings.HasPrefix(key, "public/")):
		return refuse("AccessDenied", "Access Denied")
	}
	return nil
}

// s3 says a refusal as S3 does.
func (e *refusal) s3() *reply {
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
	return xmlReply(status, struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}{Code: e.code, Message: e.message})
}

func xmlReply(status int, v any) *reply {
	body, err := xml.Marshal(v)
	must(err)
	return &reply{status: status, contentType: "application/xml", body: append([]byte(xml.Header), body...)}
}

func (p *pool) getObject(req *request, key string, query url.Values) *reply {
	o := p.identity.bucket.get(key)
	if o == nil {
		return refuse("NoSuchKey", "The specified key does not exist.").s3()
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
	return &reply{status: w.status, contentType: contentType, header: w.header, body: w.body.Bytes()}
}

// recorder is a ResponseWriter that keeps everything.
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

// checksum is that of x-amz-checksum-crc32.
func checksum(body []byte) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(body)))
}

// objectHeader takes from a request what belongs to the object.
func objectHeader(h http.Header) http.Header {
	kept := make(http.Header)
	for name, values := range h {
		switch name {
		case "Content-Type", "Cache-Control", "Content-Disposition", "Content-Language":
			kept[name] = values
		default:
			if strings.HasPrefix(name, "X-Amz-Meta-") {
				kept[name] = values
			}
		}
	}
	if kept.Get("Content-Type") == "" {
		kept.Set("Content-Type", "application/octet-stream")
	}
	return kept
}

func (p *pool) putObject(req *request, key string) *reply {
	body, sum := req.body, req.header.Get("X-Amz-Checksum-Crc32")
	if req.header.Get("X-Amz-Content-Sha256") == unsignedTrailer {
		var trailer http.Header
		var err error
		if body, trailer, err = dechunk(req.body); err != nil {
			return refuse("InvalidRequest", "%s", err).s3()
		}
		sum = cmp.Or(trailer.Get("X-Amz-Checksum-Crc32"), sum)
	}
	if sum != "" && sum != checksum(body) {
		return refuse("BadDigest", "The CRC32 you specified did not match the calculated checksum.").s3()
	}
	o := &object{body: body, header: objectHeader(req.header), modified: p.time()}
	p.identity.bucket.put(key, o)
	return &reply{status: http.StatusOK, header: http.Header{"Etag": {o.etag()}}}
}

// dechunk takes apart a body of content encoding aws-chunked: lengths in hex, each
// followed by so many bytes, and after a zero the trailer.
func dechunk(coded []byte) (body []byte, trailer http.Header, err error) {
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

// sourceKey is the key of "bucket/key", as X-Amz-Copy-Source has it.
func (p *pool) sourceKey(source string) string {
	if s, err := url.PathUnescape(source); err == nil {
		source = s
	}
	return strings.TrimPrefix(strings.TrimPrefix(source, "/"), p.bucketName()+"/")
}

func (p *pool) copyObject(req *request, key string) *reply {
	source := p.identity.bucket.get(p.sourceKey(req.header.Get("X-Amz-Copy-Source")))
	if source == nil {
		return refuse("NoSuchKey", "The specified key does not exist.").s3()
	}
	o := &object{body: source.body, header: source.header, modified: p.time()}
	if req.header.Get("X-Amz-Metadata-Directive") == "REPLACE" {
		o.header = objectHeader(req.header)
	}
	p.identity.bucket.put(key, o)
	return xmlReply(http.StatusOK, struct {
		XMLName      xml.Name `xml:"CopyObjectResult"`
		ETag         string
		LastModified time.Time
	}{ETag: o.etag(), LastModified: o.modified.UTC()})
}

func (p *pool) deleteObject(key string) *reply {
	p.identity.bucket.mu.Lock()
	delete(p.identity.bucket.objects, key)
	p.identity.bucket.mu.Unlock()
	return &reply{status: http.StatusNoContent} // also without such an object
}

type listedObject struct {
	Key          string
	LastModified time.Time
	ETag         string
	Size         int
	StorageClass string
}

type listedPrefix struct{ Prefix string }

func (p *pool) list(query url.Values) *reply {
	limit, err := strconv.Atoi(cmp.Or(query.Get("max-keys"), "1000"))
	if err != nil || limit < 0 {
		return refuse("InvalidArgument", "Argument max-keys must be a number").s3()
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

	p.identity.bucket.mu.Lock()
	objects := maps.Clone(p.identity.bucket.objects)
	p.identity.bucket.mu.Unlock()
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
	return xmlReply(http.StatusOK, out)
}
