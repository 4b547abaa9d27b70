package httpapi

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/negotiate"
	"github.com/residualdb/residual/httpapi/internal/problem"
)

// compressedBytesMin is the shortest answer that is compressed: one packet has it anyway.
const compressedBytesMin = 1 << 10

// negotiate finds out in which coding the answer is to be.
func (c *call) negotiate(f *encode.Format) error {
	header := &c.ctx.Response.Header
	header.Set(fasthttp.HeaderVary, fasthttp.HeaderAcceptEncoding)
	accepted, ok := negotiate.Accept(c.ctx.Request.Header.PeekAll(fasthttp.HeaderAcceptEncoding))
	if !ok {
		return problem.New(fasthttp.StatusNotAcceptable, "compression", "an answer is sent as it is (identity), as gzip or as zstd; Accept-Encoding takes none of them")
	}
	if f.Packed && accepted.Plain {
		accepted.Coding = negotiate.Identity
	}
	c.accepted = accepted
	return nil
}

// tellCoding says in which coding the answer is.
func (c *call) tellCoding(coding negotiate.Coding) {
	if coding != negotiate.Identity {
		c.ctx.Response.Header.Set(fasthttp.HeaderContentEncoding, coding.String())
	}
}

// compressed are texts of answers that are sent at once.
var compressed = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// compress returns a short answer in the coding that the client wants, in the memory that it has. It stays as it is where that pays
// little, and while there is no memory for more.
func (c *call) compress(body []byte) ([]byte, error) {
	coding, streams := c.accepted.Coding, &c.server.streams
	if coding == negotiate.Identity || c.accepted.Plain && len(body) < compressedBytesMin {
		return body, nil
	}
	if !streams.bytes.Take(negotiate.WriterBytes) {
		if c.accepted.Plain {
			return body, nil
		}
		return nil, streams.over(negotiate.WriterBytes)
	}
	defer streams.bytes.Give(negotiate.WriterBytes)
	text := compressed.Get().(*bytes.Buffer)
	defer compressed.Put(text)
	text.Reset()
	z := negotiate.NewWriter(text, coding)
	_, err := z.Write(body)
	if err = z.Close(err); err != nil {
		return nil, fmt.Errorf("compress an answer: %w", err)
	}
	c.tellCoding(coding)
	return append(body[:0], text.Bytes()...), nil
}

// RevisionStore is a Store that also tells whether what it answers may have changed. Answers of a store without it have no
// entity tags.
type RevisionStore interface {
	// Revision is a number of the models of a pattern, of those within another one, that is another one whenever an answer about
	// them may be, but for what the time does. It says nothing about other models.
	Revision(ctx context.Context, models, within string) (uint64, error)
	// QuarantineRevision is the same of all rejected lines.
	QuarantineRevision() uint64
}

var _ RevisionStore = (*engine.DB)(nil)

// tagSeconds is for how long an answer about a window that ends now counts as the same while nothing new has come.
const tagSeconds = 60

// tagSecret keeps what is in a tag from who sees it: of two tags one can tell that they are the same, and nothing else. Another
// process has other ones.
var tagSecret = sync.OnceValue(func() (secret [32]byte) {
	rand.Read(secret[:])
	return secret
})

// findTag finds the entity tag of the answer, before the query, so that the answer is never older than it. It is a weak one: the
// time that the query takes is no part of it, nor are the order and number of the rows that are read for it.
func (c *call) findTag(p *pipe, f *encode.Format) {
	store, ok := c.store.(RevisionStore)
	if !ok || !c.ctx.IsGet() && !c.ctx.IsHead() {
		return
	}
	revision, ok := p.revision(c, store)
	if !ok {
		return
	}
	var window int64
	if !c.standsStill() {
		window = 1 + c.server.opts.Now().Unix()/tagSeconds
	}
	secret := tagSecret()
	text := append([]byte(nil), secret[:]...)
	add := func(part []byte) { text = append(binary.AppendUvarint(text, uint64(len(part))), part...) }
	add([]byte(p.name))
	add([]byte(f.Extension))
	add([]byte(c.principal.Within))
	for i := range c.params.list {
		if x := &c.params.list[i]; string(x.name) != "token" {
			add(x.name)
			add(x.value)
		}
	}
	text = binary.LittleEndian.AppendUint64(text, revision)
	text = binary.LittleEndian.AppendUint64(text, c.sources.version) // which decides what there is
	text = binary.LittleEndian.AppendUint64(text, uint64(window))
	sum := sha256.Sum256(text)
	c.tag = `W/"` + base64.RawURLEncoding.EncodeToString(sum[:15]) + `"`
}

// findDescriptionTag finds the entity tag of what describes the pipes that the token may ask, in a form of a name.
func (c *call) findDescriptionTag(form string) {
	secret := tagSecret()
	text := append(append(secret[:], form...), 0)
	text = binary.LittleEndian.AppendUint64(text, c.sources.version)
	sum := sha256.Sum256(c.principal.AppendRights(text))
	c.tag = `W/"` + base64.RawURLEncoding.EncodeToString(sum[:15]) + `"`
}

// revision is what the store says of what the pipe's answer rests on, which may be nothing.
func (p *pipe) revision(c *call, store RevisionStore) (revision uint64, ok bool) {
	switch {
	case c.params.lists("model_id"):
		models, err := c.params.string("model_id")
		for i := range c.params.list {
			if bytes.HasPrefix(c.params.list[i].name, []byte("model_id.")) {
				models = engine.All // one that is named in another way
			}
		}
		if err != nil {
			return 0, false
		}
		ctx, cancel := context.WithTimeout(context.Background(), c.server.limits.QueryTimeout)
		defer cancel()
		revision, err = store.Revision(ctx, models, c.principal.Within)
		return revision, err == nil
	case p.rejects:
		// Lines of others push those of a bounded token out of the quarantine.
		return store.QuarantineRevision(), c.principal.Within == ""
	}
	return 0, false
}

// standsStill tells whether the answer does not depend on what time it is.
func (c *call) standsStill() bool {
	given := func(name string) bool {
		value, given, err := c.params.text(name)
		return err == nil && given && len(value) > 0
	}
	return !c.params.lists("as_of") || given("as_of") || c.params.lists("to") && given("from") && given("to")
}

// unchanged answers 304 if the client has the answer already.
func (c *call) unchanged() bool {
	if c.tag == "" || !negotiate.Has(c.ctx.Request.Header.PeekAll(fasthttp.HeaderIfNoneMatch), c.tag) {
		return false
	}
	c.ctx.Response.Header.Set(fasthttp.HeaderETag, c.tag)
	c.ctx.SetStatusCode(fasthttp.StatusNotModified)
	return true
}
