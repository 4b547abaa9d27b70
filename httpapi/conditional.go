package httpapi

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"sync"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/pipes"
)

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
func (c *call) findTag(p *pipes.Pipe, f *encode.Format) {
	store, ok := c.store.(RevisionStore)
	if !ok || !c.Ctx.IsGet() && !c.Ctx.IsHead() {
		return
	}
	revision, ok := revisionOf(p, c, store)
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
	add([]byte(p.Name))
	add([]byte(f.Extension))
	add([]byte(c.Principal.Within))
	for i := range c.Params.Given {
		if x := &c.Params.Given[i]; string(x.Name) != "token" {
			add(x.Name)
			add(x.Value)
		}
	}
	text = binary.LittleEndian.AppendUint64(text, revision)
	text = binary.LittleEndian.AppendUint64(text, c.sources.version) // which decides what there is
	text = binary.LittleEndian.AppendUint64(text, uint64(window))
	sum := sha256.Sum256(text)
	c.Tag = `W/"` + base64.RawURLEncoding.EncodeToString(sum[:15]) + `"`
}

// findDescriptionTag finds the entity tag of what describes the pipes that the token may ask, in a form of a name.
func (c *call) findDescriptionTag(form string) {
	secret := tagSecret()
	text := append(append(secret[:], form...), 0)
	text = binary.LittleEndian.AppendUint64(text, c.sources.version)
	sum := sha256.Sum256(c.Principal.AppendRights(text))
	c.Tag = `W/"` + base64.RawURLEncoding.EncodeToString(sum[:15]) + `"`
}

// revisionOf is what the store says of what the pipe's answer rests on, which may be nothing.
func revisionOf(p *pipes.Pipe, c *call, store RevisionStore) (revision uint64, ok bool) {
	switch {
	case c.Params.Lists("model_id"):
		models, err := c.Params.String("model_id")
		for i := range c.Params.Given {
			if bytes.HasPrefix(c.Params.Given[i].Name, []byte("model_id.")) {
				models = engine.All // one that is named in another way
			}
		}
		if err != nil {
			return 0, false
		}
		ctx, cancel := context.WithTimeout(context.Background(), c.server.limits.QueryTimeout)
		defer cancel()
		revision, err = store.Revision(ctx, models, c.Principal.Within)
		return revision, err == nil
	case p.Rejects:
		// Lines of others push those of a bounded token out of the quarantine.
		return store.QuarantineRevision(), c.Principal.Within == ""
	}
	return 0, false
}

// standsStill tells whether the answer does not depend on what time it is.
func (c *call) standsStill() bool {
	given := func(name string) bool {
		value, given, err := c.Params.Text(name)
		return err == nil && given && len(value) > 0
	}
	return !c.Params.Lists("as_of") || given("as_of") || c.Params.Lists("to") && given("from") && given("to")
}
