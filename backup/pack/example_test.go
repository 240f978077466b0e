package pack_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"filippo.io/age"

	"github.com/synapsedb/synapse/backup/pack"
	"github.com/synapsedb/synapse/backup/store"
)

// Files are packed, encrypted for a recipient, and read back by the identity that belongs to it.
func Example() {
	if err := example(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 1 pack of 1048576 bytes
	// Hello
}

func example(ctx context.Context) error {
	folder, err := os.MkdirTemp("", "packs-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	to, err := store.OpenFolder(folder)
	if err != nil {
		return err
	}
	defer to.Close()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	packs, err := write(ctx, to, identity.Recipient())
	if err != nil {
		return err
	}
	fmt.Printf("%d pack of %d bytes\n", len(packs), packs[0].Size)
	return pack.Read(ctx, to, packs[0], []age.Identity{identity}, func(_ string, _ int, content []byte) error {
		fmt.Printf("%s\n", content)
		return nil
	})
}

func write(ctx context.Context, to store.Store, recipient age.Recipient) ([]pack.Pack, error) {
	w := pack.NewWriter(to, []age.Recipient{recipient}, 2)
	if _, _, err := w.Add(ctx, "greeting.txt", strings.NewReader("Hello")); err != nil {
		return nil, errors.Join(err, w.Discard(ctx))
	}
	return w.Close(ctx)
}
