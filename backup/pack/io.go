package pack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
)

// reading ends when its context does.
type reading struct {
	ctx  context.Context //nolint:containedctx // a Reader is not given one
	from io.Reader
}

func (r *reading) Read(into []byte) (int, error) {
	if err := context.Cause(r.ctx); err != nil {
		return 0, err
	}
	return r.from.Read(into)
}

// sealing takes what is stored, and sums it.
type sealing struct {
	content *bytes.Buffer
	hash    hash.Hash
}

// newSealing uses a buffer again, if it is given one.
func newSealing(buffer []byte) *sealing {
	if buffer == nil {
		buffer = make([]byte, 0, Size)
	}
	return &sealing{content: bytes.NewBuffer(buffer[:0]), hash: sha256.New()}
}

func (s *sealing) Write(content []byte) (int, error) {
	s.hash.Write(content)
	return s.content.Write(content)
}

func (s *sealing) sum() string { return hex.EncodeToString(s.hash.Sum(nil)) }
