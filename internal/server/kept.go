package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

func (p *Postgres) initialize(ctx context.Context) error {
	return p.home.run(ctx, p.Bin("initdb"), p.options.initdbArguments(p.data())...)
}

// copyOrKeep copies a cluster that is kept. Where there is none, it makes one and keeps a copy, unless another process was faster.
func (p *Postgres) copyOrKeep(ctx context.Context) error {
	kept := filepath.Join(p.options.Kept, p.kind())
	_, err := os.Stat(kept)
	switch {
	case err == nil:
		return p.copyCluster(ctx, kept, p.data())
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("look for a cluster to copy: %w", err)
	}
	if err := p.initialize(ctx); err != nil {
		return err
	}
	unfinished := kept + "-" + filepath.Base(p.home.folder)
	err = p.copyCluster(ctx, p.data(), unfinished)
	if err == nil && os.Rename(unfinished, kept) == nil {
		return nil
	}
	return errors.Join(err, os.RemoveAll(unfinished))
}

// copyCluster works as the server's account, to which the copy has to belong.
func (p *Postgres) copyCluster(ctx context.Context, from, to string) error {
	return p.home.run(ctx, "cp", "-R", from, to)
}

// kind is the same for clusters that are made in the same way.
func (p *Postgres) kind() string {
	sum := sha256.Sum256([]byte(p.programs.folder + strings.Join(p.options.initdbArguments(""), " ")))
	return hex.EncodeToString(sum[:8])
}
